"""The matrix as data: every operation, by every place where a value can stand, by whose value it is.

A row is a request that succeeds (`CALLS` of test_every_operation.py), on something of the caller's; a place puts a
value into it; a world says what the value is when it is the caller's own, another's, nobody's, of what is gone, or
nonsense.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from infra.operations import Operation, operations
from tests.rules.test_every_operation import CALLS, Call

OWN, FOREIGN, RANDOM, DELETED, MALFORMED = WHOSE = ("own", "foreign", "random", "deleted", "malformed")
LINKS = {"list", "other"}
"""Kinds of values that name another object."""
NOBODYS = (FOREIGN, RANDOM, DELETED)
"""What must not be told apart."""

PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Asked:
    """A request, before it is sent; an id in its path is that of what it is for."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None

    def filled(self, values: dict[str, str]) -> "Asked":
        """The same with values in the place of the parameters that its body names, in operations of a batch."""
        if self.body is None or "operations" not in self.body:
            return self
        body = PARAMETER.sub(lambda found: json.dumps(values[found[1]])[1:-1], json.dumps(self.body["operations"]))
        return replace(self, body=self.body | {"operations": json.loads(body)})

    @property
    def text(self) -> str:
        """All of it, to look for what it names."""
        return json.dumps([self.path, self.query, self.headers, self.body], ensure_ascii=False)


@dataclass(frozen=True)
class Row:
    """An operation, asked in one way; on what is there it answers `status`, else `absent`.

    Where it is for what is `deleted`, the task is there in the trash.
    """

    name: str
    operation: Operation
    asked: Asked
    status: int
    absent: int
    fixed: dict[str, str] = field(default_factory=dict)
    """Values of its path's parameters, but for ids."""
    deleted: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def writes(self) -> bool:
        """Whether it heeds If-Match and Idempotency-Key."""
        return self.asked.method != "GET" and not self.operation.is_default

    @property
    def taken(self) -> set[str]:
        """The members of a body that it knows, of those that are places."""
        return TAKEN.get(self.operation.name, set())

    @property
    def telling(self) -> "list[Place]":
        """The places whose values are put in two at a time."""
        return [place for place in PLACES if place in TELLING or (place.kind in LINKS and self._knows(place))]

    def _knows(self, place: "Place") -> bool:
        return place.name in (self.queried if place.part == "query" else self.taken)

    @property
    def queried(self) -> set[str]:
        """The query parameters that it knows."""
        return LISTED.get(self.operation.name, set())


@dataclass(frozen=True)
class Place:
    """Somewhere in a request, and the kind of value that is put there."""

    name: str
    part: str
    kind: str

    def __str__(self) -> str:
        return f"{self.part} {self.name}"

    def put(self, asked: Asked, value: str) -> Asked:
        """The request with the value in this place."""
        match self.part:
            case "path":
                return replace(asked, path=PARAMETER.sub(quote(value, safe=""), asked.path))
            case "query":
                return replace(asked, query=asked.query | {self.name: value})
            case "item":
                return asked.filled({"task_id": value})
            case "header":
                return replace(asked, headers=asked.headers | {self.name: value})
        members: dict[str, Any] = {self.name: [value] if self.kind == "words" else value}
        if "/" in self.name:
            outer, inner = self.name.split("/")
            members = {outer: {"date": "2026-01-01", inner: value}}
        return replace(asked, body=(asked.body or {}) | members)


