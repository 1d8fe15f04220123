"""One JSON line for each request, and nothing in any output that a caller or the configuration would not want there."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import DictRow

from infra.local.postgres import ROOT
from infra.operations import operations
from shared.logs import REQUEST
from tests.support.calls import CALLS, path_of
from tests.support.openapi_validator import FAULT
from tests.support.postgres_proxy import Proxy
from tests.support.stack import APP, Stack, User

CANARY = "canary"
MEMBERS = {"level", "location", "message", "timestamp", "service"}
TIMES = {"duration_ms", "pool_wait_ms"}
METRICS = {name for _, units in REQUEST for name in units}
REQUEST_MEMBERS = MEMBERS | METRICS | {"operation", "version", "status", "request_id", "_aws"}
MAY_HAVE = {"user", "refusal", "trace_id", "span_id"}

type Request = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """The answers to some requests, as status and request id, and all that was written meanwhile."""

    answers: list[tuple[int, str]]
    output: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]

    def line_of(self, number: int) -> dict[str, Any]:
        """The one line of the request of that number."""
        request_id = self.answers[number][1]
        lines = [line for line in self.lines if line["message"] == "request" and line["request_id"] == request_id]
        assert len(lines) == 1
        return lines[0]


type Talk = Callable[[list[Request]], Heard]


@pytest.fixture(params=["lambda", "http"])
def talk(request: pytest.FixtureRequest, tmp_path: Path) -> Talk:
    """Send requests and hear what is written: by a process that calls the handlers, then by the server."""

    def to_handlers(requests: list[Request]) -> Heard:
        told = tmp_path / "answers.json"
        command = [sys.executable, "-m", "tests.support.send_requests", str(told)]
        done = subprocess.run(
            command, cwd=ROOT, input=json.dumps(requests), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return Heard(
            [(status, request_id) for status, request_id in json.loads(told.read_text())], done.stdout + done.stderr
        )

    def to_server(requests: list[Request]) -> Heard:
        server = request.getfixturevalue("server")
        before = len(server.log)
        with server.client() as api:
            answers = [api.request(**asked, extensions=FAULT) for asked in requests]
        told = [(answer.status_code, answer.headers["x-request-id"]) for answer in answers]
        deadline = time.monotonic() + 5
        while server.log[before:].count('"message":"request"') < len(told) and time.monotonic() < deadline:
            time.sleep(0.01)  # a line is written when its answer is out already
        return Heard(told, server.log[before:])

    return to_handlers if request.param == "lambda" else to_server


def asked(user: User | None, method: str, path: str, body: Any = None, **headers: str) -> Request:
    """A request that carries canaries wherever one can stand."""
    sent = {"X-Canary": f"{CANARY}-header", "User-Agent": f"{CANARY}-agent", "Cookie": f"{CANARY}=1"}
    sent |= (user.headers if user else {}) | {name.replace("_", "-"): value for name, value in headers.items()}
    return {"method": method, "url": path, "headers": sent, "json": body}


@pytest.fixture
def canary(stack: Stack) -> User:
    """Someone whose id and claims would be known again."""
    user_id = f"{CANARY}-sub-{uuid4()}"
    return User(user_id, stack.signer.token(user_id, email=f"{CANARY}@example.com", name=f"{CANARY} name"))


@pytest.fixture
def secrets(stack: Stack, canary: User) -> list[str]:
    """What may stand nowhere."""
    words = [stack.cluster.password(APP), "postgresql://", "eyJ", canary.token.split(".")[2], CANARY]
    return [*words, *(quote(word) for word in words), "Traceback", "select ", "insert into", "update task"]


def session(user: User, stranger: User) -> Iterator[Request]:
    """Requests of every kind: good, bad, refused, unknown."""
    task_id = str(uuid4())
    place, task = f"/v1/tasks/{task_id}", {"title": f"{CANARY}-title", "description": f"{CANARY}-text"}
    key = f"{CANARY}-key-{task_id}"
    yield asked(user, "PUT", place, task, Idempotency_Key=key)
    yield asked(user, "PUT", place, task, Idempotency_Key=key)
    yield asked(user, "PUT", place, task)
    yield asked(user, "PATCH", place, {"title": f"{CANARY}-again"}, If_Match=f'"{CANARY}"')
    yield asked(stranger, "GET", place)
    yield asked(stranger, "GET", f"/v1/tasks/{uuid4()}")
    for operation in operations():
        if not operation.is_default:
            path = path_of(operation, task_id)
            yield asked(user, operation.method, path, CALLS[operation.name].body)
            yield asked(user, operation.method, f"{path}?{CANARY}={CANARY}", {CANARY: CANARY})
            yield asked(None, operation.method, path, Authorization=f"Bearer {CANARY}.{CANARY}.{CANARY}")
    yield asked(user, "GET", f"/v1/tasks?q={CANARY}&cursor={CANARY}")
    yield asked(user, "GET", f"/v1/tasks?q={CANARY}&sort=-title")
    yield asked(user, "POST", "/v1/tasks", [CANARY])
    yield asked(user, "GET", f"/{CANARY}")
    yield asked(user, CANARY.upper(), "/v1/tasks")


def test_each_request_leaves_one_line_and_nothing_else(
    talk: Talk, canary: User, stranger: User, secrets: list[str]
) -> None:
    heard = talk(list(session(canary, stranger)))
    assert len(heard.lines) == len(heard.answers)
    for number, (status, _) in enumerate(heard.answers):
        line = heard.line_of(number)
        assert REQUEST_MEMBERS <= set(line) <= REQUEST_MEMBERS | MAY_HAVE
        assert line["status"] == status
        assert 0 <= line["duration_ms"] < 10_000
        assert line["level"] == "INFO"
    assert {status for status, _ in heard.answers} >= {200, 201, 204, 401, 404, 405, 422, 428}
    assert [secret for secret in secrets if secret in heard.output] == []


def test_a_line_names_the_function_as_it_is_deployed(talk: Talk, canary: User) -> None:
    routed = [operation for operation in operations() if not operation.is_default]
    asking = [asked(canary, one.method, path_of(one, uuid4()), CALLS[one.name].body) for one in routed]
    heard = talk([*asking, asked(canary, "GET", "/v2")])
    names = [heard.line_of(number)["operation"] for number in range(len(heard.answers))]
    assert names == [*(operation.name for operation in routed), "service_default"]


def test_a_line_knows_a_user_again_by_a_hash_that_only_we_can_make(talk: Talk, canary: User, stranger: User) -> None:
    heard = talk([asked(who, "GET", "/v1/tasks") for who in (canary, canary, stranger, None)])
    first, again, other, nobody = (heard.line_of(number).get("user") for number in range(4))
    assert first == again
    assert len({first, other}) == 2
    assert nobody is None
    plain = {hashlib.new(name, canary.id.encode()).hexdigest()[:16] for name in ("sha256", "blake2b", "blake2s", "md5")}
    assert first not in plain | {hashlib.blake2b(canary.id.encode(), digest_size=8).hexdigest()}
    assert len(str(first)) == 16


def test_what_is_anothers_and_what_never_was_leave_lines_alike(talk: Talk, canary: User, stranger: User) -> None:
    place = f"/v1/tasks/{uuid4()}"
    heard = talk(
        [
            asked(canary, "PUT", place, {"title": "x"}),
            *(asked(stranger, "GET", path) for path in (place, f"/v1/tasks/{uuid4()}")),
        ]
    )
    foreign, random = (heard.line_of(number) for number in (1, 2))
    differing = {name for name in foreign if foreign[name] != random[name]}
    assert differing <= TIMES | {"timestamp", "request_id", "_aws"}


FAULTS = {
    "a missing grant": ("revoke select on task from task_app", "grant select on task to task_app"),
    "a broken constraint": (
        f"alter table task add constraint broken check (title not like '{CANARY}%') not valid",
        "alter table task drop constraint broken",
    ),
    "a missing function": (
        "alter function app.claim(text, bytea) rename to unclaimed",
        "alter function app.unclaimed(text, bytea) rename to claim",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_ours_says_where_and_nothing_of_what(
    fault: str, talk: Talk, canary: User, secrets: list[str], admin: psycopg.Connection[DictRow]
) -> None:
    breaking, mending = FAULTS[fault]
    admin.execute(breaking.encode())
    try:
        heard = talk(
            [asked(canary, "POST", "/v1/tasks", {"title": f"{CANARY}-title"}, Idempotency_Key=f"{CANARY}-{uuid4()}")]
        )
    finally:
        admin.execute(mending.encode())
    assert [status for status, _ in heard.answers] == [500]
    failure, request = heard.lines
    assert (failure["level"], failure["message"], failure["request_id"]) == ("ERROR", "failure", heard.answers[0][1])
    assert any("functions/tasks/create.py" in frame for frame in failure["frames"])
    assert request["status"] == 500
    assert [secret for secret in secrets if secret in heard.output] == []


def test_a_database_out_of_reach_is_told_without_its_address(
    talk: Talk, canary: User, secrets: list[str], proxy: Proxy, stack: Stack
) -> None:
    proxy.refuse()
    proxy.cut()
    try:
        heard = talk([asked(canary, "GET", "/v1/tasks"), asked(canary, "POST", "/v1/tasks", {"title": CANARY})])
    finally:
        proxy.listen()
    assert [status for status, _ in heard.answers] == [503, 503]
    assert {line["level"] for line in heard.lines} == {"INFO", "WARNING"}
    told = [*secrets, str(stack.proxy.port), "127.0.0.1"]
    assert [secret for secret in told if secret in heard.output] == []


def test_the_database_logs_no_value_of_a_session(talk: Talk, canary: User, stranger: User, stack: Stack) -> None:
    before = stack.cluster.log.stat().st_size
    talk(list(session(canary, stranger)))
    logged = stack.cluster.log.read_bytes()[before:].decode("utf-8", "replace")
    assert [secret for secret in (CANARY, canary.token, stack.cluster.password(APP)) if secret in logged] == []
    assert os.environ["DATABASE_URL"] not in logged
