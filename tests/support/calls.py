"""A request that succeeds for every operation, and helpers that send it: to an API, or as an item of a batch.

An operation that is deployed needs an entry in `CALLS`; tests/rules/test_every_operation.py compares the two.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

from infra.operations import Operation, operations


@dataclass(frozen=True)
class Call:
    """A request that an operation answers with `status`.

    An id in its path or body is that of an object of the caller, in the trash where it is `deleted`.
    """

    status: int
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    deleted: bool = False


CALLS = {
    "tasks_create": Call(201, {"title": "Buy milk"}),
    "tasks_list": Call(200),
    "tasks_get": Call(200),
    "tasks_update": Call(200, {"title": "Buy bread"}),
    "tasks_replace": Call(200, {"title": "Buy bread"}, {"If-Match": "*"}),
    "tasks_delete": Call(204),
    "tasks_complete": Call(200),
    "tasks_move": Call(200, body={}),
    "tasks_reopen": Call(200),
    "batch_run": Call(200, {"operations": [{"method": "POST", "path": "/v1/tasks/{task_id}/complete"}]}),
    "tasks_restore": Call(200, deleted=True),
    "trash_list": Call(200, deleted=True),
    "trash_delete": Call(204, deleted=True),
    "trash_empty": Call(204, deleted=True),
    "lists_create": Call(201, {"name": "Groceries"}),
    "lists_list": Call(200),
    "lists_get": Call(200),
    "lists_update": Call(200, {"name": "Shopping"}),
    "lists_delete": Call(204),
    "lists_move": Call(200, body={}),
    "labels_list": Call(200),
    "labels_update": Call(200, {"color": "#1e90ff"}),
    "labels_delete": Call(204),
    "limits_get": Call(200),
    "service_health": Call(200),
    "service_ready": Call(200),
    "service_contract": Call(200),
    "service_docs": Call(200),
    "service_docs_asset": Call(200, values={"asset": "page.css"}),
}
OPERATIONS = [operation for operation in operations() if not operation.is_default]
AUTHENTICATED = [operation for operation in OPERATIONS if not operation.anonymous]
WRITES = [operation for operation in AUTHENTICATED if operation.method != "GET" and operation.path != "/v1/batch"]
WITH_ID = [operation for operation in AUTHENTICATED if "_id}" in operation.path]
"""Operations whose path names an object."""


def table_of(operation: Operation) -> str:
    """The table of the objects that an operation is about, by its path."""
    about = re.match(r"/v1/(list|label)s", operation.path)
    return about[1] if about else "task"


def path_of(operation: Operation, target_id: object) -> str:
    """The path of an operation's call for an object."""
    values = CALLS[operation.name].values | {f"{table_of(operation)}_id": str(target_id)}
    return re.sub(r"\{([^}]*)\}", lambda match: values[match[1]], operation.path)


def call(api: httpx.Client, operation: Operation, target_id: object = "", **changes: Any) -> httpx.Response:
    """Send an operation's call for an object; `changes` are arguments of `httpx.Client.request`."""
    found = CALLS[operation.name]
    headers = found.headers | changes.pop("headers", {})
    body = json.loads(json.dumps(found.body).replace("{task_id}", str(target_id)))
    return api.request(operation.method, path_of(operation, target_id), json=body, headers=headers, **changes)


def batch_item(operation: Operation, target_id: object, query: str = "", **changes: Any) -> dict[str, Any]:
    """The same request as an item of a batch."""
    found = CALLS[operation.name]
    item: dict[str, Any] = {"method": operation.method, "path": path_of(operation, target_id) + query}
    item |= {} if found.body is None else {"body": found.body}
    item |= {"if_match": found.headers["If-Match"]} if "If-Match" in found.headers else {}
    return item | changes


def make_task(api: httpx.Client) -> UUID:
    created = api.post("/v1/tasks", json={"title": "Water the plants"})
    assert created.status_code == 201
    return UUID(created.json()["id"])


def make_target(api: httpx.Client, operation: Operation) -> UUID:
    """Create an object that an operation can find: a list, a label or a task; return its id."""
    if table_of(operation) == "list":
        return UUID(api.post("/v1/lists", json={"name": "Garden"}).json()["id"])
    if table_of(operation) == "label":
        name = str(uuid4())
        assert api.post("/v1/tasks", json={"title": "Water the plants", "labels": [name]}).status_code == 201
        labels = api.get("/v1/labels", params={"limit": 200}).json()["items"]
        return next(UUID(label["id"]) for label in labels if label["name"] == name)
    task_id = make_task(api)
    if operation.name in CALLS and CALLS[operation.name].deleted:
        assert api.delete(f"/v1/tasks/{task_id}").status_code == 204
    return task_id


def comparable(response: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body and headers without the request id and the date: equal responses have these in common."""
    request_id = response.headers["x-request-id"]
    headers = [(name, value.replace(request_id, "")) for name, value in response.headers.multi_items()]
    return (
        response.status_code,
        response.content.replace(request_id.encode(), b""),
        [header for header in headers if header[0] != "date"],
    )
