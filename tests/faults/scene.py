"""Who acts and what stands behind, in one place."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from shared import http
from tests.faults.invariants import eventually, in_time, nothing_left_over
from tests.faults.writes import Send, Tasks, Write, effects, prepare
from tests.support.collect_failures import Check, collect_failures
from tests.support.postgres_proxy import Proxy
from tests.support.stack import APP, Stack, User

BRIEF = 0.2
KEYED = pytest.mark.parametrize("keyed", [False, True], ids=["unkeyed", "keyed"])
WAITING = "select pid from pg_stat_activity where usename = %s and wait_event_type = 'Lock'"


@dataclass(frozen=True, slots=True)
class Scene:
    """One user before the handlers, and what stands behind them."""

    api: httpx.Client
    user: User
    proxy: Proxy
    admin: psycopg.Connection[DictRow]
    stack: Stack

    def prepare(self, write: Write) -> Send:
        """What sends `write`, on a task made for it."""
        return prepare(self.api, write)

    def tasks(self) -> Tasks:
        """What is truly there of the user's."""
        rows = self.admin.execute("select id, version from task where user_id = %s", [self.user.id]).fetchall()
        return {str(row["id"]): row["version"] for row in rows}

    def has_effects(self, before: Tasks, number: int) -> bool:
        """Whether the user's tasks differ by so many effects from `before`."""
        return effects(before, self.tasks()) == number

    def a_task(self) -> str:
        """The path of a task that is there."""
        answer = self.api.post("/v1/tasks", json={"title": "Before"})
        assert answer.status_code == 201, answer.text
        return f"/v1/tasks/{answer.json()['id']}"

    @contextmanager
    def cases(self) -> Iterator[Check]:
        """`collect_failures`, where the fault ends with each case, and the next case begins with nothing of it."""
        with collect_failures() as check:

            @contextmanager
            def case(*about: object) -> Iterator[None]:
                with check(*about):
                    try:
                        yield
                    finally:
                        self.proxy.reset()
                        nothing_left_over(self.admin, self.stack.pooler)

            yield case


def impatiently(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Send with a budget that is soon used up, where what is tested is what happens then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "BUDGET", BRIEF)
        return in_time(send)


@contextmanager
def held(scene: Scene) -> Iterator[psycopg.Connection]:
    """All of the user's tasks are locked by the transaction that this gives, which is rolled back at the end."""
    with psycopg.connect(scene.stack.admin_url) as other:
        other.execute("select from task where user_id = %s for update", [scene.user.id])
        yield other
        other.rollback()


@contextmanager
def when_waiting(stack: Stack, act: Callable[[], object]) -> Iterator[None]:
    """Do `act`, in a thread, as soon as a handler's statement waits for a lock."""

    def watch() -> None:
        with psycopg.connect(stack.admin_url, autocommit=True) as admin:
            eventually(lambda: bool(admin.execute(WAITING, [APP]).fetchall()), "a backend that waits")
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def short_queue(stack: Stack) -> Iterator[None]:
    """Nobody waits longer than a second for a backend at the pooler."""
    if stack.pooler:
        stack.pooler.command("set query_wait_timeout = 1")
    try:
        yield
    finally:
        if stack.pooler:
            stack.pooler.command("set query_wait_timeout = 5")
