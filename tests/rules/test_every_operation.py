"""What every operation promises alike, generated from the files under functions/: a new one is tested as it lands.

Each operation needs a row in `CALLS`: a request that succeeds. The rest follows from its route.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from infra.operations import Operation, operations
from tests.conftest import BASE_URL
from tests.support.api_gateway import Gateway
from tests.support.stack import Stack, User

type Client = Callable[[User | None], httpx.Client]


@dataclass(frozen=True)
class Call:
    """A request that an operation answers with `status`.

    An id in its path or body is that of something of the caller's, in the trash where it is `deleted`.
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
CLOSED = [operation for operation in OPERATIONS if not operation.anonymous]
WRITING = [operation for operation in CLOSED if operation.method != "GET" and operation.path != "/v1/batch"]
TARGETED = [operation for operation in CLOSED if "_id}" in operation.path]
PATHS = sorted({operation.path for operation in OPERATIONS})
EVERY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
EVERYTHING = " union all ".join(
    f"select user_id, id, to_jsonb(t) from {table} t"  # noqa: S608 - names of ours
    for table in ("task", "trash", "list", "label")
)
LEFT = f"select * from ({EVERYTHING}) every where id = %s".encode()  # noqa: S608
OWNED = f"select from ({EVERYTHING}) every where user_id = %s".encode()
MALFORMED: dict[str, Callable[[UUID], str]] = {
    "no UUID": lambda _: "1",
    "too short": lambda own: str(own)[:-1],
    "upper case": lambda own: str(own).upper(),
    "braces": lambda own: f"{{{own}}}",
    "no hyphens": lambda own: own.hex,
    "a URN": lambda own: own.urn,
    "NUL": lambda own: f"{own}%00",
    "white space": lambda own: f"%20{own}",
}
CONDITIONS: dict[str, Callable[[], dict[str, str]]] = {
    "plain": dict,
    "with conditions and a key": lambda: {
        "If-Match": "*",
        "If-None-Match": '"7"',
        "Idempotency-Key": str(uuid4()),
    },
}


