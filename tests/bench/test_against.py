"""`--against`: the revision that is measured beside this checkout, the driver of both, and the rule on bounds."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.operations import ROOT
from tests.bench import revision
from tests.bench.__main__ import main
from tests.bench.against import Pair, middle_run
from tests.bench.requests import ROWS
from tests.bench.revision import DRIVER, PACKAGES, Revision, find, handlers
from tests.bench.samples import Samples, ratio_text
from tests.bench.section import Target

WARM, COLD = "Warm, the database 1 ms away", "Cold, the database 5 ms away"
LINE = re.compile(r" +([\d.]+) +([\d.]+) +(\d+\.\d\d) \((\d+\.\d\d)-(\d+\.\d\d)\)")
SERVERLESS = """
functions:
  get: {handler: app/get.handler, events: [{httpApi: {method: get, path: "/v1/tasks/{task_id}"}}]}
  list: {handler: app/list.handler, events: [{httpApi: GET /v1/tasks}]}
  default: {handler: app/default.handler, events: [{httpApi: "*"}]}
  purge: {handler: app/purge.handler, events: [{schedule: rate(1 day)}]}
  called: {handler: app/called.handler}
"""
HANDLER = """
import importlib.util, os
print("a log line")
def handler(event, context):
    found = [name for name in ("laboratory", "requests") if importlib.util.find_spec(name)]
    return {"number": event["number"], "modules": found, "folder": os.path.dirname(os.path.dirname(__file__))}
"""


def git(folder: Path, *arguments: str) -> None:
    options = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *options, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with two commits, the second of which is "Add packages"."""
    folder = tmp_path / "repository"
    (folder / PACKAGES).parent.mkdir(parents=True)
    (folder / "serverless.yml").write_text(SERVERLESS, "utf-8")
    git(tmp_path, "init", "--quiet", str(folder))
    for subject in ("Begin", "Add packages"):
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", subject)
        (folder / PACKAGES).write_text("# none\n", "utf-8")
    return folder


def test_head_is_compared_row_by_row_and_leaves_no_folder(tmp_path: Path) -> None:
    try:
        commit = find("HEAD")
    except SystemExit as error:
        pytest.skip(f"there is no history: {error}")
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", str(PACKAGES)], cwd=ROOT, check=False).returncode:
        pytest.skip(f"{PACKAGES} has changes that are not committed: HEAD would be installed anew")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "tests.bench", "--against", "HEAD", "--quick", "--bound", "1000"]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert f"The other is {commit.hash} ({commit.subject})" in done.stdout
    assert "our environment, as its requirements/dev.txt equals ours" in done.stdout
    figures = json.loads((tmp_path / "figures.json").read_text("utf-8"))["against"]
    assert figures["revision"] == {"hash": commit.hash, "subject": commit.subject}
    assert {name: list(rows) for name, rows in figures["runs"].items()} == {WARM: list(ROWS), COLD: ["create"]}
    for name, rows in figures["runs"].items():
        shown = done.stdout.partition(f"\n{name}: ours and {commit.hash}\n")[2]
        for row, [measured] in rows.items():
            middle, low, high = measured["ratio"]
            assert 0 < low <= middle <= high
            line = next(line for line in shown.splitlines() if line.startswith(f"{row} "))
            cells = LINE.fullmatch(line.removeprefix(row))
            assert cells, line
            expected = [measured["ours"], measured[commit.hash], middle, low, high]
            assert [float(cell) for cell in cells.groups()] == pytest.approx(expected, abs=0.006)
            assert f"{row}, {name[0].lower()}{name[1:]}: ours / {commit.hash}" in done.stdout
    assert [path for path in temporary.iterdir() if path.exists()] == []


def test_a_revision_is_found_by_any_name_that_git_knows(repository: Path) -> None:
    assert find("HEAD", repository).subject == "Add packages"
    assert find("HEAD~1", repository).subject == "Begin"
    assert find(find("HEAD", repository).hash, repository) == find("HEAD", repository)


def test_an_unknown_revision_ends_the_run_with_one_line(repository: Path) -> None:
    for name in ("unknown", "", "-x", "HEAD~2", "HEAD:serverless.yml"):
        with pytest.raises(SystemExit) as refused:
            find(name, repository)
        assert str(refused.value) == f"bench: git knows no revision {name!r}"


