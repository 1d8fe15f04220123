"""Checks of our own for Schemathesis: nothing is another user's, and what fits the schemas is refused for a reason."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import schemathesis
from schemathesis import hooks
from schemathesis.checks import CHECKS, load_all_checks

from tests.conftest import BASE_URL
from tests.fuzz.doors import Doors
from tests.support.stack import Stack, User

TASKS, TRASH, BATCH = "/v1/tasks", "/v1/trash", "/v1/batch"
_ACTION = re.compile("/(complete|reopen|move|restore)$")
_LABEL = re.compile("^/labels/[0-9]+$")
OF_AN_ITEM = "/operations/"
"""What begins a pointer into an item of a batch, whose body no schema tells: it is the body of any other write."""
NOT_OF_THE_STRANGER = ("authorization", "host", "connection", "content-length")
BEYOND_THE_SCHEMAS = {
    400: {
        "The cursor is malformed or was altered.",
        "The cursor belongs to another sort or filter.",
        "If-Match must be * or a list of entity tags.",
        "If-None-Match must be * or a list of entity tags.",
        "Idempotency-Key must be 1 to 255 printable ASCII characters.",
    },
    # NUL and lone surrogates, white space alone, a zone that is none, a time that its clock skips, a year out of range,
    # a label twice but for case, relevance without a search.
    422: {"/title", "/description", "/due/date", "/due/datetime", "/due/timezone"}
    | {"/labels", "/name", "/archived_at"}
    | {"q", "label", "sort", "due_from", "due_before", "Idempotency-Key"},
}
"""What no schema can say of a request: details of a 400, members and parameters of a 422."""


class Replays:
    """Sends every request of `owner` that succeeded once more, as somebody new; `count` counts them by operation."""

    def __init__(self, stack: Stack, owner: User, doors: Doors) -> None:
        self.count: Counter[str] = Counter()
        self._stack, self._owner, self._doors = stack, owner, doors

    def nothing_is_anothers(self, _: Any, response: Any, case: Any) -> None:
        """The stranger sees and changes nothing of the owner's: a check of Schemathesis."""
        operation, sent = case.operation, response.request
        if response.status_code >= 400 or not operation.definition.raw["security"]:
            return
        if not sent.headers.get("authorization", "").endswith(self._owner.token):
            return  # a check of Schemathesis's own, which sent no token or a bad one
        self.count[operation.label] += 1
        stranger = self._stack.user()
        (self._object if "{" in operation.path else self._collection)(stranger, sent, response)

    def _object(self, stranger: User, sent: Any, _: Any) -> None:
        parts = urlsplit(sent.url)
        target = _ACTION.sub("", parts.path)
        if sent.method == "DELETE":  # back for the while, so that there is something to delete
            self._ask("PUT", target, self._owner, {"content-type": "application/json"}, b'{"title": "again"}')
        before = self._seen(self._owner, target)
        again = self._again(stranger, sent)
        if sent.method == "PUT":
            made = [again.json()["id"]] if again.status_code == 201 else []
            assert again.status_code in _of_a_stranger(sent), f"a stranger's write answers {again.status_code}"
            theirs = [item["id"] for item in self._seen(stranger, TASKS)["items"]]
            assert theirs == made, "the stranger has other tasks than they made"
        else:
            assert again.status_code == 404, f"what is another's answers {again.status_code}"
        assert self._seen(self._owner, target) == before, "the stranger changed the owner's object"
        if sent.method == "DELETE":
            self._ask("DELETE", target, self._owner, {}, b"")

    def _collection(self, stranger: User, sent: Any, response: Any) -> None:
        path = urlsplit(sent.url).path
        before = [self._seen(self._owner, place) for place in (TASKS, TRASH)]
        again = self._again(stranger, sent)
        if sent.method == "GET":
            assert again.status_code == 200, f"a list of nobody's answers {again.status_code}"
            assert not again.json().get("items"), "the stranger lists what is not theirs"
        elif sent.method == "POST" and path != BATCH:
            assert again.status_code in _of_a_stranger(sent), f"a stranger's write answers {again.status_code}"
            assert self._seen(stranger, f"{path}/{response.json()['id']}") is None, "the stranger reads a new object"
        assert [self._seen(self._owner, place) for place in (TASKS, TRASH)] == before, (
            "the stranger changed the owner's"
        )

    def _again(self, stranger: User, sent: Any) -> httpx.Response:
        """The same request by somebody else, who is shown nothing that was kept, and no object that is not theirs."""
        parts = urlsplit(sent.url)
        again = self._ask(sent.method, f"{parts.path}?{parts.query}", stranger, sent.headers, sent.body or b"")
        assert "idempotency-replayed" not in again.headers, "the stranger got an answer that was kept for the owner"
        # In a batch, the object may be one that the stranger's own items before it have made.
        if again.status_code == 412 and parts.path != BATCH:
            assert "current" not in again.json(), "the stranger was shown the object"
        return again

    def _seen(self, user: User, path: str) -> Any:
        answer = self._ask("GET", path, user, {}, b"")
        return answer.json() if answer.status_code == 200 else None

    def _ask(self, method: str, path: str, user: User, headers: Any, body: str | bytes) -> httpx.Response:
        sent = {
            name.encode(): value.encode("latin-1") if isinstance(value, str) else value
            for name, value in headers.items()
            if name.lower() not in NOT_OF_THE_STRANGER
        }
        sent[b"authorization"] = f"Bearer {user.token}".encode()
        url = httpx.URL(BASE_URL).copy_with(raw_path=path.removesuffix("?").encode())
        return self._doors.answer(httpx.Request(method, url, headers=sent, content=body))


def _of_a_stranger(sent: Any) -> tuple[int, int]:
    """What a stranger may be answered to a task or list that was made: to them, what it belongs to is not there."""
    made = json.loads(sent.body)
    return (409 if made.get("list_id") or made.get("parent_id") else 201, 412)


def a_refusal_has_a_reason(_: Any, response: Any, case: Any) -> None:
    """What fits the schemas is refused only for what no schema can say: a check of Schemathesis."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in BEYOND_THE_SCHEMAS:
        return
    problem = json.loads(response.content)
    errors = problem.get("errors")
    named = {error.get("pointer", error.get("parameter")) for error in errors} if errors else {problem["detail"]}
    named = {_LABEL.sub("/labels", name) for name in named}
    beyond = BEYOND_THE_SCHEMAS[response.status_code]
    unknown = {name for name in named - beyond if not name.startswith(OF_AN_ITEM)}
    assert not unknown, f"refused for {sorted(unknown)}"


@contextmanager
def checking(*checks: Any, hook: Any) -> Iterator[set[str]]:
    """These checks, beside Schemathesis's own, and a `before_call`; gives the names of all checks."""
    load_all_checks()
    for check in checks:
        CHECKS.register(check)
    schemathesis.hook(hook)
    try:
        yield set(CHECKS.get_all_names())
    finally:
        hooks.unregister(hook)
        for check in checks:
            CHECKS.unregister(check.__name__)
