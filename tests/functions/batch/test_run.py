"""POST /v1/batch: what an operation of a batch may be, and what it answers."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from psycopg import Connection
from psycopg.rows import DictRow

from functions.batch.run import Writes
from infra.operations import operations
from tests.support.batches import BATCH, complete, delete, everything, new_id, patch, post, put, results, send, statuses
from tests.support.collect_failures import for_each
from tests.support.postgres_proxy import Proxy
from tests.support.replays import assert_replayed
from tests.support.stack import User
from tests.support.tasks import NOBODYS, TASKS, WHOLE, Json, errors, make, path_of, read, titles, without_instance

LONGEST = 262_144
FAILURES: dict[str, tuple[int, Callable[[str], Json]]] = {
    "not found": (404, lambda _: delete(new_id())),
    "conflict": (409, lambda _: post(parent_id=NOBODYS)),
    "stale": (412, lambda task: patch(task, '"7"', title="Buy bread")),
    "a create with a tag": (412, lambda _: post() | {"if_match": "*"}),
    "no condition": (428, put),
}
"""An operation that fails, on a task that is there, and how."""


def test_a_batch_may_name_every_write_of_the_api_and_nothing_else() -> None:
    writes = {
        operation.route
        for operation in operations()
        if operation.path.startswith("/v1/") and operation.method != "GET" and operation.path != BATCH
    }
    assert {f"{method} {route.path}" for route in Writes.routes for method in route.methods or ()} == writes


def test_operations_run_in_order_and_answer_as_they_would_alone(api: httpx.Client) -> None:
    first, second, third = new_id(), new_id(), new_id()
    answer = send(
        api,
        put(first, **{name: value for name, value in WHOLE.items() if name != "title"}),
        put(second, "Buy bread", parent_id=first),
        complete(second),
        patch(first, '"1"', title="Buy oat milk"),
        put(third),
        delete(third, if_match='"1"'),
        post(title="Buy butter", parent_id=first),
        {"method": "POST", "path": f"{TASKS}/{second}/move", "body": {"parent_id": None}},
        {"method": "POST", "path": f"{TASKS}/{second}/reopen"},
    )
    assert statuses(answer) == [201, 201, 200, 200, 201, 204, 201, 200, 200]
    found = results(answer)
    assert found[0]["headers"] == {"ETag": '"1"', "Location": path_of(first)}
    assert found[0]["body"]["due"] == WHOLE["due"]
    assert found[3]["headers"] == {"ETag": '"2"'}
    assert found[3]["body"] == read(api, first)
    assert found[5] == {"status": 204}
    assert found[6]["headers"]["Location"] == path_of(found[6]["body"])
    assert found[6]["body"] == read(api, found[6]["body"])
    assert found[8]["body"] == read(api, second)
    assert found[8]["body"]["parent_id"] is None
    assert api.get(path_of(third)).status_code == 404


@pytest.mark.parametrize("atomic", [True, False])
def test_an_answer_is_the_one_of_the_operation_alone(
    api: httpx.Client, stranger_api: httpx.Client, atomic: bool
) -> None:
    """The same writes, one after the other by one user and as a batch by another: ids are each user's own."""
    task = new_id()
    for operation in [put(task), patch(task, title="Buy bread"), complete(task, if_match='"2"'), delete(task)]:
        headers = {"If-Match": operation["if_match"]} if "if_match" in operation else {}
        alone = api.request(operation["method"], operation["path"], json=operation.get("body"), headers=headers)
        (result,) = results(send(stranger_api, operation, atomic=atomic))
        assert result["status"] == alone.status_code
        told = {name: alone.headers[name] for name in ("ETag", "Location") if name in alone.headers}
        assert result.get("headers", {}) == told
        body = alone.json() if alone.content else {}
        changing = {"created_at", "updated_at", "completed_at", "position"}
        assert list(result.get("body", {})) == list(body)
        assert {name: value for name, value in result.get("body", {}).items() if name not in changing} == {
            name: value for name, value in body.items() if name not in changing
        }


@pytest.mark.parametrize("key", ["", "a key"])
@pytest.mark.parametrize("index", [0, 1, 3])
@pytest.mark.parametrize("name", FAILURES)
def test_where_an_operation_fails_nothing_has_happened(
    api: httpx.Client, admin: Connection[DictRow], user: User, name: str, index: int, key: str
) -> None:
    status, failing = FAILURES[name]
    task, other = make(api), make(api)
    before = everything(admin, user)
    good = [put(new_id()), complete(other["id"], if_match='"1"'), post(parent_id=other["id"])]
    batch = [*good[:index], failing(task["id"]), *good[index:], delete(new_id())]
    answer = send(api, *batch, key=key)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert problem["index"] == index
    assert "ETag" not in answer.headers
    refused = [{"pointer": f"/operations/{index}/body/parent_id", "detail": "there is no such task"}]
    assert problem.get("errors") == (refused if name == "conflict" else None)
    assert problem.get("current") == (task if name == "stale" else None)
    kept = [row for row in everything(admin, user) if "fingerprint" in row["row"]]
    assert [row for row in everything(admin, user) if row not in kept] == before
    assert [row["row"]["key"] for row in kept] == ([key] if key else [])
    if key:
        assert_replayed(send(api, *batch, key=key), answer)


