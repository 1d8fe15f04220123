"""What the tests run against, all of it real: PostgreSQL, PgBouncer, a proxy that can fail, an issuer of tokens.

SQL of a request passes through `proxy`, then `pooler` (where PgBouncer is installed, and always in CI), to `cluster`;
the fault runner has a second proxy, `behind`, between the last two.

The workers of pytest-xdist share one server. Each has a database there, copied from a migrated one, login roles of its
own name, and a proxy, a pooler and an issuer of its own. A test that restarts, stops, fills or reconfigures a server,
or that looks at its roles, uses the fixture `private_server`.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import psycopg
from psycopg import sql

from infra.local.postgres import DATABASE, OWNER, SUPERUSER, Cluster, throwaway
from infra.migrate import migrate
from tests.support import certificates
from tests.support.certificates import Certificates
from tests.support.jwks_server import JwksServer, Signer
from tests.support.output_leaks import hear_file, note
from tests.support.pgbouncer import Pooler, installed
from tests.support.postgres_proxy import Proxy

SERVER = "TEST_SERVER"
"""Environment variable: the folder of a running server, started by `migrated_server`, which this process shares."""
TEMPLATE = "TEST_TEMPLATE"
"""Environment variable: the database on that server to copy, where it is not the migrated one."""
WORKER = os.environ.get("TEST_WORKER") or os.environ.get("PYTEST_XDIST_WORKER") or "main"
"""Names this process among those that share the server."""
APP, JOBS = f"api_{WORKER}", f"jobs_{WORKER}"
"""The login roles of this process."""
ORIGINS = ("https://app.example.com", "http://localhost:3000")
STRICT = os.environ.get("CI") == "true"
"""In CI nothing may be left out."""


@dataclass(frozen=True, slots=True)
class User:
    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What proves it."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def migrated_server(secret: str | None = None) -> Iterator[Cluster]:
    """Run a throw-away server whose database is migrated: the template of every process's database."""
    with throwaway(secret=secret) as cluster:
        _migrate(cluster, "template")
        _drop_roles(cluster, "api_template", "jobs_template")
        yield cluster


@contextmanager
def own_database(cluster: Cluster) -> Iterator[None]:
    """Have a database of this process's own in a migrated cluster, and its login roles."""
    cluster.database = f"{DATABASE}_{WORKER}"
    _copy_template(cluster)
    _migrate(cluster, WORKER)  # a copy of the migrated database lacks the login roles alone
    try:
        yield
    finally:
        with psycopg.connect(cluster.url(SUPERUSER), dbname="postgres", autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(cluster.database)))
        _drop_roles(cluster, APP, JOBS)


def _drop_roles(cluster: Cluster, *names: str) -> None:
    with psycopg.connect(cluster.url(SUPERUSER), dbname="postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("drop role {}").format(sql.SQL(", ").join(map(sql.Identifier, names))))


def shared_server(home: Path) -> Cluster:
    """Return the cluster of the server that another process runs in `home`."""
    cluster = Cluster(home)
    if not cluster.join():
        raise RuntimeError(f"no server runs in {home}, which {SERVER} names")
    return cluster


def _copy_template(cluster: Cluster) -> None:
    """Make the cluster's database anew, as a copy of the template."""
    names = {"copy": cluster.database, "template": os.environ.get(TEMPLATE, DATABASE), "owner": OWNER}
    words = {key: sql.Identifier(name) for key, name in names.items()}
    with psycopg.connect(cluster.url(SUPERUSER), dbname="postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {copy} with (force)").format(**words))
        admin.execute(sql.SQL("create database {copy} template {template} owner {owner}").format(**words))


def _migrate(cluster: Cluster, suffix: str) -> None:
    roles = {"DATABASE_URL": f"api_{suffix}", "DATABASE_URL_JOBS": f"jobs_{suffix}", "DATABASE_URL_UNPOOLED": OWNER}
    migrate({name: cluster.url(role) for name, role in roles.items()}, lambda _: None)


def end_backends(admin: psycopg.Connection[Any]) -> None:
    """End the backends of this process's application role, which no other process uses."""
    admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [APP])


