"""Who the database takes a request for: the scope, what is left of it, and the second lock on the same door."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from shared.logs import LOGGER
from shared.problems import InternalError, Unavailable
from tests.shared.test_database import INSERT, Door, asynchronous, run
from tests.support.api_gateway import as_response, invoke, make_event
from tests.support.pgbouncer import POOL_SIZE, Pooler
from tests.support.stack import APP, Stack, User

LEFT = "select current_setting('app.user_id', true) as user_id, current_setting('transaction_read_only') as read_only"


@pytest.fixture
def door(stack: Stack) -> Door:
    return Door(stack.url(APP))


@asynchronous
async def test_the_scope_is_gone_with_its_transaction(door: Door, stack: Stack, pooler: Pooler) -> None:
    for read_only in (True, False):
        await door.rows(user="alice", read_only=read_only)
    connections = [psycopg.connect(stack.cluster.url(APP, port=pooler.port)) for _ in range(POOL_SIZE)]
    try:  # all at once in transactions, so that every backend of the pool is looked at
        left = [connection.execute(LEFT.encode()).fetchone() for connection in connections]
    finally:
        for connection in connections:
            connection.close()
    assert {row and row[0] for row in left} <= {"", None}
    assert {row and row[1] for row in left} == {"off"}


def test_a_read_sorts_nothing_that_an_index_holds_and_compiles_nothing(door: Door) -> None:
    settings = "select app.user_id() as user_id, current_setting('enable_sort') as sort, current_setting('jit') as jit"

    async def work() -> list[list[DictRow]]:
        return [await door.rows(settings, "alice", read_only=read_only) for read_only in (True, False)]

    (reading,), (writing,) = run(door, work)
    assert reading == {"sort": "off", "jit": "off"}
    assert writing["sort"] == "on"


def test_without_a_scope_there_is_nothing(stack: Stack, api: httpx.Client) -> None:
    api.post("/v1/tasks", json={"title": "x"})
    with psycopg.connect(stack.url(APP)) as connection:
        assert connection.execute("select id from task").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(INSERT.encode())


@asynchronous
async def test_a_read_can_not_write(door: Door, user: User, admin: psycopg.Connection[DictRow]) -> None:
    with pytest.raises(Unavailable):
        await door.rows(INSERT, user.id, read_only=True)
    await door.rows(INSERT, user.id, read_only=False)
    assert len(admin.execute("select from task where user_id = %s", [user.id]).fetchall()) == 1


@asynchronous
async def test_a_row_of_another_user_never_leaves_the_door(door: Door, critical: io.StringIO) -> None:
    with pytest.raises(InternalError):
        await door.rows("select unnest(array[app.user_id(), 'bob']) as user_id", "alice")
    assert "row level security is broken" in critical.getvalue()
    assert "bob" not in critical.getvalue()


@pytest.fixture
def critical() -> Iterator[io.StringIO]:
    """What is logged as critical."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setLevel(logging.CRITICAL)
    LOGGER.addHandler(handler)
    yield written
    LOGGER._logger.removeHandler(handler)


@contextmanager
def broken_policy(admin: psycopg.Connection[DictRow]) -> Iterator[None]:
    """Everybody may read everything: what a mistake in a migration would do."""
    admin.execute("create policy leak on task for select to task_app using (true)")
    try:
        yield
    finally:
        admin.execute("drop policy leak on task")


def test_a_policy_broken_for_reading_is_500_and_an_alarm_not_a_leak(
    api: httpx.Client,
    stranger_api: httpx.Client,
    user: User,
    admin: psycopg.Connection[DictRow],
    critical: io.StringIO,
) -> None:
    foreign = stranger_api.post("/v1/tasks", json={"title": "canary"}).json()
    own = api.post("/v1/tasks", json={"title": "mine"}).json()
    headers = list(user.headers.items())
    with broken_policy(admin):
        listed = as_response(invoke("tasks_list", make_event("GET", "/v1/tasks", query="limit=200", headers=headers)))
        path = f"/v1/tasks/{foreign['id']}"
        found = as_response(invoke("tasks_get", make_event("GET", path, headers=headers)))
        for answer in (listed, found):
            assert answer.status_code == 500
            assert "canary" not in answer.text
        assert "row level security is broken" in critical.getvalue()
        assert "canary" not in critical.getvalue()
    assert api.get(f"/v1/tasks/{own['id']}").json() == own
