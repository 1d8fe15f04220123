"""What the tests run against, all of it real: PostgreSQL, PgBouncer, a proxy that can break, an issuer of tokens.

The way of a request's SQL: handlers → `proxy` → `pooler` (where PgBouncer is installed, and always in CI) → `cluster`;
for the fault runner a second proxy, `behind`, stands between the last two.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

from infra.local.postgres import OWNER, SUPERUSER, Cluster, throwaway
from infra.migrate import migrate
from tests.support import certificates
from tests.support.certificates import Certificates
from tests.support.jwks_server import JwksServer, Signer
from tests.support.output_leaks import note
from tests.support.pgbouncer import Pooler, installed
from tests.support.postgres_proxy import Proxy

APP, JOBS = "api", "jobs"
ORIGINS = ("https://app.example.com", "http://localhost:3000")
STRICT = os.environ.get("CI") == "true"
"""In CI nothing may be left out."""


@dataclass(frozen=True, slots=True)
class User:
    """Someone with a token."""

    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What proves it."""
        return {"Authorization": f"Bearer {self.token}"}


class Stack:
    """Everything, once a session. `environment` is what the functions read; it is in `os.environ` while this runs."""

    cluster: Cluster
    pooler: Pooler | None
    proxy: Proxy
    behind: Proxy | None
    issuer: JwksServer
    signer: Signer
    certificates: Certificates
    folder: Path
    environment: dict[str, str]

    def __init__(self, *, two_proxies: bool = False) -> None:
        self._exit = ExitStack()
        self._two_proxies = two_proxies

    def __enter__(self) -> Self:
        with self._exit as exits:
            self.cluster = exits.enter_context(throwaway())
            note("the password of a role", self.cluster.password("").removeprefix("-"))
            self.folder = self.cluster.folder("tests")
            self.certificates = certificates.make(self.folder)
            self.issuer = exits.enter_context(JwksServer())
            self.signer = self.issuer.signer()
            self.pooler = None
            self.behind = exits.enter_context(Proxy(self.cluster.port)) if self._two_proxies else None
            if installed() or STRICT:
                target = self.behind.port if self.behind else None
                pooler = Pooler(self.cluster, (APP, JOBS), self.folder, self.certificates, target=target)
                self.pooler = exits.enter_context(pooler)
            self.proxy = exits.enter_context(Proxy(self.pooler.port if self.pooler else self.cluster.port))
            self.environment = {
                "DATABASE_URL": self.url(APP),
                "DATABASE_URL_JOBS": self.url(JOBS),
                "AUTH_ISSUER": self.issuer.url,
                "CORS_ORIGINS": ",".join(ORIGINS),
            }
            migrate({**self.environment, "DATABASE_URL_UNPOOLED": self.cluster.url(OWNER)}, lambda _: None)
            self._exit = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

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
