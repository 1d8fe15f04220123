"""The machine of the benchmark: one PostgreSQL behind one PgBouncer, an issuer, and relays that put both far away."""

import os
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import psycopg

from infra.local.keys import ISSUER, DevelopmentKey
from infra.local.postgres import OWNER, SUPERUSER, Cluster, throwaway
from infra.migrate import migrate
from infra.operations import ROOT
from tests.bench.process import Process
from tests.bench.relay import Relay
from tests.bench.requests import Request
from tests.support import certificates
from tests.support.pgbouncer import Pooler, installed

if TYPE_CHECKING:
    from tests.bench.samples import Samples, Start

APP = "api"
POOL_SIZE = 10
CALLER = "bench"
TASKS, TASKS_QUICKLY = 100_000, 1_500
PINGS, PINGS_QUICKLY = 200, 20

SEED = """
insert into task (user_id, id, title, priority, due_date, completed_at, created_at, updated_at)
select %(user)s, uuidv7(at - now()), format('Buy %%s %%s', word, n), n %% 5,
    case when n %% 2 = 0 then date '2026-01-01' + n %% 700 end, case when n %% 4 = 0 then at end, at, at
from generate_series(1, %(count)s) n,
    lateral (select now() - make_interval(mins => %(count)s - n + 1) as at,
        (array['milk', 'bread', 'tea', 'salt', 'rice', 'oil', 'figs', 'soap'])[1 + n %% 8] as word)"""


class Laboratory:
    """Everything that is measured against; parts share it, one after the other.

    `environment` is what a subject's process gets, with the database and the issuer on this machine: `far` puts both
    behind a delay. Where PgBouncer is not installed, `pooler` is None and the way leads straight to PostgreSQL.
    `added` has the milliseconds that each asked-for delay, measured, turned out to add. What a part found out and later
    ones compute with is left in `warm` and `cold`.
    """

    cluster: Cluster
    pooler: Pooler | None
    environment: dict[str, str]

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        self.tasks = TASKS_QUICKLY if quick else TASKS
        self.added: dict[float, float] = {}
        self.warm: dict[tuple[float, str, str], Samples] = {}  # by delay, row, subject
        self.cold: dict[str, dict[str, Start]] = {}  # by subject, row
        self._far: dict[float, dict[str, str]] = {0: {}}
        self._ids: dict[str, list[str]] = {}
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        with self._exit as exits:
            self.cluster = exits.enter_context(throwaway())
            folder = self.folder = self.cluster.folder("bench")
            key = DevelopmentKey(folder / "key.pem")
            self.pooler = None
            if installed():
                pooler = Pooler(self.cluster, (APP,), folder, certificates.make(folder), pool_size=POOL_SIZE)
                self.pooler = exits.enter_context(pooler)
            self.token = key.token
            ours = ("DATABASE_", "AUTH_", "CORS_", "PG", "AWS_", "POWERTOOLS_", "PYTHON")
            self.environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
            self.environment |= {
                "DATABASE_URL": self.url(self.port),
                "AUTH_ISSUER": ISSUER,
                "AUTH_JWKS_URL": key.serve(),
                "BENCH_TOKEN": key.token(CALLER),
                "BENCH_LOG": str(folder / "log"),
            }
            self.migrate(self.environment | {"DATABASE_URL_UNPOOLED": self.cluster.url(OWNER)})
            self._seed()
            self._exit = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def migrate(self, environment: dict[str, str]) -> None:
        """Bring the empty database up to date."""
        migrate(environment, lambda _: None)

    @property
    def port(self) -> int:
        """Where the database is reached: at PgBouncer, where there is one."""
        return self.pooler.port if self.pooler else self.cluster.port

    @property
    def pooled(self) -> str:
        """What stands before PostgreSQL, in words."""
        program = installed()
        if not program:
            return "no PgBouncer: it is not installed"
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        return f"{version.splitlines()[0]} in transaction mode, a pool of {POOL_SIZE}"

    def url(self, port: int) -> str:
        """The libpq URL of the application role by way of `port`; in the clear, as TLS costs every subject the same."""
        return f"{self.cluster.url(APP, port=port)}?sslmode=disable"

    def start(self, subject: str, delay: float = 0, **variables: str) -> Process:
        """A subject's process, with the database and the issuer `delay` milliseconds away."""
        command = [sys.executable, "-m", "tests.bench.subject", subject]
        return Process(subject, command, ROOT, self.environment | self.far(delay) | variables)

    def far(self, delay: float) -> dict[str, str]:
        """The variables that lead to the database and to the issuer by relays of their own."""
        if delay not in self._far:
            issuer = urlsplit(self.environment["AUTH_JWKS_URL"])
            keys = self._exit.enter_context(Relay(issuer.port or 0, delay / 1000))
            database = self._exit.enter_context(Relay(self.port, delay / 1000))
            # A relay has a price of its own, which belongs into the delay that was asked for.
            price = self._ping(database.port) - self._ping(self.port) - delay
            for relay in (keys, database):
                relay.tell(max(0.0, delay - price) / 1000)
            self.added[delay] = self._ping(database.port) - self._ping(self.port)
            url = issuer._replace(netloc=f"127.0.0.1:{keys.port}").geturl()
            self._far[delay] = {"DATABASE_URL": self.url(database.port), "AUTH_JWKS_URL": url}
        return self._far[delay]

    def take(self, request: Request, count: int) -> list[str]:
        """Ids of so many of the caller's tasks that suit a request; none is handed out twice for a write."""
        if not request.on:
            return [""] * count
        ids = self._ids[request.on]
        if request.on == "any":
            return [ids[place % len(ids)] for place in range(count)]
        self._ids[request.on], taken = ids[count:], ids[:count]
        assert len(taken) == count, "the caller has too few tasks for this"
        return taken

    def _seed(self) -> None:
        with psycopg.connect(self.cluster.url(SUPERUSER), autocommit=True) as admin:
            admin.execute(SEED, {"user": CALLER, "count": self.tasks})
            admin.execute("vacuum (analyze) task")
            rows = admin.execute("select id::text, completed_at is null from task").fetchall()
        random.Random(5).shuffle(rows)  # noqa: S311 - for an order that is the same each time
        self._ids["any"], rows = [row[0] for row in rows[:500]], rows[500:]
        for kind, is_open in (("open", True), ("completed", False)):
            self._ids[kind] = [row[0] for row in rows if row[1] is is_open]

    def _ping(self, port: int) -> float:
        times = []
        with psycopg.connect(self.url(port), autocommit=True) as connection:
            for _ in range(PINGS_QUICKLY if self.quick else PINGS):
                start = time.perf_counter()
                connection.execute("")
                times.append((time.perf_counter() - start) * 1000)
        return median(times)