LISTED = {
    "tasks_list": {
        *("completed", "priority", "due_from", "due_before", "q", "list_id", "parent_id", "label"),
        *("sort", "limit", "cursor"),
    },
    "trash_list": {"limit", "cursor"},
    "lists_list": {"archived", "counts", "limit", "cursor"},
    "labels_list": {"limit", "cursor"},
}
PLACES = [
    Place("id", "path", "id"),
    Place("operations", "item", "id"),
    Place("cursor", "query", "cursor"),
    Place("q", "query", "word"),
    Place("label", "query", "words"),
    Place("priority", "query", "priority"),
    Place("due_from", "query", "date"),
    Place("due_before", "query", "date"),
    *(Place(name, "query", "flag") for name in ("completed", "archived", "counts")),
    Place("list_id", "query", "list"),
    Place("parent_id", "query", "other"),
    *(Place(name, "query", "id") for name in ("sort", "limit", "id", "task_id", "filter")),
    *(Place(name, "query", "user") for name in ("user_id", "owner", "sub")),
    Place("If-Match", "header", "tag"),
    Place("If-None-Match", "header", "tag"),
    Place("Idempotency-Key", "header", "key"),
    Place("X-User-Id", "header", "user"),
    Place("Cookie", "header", "user"),
    Place("id", "body", "id"),
    Place("user_id", "body", "user"),
    Place("version", "body", "tag"),
    Place("due/user_id", "body", "user"),
    Place("task/id", "body", "id"),
    Place("title", "body", "id"),
    Place("name", "body", "id"),
    Place("labels", "body", "words"),
    Place("description", "body", "word"),
    Place("list_id", "body", "list"),
    *(Place(name, "body", "other") for name in ("parent_id", "before", "after")),
]
TELLING = [place for place in PLACES if place.part == "path" or place.kind in {"cursor", "word", "tag", "key"}]
"""Those whose values are also put in two at a time; in a row that knows them, also those that name another object."""
WRITTEN = {"title", "description", "labels", "list_id", "parent_id"}
TAKEN = {
    "tasks_create": WRITTEN,
    "tasks_replace": WRITTEN,
    "tasks_update": WRITTEN,
    "tasks_move": {"list_id", "parent_id", "before", "after"},
    "lists_create": {"name", "description"},
    "lists_update": {"name", "description"},
    "lists_move": {"before", "after"},
    "labels_update": {"name"},
}
"""The places in a body that an operation knows."""
MORE: dict[str, dict[str, tuple[Call, dict[str, str]]]] = {
    "tasks_list": {"one at a time": (Call(200), {"limit": "1"})},
    "tasks_replace": {"without a condition": (Call(428, {"title": "Buy bread"}), {})},
}
UNROUTED = "/v1/tasks/{task_id}/nothing"
ABSENT = "its path has no parameter"


def rows() -> Iterator[Row]:
    """A row for every operation that is deployed; `KeyError` for one of which nobody said what a good request is."""
    for operation in operations():
        if operation.is_default:
            yield Row(operation.name, operation, Asked("GET", UNROUTED), 404, 404)
            continue
        for name, (call, query) in {"": (CALLS[operation.name], {}), **MORE.get(operation.name, {})}.items():
            request = Asked(operation.method, operation.path, query, call.headers, call.body)
            absent = 404
            if operation.method == "PUT":
                absent = 412 if "If-Match" in call.headers else 201
            names = f"{operation.name} {name}".strip()
            yield Row(names, operation, request, call.status, absent, call.values, call.deleted)


ROWS = list(rows())


def why_not(row: Row, place: Place) -> str:
    """Why this place is not there in that row; nothing where it is."""
    there = {"path": "{" in row.asked.path, "item": row.operation.path == "/v1/batch"}
    return "" if there.get(place.part, True) else ABSENT


def expected(row: Row, place: Place, whose: str) -> int:  # noqa: C901, PLR0911 - a table, read from top to bottom
    """The status that the contract has for a cell."""
    if row.operation.is_default:
        return 404
    if place.part == "path":
        if "_id}" not in row.asked.path or whose == MALFORMED:
            return 404
        return row.status if whose == OWN else row.absent
    if place.part == "item":
        return row.status if whose == OWN else 404
    if place.part == "query":
        if place.name not in row.queried or place.kind in {"id", "user"}:
            return 422
        if whose == MALFORMED:
            return 400 if place.kind == "cursor" else 422
        return row.status
    if place.part == "header":
        return _of_a_header(row, place, whose)
    if row.asked.method == "GET":
        return row.status
    if place.name not in row.taken or whose == MALFORMED:
        return 422
    refused = place.kind in LINKS and whose != OWN and row.status < 300
    return 409 if refused else row.status


def _of_a_header(row: Row, place: Place, whose: str) -> int:
    heeded = row.writes or (
        place.name == "If-None-Match" and row.operation.name.endswith("_get") and "{" in row.asked.path
    )
    if place.kind == "user" or not heeded:
        return row.status
    if whose == MALFORMED:
        return 400
    untagged = row.operation.name.endswith("_create") or row.operation.name in {"trash_empty", "batch_run"}
    if place.name == "If-Match" and (untagged or whose != OWN):
        return 412
    if place.name == "If-None-Match" and whose == OWN and not untagged:
        return 412 if row.writes else 304
    # A condition that holds, of any kind, is one: the PUT that had none replaces.
    return 200 if row.status == 428 and place.kind == "tag" else row.status