class Stack:
    """Everything, once per process. `environment` is what the functions read, and is in `os.environ` meanwhile."""

    cluster: Cluster
    pooler: Pooler | None
    proxy: Proxy
    behind: Proxy | None
    issuer: JwksServer
    signer: Signer
    certificates: Certificates
    folder: Path
    environment: dict[str, str]

    def __init__(self, *, two_proxies: bool = False, own_server: bool = False) -> None:
        self._exit = ExitStack()
        self._two_proxies = two_proxies
        self._shared = None if own_server else os.environ.get(SERVER)
        self._private: tuple[Cluster, Pooler | None] | None = None

    def __enter__(self) -> Self:
        with self._exit as exits:
            home = self._shared
            self.cluster = shared_server(Path(home)) if home else exits.enter_context(migrated_server())
            exits.enter_context(own_database(self.cluster))
            hear_file("postgres, log", self.cluster.log)
            note("the password of a role", self.cluster.password("").removeprefix("-"))
            self.folder = self.cluster.folder(f"tests_{WORKER}")
            self.certificates = certificates.make(self.folder)
            self.issuer = exits.enter_context(JwksServer())
            self.signer = self.issuer.signer()
            self.behind = exits.enter_context(Proxy(self.cluster.port)) if self._two_proxies else None
            self.pooler = self._start_pooler(self.cluster, self.folder, exits)
            self.proxy = exits.enter_context(Proxy(self.pooler.port if self.pooler else self.cluster.port))
            self.environment = {
                "DATABASE_URL": self.url(APP),
                "DATABASE_URL_JOBS": self.url(JOBS),
                "AUTH_ISSUER": self.issuer.url,
                "CORS_ORIGINS": ",".join(ORIGINS),
            }
            self._exit = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _start_pooler(self, cluster: Cluster, folder: Path, exits: ExitStack) -> Pooler | None:
        if not (installed() or STRICT):
            return None
        target = self.behind.port if self.behind else None
        return exits.enter_context(Pooler(cluster, (APP, JOBS), folder, self.certificates, target=target))

    @contextmanager
    def private_server(self) -> Iterator[None]:
        """Use a throw-away server of this process's own, with the same roles, passwords and database name.

        `cluster`, `pooler` and `admin_url` are those of the private server meanwhile; `proxy` leads there.
        """
        if not self._shared:
            yield
            return
        if self._private is None:
            cluster = self._exit.enter_context(migrated_server(self.cluster.password("").removeprefix("-")))
            self._exit.enter_context(own_database(cluster))
            self._private = cluster, self._start_pooler(cluster, cluster.folder("pooler"), self._exit)
        shared = self.cluster, self.pooler
        try:
            self._use(*self._private)
            yield
        finally:
            self._use(*shared)

    def renew_database(self) -> None:
        """Replace the database by a new one, which no statistics and no rows of other tests are in."""
        self.proxy.cut()
        _copy_template(self.cluster)
        _migrate(self.cluster, WORKER)
        if self.pooler:
            self.pooler.command("reconnect")

    def set_role(self, settings: dict[str, str]) -> None:
        """Give this process's application role other settings, which new backends have; all backends are new ones."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            for name, value in settings.items():
                names = sql.Identifier(APP), sql.Identifier(name)
                admin.execute(sql.SQL("alter role {} set {} = {}").format(*names, sql.Literal(value)))
        self.proxy.cut()
        if self.pooler:
            self.pooler.command("reconnect")

    def _use(self, cluster: Cluster, pooler: Pooler | None) -> None:
        self.cluster, self.pooler = cluster, pooler
        self.proxy.target = pooler.port if pooler else cluster.port
        self.proxy.cut()

    def url(self, role: str) -> str:
        """The libpq URL of a role, by the way that requests take; in the clear, so that the proxy can read along."""
        return f"{self.cluster.url(role, port=self.proxy.port)}?sslmode=disable"

    @property
    def admin_url(self) -> str:
        """The libpq URL of the superuser, straight to the server."""
        return self.cluster.url(SUPERUSER)

    def user(self, user_id: str | None = None) -> User:
        """Someone new, or of a given id, with a token of the issuer's."""
        user_id = user_id or f"user-{uuid4()}"
        return User(user_id, self.signer.token(user_id))
