"""The isolation matrix as data: each operation, each place in a request that takes a value, and whose value it is.

A row is a request that succeeds (`CALLS` of tests/support/calls.py) on an object of the caller. A place puts a value
into the request. The value is the caller's own, another user's, random, of a deleted object, or malformed.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from infra.operations import Operation, operations
from tests.support.calls import CALLS, Call

OWN, FOREIGN, RANDOM, DELETED, MALFORMED = WHOSE = ("own", "foreign", "random", "deleted", "malformed")
LINKS = {"list", "other"}
"""Kinds of values that name a second object."""
INDISTINGUISHABLE = (FOREIGN, RANDOM, DELETED)
"""Values that must get equal responses."""

PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Request:
    """A request before it is sent. Its path, and the items of a batch, may hold parameters such as `{task_id}`."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None

    def filled(self, values: dict[str, str]) -> "Request":
        """The request with values for the parameters in the items of a batch."""
        if self.body is None or "operations" not in self.body:
            return self
        body = PARAMETER.sub(lambda found: json.dumps(values[found[1]])[1:-1], json.dumps(self.body["operations"]))
        return replace(self, body=self.body | {"operations": json.loads(body)})

    @property
    def text(self) -> str:
        """Path, query, headers and body as one text."""
        return json.dumps([self.path, self.query, self.headers, self.body], ensure_ascii=False)


@dataclass(frozen=True)
class Row:
    """A request of one operation: its status is `status` for an object that exists, else `absent`.

    Where it is `deleted`, the object is a task in the trash.
    """

    name: str
    operation: Operation
    request: Request
    status: int
    absent: int
    fixed: dict[str, str] = field(default_factory=dict)
    """Values of the path's parameters that are no ids."""
    deleted: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def writes(self) -> bool:
        """Whether the operation reads If-Match and Idempotency-Key."""
        return self.request.method != "GET" and not self.operation.is_default

    @property
    def members(self) -> set[str]:
        """The places in a body that the operation knows."""
        return MEMBERS.get(self.operation.name, set())

    @property
    def parameters(self) -> set[str]:
        """The query parameters that the operation knows."""
        return PARAMETERS.get(self.operation.name, set())

    @property
    def paired(self) -> "list[Place]":
        """The places that get a value two at a time."""
        return [place for place in PLACES if place in ALWAYS_PAIRED or (place.kind in LINKS and self._knows(place))]

    def _knows(self, place: "Place") -> bool:
        return place.name in (self.parameters if place.part == "query" else self.members)


@dataclass(frozen=True)
class Place:
    """A place in a request, and the kind of value that it takes."""

    name: str
    part: str
    kind: str

    def __str__(self) -> str:
        return f"{self.part} {self.name}"

    def put(self, request: Request, value: str) -> Request:
        """The request with the value in this place."""
        match self.part:
            case "path":
                return replace(request, path=PARAMETER.sub(quote(value, safe=""), request.path))
            case "query":
                return replace(request, query=request.query | {self.name: value})
            case "item":
                return request.filled({"task_id": value})
            case "header":
                return replace(request, headers=request.headers | {self.name: value})
        members: dict[str, Any] = {self.name: [value] if self.kind == "words" else value}
        if "/" in self.name:
            outer, inner = self.name.split("/")
            members = {outer: {"date": "2026-01-01", inner: value}}
        return replace(request, body=(request.body or {}) | members)


PARAMETERS = {
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
ALWAYS_PAIRED = [place for place in PLACES if place.part == "path" or place.kind in {"cursor", "word", "tag", "key"}]
"""Places that are paired in every row; a row adds the places for a second object that its operation knows."""
WRITTEN = {"title", "description", "labels", "list_id", "parent_id"}
MEMBERS = {
    "tasks_create": WRITTEN,
    "tasks_replace": WRITTEN,
    "tasks_update": WRITTEN,
    "tasks_move": {"list_id", "parent_id", "before", "after"},
    "lists_create": {"name", "description"},
    "lists_update": {"name", "description"},
    "lists_move": {"before", "after"},
    "labels_update": {"name"},
}
VARIANTS: dict[str, dict[str, tuple[Call, dict[str, str]]]] = {
    "tasks_list": {"one at a time": (Call(200), {"limit": "1"})},
    "tasks_replace": {"without a condition": (Call(428, {"title": "Buy bread"}), {})},
}
UNROUTED = "/v1/tasks/{task_id}/nothing"


def rows() -> Iterator[Row]:
    """Rows for every deployed operation. Raises `KeyError` for one that `CALLS` lacks."""
    for operation in operations():
        if operation.is_default:
            yield Row(operation.name, operation, Request("GET", UNROUTED), 404, 404)
            continue
        for name, (call, query) in {"": (CALLS[operation.name], {}), **VARIANTS.get(operation.name, {})}.items():
            request = Request(operation.method, operation.path, query, call.headers, call.body)
            absent = 404
            if operation.method == "PUT":
                absent = 412 if "If-Match" in call.headers else 201
            names = f"{operation.name} {name}".strip()
            yield Row(names, operation, request, call.status, absent, call.values, call.deleted)


ROWS = list(rows())


def applies(row: Row, place: Place) -> bool:
    """Whether the row's request has this place; every request can have a query, headers and a body."""
    if place.part == "path":
        return "{" in row.request.path
    return place.part != "item" or row.operation.path == "/v1/batch"


def expected(row: Row, place: Place, whose: str) -> int:  # noqa: C901, PLR0911 - a table, read from top to bottom
    """The status that the contract names for a cell."""
    if row.operation.is_default:
        return 404
    if place.part == "path":
        if "_id}" not in row.request.path or whose == MALFORMED:
            return 404
        return row.status if whose == OWN else row.absent
    if place.part == "item":
        return row.status if whose == OWN else 404
    if place.part == "query":
        if place.name not in row.parameters or place.kind in {"id", "user"}:
            return 422
        if whose == MALFORMED:
            return 400 if place.kind == "cursor" else 422
        return row.status
    if place.part == "header":
        return _of_a_header(row, place, whose)
    if row.request.method == "GET":
        return row.status
    if place.name not in row.members or whose == MALFORMED:
        return 422
    refused = place.kind in LINKS and whose != OWN and row.status < 300
    return 409 if refused else row.status


def _of_a_header(row: Row, place: Place, whose: str) -> int:
    is_read = row.writes or (
        place.name == "If-None-Match" and row.operation.name.endswith("_get") and "{" in row.request.path
    )
    if place.kind == "user" or not is_read:
        return row.status
    if whose == MALFORMED:
        return 400
    untagged = row.operation.name.endswith("_create") or row.operation.name in {"trash_empty", "batch_run"}
    if place.name == "If-Match" and (untagged or whose != OWN):
        return 412
    if place.name == "If-None-Match" and whose == OWN and not untagged:
        return 412 if row.writes else 304
    # Any condition that holds is a precondition: the PUT that had none replaces the task.
    return 200 if row.status == 428 and place.kind == "tag" else row.status