@pytest.mark.parametrize("key", ["", "a key"])
def test_a_stale_tag_is_answered_with_what_there_is_not_with_what_was_undone(api: httpx.Client, key: str) -> None:
    task, made = make(api), new_id()
    for batch, current in (
        ([patch(task["id"], title="Undone"), patch(task["id"], '"1"', title="Buy bread")], {"current": task}),
        ([put(made), patch(made, '"7"', title="Buy bread")], {}),
    ):
        answer = send(api, *batch, key=key and f"{key} {len(current)}")
        problem = answer.json()
        assert (answer.status_code, problem["index"]) == (412, 1)
        assert {name: problem[name] for name in ("current",) if name in problem} == current
        if key:
            assert_replayed(send(api, *batch, key=f"{key} {len(current)}"), answer)
    assert read(api, task) == task


def test_the_first_failure_is_the_answer(api: httpx.Client) -> None:
    answer = send(api, post(), complete(new_id()), post(parent_id=new_id()), put(make(api)["id"]))
    assert (answer.status_code, answer.json()["index"]) == (404, 1)
    assert len(titles(api)) == 1


def test_one_by_one_each_happens_or_fails_on_its_own(api: httpx.Client) -> None:
    task, made = make(api), new_id()
    answer = send(
        api,
        put(made),
        *(failing(task["id"]) for _, failing in FAILURES.values()),
        complete(made),
        atomic=False,
    )
    assert statuses(answer) == [201, *(status for status, _ in FAILURES.values()), 200]
    found = results(answer)
    for result in found[1:-1]:
        assert result["body"]["status"] == result["status"]
        assert result["body"]["instance"] == answer.headers["X-Request-Id"]
        assert "index" not in result["body"]
    assert found[2]["body"]["errors"] == [{"pointer": "/parent_id", "detail": "there is no such task"}]
    assert found[3]["headers"] == {"ETag": '"1"'}
    assert found[3]["body"]["current"] == read(api, task) == task
    assert read(api, made) == found[-1]["body"]


def test_an_id_made_by_an_operation_that_failed_is_not_there_for_those_after_it(api: httpx.Client) -> None:
    made = new_id()
    answer = send(api, put(made, if_match='"1"'), complete(made), atomic=False)
    assert statuses(answer) == [412, 404]
    answer = send(api, put(made, if_match='"1"'), complete(made))
    assert (answer.status_code, answer.json()["index"]) == (412, 0)


SOMETHING = f"{TASKS}/{NOBODYS}"
WRONG: list[tuple[Any, list[str]]] = [
    (post(title=""), ["body/title"]),
    (post(title=3, colour="red", due={"date": "2026-02-30"}), ["body/colour", "body/due/date", "body/title"]),
    (post() | {"method": "GET"}, ["method"]),
    (post() | {"method": "post"}, ["method"]),
    (post() | {"method": "DELETE"}, ["method"]),
    (post() | {"method": None, "path": "/v1/nothing"}, ["method", "path"]),
    (post() | {"path": "/v1/nothing"}, ["path"]),
    (post() | {"path": BATCH}, ["path"]),
    (post() | {"path": "/health"}, ["path"]),
    (post() | {"path": "v1/tasks"}, ["path"]),
    (post() | {"path": f"{TASKS}/"}, ["path"]),
    (post() | {"path": f"{TASKS}\n"}, ["path"]),
    (post() | {"path": "https://api.test/v1/tasks"}, ["path"]),
    (post() | {"path": 3}, ["path"]),
    (complete(NOBODYS) | {"path": f"{SOMETHING}/complete?nonsense=1"}, ["path"]),
    (complete(NOBODYS) | {"path": f"{SOMETHING}/complete?\u00e4"}, ["path"]),
    (complete(NOBODYS) | {"body": {"title": "x"}}, ["body/title"]),
    (complete(NOBODYS) | {"body": None}, ["body"]),
    ({"method": "POST", "path": TASKS}, ["body"]),
    (post() | {"body": "text"}, ["body"]),
    (patch(NOBODYS, '"1', title=""), ["body/title", "if_match"]),
    (patch(NOBODYS, "", title="x") | {"if_match": ""}, ["if_match"]),
    (patch(NOBODYS, "\ud800", title="x"), ["if_match"]),
    (patch(NOBODYS, title="x") | {"if_match": 1}, ["if_match"]),
    (post() | {"headers": {}, "key": "x"}, ["headers", "key"]),
    ({"path": TASKS, "body": {"title": "x"}}, ["method"]),
    ({"method": "POST"}, ["path"]),
    ("POST /v1/tasks", [""]),
]


