"""The door to PostgreSQL, by itself: turns, liveness, deadlines, meanings of errors, and the second lock."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from itertools import pairwise, product
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from shared import database, failures
from shared.connection import Secret
from shared.database import IDLE_LIMIT, Database, Row
from shared.failures import KeyTaken, Lost
from shared.problems import KeyInUse, Unavailable
from tests.support.collect_failures import collect_failures
from tests.support.postgres_proxy import CUT_AFTER, CUT_BEFORE, SWALLOW, Proxy
from tests.support.stack import APP, Stack

MUCH = 30_000_000
"""Bytes, more than the buffers of all sockets on the way."""
ME = "select app.user_id() as user_id, pg_backend_pid() as pid"
SLOW = "select app.user_id() as user_id from pg_sleep(0.02)"
INSERT = """
    insert into task (id, title) values (gen_random_uuid(), 'x')
    returning user_id
"""


class Door:
    """A door of our own, used as requests use it."""

    def __init__(self, url: str) -> None:
        self.database = Database(Secret(url, None), None)

    async def rows(self, sql: str = ME, user: str = "me", *, seconds: float = 5, read_only: bool = True) -> list[Row]:
        deadline = time.monotonic() + seconds
        return (await self.database.run(user, [(sql, {})], deadline=deadline, read_only=read_only))[-1]

    async def close(self) -> None:
        while self.database._idle:
            await self.database._idle.pop()[0].close()


@pytest.fixture
def door(stack: Stack, proxy: Proxy) -> Door:
    del proxy  # as new, with nothing counted
    return Door(stack.url(APP))


def run[Result](door: Door, work: Callable[[], Awaitable[Result]]) -> Result:
    """Run `work` on a loop, and leave no connection behind."""

    async def whole() -> Result:
        try:
            return await work()
        finally:
            await door.close()

    return asyncio.run(whole())


def asynchronous[**P](test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a test on a loop, and leave no connection of its `door` behind."""

    @wraps(test)
    def on_a_loop(*args: P.args, **kwargs: P.kwargs) -> None:
        run(cast("Door", kwargs["door"]), lambda: test(*args, **kwargs))

    return on_a_loop


def test_what_the_socket_does_not_take_at_once_is_sent_all_the_same(door: Door) -> None:
    async def work() -> list[Row]:
        with suppress(Unavailable):  # so it would end where the rest were never sent
            return await door.rows(f"select app.user_id() as user_id, length('{'x' * MUCH}') as length", seconds=20)
        return []

    assert run(door, work) == [{"length": MUCH}]


@asynchronous
async def test_one_connection_serves_one_request_after_another(door: Door, proxy: Proxy) -> None:
    for user in ("alice", "bob", "alice"):
        assert (await door.rows(user=user))[0].keys() == {"pid"}
    assert proxy.connects == 1
    assert len(proxy.trips) == 3


@pytest.mark.parametrize("size", [1, 3])
@asynchronous
async def test_tasks_at_once_take_turns_and_never_mix_users(size: int, door: Door, proxy: Proxy) -> None:
    door.database.size = size
    # The second lock compares whose rows came back, so a mix would raise.
    users = [f"user-{number}" for number in range(10)]
    answers = await asyncio.gather(*(door.rows(SLOW, user) for user in users for _ in range(3)))
    assert answers == [[{}]] * 30
    assert proxy.connects <= size


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@asynchronous
async def test_a_prepared_statement_that_a_migration_made_stale_runs_once_more(
    write: bool, door: Door, stack: Stack
) -> None:
    # Straight to the server: old poolers know no prepared statements.
    door.database = Database(Secret(stack.cluster.url(APP), None), 0)
    sql = INSERT.replace("user_id", "user_id, updated_at") if write else "select user_id, updated_at from task"
    with psycopg.connect(stack.admin_url, autocommit=True) as admin:
        for kind in ("timestamptz(6)", "timestamptz"):
            await door.rows(sql, read_only=not write)
            before = await door.rows("select user_id, id from task")
            admin.execute(f"alter table task alter updated_at type {kind}".encode())
            await door.rows(sql, read_only=not write)
            assert len(await door.rows("select user_id, id from task")) == len(before) + write


@asynchronous
async def test_who_waits_too_long_for_a_turn_is_unavailable(door: Door) -> None:
    slow = asyncio.create_task(door.rows("select app.user_id() as user_id from pg_sleep(0.5)"))
    await asyncio.sleep(0)  # it has the turn now
    with pytest.raises(Unavailable):
        await door.rows(seconds=0.1)
    await slow
    await door.rows()


@asynchronous
async def test_a_connection_that_ended_while_idle_is_replaced_before_anything_is_sent(door: Door, proxy: Proxy) -> None:
    await door.rows()
    proxy.cut()
    await door.rows(INSERT, read_only=False)
    assert proxy.connects == 2
    assert len(proxy.trips) == 2


