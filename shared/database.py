"""The only door to PostgreSQL: connections, one pipeline per request, deadlines and the retry rule.

A request is one pipeline with one Sync: the scope (who is calling), then the operation's statements: one implicit
transaction, one round trip. The Sync commits, so nothing is answered that is not durable.
"""

import asyncio
import logging
import os
import random
import select
import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection, AsyncPipeline
from psycopg.abc import PQGen
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg.waiting import READY_R, WAIT_RW

from shared.connection import Secret, refused, verifying
from shared.failures import STALE_PLAN, Halted, Undone, kind, meaning, sqlstate
from shared.logs import LOGGER
from shared.problems import InternalError, Unavailable
from shared.settings import settings
from shared.spans import current

type Row = DictRow
type Statement = tuple[str, Mapping[str, Any]]
type _Idle = tuple[AsyncConnection[Row], float]

IDLE_LIMIT = 240
"""Seconds of idleness after which a connection is not trusted: a frozen environment may have missed its end."""
CONNECT_LIMIT = 5
"""Seconds that the first attempt to connect may take; a Neon compute wakes in well under that."""
PAUSE = 0.01, 0.05
"""Seconds before statements run once more, between these two by chance."""

SCOPE = "select set_config('app.user_id', $1, true)"
# Read-only is only ever turned on: a server that is so itself refuses to be told otherwise, with an error of its own.
# No sort where an index has the order, however few rows PostgreSQL expects of this user, and no compiler, which would
# start for a part that is hardly ever run to its end (ADR 9).
READING = (
    f"{SCOPE}, set_config('transaction_read_only', 'on', true), "
    "set_config('enable_sort', 'off', true), set_config('jit', 'off', true)"
)

_ENDED = select.POLLIN | select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)

logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # its warnings quote the server, which may quote values


class Database:
    """Connections to one database, `size` at most, each serving one request at a time.

    On Lambda `size` stays 1: one execution environment, one request, one connection.
    """

    def __init__(self, secret: Secret, prepare_threshold: int | None) -> None:
        self.size = 1
        self._secret = secret
        self._prepare_threshold = prepare_threshold
        self._idle: list[_Idle] = []
        self._turns: asyncio.Semaphore | None = None
        self._early: Future[_Idle] | None = None

    def open_early(self) -> None:
        """Begin to connect in a thread, while the operation is still importing. A failure waits for the request."""
        if self._secret.known and self._early is None:
            early = self._early = Future()
            early.set_running_or_notify_cancel()  # whoever tires of waiting for it can't cancel it under its thread

            def connect() -> None:
                try:
                    early.set_result((asyncio.run(self._connect(CONNECT_LIMIT)), time.time()))
                except Exception as failure:  # noqa: BLE001 - handed to whoever asks for the connection
                    early.set_exception(failure)

            Thread(target=connect, daemon=True).start()

    async def run(
        self, user: str, statements: Sequence[Statement], *, deadline: float, read_only: bool
    ) -> list[list[Row]]:
        """Run the statements as `user` in one transaction and one round trip; return the rows of each.

        `deadline` is on the clock of `time.monotonic`. Raises `KeyTaken`, `Lost`, `Refused`, `Failed`, and the problems
        `Unavailable`, `KeyInUse` and `InternalError`. Runs once more, within the deadline, what can't have taken
        effect: statements never sent, reads, and what the server undid for a deadlock.
        """
        with current().waiting():
            turns = await self._take_turn(deadline)
        try:
            with suppress(Undone):
                return await self._attempt(user, statements, deadline, read_only)
            # At once, it would meet the same deadlock again before the one it collided with has woken up.
            await asyncio.sleep(random.uniform(*PAUSE))  # noqa: S311 - nothing secret hangs on it
            current().retries += 1
            try:
                return await self._attempt(user, statements, deadline, read_only)
            except Undone as failure:
                raise Unavailable from failure
        finally:
            turns.release()

    async def _take_turn(self, deadline: float) -> asyncio.Semaphore:
        turns = self._turns = self._turns or asyncio.Semaphore(self.size)
        if not turns.locked():
            await turns.acquire()
            return turns
        try:
            await asyncio.wait_for(turns.acquire(), deadline - time.monotonic())
        except TimeoutError:
            raise Unavailable from None
        return turns

    async def _attempt(
        self, user: str, statements: Sequence[Statement], deadline: float, read_only: bool
    ) -> list[list[Row]]:
        if time.monotonic() >= deadline:
            raise Unavailable
        with current().waiting():
            connection = await self._checkout(deadline)
        current().round_trips += 1
        hang_up = asyncio.get_running_loop().call_later(deadline - time.monotonic(), _hang_up, connection)
        try:
            async with _Pipeline(connection) as pipeline:
                pipeline.enter_scope(user, read_only=read_only)
                cursors = [await connection.execute(sql, values) for sql, values in statements]
            # Only now: a fetch inside the block would cost a round trip of its own.
            parts = [await cursor.fetchall() for cursor in cursors]
        except psycopg.Error as failure:
            if self._prepare_threshold is not None and sqlstate(failure) == STALE_PLAN:
                await connection.close()  # its prepared statements answer no more: a migration changed their columns
                raise Undone from failure
            told = meaning(failure, read_only)
            if isinstance(told, Halted):  # by one of the statements: those before it have answered
                parts = [await cursor.fetchall() for cursor in cursors if cursor.pgresult]
                told.before = [[_own(row, user) for row in part] for part in parts]
            raise told from failure
        finally:
            hang_up.cancel()
            await self._give_back(connection)
        return [[_own(row, user) for row in part] for part in parts]

    async def _checkout(self, deadline: float) -> AsyncConnection[Row]:
        early, self._early = self._early, None
        if early is not None:
            # However it failed: this request connects for itself.
            with suppress(Exception):
                patience = min(CONNECT_LIMIT, deadline - time.monotonic())
                self._idle.append(await asyncio.wait_for(asyncio.wrap_future(early), patience))
        while self._idle:
            connection, since = self._idle.pop()
            if abs(time.time() - since) < IDLE_LIMIT and _alive(connection):
                return connection
            await connection.close()
        try:
            return await self._connect(min(CONNECT_LIMIT, deadline - time.monotonic()))
        except (psycopg.Error, TimeoutError) as failure:
            LOGGER.warning("connecting to the database failed: %s", kind(failure))
            stale_secret = refused(failure)
        # Nothing was sent yet: once more, whatever the request is.
        current().retries += 1
        try:
            return await self._connect(deadline - time.monotonic(), refresh=stale_secret)
        except (psycopg.Error, TimeoutError) as failure:
            raise Unavailable from failure

    async def _connect(self, seconds: float, *, refresh: bool = False) -> AsyncConnection[Row]:
        async with asyncio.timeout(seconds):
            url = await self._secret.value(refresh=refresh)
            return await AsyncConnection.connect(
                verifying(url), autocommit=True, prepare_threshold=self._prepare_threshold, row_factory=dict_row
            )

    async def _give_back(self, connection: AsyncConnection[Row]) -> None:
        # psycopg calls a connection whose pipeline broke neither closed nor broken, yet every reuse of it fails.
        pgconn = connection.pgconn
        if pgconn.pipeline_status == PipelineStatus.OFF and pgconn.transaction_status == TransactionStatus.IDLE:
            self._idle.append((connection, time.time()))
        else:
            await connection.close()


