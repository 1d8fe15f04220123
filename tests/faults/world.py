"""Everything that a fault can hit, all of it real, from the gateway's events down to PostgreSQL.

callers → `fleet` (environments of AWS's runtime client) → `p1` → `pooler` (PgBouncer) → `p2` → `cluster` (PostgreSQL);
beside it `issuer`, the keys over HTTP.
"""

import os
import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self
from uuid import uuid4

import httpx
import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from infra.local.postgres import SUPERUSER
from infra.operations import ROOT
from tests.faults.audit import INSTALL
from tests.faults.fleet import Fleet
from tests.faults.history import History, Person, Recorder
from tests.faults.invariants import eventually
from tests.support.api_gateway import OPERATIONS
from tests.support.stack import APP, Stack

PEOPLE = 3
AT_WORK = "select pid from pg_stat_activity where usename = %s and state <> 'idle'"
MOMENT = 0.2
"""Seconds within which a backend that has got all of its pipeline is surely done with it."""
LOADED = ("create", "update", "replace", "complete", "reopen", "delete", "get", "list")
"""The operations that the load calls."""


class World:
    """What a fault may use. `people`, `history`, `dice` and what was hit are new in each row.

    `environment` is what environments get that start from now on; `fleet.retire()` lets all be new ones.
    """

    def __init__(self, *, seed: int = 0, folder: Path = ROOT) -> None:
        self.seed = seed
        self._folder = folder
        self._exit = ExitStack()
        self._stack = Stack(two_proxies=True, own_server=True)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        with self._exit as exits:
            stack = exits.enter_context(self._stack)
            assert stack.pooler, "PgBouncer is not installed: make ci-tools"
            assert stack.behind
            self.cluster, self.pooler, self.issuer, self.signer = (
                stack.cluster,
                stack.pooler,
                stack.issuer,
                stack.signer,
            )
            self.p1, self.p2 = stack.proxy, stack.behind
            self.environment = {
                "PATH": os.environ["PATH"],
                **{name: stack.environment[name] for name in ("DATABASE_URL", "AUTH_ISSUER")},
            }
            with self.admin() as admin:
                # The throw-away cluster answers before it has written, so that a crash would lose what it answered.
                admin.execute(f"alter database {self.cluster.database} set synchronous_commit = on".encode())
                admin.execute(INSTALL.encode())
            self.fleet = exits.enter_context(Fleet(self.environment, self._folder))
            self.begin("")
            self._exit = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @contextmanager
    def admin(self) -> Iterator[Connection[DictRow]]:
        """A superuser's connection straight to the server, each statement its own transaction."""
        with psycopg.connect(self.cluster.url(SUPERUSER), autocommit=True, row_factory=dict_row) as connection:
            yield connection

    def warm(self, each: int = PEOPLE) -> None:
        """Have environments of each operation that the load calls started: one for each of the people."""
        loaded = [operation for operation in OPERATIONS if operation.name.removeprefix("tasks_") in LOADED]
        self.fleet.warm(*loaded, each=each)

    def begin(self, name: str) -> None:
        """Begin a row: nobody has asked anything yet, nothing was hit."""
        self.history = History()
        self.people: list[Person] = []
        self.dice = random.Random(f"{self.seed} {name}")  # noqa: S311 - nothing is secret here
        self._hits = 0
        self.cleared = 0.0
        self.p1.reset()
        self.p2.reset()

    def person(self) -> Person:
        """Somebody new; all that they ask by their `api` is written down in the row's history."""
        user_id, canary = f"user-{uuid4()}", f"canary{secrets.token_hex(8)}"
        token = self.signer.token(user_id)
        recorder = Recorder(self.fleet, user_id, self.history)
        api = httpx.Client(
            transport=recorder, base_url="https://api.test", headers={"Authorization": f"Bearer {token}"}
        )
        person = Person(user_id, token, canary, api)
        self.people.append(person)
        return person

    def hit(self, number: int = 1) -> None:
        """The fault has hit something, so many times."""
        with self._lock:
            self._hits += number

    def clear(self) -> None:
        """What was hit is well again, as far as the fault can tell: from the last time on, recovery is counted."""
        self.cleared = time.monotonic()

    def pause(self, shortest: float, longest: float = 0.0) -> None:
        """Let some seconds go by; a time between the two by chance, where two are given."""
        time.sleep(self.dice.uniform(shortest, longest) if longest else shortest)

    @property
    def hits(self) -> int:
        """How often something was hit in this row, as the fault and the proxies tell."""
        return self._hits + self.p1.toxics.hits + self.p2.toxics.hits

    @contextmanager
    def at_rest(self) -> Iterator[Connection[DictRow]]:
        """Hold all requests before the pooler, at a moment when it and all backends are idle; gives `admin()`."""
        with self.admin() as admin:

            def at_work() -> bool:
                busy = sum(self.pool(name) for name in ("cl_waiting", "sv_active", "sv_tested", "sv_login"))
                return bool(busy or admin.execute(AT_WORK, [APP]).fetchall())

            def frozen_at_rest() -> bool:
                self.p1.freeze()
                end = time.monotonic() + MOMENT
                while at_work():
                    if time.monotonic() > end:  # a pipeline was cut in two: its second half has to come through
                        self.p1.thaw()
                        return False
                return True

            eventually(frozen_at_rest, "nobody is at work")
            try:
                yield admin
            finally:
                self.p1.thaw()

    def pool(self, name: str) -> int:
        """A number of `show pools` for the application's pool: `cl_waiting`, `sv_idle`, …"""
        return sum(pool[name] for pool in self.pooler.command("show pools") if pool["user"] == APP)

    def renew(self) -> None:
        """Let every connection be a new one, on both sides of the pooler."""
        self.p1.cut()
        self.pooler.command("reconnect")
