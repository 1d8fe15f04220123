"""Races whose order is certain: a call of the API is seen to wait for a lock before the lock's owner goes on.

with racing(stack) as race:
    race.other.execute("delete from task where id = …")     # a transaction of another connection, still open
    answer = race.start(lambda: api.patch(…))               # returns once the server waits for it
    race.end(commit=True)
    answer.result()
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg

from tests.support.stack import Stack

type Call = Callable[[], httpx.Response]

THREADS = 10
WAITING = """
    select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"""
BLOCKED = """
    select pid from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and %s = any (pg_blocking_pids(pid))"""


class Race:
    """`other` is a superuser's connection, each of its transactions open until `end`."""

    def __init__(self, other: psycopg.Connection, watch: psycopg.Connection, threads: ThreadPoolExecutor) -> None:
        self.other = other
        self._watch = watch
        self._threads = threads

    def start(self, call: Call, behind: int | None = None) -> Future[httpx.Response]:
        """Make a call in a thread; return once a backend waits for `other`, or for the backend `behind`."""
        answer = self._threads.submit(call)
        while self.waiting(behind) is None:
            assert not answer.done(), f"nothing held it up: {answer.result().text}"
        return answer

    def blocked(self, sql: str, values: list[Any], call: Call, *, commit: bool) -> httpx.Response:
        """Run a statement on `other`, make a call that waits for it, end the transaction; return the answer."""
        self.other.execute(sql.encode(), values)
        try:
            answer = self.start(call)
        finally:
            self.end(commit=commit)
        return answer.result()

    def waiting(self, behind: int | None = None) -> int | None:
        """The process id of a backend that waits for `other`, or for `behind`."""
        holder = behind or self.other.info.backend_pid
        found = self._watch.execute(BLOCKED, [holder]).fetchone()
        return found[0] if found else None

    def crowd(self, *calls: Call) -> list[Future[httpx.Response]]:
        """Make calls in threads; return once each waits for a lock of whomever."""
        answers = [self._threads.submit(call) for call in calls]
        while self._watch.execute(WAITING).fetchone() != (len(calls),):
            assert not any(answer.done() for answer in answers), "nothing held it up"
        return answers

    def end(self, *, commit: bool) -> None:
        """Let the open transaction take effect, or not."""
        (self.other.commit if commit else self.other.rollback)()

    def at_once(self, *calls: Call) -> list[httpx.Response]:
        """Make all calls at the same time; give their answers in the same order."""
        return [answer.result() for answer in [self._threads.submit(call) for call in calls]]


@contextmanager
def racing(stack: Stack) -> Iterator[Race]:
    """A race; whatever is still open at the end is rolled back, so that no call waits for ever."""
    with (
        ThreadPoolExecutor(THREADS) as threads,
        psycopg.connect(stack.admin_url, autocommit=True) as watch,
        psycopg.connect(stack.admin_url) as other,
    ):
        race = Race(other, watch, threads)
        try:
            yield race
        finally:
            race.end(commit=False)
