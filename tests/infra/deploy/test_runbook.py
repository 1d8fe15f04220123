"""infra/runbook.md: the five variables, ten steps, an entry for each alarm, and nothing named that is not there."""

import re

from infra.operations import ROOT, operations
from infra.stage import SECRETS
from tests.infra.deploy.test_workflows import FIVE, OPTIONAL, read_by_bash
from tests.support.cloudformation import read

TEXT = (ROOT / "infra/runbook.md").read_text("utf-8")
CHAPTERS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
ENTRIES = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", CHAPTERS["Alarms"], re.MULTILINE | re.DOTALL))
BLOCKS = re.findall(r"^ *```bash\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)


def test_a_first_deploy_is_ten_steps_and_five_variables() -> None:
    chapter = CHAPTERS["The first deploy"]
    assert re.findall(r"^(\d+)\. \*\*", chapter, re.MULTILINE) == [str(number) for number in range(1, 11)]
    assert set(re.findall(r"^ *\| `(\w+)` \|", chapter, re.MULTILINE)) == FIVE
    assert all(f"`{name}`" in chapter for name in OPTIONAL)


def test_every_alarm_has_an_entry_that_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    for text in ENTRIES.values():
        assert re.findall(r"\*\*(Means|Look at|Do)\*\*", text) == ["Means", "Look at", "Do"]
    resources = read(ROOT / "infra/template.yaml")["Resources"]
    alarms = {name for name, one in resources.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    guards = {f"{operation.logical_id}{kind}" for operation in operations() for kind in ("Faults", "Crashes")}
    assert guards <= alarms
    expected = alarms - guards | {"Guards"}
    assert set(ENTRIES) == expected, "an entry's heading is the alarm's name in infra/template.yaml"
    assert len(ENTRIES) == 8


def test_every_chapter_of_the_list_is_there() -> None:
    listed = re.findall(r"\[[^\]]+\]\(#([\w-]+)\)", TEXT)
    anchors = {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in [*CHAPTERS, *ENTRIES]}
    assert set(listed) <= anchors
    assert len(set(listed)) >= 8


def test_every_file_and_make_target_that_it_names_exists() -> None:
    files = set(re.findall(r"`((?:infra|tests|requirements)/[\w./-]+)`", TEXT))
    assert len(files) > 5
    assert [file for file in files if not (ROOT / file).exists()] == []
    targets = set(re.findall(r"`make ([\w-]+)", TEXT))
    rules = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert targets <= rules
    assert len(targets) >= 4


def test_it_deletes_the_secrets_that_a_stage_has() -> None:
    assert f"for name in {' '.join(SECRETS)}; do" in CHAPTERS["The end"]


def test_every_command_is_one_that_bash_can_read() -> None:
    assert BLOCKS
    assert [read_by_bash(script) for script in BLOCKS] == [(0, "")] * len(BLOCKS)
