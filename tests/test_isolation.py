"""One user and another: whatever names something of the other's, no answer tells of it and nothing of it changes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, get_args
from uuid import uuid4

import httpx
import psycopg
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from psycopg.rows import DictRow

from functions.tasks.list import Sort
from infra.operations import Operation
from shared import database
from tests.conftest import BASE_URL
from tests.gateway import Gateway
from tests.pooler import Pooler
from tests.server import Server
from tests.stack import Stack, User
from tests.test_every_operation import CALLS, CLOSED, call

SORTS = get_args(Sort)


def create(api: httpx.Client, title: str, **headers: str) -> dict[str, Any]:
    answer = api.post("/v1/tasks", json={"title": title}, headers=headers)
    assert answer.status_code == 201
    task: dict[str, Any] = answer.json()
    return task


def titles(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200
    return [task["title"] for task in answer.json()["items"]]


@pytest.mark.parametrize("sort", SORTS)
def test_a_list_in_any_order_shows_the_users_own_alone(
    sort: str, api: httpx.Client, stranger_api: httpx.Client
) -> None:
    for i in range(2):
        create(api, f"theirs {i}")
        create(stranger_api, f"mine {i}")
    assert sorted(titles(stranger_api.get("/v1/tasks", params={"sort": sort}))) == ["mine 0", "mine 1"]


@pytest.mark.parametrize("sort", SORTS)
def test_a_cursor_of_another_user_leads_to_the_users_own_alone(
    sort: str, api: httpx.Client, stranger_api: httpx.Client
) -> None:
    for i in range(3):
        create(stranger_api, f"mine {i}")
        create(api, f"theirs {i}")
    foreign = api.get("/v1/tasks", params={"sort": sort, "limit": 1}).json()["next_cursor"]
    page = stranger_api.get("/v1/tasks", params={"sort": sort, "cursor": foreign})
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
    assert answers[0].status_code == (absent if "{task_id}" in operation.path else CALLS[operation.name].status)
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


@dataclass
class Person:
    """A user, a client of theirs, and what they must find."""

    name: str
    api: httpx.Client
    id: str
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)


NAMES = ("ada", "bob", "eve")
PEOPLE = st.sampled_from(NAMES)
PRIORITIES = st.sampled_from(["none", "high"])


class Users(RuleBasedStateMachine):
    """Three users who know each other's ids, keys and cursors; whatever one writes carries that user's canary."""

    ids = Bundle("ids")
    cursors = Bundle("cursors")
    stack: Stack
    admin: psycopg.Connection[DictRow]

    @initialize()
    def arrive(self) -> None:
        self.people = {}
        for name in NAMES:
            user = self.stack.user()
            api = httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers)
            self.people[name] = Person(name, api, user.id)

    def teardown(self) -> None:
        for person in getattr(self, "people", {}).values():
            person.api.close()

    def ask(self, name: str, method: str, path: str, **how: Any) -> tuple[Person, httpx.Response]:
        person = self.people[name]
        answer = person.api.request(method, path, **how)
        told = answer.text + str(answer.headers)
        for other in self.people.values():
            assert other is person or (f"canary-{other.name}" not in told and other.id not in told)
        return person, answer

    def note(self, person: Person, answer: httpx.Response, status: int) -> None:
        assert answer.status_code == status
        person.tasks[answer.json()["id"]] = answer.json()

    @rule(target=ids, name=PEOPLE, priority=PRIORITIES, key=st.sampled_from(["", "key"]))
    def create(self, name: str, priority: str, key: str) -> str:
        body = {"title": f"canary-{name} {priority}", "priority": priority}
        headers = {"Idempotency-Key": f"{key} {priority}"} if key else {}
        person, answer = self.ask(name, "POST", "/v1/tasks", json=body, headers=headers)
        task: dict[str, Any] = answer.json()
        if "idempotency-replayed" not in answer.headers:
            self.note(person, answer, 201)
        return str(task["id"])

    @rule(name=PEOPLE, task_id=ids, priority=PRIORITIES)
    def replace(self, name: str, task_id: str, priority: str) -> None:
        body = {"title": f"canary-{name} replaced", "priority": priority}
        known = task_id in self.people[name].tasks
        headers = {"If-Match": "*"} if known else {}
        person, answer = self.ask(name, "PUT", f"/v1/tasks/{task_id}", json=body, headers=headers)
        self.note(person, answer, 200 if known else 201)

    @rule(name=PEOPLE, task_id=ids, change=st.sampled_from(["PATCH", "complete", "reopen", "GET"]))
    def change(self, name: str, task_id: str, change: str) -> None:
        path = f"/v1/tasks/{task_id}"
        if change == "PATCH":
            person, answer = self.ask(name, "PATCH", path, json={"title": f"canary-{name} patched"})
        elif change == "GET":
            person, answer = self.ask(name, "GET", path)
        else:
            person, answer = self.ask(name, "POST", f"{path}/{change}")
        if task_id not in person.tasks:
            assert answer.status_code == 404
        else:
            before = person.tasks[task_id]
            self.note(person, answer, 200)
            assert answer.json()["version"] - before["version"] == (answer.json() != before)

    @rule(name=PEOPLE, task_id=consumes(ids))
    def delete(self, name: str, task_id: str) -> None:
        person, answer = self.ask(name, "DELETE", f"/v1/tasks/{task_id}")
        assert answer.status_code == (204 if person.tasks.pop(task_id, None) else 404)

    @rule(target=cursors, name=PEOPLE, sort=st.sampled_from(SORTS), whose=PEOPLE)
    def walk(self, name: str, sort: str, whose: str) -> tuple[str, str]:
        person, answer = self.ask(name, "GET", "/v1/tasks", params={"sort": sort, "q": f"canary {whose}", "limit": 2})
        expected = len(person.tasks) if whose == name else 0
        assert len(answer.json()["items"]) == min(2, expected)
        return f"sort={sort}&q=canary+{whose}", answer.json()["next_cursor"] or ""

    @rule(name=PEOPLE, cursor=cursors)
    def go_on(self, name: str, cursor: tuple[str, str]) -> None:
        query, position = cursor
        if position:
            person, answer = self.ask(name, "GET", f"/v1/tasks?{query}&cursor={position}")
            assert {task["id"] for task in answer.json()["items"]} <= set(person.tasks)

    @invariant()
    def everyone_has_what_they_made(self) -> None:
        for person in getattr(self, "people", {}).values():
            rows = self.admin.execute(
                "select id::text, title, version from task where user_id = %s", [person.id]
            ).fetchall()
            assert {row["id"]: (row["title"], row["version"]) for row in rows} == {
                task_id: (task["title"], task["version"]) for task_id, task in person.tasks.items()
            }


def test_users_who_know_each_others_ids_keys_and_cursors_learn_nothing(
    stack: Stack, pooler: Pooler, admin: psycopg.Connection[DictRow]
) -> None:
    Users.stack, Users.admin = stack, admin
    run_state_machine_as_test(Users, settings=settings(max_examples=25, stateful_step_count=30))
    waiting = pooler.command("show pools")
    assert [pool["cl_waiting"] for pool in waiting] == [0] * len(waiting)
    open_still = admin.execute(
        "select from pg_stat_activity where usename = 'api' and state <> 'idle' and pid <> pg_backend_pid()"
    )
    assert open_still.rowcount == 0


def test_they_would_have_learned_something_had_the_fence_been_open(
    stack: Stack, admin: psycopg.Connection[DictRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    Users.stack, Users.admin = stack, admin
    monkeypatch.setattr(database, "_own", lambda row, _: {name: row[name] for name in row if name != "user_id"})
    admin.execute("alter policy own_rows on task using (true)")
    try:
        with pytest.raises((AssertionError, ExceptionGroup)):
            run_state_machine_as_test(Users, settings=settings(max_examples=25, phases=[Phase.generate]))
    finally:
        admin.execute("alter policy own_rows on task using (user_id = (select app.user_id()))")