class _Pipeline(AsyncPipeline):
    """psycopg's pipeline, which sends nothing before the Sync, all at once with it, and nothing behind it.

    psycopg sends each statement as it comes, and a Flush behind the last Sync. A Flush that reaches PgBouncer after the
    answer has gone out takes a backend once more, and as nothing answers it, keeps it until our next request:
    environments that do nothing would drain the pool.
    """

    async def __aenter__(self) -> Self:
        self._conn._pipeline = self  # noqa: SLF001 - psycopg has no other way to choose it
        return await super().__aenter__()

    async def __aexit__(self, *failure: Any) -> None:  # noqa: PYI036 - handed on
        try:
            await super().__aexit__(*failure)
        finally:
            self._conn._pipeline = None  # noqa: SLF001

    def enter_scope(self, user: str, *, read_only: bool) -> None:
        """Let the rest of the transaction be `user`'s. Without a cursor: what it returns is nobody's."""
        text = READING if read_only else SCOPE
        self.command_queue.append(partial(self.pgconn.send_query_params, text.encode(), [user.encode()]))
        self.result_queue.append(None)

    def _communicate_gen(self) -> PQGen[None]:
        yield from ()

    def _exit_gen(self) -> PQGen[None]:
        try:
            self._enqueue_sync()
            while self.command_queue:
                self.command_queue.popleft()()
            # psycopg would ask the loop before each command whether the socket takes it, which it does but for the
            # largest. Who can't write has to read: the server may be waiting for that.
            while self.pgconn.flush():
                if (yield WAIT_RW) & READY_R:
                    self.pgconn.consume_input()
        finally:
            yield from self._fetch_gen(flush=False)


def _hang_up(connection: AsyncConnection[Row]) -> None:
    # Shutting the socket down is what ends a wait for a silent server: psycopg waits on, also after a cancel.
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


def _alive(connection: AsyncConnection[Row]) -> bool:
    # An idle connection has nothing to read: whatever there is to read is its end. No round trip.
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), _ENDED)
    return not poll.poll(0)


def _own(row: Row, user: str) -> Row:
    """The second lock: a row of another user's means a broken policy, and goes nowhere."""
    if row.pop("user_id") != user:
        LOGGER.critical("a statement returned a row of another user: row level security is broken")
        raise InternalError
    return row


DATABASE = Database(Secret(settings().database_url, settings().database_secret_id), settings().prepare_threshold)
"""The database of this execution environment."""
