"""The search for canaries finds what leaks, wherever it is written, and says so without telling it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from infra.local.child import Child
from infra.operations import ROOT
from tests.support import output_leaks as canaries
from tests.support.output_leaks import CANARIES, LONGEST, Canaries
from tests.support.stack import Stack, User
from tests.support.statements import ID

SECRET = 'Söme "secret" thing'
LOG = '{{"level":"INFO","message":"request","status":200,"duration_ms":1.5,"request_id":"0199","path":"{}"}}'


def leaks_of(secret: str, written: str) -> list[str]:
    found = Canaries()
    found.note("a title", secret)
    found.hear("a log", written)
    return found.leaks()


def test_a_secret_is_found_in_any_spelling() -> None:
    spellings = [
        *(SECRET, json.dumps(SECRET), json.dumps(SECRET, ensure_ascii=False), quote(SECRET)),
        LOG.format(json.dumps(SECRET)[1:-1]),
        f"DETAIL:  Failing row contains ({SECRET}, 1)",
        f"  File x\n    raise ValueError({SECRET!r})\n",
    ]
    assert [text for text in spellings if leaks_of(SECRET, f"before\n{text}\nafter") != ["a log: a title"]] == []


def test_what_may_stand_anywhere_is_no_canary() -> None:
    harmless = {
        "x" * 39 + "yz and the rest": "x" * 39 + "y, cut off",  # of few characters, it may stand anywhere
        "short": "short",
        "2026-03-01": "2026-03-01 10:00:00 LOG: checkpoint",
        "another title": "some title",
        "connection": "LOG: connection received",
        "key_fetch_failures": '{"key_fetch_failures":0}',  # a word of our own
        "request": LOG.format(""),
        "a surrogate \ud800": "another",
    }
    assert [secret for secret, written in harmless.items() if leaks_of(secret, written)] == []


def test_of_a_long_secret_the_beginning_is_found_and_of_several_lines_the_longest() -> None:
    found = Canaries()
    found.note("a token", "eyJhbGciOiJFZERTQSIsImtpZCI6IjEyMzQ1Njc4OTAifQ.x.y")
    found.note("a text", "one\nthe longest of them\ntwo")
    found.hear("first", "token=eyJhbGciOiJFZERTQSIsImtpZCI6IjEyMzQ1Njc4… (cut)")
    found.hear("second", "the longest of them")
    assert found.leaks() == ["first: a token", "second: a text"]


def test_all_that_a_request_carries_is_noted_and_a_problem_may_repeat_names_alone() -> None:
    found = Canaries()
    headers = {"Authorization": "Bearer the.token.itself", "X-Any": "value of a header"}
    body = {"title": "title of a task", "due": {"datetime": ["deep in a list"]}, "name of a member": 1}
    body |= {"path": f"/v1/tasks/{ID}", "parent_id": str(ID), "list_id": f" {str(ID)[:-1]}\n"}
    request = httpx.Request("POST", "https://api.test/v1/tasks?q=words+of+a+search", headers=headers, json=body)
    errors = [
        {"pointer": "/name of a member", "detail": "is not a member"},
        {"parameter": "title of a task", "detail": ""},
    ]
    problem = {"detail": "", "instance": "x", "errors": errors, "current": {"title": "title of a task"}}
    told = {"content-type": "application/problem+json"}
    found.exchange(request, httpx.Response(422, json=problem, headers=told))
    assert not any(text.startswith(("/v1/", "0199d3c8")) for text in found.secrets)
    assert {"the.token.itself", "value of a header", "title of a task", "deep in a list", "words of a search"} <= set(
        found.secrets
    )
    assert found.leaks() == []
    errors[1]["detail"] = "'title of a task' is too long"
    found.exchange(request, httpx.Response(422, json=problem, headers=told))
    assert found.leaks() == ["a problem document: a text of a body"]


def test_what_a_process_writes_is_heard(tmp_path: Path) -> None:
    with Child([sys.executable, "-c", f"print({SECRET!r})"], log=tmp_path / "its-log") as child:
        while child.running:
            time.sleep(0.01)
    canaries.read()
    assert CANARIES.lines.pop(SECRET).endswith(", its-log")


def test_this_session_knows_its_secrets_and_hears_its_pieces(api: httpx.Client, user: User, stack: Stack) -> None:
    assert api.post("/v1/tasks", json={"title": "a title like no other"}).status_code == 201
    known = {CANARIES.secrets.get(text[:LONGEST]) for text in (user.id, "a title like no other", user.token)}
    assert known == {"a claim", "a text of a body", "a token"}
    assert stack.cluster.password("").removeprefix("-") in CANARIES.secrets
    canaries.read()
    pieces = {"postgres, log"} | ({"pgbouncer, pgbouncer.log"} if stack.pooler else set())
    assert pieces <= set(CANARIES.lines.values())


LEAKING = """
from tests.support.output_leaks import note
def test_prints():
    note("a title", {secret!r})
    print({printed!r})
"""


@pytest.mark.parametrize("leaks", [True, False])
def test_a_session_that_leaks_fails_and_does_not_tell_what(leaks: bool, tmp_path: Path) -> None:
    text = LEAKING.format(secret=SECRET, printed=f"made {SECRET}" if leaks else "made a thing")
    (tmp_path / "test_it.py").write_text(text, "utf-8")
    plugin = ["-p", "tests.support.output_leaks"]
    command = [sys.executable, "-m", "pytest", *plugin, "--rootdir", str(tmp_path), str(tmp_path)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == leaks
    assert ("test_it.py::test_prints, captured stdout call: a title" in done.stdout) == leaks
    assert SECRET not in done.stdout