def test_a_shallow_clone_says_how_to_get_the_revision(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")
    assert find("HEAD", tmp_path / "shallow").subject == "Add packages"
    with pytest.raises(SystemExit, match="git fetch --unshallow"):
        find("HEAD~1", tmp_path / "shallow")


def test_a_folder_without_git_or_within_another_checkout_is_refused(repository: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, repository / "requirements"):
        with pytest.raises(SystemExit, match="is no git checkout"):
            find("HEAD", folder)


def test_options_that_do_not_belong_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ("--against HEAD --part warm", "--against HEAD --commit-results", "--runs 3", "--bound 1.05"):
        with pytest.raises(SystemExit, match="2"):
            main(arguments.split())
        assert "--against" in capsys.readouterr().err.splitlines()[-1]


def test_routes_are_read_from_serverless_yml(repository: Path) -> None:
    assert handlers(repository) == {
        "GET /v1/tasks/{task_id}": "app/get.handler",
        "GET /v1/tasks": "app/list.handler",
        "*": "app/default.handler",
    }
    assert {key for key in handlers(ROOT) if key.startswith("GET /v1/tasks")} == {
        "GET /v1/tasks",
        "GET /v1/tasks/{task_id}",
    }


def test_the_driver_imports_handlers_from_the_checkout_alone(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/get.py").write_text(HANDLER, "utf-8")
    order = {"handler": "app/get.handler", "events": [{"number": 1}, {"number": 2}]}
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(DRIVER)],
        cwd=tmp_path,
        env={"BENCH_LOG": str(tmp_path / "log")},
        input=json.dumps(order) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    expected: dict[str, Any] = {"modules": [], "folder": str(tmp_path)}
    assert answer["answers"] == [{"number": 1} | expected, {"number": 2} | expected]
    assert len(answer["times"]) == 2
    assert (tmp_path / "log").read_text("utf-8") == "a log line\n"


def test_a_revision_with_other_packages_gets_an_environment(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revision, "ROOT", repository)
    other = Revision(find("HEAD", repository))
    for name, ours, shared in (("same", "# none\n", True), ("other", "# more\n", False)):
        (repository / PACKAGES).write_text(ours, "utf-8")
        other.folder = tmp_path / name
        other.folder.mkdir()
        assert other._unpack(find("HEAD", repository)) == other.folder / "checkout"
        assert other.shares_environment is shared
    code = "import sys; print(sys.prefix)"
    found = subprocess.run([other.python, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == str(tmp_path / "other" / "venv")


def test_a_revision_without_packages_is_too_old(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revision, "ROOT", repository)
    old = Revision(find("HEAD~1", repository))
    old.folder = tmp_path
    with pytest.raises(SystemExit, match=f"too old to be run: it has no {PACKAGES}"):
        old._unpack(find("HEAD~1", repository))


def pair(*ratios: float) -> Pair:
    """Samples of which the rounds have these ratios."""
    ours, other = Samples(), Samples()
    for number, value in enumerate(ratios, 1):
        ours.add([value * number] * 3, 0)
        other.add([float(number)] * 3, 0)
    return ours, other


def test_a_ratio_is_the_median_of_rounds_with_their_middle_half() -> None:
    ours, other = pair(0.5, 1.0, 1.5, 2.0, 9.0)
    assert ours.ratio(other) == (1.5, 1.0, 2.0)
    assert ratio_text(*ours.ratio(other)) == "1.50 (1.00-2.00)"


def test_the_run_with_the_median_ratio_is_chosen_for_each_row() -> None:
    slow, middle, fast = pair(3.0, 3.0), pair(2.0, 2.0), pair(1.0, 1.0)
    runs = [{"Warm": {"get": slow, "list": fast}}, {"Warm": {"get": fast, "list": middle}}]
    runs.append({"Warm": {"get": middle, "list": slow}})
    assert middle_run(runs) == {"Warm": {"get": middle, "list": middle}}
    assert middle_run(runs[:1]) == runs[0]


def test_a_bound_is_missed_only_if_the_middle_half_lies_above_it() -> None:
    for ratios, met, verdict in (
        ((0.8, 0.9, 1.0, 1.0, 1.2), True, "met by 9%"),
        ((0.9, 1.0, 1.1, 1.2, 1.3), True, "met by 0%"),
        ((1.0, 1.1, 1.2, 1.3, 1.4), True, "met: the middle half begins at 1.10"),
        ((1.0, 1.11, 1.21, 1.3, 1.4), False, "MISSED by 10%"),
    ):
        ours, other = pair(*ratios)
        middle, low, _ = (round(value, 9) for value in ours.ratio(other))
        target = Target("", middle, 1.1, low=low)
        assert (target.met, target.verdict) == (met, verdict)
