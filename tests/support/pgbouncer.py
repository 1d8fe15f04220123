"""PgBouncer in transaction mode, as Neon has it in front of PostgreSQL; with TLS for whoever asks for it."""

import os
import shutil
import time
from pathlib import Path
from typing import Any, Self

import psycopg

from infra.local.child import Child
from infra.local.postgres import Cluster, account, free_port
from tests.support.certificates import Certificates

CONSOLE = "console"
POOL_SIZE = 3
SETTINGS = """
[databases]
{database} = host=127.0.0.1 port={target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
admin_users = {console}
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 200
server_login_retry = 1
query_wait_timeout = 5
ignore_startup_parameters = extra_float_digits
client_tls_sslmode = allow
client_tls_cert_file = {certificates.certificate}
client_tls_key_file = {certificates.key}
"""


def installed() -> str | None:
    """The program, where there is one."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Pooler:
    """A running PgBouncer before `cluster`, for the roles in `users`. Its pool is small: backends are shared.

    `target`: the port that leads to the cluster, where something stands in between.
    """

    def __init__(
        self,
        cluster: Cluster,
        users: tuple[str, ...],
        folder: Path,
        certificates: Certificates,
        pool_size: int = POOL_SIZE,
        target: int | None = None,
    ) -> None:
        self.port = free_port()
        self._cluster, self._folder = cluster, folder
        self._words = {name: cluster.password(name) for name in (*users, CONSOLE)}
        self._write_words()
        text = SETTINGS.format(
            database=cluster.database,
            target=target or cluster.port,
            port=self.port,
            folder=folder,
            console=CONSOLE,
            pool_size=pool_size,
            certificates=certificates,
        )
        (folder / "pgbouncer.ini").write_text(text, "ascii")
        self.start()

    def know(self, name: str, password: str) -> None:
        """Log `name` in by this password from now on, on both sides."""
        self._words[name] = password
        self._write_words()
        self.command("reload")

    def _write_words(self) -> None:
        lines = [f'"{name}" "{word}"\n' for name, word in self._words.items()]
        (self._folder / "users").write_text("".join(lines), "ascii")

    @property
    def log(self) -> Path:
        """Where it writes its log."""
        return self._folder / "pgbouncer.log"

    def start(self) -> None:
        """Start it (again), on the same port, and wait until it answers."""
        program = installed()
        assert program
        self._child = Child([program, str(self._folder / "pgbouncer.ini")], log=self.log, user=account())
        deadline = time.monotonic() + 10
        while True:
            try:
                self.command("show version")
            except psycopg.OperationalError:
                if not self._child.running or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def command(self, text: str) -> list[dict[str, Any]]:
        """Run a command of the console: `pause`, `resume`, `show pools`, `kill tasks`, `reconnect`, …"""
        url = self._cluster.url(CONSOLE, port=self.port).replace(f"/{self._cluster.database}", "/pgbouncer")
        with psycopg.connect(url, autocommit=True, row_factory=psycopg.rows.dict_row) as console:
            cursor = console.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def kill(self) -> None:
        """End it as a crash would."""
        self._child.kill()

    def stop(self) -> None:
        """End it."""
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
