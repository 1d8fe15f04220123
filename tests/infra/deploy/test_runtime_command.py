"""`python -m infra.local.runtime`: any function under AWS's runtime client, from a terminal."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from infra.operations import ROOT, jobs, operations
from tests.support.make_dev import Dev, copy, surroundings
from tests.support.stack import Stack, User
from tests.support.timeouts import PROCESS_TIMEOUT

NOTHING: Mapping[str, str] = MappingProxyType({})


def run(*arguments: str, env: Mapping[str, str] = NOTHING, folder: Path = ROOT, text: str = "") -> tuple[int, str, str]:
    """The exit code and what it printed: to standard output, to standard error."""
    command = [sys.executable, "-m", "infra.local.runtime", *arguments]
    names = ("DATABASE_URL", "DATABASE_URL_JOBS", "AUTH_ISSUER")
    ours = {name: value for name, value in surroundings().items() if name not in names}
    done = subprocess.run(
        command,
        cwd=folder,
        env=ours | dict(env),
        input=text,
        capture_output=True,
        text=True,
        timeout=PROCESS_TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    with copy(tmp_path) as folder:
        yield folder


def body(answer: str) -> Any:
    return json.loads(json.loads(answer)["body"])


def test_it_starts_the_database_of_make_dev_or_joins_it(checkout: Path) -> None:
    code, answer, log = run("tasks_replace", folder=checkout)
    assert code == 0, log
    assert json.loads(answer)["statusCode"] == 201
    assert '"operation":"tasks_replace"' in log
    with Dev(checkout):
        assert body(run("tasks_get", folder=checkout)[1]) == body(answer), "alice's, on the same data"
        assert json.loads(run("tasks_get", folder=checkout, env={"USER_ID": "bob"})[1])["statusCode"] == 404


def test_it_takes_the_environment_and_the_event_that_it_is_given(stack: Stack, user: User, tmp_path: Path) -> None:
    event = json.loads((ROOT / "infra/events/tasks_create.json").read_text("utf-8"))
    changed = event | {"body": '{"title": "By hand"}', "headers": event["headers"] | {"content-length": "20"}}
    (tmp_path / "event.json").write_text(json.dumps(changed), "utf-8")
    given = stack.environment | {"TOKEN": user.token}
    made = run("tasks_create", "-e", str(tmp_path / "event.json"), env=given)
    assert (made[0], body(made[1])["title"]) == (0, "By hand")
    listed = run("tasks_list", "--event", "-", text=(ROOT / "infra/events/tasks_list.json").read_text(), env=given)
    assert [task["title"] for task in body(listed[1])["items"]] in ([], ["By hand"]), "by what the event asks for"
    assert listed[0] == 0


def test_an_unknown_operation_lists_the_names() -> None:
    code, answer, said = run("tasks_made")
    assert (code, answer, said.count("\n")) == (2, "", 1)
    assert said.startswith("runtime: no operation is called 'tasks_made'; there are ")
    assert all(function.name in said for function in [*operations(), *jobs()])


def test_an_event_that_is_none_is_said_in_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    assert run("tasks_list", "-e", str(missing)) == (
        *(2, "", f"runtime: {missing} can't be read: No such file or directory\n"),
    )
    code, answer, said = run("tasks_list", "-e", "-", text="{")
    assert (code, answer, said.count("\n")) == (2, "", 1)
    assert said.startswith("runtime: - is no JSON: ")


def test_a_function_that_fails_is_1_with_its_error() -> None:
    code, answer, said = run("tasks_list", env={"AUTH_ISSUER": "https://auth.example.com"})
    assert (code, answer) == (1, "")
    assert "tasks_list failed: " in said
    assert "DATABASE_URL is missing" in said
    assert os.environ["PATH"] not in said
