"""Where the state machine runs: a server of its own, before a proxy and a PgBouncer of a chosen size of its own."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Any, Self
from uuid import uuid4

import httpx
import psycopg
from psycopg.rows import DictRow, dict_row

from infra.local.postgres import ROOT
from tests.faults.invariants import LEFT_OVER, eventually
from tests.support.api_server import Server
from tests.support.pgbouncer import Pooler
from tests.support.postgres_proxy import Proxy
from tests.support.stack import APP, Stack

BACKENDS = "select pid, state from pg_stat_activity where usename = %s and pid <> all (%s)"
END = "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s and pid <> all (%s)"
HOLD = "select from task where user_id = any(%s) for update"
WAITING = "select count(*) from pg_stat_activity where usename = %s and wait_event_type = 'Lock'"
PATIENCE = 0.03
"""Seconds to wait for those who are to wait for a lock: not all that are asked have to."""
LINE = '"message":"request"'
THREADS = 24


class Log:
    """A file that grows: `news` gives the whole lines that were written since it was last asked."""

    def __init__(self, path: Path, read: int = 0) -> None:
        self.path = path
        self._read = read

    def news(self) -> str:
        with self.path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode("utf-8", "replace")


class House:
    """The parts, which live while it is entered, and what is asked of them between the steps.

    `root` is the folder of the code that the server runs. `secrets` may stand in no log; `failures` keeps what a step
    that failed was told.
    """

    def __init__(self, stack: Stack, pool_size: int, root: Path = ROOT) -> None:
        self.stack, self.pool_size = stack, pool_size
        self.secrets: list[str] = []
        self.failures: list[str] = []
        self._root = root
        self._counting = Lock()
        self._asked = self._heard = 0
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        stack = self.stack
        with self._exit as exits:
            folder = stack.cluster.folder(f"machine-{uuid4().hex[:8]}")
            url = stack.admin_url
            self._admin = exits.enter_context(psycopg.connect(url, autocommit=True, row_factory=dict_row))
            self._holder = exits.enter_context(psycopg.connect(url))
            self._others = [row["pid"] for row in self.rows(BACKENDS, APP, [])]
            self.pooler = exits.enter_context(Pooler(stack.cluster, (APP,), folder, stack.certificates, self.pool_size))
            self.proxy = exits.enter_context(Proxy(self.pooler.port))
            url = f"{stack.cluster.url(APP, port=self.proxy.port)}?sslmode=disable"
            self.server = exits.enter_context(Server(stack, self._root, DATABASE_URL=url))
            self.threads = exits.enter_context(ThreadPoolExecutor(THREADS))
            self.logs = {
                "server": Log(self.server.log_file),
                "PgBouncer": Log(folder / "pgbouncer.log"),
                "PostgreSQL": Log(stack.cluster.log, stack.cluster.log.stat().st_size),
            }
            self._exit = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def rows(self, statement: str, *values: Any) -> list[DictRow]:
        """What the superuser sees."""
        return self._admin.execute(statement.encode(), values).fetchall()

    def end_backends(self) -> None:
        """End every backend of this pool, whatever it does."""
        self.rows(END, APP, self._others)

    def begin(self, secrets: list[str]) -> None:
        """Take up an example: know its secrets, and forget what one that failed has left uncounted."""
        self.secrets = secrets
        request_id = httpx.get(f"{self.server.url}/health").headers["X-Request-Id"]
        eventually(lambda: request_id in self.server.log, "the line of a request")
        self.listen("server")
        self._asked = self._heard = 0

    def asking(self) -> None:
        """Note that the server is sent one request more, which writes a line when it has ended."""
        with self._counting:
            self._asked += 1

    def hold(self, users: list[str]) -> None:
        self._holder.execute(HOLD, [users])

    def let_go(self) -> None:
        """Let them go once as many wait as can: now their requests truly meet, each with its own view of the row."""
        end = time.monotonic() + PATIENCE
        while self.rows(WAITING, APP) != [{"count": self.pool_size}] and time.monotonic() < end:
            time.sleep(0.001)
        self._holder.rollback()

    def heard_out(self) -> None:
        """Wait until the server has ended every request, also those whose clients are gone."""

        def ended() -> bool:
            self.listen("server")
            return self._heard >= self._asked

        eventually(ended, "a line for every request")
        assert self._heard == self._asked, "the server ended more requests than were sent"

    def listen(self, name: str) -> None:
        """Read the news of a log: nothing that one user wrote, or is known by, may be in it; nor a fault of ours."""
        told = self.logs[name].news()
        if name == "server":
            self._heard += told.count(LINE)
        for secret in self.secrets:
            assert secret not in told, f"the log of the {name} tells {secret}:\n{told}"
        assert name != "server" or not ('"level":"ERROR"' in told or '"level":"CRITICAL"' in told), told

    def listen_to_all(self) -> None:
        """The same for every log, of all that was asked."""
        self.heard_out()
        for name in self.logs:
            if name != "server":
                self.listen(name)

    def nobody_waits(self) -> None:
        """No transaction is left open, no pipeline half sent."""
        seen: list[DictRow] = []

        def none() -> bool:
            seen[:] = self.rows(LEFT_OVER, APP)
            return not seen

        eventually(none, seen)

    def quiet(self) -> None:
        """Wait until nothing that was sent to the database can take effect any more.

        A backend whose client is gone may go on for a moment; PgBouncer knows it no longer. A backend that was ended
        is gone, but PgBouncer may not know it yet. So: the two know the same ones, and all are idle.
        """
        seen: list[object] = []

        def agreed() -> bool:
            backends = {row["pid"]: row["state"] for row in self.rows(BACKENDS, APP, self._others)}
            servers = {row["remote_pid"]: row["state"] for row in self.pooler.command("show servers")}
            seen[:] = [backends, servers]
            return backends.keys() == servers.keys() and {*backends.values(), *servers.values()} <= {"idle", "used"}

        eventually(agreed, seen)
