"""The machine of the benchmark: one PostgreSQL behind one PgBouncer, an issuer, and relays that put both far away."""

import os
from contextlib import ExitStack
from typing import Self

from infra.local.keys import ISSUER, DevelopmentKey
from infra.local.postgres import OWNER, Cluster, throwaway
from infra.migrate import migrate
from tests import certificates
from tests.pooler import Pooler, installed

APP = "api"
POOL_SIZE = 10


class Laboratory:
    """Everything that is measured against; parts share it, one after the other.

    `environment` is what a subject's process gets, with the database and the issuer on this machine: `far` puts both
    behind a delay. Where PgBouncer is not installed, `pooler` is None and the way leads straight to PostgreSQL.
    """

    cluster: Cluster
    pooler: Pooler | None
    key: DevelopmentKey
    environment: dict[str, str]

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        with self._exit as exits:
            self.cluster = exits.enter_context(throwaway())
            folder = self.cluster.folder("bench")
            self.key = DevelopmentKey(folder / "key.pem")
            self.pooler = None
            if installed():
                pooler = Pooler(self.cluster, (APP,), folder, certificates.make(folder), pool_size=POOL_SIZE)
                self.pooler = exits.enter_context(pooler)
            ours = ("DATABASE_", "AUTH_", "CORS_", "PG", "AWS_", "POWERTOOLS_")
            self.environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
            self.environment |= {
                "DATABASE_URL": self.url(self.port),
                "AUTH_ISSUER": ISSUER,
                "AUTH_JWKS_URL": self.key.serve(),
            }
            migrate(self.environment | {"DATABASE_URL_UNPOOLED": self.cluster.url(OWNER)}, lambda _: None)
            self._exit = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def port(self) -> int:
        """Where the database is reached: at PgBouncer, where there is one."""
        return self.pooler.port if self.pooler else self.cluster.port

    def url(self, port: int) -> str:
        """The libpq URL of the application role by way of `port`; in the clear, as TLS costs every subject the same."""
        return f"{self.cluster.url(APP, port=port)}?sslmode=disable"