@pytest.mark.parametrize("atomic", [True, False])
def test_all_that_is_wrong_with_any_operation_is_named_at_once(api: httpx.Client, proxy: Proxy, atomic: bool) -> None:
    read_nothing = len(proxy.trips)
    answer = send(api, post(), *(operation for operation, _ in WRONG), atomic=atomic, more=1)
    pointers = [
        f"/operations/{index}/{member}".rstrip("/") for index, (_, members) in enumerate(WRONG, 1) for member in members
    ]
    assert errors(answer) == sorted([*pointers, "/more"])
    assert len(proxy.trips) == read_nothing


@for_each("number", range(len(WRONG)))
def test_one_wrong_operation_is_enough(api: httpx.Client, number: int) -> None:
    operation, members = WRONG[number]
    answer = send(api, post(), operation)
    assert errors(answer) == [f"/operations/1/{member}".rstrip("/") for member in members]
    assert titles(api) == []


@for_each(
    "body, wrong",
    [
        ({}, "/operations"),
        ({"operations": []}, "/operations"),
        ({"operations": [post()] * 101}, "/operations"),
        ({"operations": {}}, "/operations"),
        ({"operations": [post()], "atomic": "true"}, "/atomic"),
        ({"operations": [post()], "atomic": None}, "/atomic"),
        ([post()], ""),
    ],
)
def test_a_batch_holds_1_to_100_operations(api: httpx.Client, body: Any, wrong: str) -> None:
    assert errors(api.post(BATCH, json=body)) == [wrong]
    assert titles(api) == []


@pytest.mark.parametrize("atomic", [True, False])
def test_a_hundred_operations_are_a_batch(api: httpx.Client, atomic: bool) -> None:
    made = [new_id() for _ in range(50)]
    answer = send(api, *(put(one) for one in made), *(complete(one) for one in made), atomic=atomic)
    assert statuses(answer) == [201] * 50 + [200] * 50
    assert [result["body"]["id"] for result in results(answer)] == made * 2


def test_a_batch_is_as_large_as_any_body(api: httpx.Client) -> None:
    whole = json.dumps({"operations": [post()]})
    headers = {"Content-Type": "application/json"}
    assert api.post(BATCH, content=whole.ljust(LONGEST), headers=headers).status_code == 200
    assert api.post(BATCH, content=whole.ljust(LONGEST + 1), headers=headers).status_code == 413


def test_a_batch_itself_matches_no_tag(api: httpx.Client) -> None:
    for tag, status in (("*", 412), ('"1"', 412), ("x", 400)):
        answer = api.post(BATCH, json={"operations": [post()]}, headers={"If-Match": tag})
        assert answer.status_code == status
        assert not {"index", "current"} & without_instance(answer).keys()
    assert titles(api) == []
    answer = api.post(BATCH, json={"operations": [post()]}, headers={"If-None-Match": "*"})
    assert statuses(answer) == [201]


def test_a_path_is_read_as_the_gateway_reads_it(api: httpx.Client) -> None:
    task = make(api)["id"]
    escaped = f"%{ord(task[0]):02x}{task[1:]}"
    answer = send(api, complete(escaped), complete(task.replace("-", "%2F", 1)), complete(task.upper()), atomic=False)
    assert statuses(answer) == [200, 404, 404]


@pytest.mark.parametrize("atomic", [True, False])
def test_bodies_that_an_answer_has_no_room_for_are_left_out(
    api: httpx.Client, admin: Connection[DictRow], user: User, atomic: bool
) -> None:
    fill = """insert into task (user_id, id, title, description)
        select %s, gen_random_uuid(), 'x', repeat(chr(1), 10000) from generate_series(1, 100) returning id::text"""
    tasks = [row["id"] for row in admin.execute(fill, [user.id])]
    answer = send(api, *map(complete, tasks), atomic=atomic)
    assert statuses(answer) == [200] * 100
    assert {result["headers"]["ETag"] for result in results(answer)} == {'"2"'}
    whole = [result for result in results(answer) if "body" in result]
    assert 50 < len(whole) < 100
    assert whole == results(answer)[: len(whole)]
    assert [result["body"]["id"] for result in whole] == tasks[: len(whole)]
    assert len(json.dumps(answer.text)) < 6_000_000
