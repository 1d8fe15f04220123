"""Two users: a request that names an object of the other user shows nothing of it and changes nothing of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args
from uuid import uuid4

import httpx
import psycopg
from psycopg.rows import DictRow

from functions.tasks.list import Sort
from tests.support.api_server import Server
from tests.support.calls import AUTHENTICATED, CALLS, call
from tests.support.collect_failures import collect_failures
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


def ordered_by(sort: str) -> dict[str, Any]:
    """The query of a list in that order."""
    return {"sort": sort} | ({"q": "task"} if sort == "relevance" else {})


def test_a_list_in_any_order_shows_the_users_own_alone(api: httpx.Client, stranger_api: httpx.Client) -> None:
    for i in range(2):
        create(api, f"theirs, task {i}")
        create(stranger_api, f"mine, task {i}")
    with collect_failures() as check:
        for sort in SORTS:
            with check(sort):
                found = titles(stranger_api.get("/v1/tasks", params=ordered_by(sort)))
                assert sorted(found) == ["mine, task 0", "mine, task 1"]


def test_a_cursor_of_another_user_leads_to_the_users_own_alone(api: httpx.Client, stranger_api: httpx.Client) -> None:
    for i in range(3):
        create(stranger_api, f"mine, task {i}")
        create(api, f"theirs, task {i}")
    with collect_failures() as check:
        for sort in SORTS:
            with check(sort):
                foreign = api.get("/v1/tasks", params=ordered_by(sort) | {"limit": 1}).json()["next_cursor"]
                page = stranger_api.get("/v1/tasks", params=ordered_by(sort) | {"cursor": foreign})
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


def test_nothing_of_another_user_is_waited_for(
    api: httpx.Client, stranger_api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]
) -> None:
    """A request that waited for a lock that is held here would be answered 503 or 409 in the end."""
    with collect_failures() as check:
        for operation in AUTHENTICATED:
            theirs, key = create(api, "theirs"), str(uuid4())
            with check(operation.name), admin.transaction(force_rollback=True):
                admin.execute("select from task where user_id = %s for update", [user.id])
                admin.execute(
                    "insert into idempotency_key (user_id, key, fingerprint) values (%s, %s, sha256(''))",
                    [user.id, key],
                )
                answers = [
                    call(stranger_api, operation, theirs["id"], headers={"Idempotency-Key": key} | condition)
                    for condition in ({}, {"Idempotency-Key": f"{key} and a condition", "If-None-Match": "*"})
                ]
                absent = 412 if operation.method == "PUT" else 404
                with_id = "_id}" in operation.path or "{task_id}" in str(CALLS[operation.name].body)
                assert answers[0].status_code == (absent if with_id else CALLS[operation.name].status)
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
