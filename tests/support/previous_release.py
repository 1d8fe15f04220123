"""The release before the newest migration, out of git's history, and its functions driven against a database.

While a release goes out, and where it is taken back, functions of the release before meet the schema of the new one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from infra.hook import ANSWERS
from infra.operations import jobs, operations
from tests.support.timeouts import PROCESS_TIMEOUT

MIGRATIONS = "infra/migrations/versions"
# Runs in the release's folder, where `python -c` finds its modules first.
DRIVE = """
import importlib, json, sys
class Context:
    function_name = aws_request_id = "x"
    function_version, memory_limit_in_mb = "1", 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:x"
    get_remaining_time_in_millis = staticmethod(lambda: 15_000)
calls = json.load(sys.stdin)
answers = [importlib.import_module(module).handler(event, Context) for module, event in calls]
with open(sys.argv[1], "w") as file:
    json.dump(answers, file)
"""
LISTS = [
    *[f"sort={sign}{key}" for key in ("created_at", "updated_at", "due", "priority", "title") for sign in ("", "-")],
    "completed=false&priority=high&priority=low&due_from=2026-01-01&due_before=2027-01-01&q=milk&limit=1",
]


def git(root: Path, *arguments: str) -> str:
    """What git says in `root`; where there is no history to ask for, the test is skipped."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"there is no history: git {arguments[0]} says {done.stderr.strip()}")
    return done.stdout.strip()


def before_the_newest_migration(root: Path) -> str:
    """The last commit that does not have the newest migration: HEAD where that is not committed yet."""
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        pytest.skip("the history is cut off: fetch all of it")
    if git(root, "ls-files", "--others", "--exclude-standard", MIGRATIONS):
        return git(root, "rev-parse", "HEAD")
    newest = git(root, "log", "-1", "--diff-filter=A", "--format=%H", "--", MIGRATIONS)
    return git(root, "rev-parse", f"{newest}^")


def unpack(root: Path, commit: str, folder: Path) -> Path:
    """The functions of `commit`, and the events that they answer, in `folder`."""
    archive = folder / "release.tar"
    git(root, "archive", f"--output={archive}", commit, "functions", "shared", "infra/events")
    subprocess.run(["tar", "-xf", str(archive), "-C", str(folder)], check=True)
    return folder


def failures(release: Path, env: dict[str, str], token: str) -> list[str]:
    """Call every function of `release`; name each that does not answer as it should, with what it said.

    Every operation is asked by its event, and list by every sort and filter; every job runs.
    """
    found = {operation.name: operation for operation in operations(release)}
    assert set(found) <= set(ANSWERS), "an operation is never taken away"
    calls, expected = [], []
    for name, status in ANSWERS.items():
        if name in found:
            text = (release / f"infra/events/{name}.json").read_text("utf-8")
            event = json.loads(text.replace("Bearer TOKEN", f"Bearer {token}"))
            calls.append((found[name].module, event))
            expected.append((name, status))
    listing = next(event for module, event in calls if module == found["tasks_list"].module)
    for query in LISTS:
        calls.append((found["tasks_list"].module, _with_query(listing, query)))
        expected.append((f"tasks_list?{query}", 200))
    answers = _run(release, env, calls)
    wrong = [
        f"{name}: {answer['statusCode']} {answer['body']}"
        for (name, status), answer in zip(expected, answers, strict=True)
        if answer["statusCode"] != status
    ]
    done = _run(release, env, [(job.module, {}) for job in jobs(release)])
    return wrong + [
        f"{job.name}: {answer}" for job, answer in zip(jobs(release), done, strict=True) if not answer["done"]
    ]


def _with_query(event: dict[str, Any], query: str) -> dict[str, Any]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return {**event, "rawQueryString": query, "queryStringParameters": parameters}


def _run(release: Path, env: dict[str, str], calls: list[tuple[str, Any]]) -> list[Any]:
    answers = release / "answers.json"
    command = [sys.executable, "-c", DRIVE, str(answers)]
    known = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **env}
    done = subprocess.run(
        command,
        cwd=release,
        env=known,
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        timeout=PROCESS_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(answers.read_text("utf-8"))
    return found
