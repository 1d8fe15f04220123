"""Every event of infra/events/ through its handler, under AWS's own runtime client and against the real database."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.hook import ANSWERS
from infra.local.runtime_api import (
    LONGEST_ANSWER,
    CrashedError,
    FunctionError,
    LambdaFunction,
    TimedOutError,
    lambda_function,
)
from infra.operations import JOBS, ROOT, Function, Operation, jobs, operations
from tests.support.stack import Stack, User
from tests.support.timeouts import PROCESS_TIMEOUT

OPERATIONS = {operation.name: operation for operation in operations()}


@contextmanager
def running(function: Function, stack: Stack, **variables: str) -> Iterator[LambdaFunction]:
    """The function as deployed: its own process, and of the environment only what serverless.yml gives it.

    `variables` are more of it.
    """
    names = ["DATABASE_URL_JOBS"] if function.module.split(".")[1] == JOBS else ["DATABASE_URL", "AUTH_ISSUER"]
    env = {"PATH": os.environ["PATH"]} | {name: stack.environment[name] for name in names} | variables
    with lambda_function(function.name, function.handler, env, ROOT, PROCESS_TIMEOUT) as started:
        yield started


def event_of(function: Function, user: User) -> Any:
    text = (ROOT / f"infra/events/{function.name}.json").read_text("utf-8")
    return json.loads(text.replace("Bearer TOKEN", f"Bearer {user.token}"))


def send(operation: Operation, stack: Stack, user: User) -> tuple[dict[str, Any], str]:
    """What the operation answers to its event, and what it logged."""
    with running(operation, stack) as function:
        return function.invoke(event_of(operation, user)), function.log


def test_every_operation_has_its_answer_here() -> None:
    assert set(ANSWERS) == set(OPERATIONS)


def test_every_event_is_answered_under_the_runtime_client(stack: Stack, user: User) -> None:
    for name, status in ANSWERS.items():
        answer, log = send(OPERATIONS[name], stack, user)
        assert answer["statusCode"] == status, f"{name}: {answer}\n{log}"
        assert answer["isBase64Encoded"] is False
        assert answer["headers"]["x-request-id"]
        lines = [json.loads(line) for line in log.splitlines()]
        assert [line["status"] for line in lines if line["message"] == "request"] == [status]
        assert user.id not in log
        assert user.token not in log


def test_one_environment_takes_one_event_after_another(stack: Stack, user: User, stranger: User) -> None:
    with running(OPERATIONS["tasks_create"], stack) as create, running(OPERATIONS["tasks_list"], stack) as listing:
        for caller in (user, stranger, user):
            # Of the same user and key, so the third is the first again.
            assert create.invoke(event_of(OPERATIONS["tasks_create"], caller))["statusCode"] == 201
        for caller in (user, stranger):
            answer = listing.invoke(event_of(OPERATIONS["tasks_list"], caller))
            assert [task["title"] for task in json.loads(answer["body"])["items"]] == ["Book the venue"]


@pytest.mark.parametrize("job", jobs(), ids=lambda job: job.name)
def test_every_job_runs_under_the_runtime_client(job: Function, stack: Stack, user: User) -> None:
    with running(job, stack) as function:
        answer = function.invoke(event_of(job, user))
        lines = [json.loads(line) for line in function.log.splitlines()]
    assert not [line for line in lines if line.get("level") in {"ERROR", "CRITICAL"}], answer


HANDLERS = """
import os, time
def answer(event, context):
    print("asked by", context.function_name)
    return {"event": event, "left": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn}
def fail(event, context):
    raise ValueError("no such thing")
def end(event, context):
    os._exit(3)
def hang(event, context):
    time.sleep(60)
def long(event, context):
    return "x" * event
"""


@contextmanager
def handler(name: str, folder: Path, timeout: float = PROCESS_TIMEOUT) -> Iterator[LambdaFunction]:
    (folder / "handlers.py").write_text(HANDLERS)
    with lambda_function("trial", f"handlers.{name}", {"PATH": os.environ["PATH"]}, folder, timeout) as function:
        yield function


def test_a_handler_gets_the_event_and_a_context(tmp_path: Path) -> None:
    with handler("answer", tmp_path) as function:
        answer = function.invoke({"text": "é\U0001f600"})
        assert answer["event"] == {"text": "é\U0001f600"}
        assert 0 < answer["left"] <= PROCESS_TIMEOUT * 1000
        assert answer["arn"].endswith(":function:trial")
        assert function.log == "asked by trial\n"


@pytest.mark.parametrize(
    ("name", "timeout", "message"),
    [
        ("fail", PROCESS_TIMEOUT, "no such thing"),
        ("end", PROCESS_TIMEOUT, "the process ended with 3"),
        ("missing", PROCESS_TIMEOUT, "Handler 'missing' missing on module 'handlers'"),
        ("hang", 0.5, "timed out after 0.5 s"),
    ],
)
def test_what_ends_badly_is_said(name: str, timeout: float, message: str, tmp_path: Path) -> None:
    with handler(name, tmp_path, timeout) as function, pytest.raises(FunctionError, match=message):
        function.invoke({})


def test_an_answer_over_6_mb_is_refused(tmp_path: Path) -> None:
    with handler("long", tmp_path) as function:
        assert function.invoke(3) == "xxx"
        with pytest.raises(FunctionError, match="too long"):
            function.invoke(LONGEST_ANSWER)


def test_an_environment_that_is_late_is_killed_one_that_crashes_says_so(tmp_path: Path) -> None:
    with handler("hang", tmp_path) as function:
        assert function.wait_until_ready(PROCESS_TIMEOUT)
        with pytest.raises(TimedOutError):
            function.invoke({}, 0.2)
        assert not function.alive
    with handler("end", tmp_path) as function:
        with pytest.raises(CrashedError):
            function.invoke({})
        assert not function.alive
