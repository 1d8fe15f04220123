"""Every kind of write, ready to be sent under a fault, and what a write has done to a user's tasks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

type Tasks = dict[str, int]
"""The version of each task, by id."""
type Send = Callable[..., httpx.Response]
"""Send a prepared request; headers as a dict. The same request each time."""


@dataclass(frozen=True, slots=True)
class Write:
    """An operation that writes: on `{id}`, a task that is there, or `{new}`, an id that is free."""

    name: str
    method: str
    path: str
    status: int
    body: dict[str, Any] | None = None
    matching: bool = False  # it needs If-Match to do anything

    def __str__(self) -> str:
        return self.name


CREATE = Write("create", "POST", "/v1/tasks", 201, {"title": "Buy milk"})
UPDATE = Write("update", "PATCH", "/v1/tasks/{id}", 200, {"title": "Buy milk"})
REPLACE = Write("replace", "PUT", "/v1/tasks/{id}", 200, {"title": "Buy milk"}, matching=True)
PUT_NEW = Write("replace-new", "PUT", "/v1/tasks/{new}", 201, {"title": "Buy milk"})
DELETE = Write("delete", "DELETE", "/v1/tasks/{id}", 204)
COMPLETE = Write("complete", "POST", "/v1/tasks/{id}/complete", 200)
REOPEN = Write("reopen", "POST", "/v1/tasks/{id}/reopen", 200)
MOVE = Write("move", "POST", "/v1/tasks/{id}/move", 200, {})
RESTORE = Write("restore", "POST", "/v1/tasks/{id}/restore", 200)
WRITES = [CREATE, UPDATE, REPLACE, PUT_NEW, DELETE, COMPLETE, REOPEN, MOVE, RESTORE]
DELETE_FOR_GOOD = Write("delete-for-good", "DELETE", "/v1/trash/{id}", 204)
EMPTY = Write("empty", "DELETE", "/v1/trash", 204)
OF_THE_TRASH = [RESTORE, DELETE_FOR_GOOD, EMPTY]


def prepare(api: httpx.Client, write: Write) -> Send:
    """Make the task that `write` is for, and give what sends it; it has one effect when it is first carried out."""
    answer = api.post("/v1/tasks", json={"title": "Before"})
    assert answer.status_code == 201, answer.text
    path = f"/v1/tasks/{answer.json()['id']}"
    if write is REOPEN:
        answer = api.post(f"{path}/complete")
        assert answer.status_code == 200, answer.text
    if write is MOVE:  # which stands at the end already, where nothing comes behind it
        assert api.post("/v1/tasks", json={"title": "Behind"}).status_code == 201
    if write in OF_THE_TRASH:
        deleted = api.delete(path)
        assert deleted.status_code == 204, deleted.text
    target = write.path.format(id=answer.json()["id"], new=uuid4())
    fixed = {"If-Match": answer.headers["ETag"]} if write.matching else {}

    def send(headers: dict[str, str] | None = None) -> httpx.Response:
        return api.request(write.method, target, json=write.body, headers={**fixed, **(headers or {})})

    return send


def effects(before: Tasks, after: Tasks) -> int:
    """How many times something was made, changed or deleted between the two."""
    made, gone = after.keys() - before.keys(), before.keys() - after.keys()
    changed = sum(after[task] - version for task, version in before.items() if task in after)
    return len(made) + len(gone) + changed