@asynchronous
async def test_a_connection_that_was_idle_too_long_is_replaced(
    door: Door, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    clock = SimpleNamespace(time=lambda: now, monotonic=time.monotonic)
    monkeypatch.setattr(database, "time", clock)
    for passes, connects in [(0, 1), (IDLE_LIMIT - 1, 1), (IDLE_LIMIT + 1, 2), (-2 * IDLE_LIMIT, 3)]:
        now += passes
        await door.rows()
        assert proxy.connects == connects


@pytest.mark.parametrize("fate", [CUT_BEFORE, CUT_AFTER])
@asynchronous
async def test_a_poisoned_connection_is_closed(fate: str, door: Door, proxy: Proxy) -> None:
    await door.rows()
    ((connection, _),) = door.database._idle
    proxy.at_sync(fate)
    with pytest.raises(Lost):
        await door.rows(INSERT, read_only=False)
    assert connection.closed
    assert door.database._idle == []
    await door.rows()


@asynchronous
async def test_an_error_of_a_statement_leaves_the_connection_usable(door: Door, proxy: Proxy) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        await door.rows("select 1/0 as user_id")
    await door.rows()
    assert proxy.connects == 1


@asynchronous
async def test_silence_ends_at_the_deadline(door: Door, proxy: Proxy) -> None:
    for sql, read_only, meaning in [(ME, True, Unavailable), (INSERT, False, Lost)]:
        await door.rows()
        ((connection, _),) = door.database._idle
        proxy.at_sync(SWALLOW)
        with pytest.raises(meaning):
            await door.rows(sql, seconds=0.2, read_only=read_only)
        assert connection.closed
    await door.rows()


@asynchronous
async def test_a_deadline_in_the_past_sends_nothing_and_costs_no_connection(door: Door, proxy: Proxy) -> None:
    with pytest.raises(Unavailable):
        await door.rows(seconds=-1)
    await door.rows()
    with pytest.raises(Unavailable):
        await door.rows(INSERT, seconds=-1, read_only=False)
    await door.rows()
    assert proxy.connects == 1
    assert len(proxy.trips) == 2


@asynchronous
async def test_a_connection_that_is_never_accepted_ends_at_the_deadline(door: Door, proxy: Proxy) -> None:
    proxy.freeze()
    with pytest.raises(Unavailable):
        await door.rows(seconds=0.2)
    proxy.thaw()
    await door.rows()


@asynchronous
async def test_hanging_up_on_a_closed_connection_does_nothing(door: Door) -> None:
    await door.rows()
    ((connection, _),) = door.database._idle
    await connection.close()
    database._hang_up(connection)
    await door.rows()


RAISE = "do $$ begin raise exception using errcode = '{}'; end $$"
# What an SQLSTATE means: for a write, for a read, and how often the statements are sent.
STATES: list[tuple[str, type[Exception], type[Exception], int]] = [
    ("KEY01", KeyTaken, KeyTaken, 1),
    ("KEY02", KeyInUse, KeyInUse, 1),
    *((state, Unavailable, Unavailable, 2) for state in ("40001", "40P01")),
    *(
        (state, Unavailable, Unavailable, 1)
        for state in ("08P01", "25006", "25P03", "25P04", "53100", "53300", "55P03", "57014", "58030")
    ),
    *((state, Lost, Unavailable, 1) for state in ("08003", "08006", "57P01", "57P02", "57P03", "57P05")),
    *((state, psycopg.Error, psycopg.Error, 1) for state in ("22P02", "23514", "42501", "P0001", "XX000")),
]


@asynchronous
async def test_what_a_sqlstate_means(door: Door, proxy: Proxy) -> None:
    with collect_failures() as check:
        for (state, write, read, times), read_only in product(STATES, (False, True)):
            await door.rows()
            before = len(proxy.trips)
            with check(state, "read" if read_only else "write"):
                with pytest.raises(read if read_only else write):
                    await door.rows(RAISE.format(state), read_only=read_only)
                assert len(proxy.trips) - before == (2 if read_only and write is Lost else times)


def chained(*failures: Exception) -> Exception:
    """The first failure, raised while the next was handled, and so on."""
    for failure, behind in pairwise(failures):
        failure.__context__ = behind
    return failures[0]


# What psycopg 3.3 raises when a connection dies in one way or another, and what it means for a write.
MEANINGS: list[tuple[Any, type[Exception]]] = [
    (psycopg.OperationalError("consuming input failed: server closed the connection unexpectedly"), Lost),
    (psycopg.OperationalError("the connection is lost"), Lost),
    (psycopg.InternalError("received 2 results from command 'COMMIT'"), Lost),
    (psycopg.InterfaceError("the connection is closed"), Lost),
    (chained(psycopg.OperationalError("cannot exit"), psycopg.errors.AdminShutdown()), Lost),
    (chained(psycopg.OperationalError("cannot exit"), psycopg.errors.DiskFull()), Unavailable),
    (chained(psycopg.OperationalError("cannot exit"), psycopg.errors.CheckViolation()), psycopg.OperationalError),
    (chained(psycopg.OperationalError("lost"), KeyTaken(), psycopg.errors.CheckViolation()), Lost),
    (psycopg.ProgrammingError("the query has 1 placeholder but 0 parameters were passed"), psycopg.ProgrammingError),
    (psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), psycopg.DataError),
]


def test_what_an_error_without_a_state_means() -> None:
    for failure, meaning in MEANINGS:
        assert type(failures.meaning(failure, read_only=False)) is meaning, repr(failure)
