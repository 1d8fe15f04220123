"""One user and another: whatever names something of the other's, no answer tells of it and nothing of it changes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from functions.tasks.list import Sort
from infra.operations import Operation
from tests.rules.test_every_operation import CALLS, CLOSED, call
from tests.support.api_server import Server
from tests.support.stack import Stack, User

SORTS = get_args(Sort)


def create(api: httpx.Client, title: str) -> dict[str, Any]:
    answer = api.post("/v1/tasks", json={"title": title})
    assert answer.status_code == 201
    task: dict[str, Any] = answer.json()
    return task


def titles(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200
    return [task["title"] for task in answer.json()["items"]]


def asked(sort: str) -> dict[str, Any]:
    """The query of a list in that order."""
    return {"sort": sort} | ({"q": "task"} if sort == "relevance" else {})


@pytest.mark.parametrize("sort", SORTS)
def test_a_list_in_any_order_shows_the_users_own_alone(
    sort: str, api: httpx.Client, stranger_api: httpx.Client
) -> None:
    for i in range(2):
        create(api, f"theirs, task {i}")
        create(stranger_api, f"mine, task {i}")
    assert sorted(titles(stranger_api.get("/v1/tasks", params=asked(sort)))) == ["mine, task 0", "mine, task 1"]


@pytest.mark.parametrize("sort", SORTS)
def test_a_cursor_of_another_user_leads_to_the_users_own_alone(
    sort: str, api: httpx.Client, stranger_api: httpx.Client
) -> None:
    for i in range(3):
        create(stranger_api, f"mine, task {i}")
        create(api, f"theirs, task {i}")
    foreign = api.get("/v1/tasks", params=asked(sort) | {"limit": 1}).json()["next_cursor"]
    page = stranger_api.get("/v1/tasks", params=asked(sort) | {"cursor": foreign})
    assert all(title.startswith("mine") for title in titles(page))
    assert "theirs" not in page.text + str(page.headers)


def test_put_on_an_id_that_another_user_has_creates(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = create(api, "theirs")
    place = f"/v1/tasks/{theirs['id']}"
    mine = stranger_api.put(place, json={"title": "mine"})
    assert (mine.status_code, mine.headers["location"], mine.headers["etag"]) == (201, place, '"1"')
    assert stranger_api.patch(place, json={"title": "mine, changed"}).json()["version"] == 2
    assert api.get(place).json() == theirs
    assert stranger_api.delete(place).status_code == 204
    assert api.get(place).json() == theirs


@pytest.mark.parametrize("operation", CLOSED, ids=lambda operation: operation.name)
def test_nothing_of_another_user_is_waited_for(
    operation: Operation,
    api: httpx.Client,
    stranger_api: httpx.Client,
    user: User,
    admin: psycopg.Connection[DictRow],
) -> None:
    theirs, key = create(api, "theirs"), str(uuid4())
    # Whoever waited for a lock that is held here would be answered 503 or 409 in the end.
    with admin.transaction(force_rollback=True):
        admin.execute("select from task where user_id = %s for update", [user.id])
        admin.execute(
            "insert into idempotency_key (user_id, key, fingerprint) values (%s, %s, sha256(''))", [user.id, key]
        )
        answers = [
            call(stranger_api, operation, theirs["id"], headers={"Idempotency-Key": key} | condition)
            for condition in ({}, {"Idempotency-Key": f"{key} and a condition", "If-None-Match": "*"})
        ]
    absent = 412 if operation.method == "PUT" else 404
    targeted = "_id}" in operation.path or "{task_id}" in str(CALLS[operation.name].body)
    assert answers[0].status_code == (absent if targeted else CALLS[operation.name].status)
    assert answers[1].status_code in {200, 201, 404, 412}


def test_many_users_at_once_each_get_their_own(server: Server, stack: Stack) -> None:
    def use(number: int) -> Iterator[str]:
        with server.client(**stack.user().headers) as api:
            for i in range(12):
                create(api, f"canary {number} {i}")
                yield from titles(api.get("/v1/tasks", params={"limit": 200}))

    with ThreadPoolExecutor(10) as threads:
        seen = list(threads.map(lambda number: list(use(number)), range(10)))
    for number, found in enumerate(seen):
        assert {title.split()[1] for title in found} == {str(number)}
        assert len(found) == sum(range(1, 13))
