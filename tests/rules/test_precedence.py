"""When several things are wrong, the first of the contract's order is answered: every pair, and as many as go together.

What decides is shared by all operations: one that reads and one that writes get every triple as well.

route (404, 405) · token (401, 503) · 415 · 413 · 400 · 422 · object (404) · 428 · 412
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.api_server import Server
from tests.support.stack import Stack, User

LARGEST = 262_144
TASKS = "/v1/tasks"
ORDER = ("route", "token", 415, 413, 400, 422, "object", 428, 412)


@dataclass
class Sent:
    """A request that is still being made wrong; `task` is the path of a task at version 1."""

    task: str
    method: str
    path: str
    members: dict[str, Any] | None
    query: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    padding: int = 0
    behind: str = ""

    def send(self, api: httpx.Client) -> httpx.Response:
        content = ""
        if self.members is not None:
            content = json.dumps(self.members) + " " * self.padding + self.behind
        query = "?" + "&".join(self.query) if self.query else ""
        return api.request(self.method, self.path + query, content=content, headers=self.headers)


@dataclass(frozen=True)
class Fault:
    """One thing wrong: its place in the order, its status, what of the request it takes up, and how it is made."""

    name: str
    place: str | int
    status: int
    takes: tuple[str, ...]
    make: Callable[[Sent], object]

    @property
    def rank(self) -> int:
        return ORDER.index(self.place)


def fault(place: str | int, name: str, takes: str, make: Callable[[Sent], object], status: int = 0) -> Fault:
    return Fault(f"{status or place} {name}", place, status or int(place), tuple(takes.split()), make)


def header(name: str, value: str) -> Callable[[Sent], object]:
    return lambda sent: sent.headers.update({name: value})


def query(text: str) -> Callable[[Sent], object]:
    return lambda sent: sent.query.append(text)


def put(attribute: str, value: Any) -> Callable[[Sent], object]:
    return lambda sent: setattr(sent, attribute, value)


def unwanted(sent: Sent) -> None:
    sent.members = {**(sent.members or {}), "user_id": "x"}
    sent.headers.setdefault("Content-Type", "application/json")


def elsewhere(path: str) -> Callable[[Sent], object]:
    """The same operation on another id."""
    return lambda sent: setattr(sent, "path", sent.path.replace(sent.task, path))


def unconditional(sent: Sent) -> None:
    sent.headers.pop("If-Match", None)


NOWHERE = fault("route", "no such path", "route", lambda sent: setattr(sent, "path", sent.path + "/no/where"), 404)
UNKNOWN_METHOD = fault("route", "no such method", "route", put("method", "FOO"), 405)
HEAD = fault("route", "HEAD", "route", put("method", "HEAD"), 405)
NO_TOKEN = fault("token", "none", "token", header("Authorization", ""), 401)
BAD_TOKEN = fault("token", "a bad one", "token", header("Authorization", "Bearer a.b.c"), 401)
MEDIA_TYPE = fault(415, "text", "type", header("Content-Type", "text/plain"))
CODING = fault(415, "gzip", "coding", header("Content-Encoding", "gzip"))
SIZE = fault(413, "too large", "size", put("padding", LARGEST))
NOT_JSON = fault(400, "not JSON", "text", put("behind", "}"))
IF_MATCH = fault(400, "If-Match", "if-match", header("If-Match", "1"))
IF_NONE_MATCH = fault(400, "If-None-Match", "if-none-match", header("If-None-Match", '"1" "2"'))
KEY = fault(400, "Idempotency-Key", "key", header("Idempotency-Key", '"x'))
CURSOR = fault(400, "no cursor of ours", "cursor", query("cursor=x"))
OTHER_CURSOR = fault(
    400, "the cursor of another list", "cursor", lambda sent: sent.query.append(f"cursor={FOREIGN[0]}")
)
MEMBERS = fault(422, "a member", "members", unwanted)
PARAMETER = fault(422, "an unknown parameter", "query", query("x=1"))
LIMIT = fault(422, "a bad limit", "limit", query("limit=0"))
SORT = fault(422, "a bad sort", "sort", query("sort=x"))
USED_KEY = fault(422, "a key that is used", "key", header("Idempotency-Key", "used"))
NO_OBJECT = fault("object", "no such task", "object", elsewhere(f"{TASKS}/{uuid4()}"), 404)
NO_ID = fault("object", "a malformed id", "object", elsewhere(f"{TASKS}/x"), 404)
NEEDED = fault(428, "no precondition", "if-match if-none-match object", unconditional)
STALE = fault(412, "a stale tag", "if-match", header("If-Match", '"7"'))
ANY_TAG = fault(412, "nothing to match", "if-match", header("If-Match", "*"))
EXISTS = fault(412, "it exists", "if-none-match", header("If-None-Match", "*"))
FOREIGN: list[str] = []

ROUTE_AND_TOKEN = (NOWHERE, UNKNOWN_METHOD, HEAD, NO_TOKEN, BAD_TOKEN)
BODY = (MEDIA_TYPE, CODING, SIZE, NOT_JSON, MEMBERS)
CONDITIONS = (IF_MATCH, IF_NONE_MATCH, KEY, USED_KEY)
TARGET = (NO_OBJECT, NO_ID, STALE, EXISTS)
WRITE = (*ROUTE_AND_TOKEN, *BODY, *CONDITIONS, PARAMETER)
FAULTS: dict[str, tuple[str, str, dict[str, Any] | None, tuple[Fault, ...]]] = {
    "create": ("POST", TASKS, {"title": "x"}, (*WRITE, ANY_TAG)),
    "list": ("GET", TASKS, None, (*ROUTE_AND_TOKEN, CURSOR, OTHER_CURSOR, PARAMETER, LIMIT, SORT)),
    "get": ("GET", "{task}", None, (*ROUTE_AND_TOKEN, IF_NONE_MATCH, PARAMETER, NO_OBJECT, NO_ID)),
    "update": ("PATCH", "{task}", {"title": "x"}, (*WRITE, *TARGET)),
    "replace": ("PUT", "{task}", {"title": "x"}, (*WRITE, NO_ID, NEEDED, STALE, EXISTS)),
    "delete": ("DELETE", "{task}", {}, (*WRITE, *TARGET)),
    "complete": ("POST", "{task}/complete", {}, (*WRITE, *TARGET)),
    "reopen": ("POST", "{task}/reopen", {}, (*WRITE, *TARGET)),
}


TRIPLES = {"list", "update"}
"""The operations that get every triple."""


def together(faults: tuple[Fault, ...], size: int) -> Iterator[tuple[Fault, ...]]:
    """Every one, every pair and so on up to that number, and as many as go together."""

    def fit(chosen: tuple[Fault, ...]) -> bool:
        taken = [slot for fault in chosen for slot in fault.takes]
        return len(taken) == len(set(taken))

    for count in range(1, size + 1):
        yield from filter(fit, combinations(faults, count))
    for first in range(len(faults)):
        most: tuple[Fault, ...] = ()
        for fault in (*faults[first:], *faults[:first]):
            if fit((*most, fault)):
                most = (*most, fault)
        yield most


def well_formed(operation: str, task: str) -> Sent:
    """A request that nothing is wrong with."""
    method, path, members, _ = FAULTS[operation]
    sent = Sent(task, method, path.format(task=task), members)
    if members is not None:
        sent.headers["Content-Type"] = "application/json"
    if operation == "replace":
        sent.headers["If-Match"] = '"1"'
    return sent


@pytest.mark.parametrize("operation", FAULTS)
def test_the_first_of_the_order_is_answered(operation: str, api: httpx.Client) -> None:
    task = api.post(TASKS, json={"title": "there"}, headers={"Idempotency-Key": "used"}).headers["location"]
    api.post(TASKS, json={"title": "another"})
    FOREIGN[:] = [api.get(f"{TASKS}?sort=title&limit=1").json()["next_cursor"]]
    answers = []
    for chosen in together(FAULTS[operation][-1], 3 if operation in TRIPLES else 2):
        sent = well_formed(operation, task)
        for one in chosen:
            one.make(sent)
        due = min(chosen, key=lambda fault: fault.rank)
        answer = sent.send(api)
        if answer.status_code != due.status:
            answers.append(f"{' + '.join(fault.name for fault in chosen)} → {answer.status_code}")
    assert answers[:20] == []
    assert api.get(task).headers["etag"] == '"1"'


def test_keys_out_of_reach_come_where_a_bad_token_does(
    stack: Stack, user: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(stack.environment, "AUTH_JWKS_URL", "http://127.0.0.1:1/jwks")
    monkeypatch.setattr(stack, "folder", tmp_path)
    FOREIGN[:] = ["x"]
    with Server(stack) as server, server.client(**user.headers) as client:
        for operation, (*_, faults) in FAULTS.items():
            assert well_formed(operation, f"{TASKS}/{uuid4()}").send(client).status_code == 503
            for fault in faults:
                sent = well_formed(operation, f"{TASKS}/{uuid4()}")
                fault.make(sent)
                status = fault.status if fault.place in ("route", "token") else 503
                assert sent.send(client).status_code == status, (operation, fault.name)