def named(items: list[Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", items, ids=lambda operation: operation.name)


@pytest.fixture(params=["lambda", "http"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Make clients for a user or for nobody: of the handlers, then of the server."""
    with ExitStack() as clients:
        if request.param == "lambda":
            yield lambda user: clients.enter_context(
                httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers if user else {})
            )
        else:
            server = request.getfixturevalue("server")
            yield lambda user: clients.enter_context(server.client(**(user.headers if user else {})))


def table_of(operation: Operation) -> str:
    """What an operation is about, by its path."""
    about = re.match(r"/v1/(list|label)s", operation.path)
    return about[1] if about else "task"


def path_of(operation: Operation, named: object) -> str:
    values = CALLS[operation.name].values | {f"{table_of(operation)}_id": str(named)}
    return re.sub(r"\{([^}]*)\}", lambda match: values[match[1]], operation.path)


def call(api: httpx.Client, operation: Operation, named: object = "", **changes: Any) -> httpx.Response:
    row = CALLS[operation.name]
    headers = row.headers | changes.pop("headers", {})
    body = json.loads(json.dumps(row.body).replace("{task_id}", str(named)))
    return api.request(operation.method, path_of(operation, named), json=body, headers=headers, **changes)


def as_item(operation: Operation, named: object, query: str = "", **changes: Any) -> dict[str, Any]:
    """The same request as an operation of a batch."""
    row = CALLS[operation.name]
    item: dict[str, Any] = {"method": operation.method, "path": path_of(operation, named) + query}
    item |= {} if row.body is None else {"body": row.body}
    item |= {"if_match": row.headers["If-Match"]} if "If-Match" in row.headers else {}
    return item | changes


def new_task(api: httpx.Client) -> UUID:
    created = api.post("/v1/tasks", json={"title": "Water the plants"})
    assert created.status_code == 201
    return UUID(created.json()["id"])


def target(api: httpx.Client, operation: Operation) -> UUID:
    """Something for the operation to find: a list, a label, or a task."""
    if table_of(operation) == "list":
        return UUID(api.post("/v1/lists", json={"name": "Garden"}).json()["id"])
    if table_of(operation) == "label":
        name = str(uuid4())
        assert api.post("/v1/tasks", json={"title": "Water the plants", "labels": [name]}).status_code == 201
        labels = api.get("/v1/labels", params={"limit": 200}).json()["items"]
        return next(UUID(label["id"]) for label in labels if label["name"] == name)
    task_id = new_task(api)
    if operation.name in CALLS and CALLS[operation.name].deleted:
        assert api.delete(f"/v1/tasks/{task_id}").status_code == 204
    return task_id


def ours(response: httpx.Response) -> bool:
    headers = response.headers
    UUID(headers["x-request-id"])
    return "cache-control" in headers and headers["x-content-type-options"] == "nosniff"


def twin(response: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """An answer with its request id blanked and without its date: what must be equal between equal answers."""
    request_id = response.headers["x-request-id"]
    headers = [(name, value.replace(request_id, "")) for name, value in response.headers.multi_items()]
    return (
        response.status_code,
        response.content.replace(request_id.encode(), b""),
        [header for header in headers if header[0] != "date"],
    )


def test_every_operation_has_a_row() -> None:
    assert sorted(CALLS) == sorted(operation.name for operation in OPERATIONS)
    assert sum(operation.is_default for operation in operations()) == 1


@named(OPERATIONS)
def test_the_row_of_an_operation_succeeds_and_its_answer_carries_our_headers(
    operation: Operation, client: Client, user: User
) -> None:
    api = client(user)
    answers = [call(api, operation, target(api, operation)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [CALLS[operation.name].status] * 2
    assert all(ours(answer) for answer in answers)
    assert answers[0].headers["x-request-id"] != answers[1].headers["x-request-id"]
    if not operation.path.startswith("/docs"):
        assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


@named(OPERATIONS)
def test_everything_needs_a_token_but_health_contract_and_docs(operation: Operation, client: Client) -> None:
    answer = call(client(None), operation, uuid4())
    public = operation.path.startswith(("/health", "/openapi.json", "/docs"))
    assert answer.status_code == (CALLS[operation.name].status if public else 401)
    assert public == operation.anonymous


@named(CLOSED)
def test_a_bad_token_of_any_kind_is_401_with_one_body(operation: Operation, client: Client, stack: Stack) -> None:
    api = client(None)
    good = stack.user().token
    missing = [call(api, operation, uuid4(), headers=headers) for headers in ({}, {"Authorization": "Basic eDp5"})]
    bad = [
        call(api, operation, uuid4(), headers={"Authorization": f"Bearer {token}"})
        for token in ("x", good[:-3], good + ".x", stack.signer.token(exp=1, iat=0))
    ]
    assert {answer.headers["www-authenticate"] for answer in missing} == {"Bearer"}
    assert {answer.headers["www-authenticate"] for answer in bad} == {'Bearer error="invalid_token"'}
    bodies = {twin(answer)[:2] for answer in missing + bad}
    assert len(bodies) == 1
    assert {status for status, _ in bodies} == {401}
    assert all(ours(answer) for answer in missing + bad)


@named(OPERATIONS)
def test_an_unknown_query_parameter_is_422_by_its_name(operation: Operation, client: Client, user: User) -> None:
    api = client(user)
    answer = call(api, operation, target(api, operation), params={"nonsense": "1"})
    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == ["nonsense"]
    assert ours(answer)


@pytest.mark.parametrize("condition", CONDITIONS)
@named(TARGETED)
def test_what_belongs_to_another_answers_like_what_never_existed(
    operation: Operation,
    condition: str,
    client: Client,
    user: User,
    stranger: User,
    admin: psycopg.Connection[DictRow],
) -> None:
    """By both ways in; what else there is to tell them apart by, and to ask with, is in tests/isolation/."""
    foreign = target(client(user), operation)
    before = admin.execute(LEFT, [foreign]).fetchall()
    assert len(before) == 1
    api = client(stranger)
    answers = [call(api, operation, task_id, headers=CONDITIONS[condition]()) for task_id in (foreign, uuid4())]
    assert twin(answers[0]) == twin(answers[1])
    # PUT makes what is not there, so its row asks for what is: 412 without `current` (else 201, test_two_users.py).
    assert answers[0].status_code == (412 if operation.method == "PUT" else 404)
    assert "current" not in answers[0].json()
    assert admin.execute(LEFT, [foreign]).fetchall() == before
    assert admin.execute(OWNED, [stranger.id]).fetchall() == []


@pytest.mark.parametrize("spelling", MALFORMED)
@named(TARGETED)
def test_a_malformed_id_is_404_like_any_other_that_does_not_exist(
    operation: Operation, spelling: str, client: Client, user: User
) -> None:
    api = client(user)
    malformed = call(api, operation, MALFORMED[spelling](target(api, operation)))
    assert malformed.status_code == 404
    assert twin(malformed) == twin(api.get(f"/v1/tasks/{uuid4()}"))


@pytest.mark.parametrize("path", PATHS)
def test_a_known_path_with_another_method_is_405_with_a_full_allow(path: str, client: Client) -> None:
    known = {operation.method for operation in OPERATIONS if operation.path == path}
    api = client(None)
    asked = re.sub(r"\{\w+_id\}", str(uuid4()), path).replace("{asset}", "page.css")
    for method in set(EVERY_METHOD) - known:
        answer = api.request(method, asked)
        assert answer.status_code == 405, method
        assert set(answer.headers["allow"].split(", ")) == known
        assert ours(answer)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_has_a_twin_with_a_slash_behind_it(path: str, client: Client, user: User) -> None:
    asked = re.sub(r"\{\w+_id\}", str(uuid4()), path).replace("{asset}", "page.css") + "/"
    answers = [client(user).request(method, asked) for method in ("GET", "POST", "HEAD")]
    assert {answer.status_code for answer in answers} == {404}
    assert all(ours(answer) for answer in answers)


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/tasks", "/v1/tasks/1/2/3", "/V1/tasks", "//v1/tasks", "/health/x"])
def test_an_unknown_path_is_404_for_anyone_and_any_method(path: str, client: Client, user: User) -> None:
    answers = [client(who).request(method, path) for who in (None, user) for method in ("GET", "DELETE")]
    assert all(twin(answer) == twin(answers[0]) for answer in answers)
    assert answers[0].status_code == 404
