"""The TLS options of the URL are honoured: before PgBouncer, and before PostgreSQL itself for what PgBouncer lacks."""

import importlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from infra.local.postgres import OWNER
from infra.local.runtime_api import lambda_function
from infra.migrate import MigrationError, migrate
from infra.operations import ROOT
from shared import connection as connections
from shared.problems import Unavailable
from tests.shared.test_database import Door, run
from tests.support import certificates
from tests.support.api_gateway import make_event
from tests.support.channel_binding_server import BindingServer
from tests.support.pgbouncer import Pooler
from tests.support.postgres_proxy import Proxy
from tests.support.stack import APP, JOBS, Stack, User

HOSTS = ["127.0.0.1", "localhost"]
type Way = tuple[int, dict[str, str]]


@pytest.fixture(scope="module")
def direct(stack: Stack) -> Iterator[int]:
    """A port of PostgreSQL that takes TLS from the first byte (sslnegotiation=direct): a proxy ends it there.

    PgBouncer takes that from 1.25 on, and the embedded PostgreSQL is built without TLS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stack.certificates.certificate, stack.certificates.key)
    context.set_alpn_protocols(["postgresql"])
    with Proxy(stack.cluster.port, tls=context, direct=True) as proxy:
        yield proxy.port


@pytest.fixture(params=["pooler", "direct"])
def way(request: pytest.FixtureRequest) -> Way:
    """The port of each server that takes TLS, and what its URL says on top."""
    if request.param == "pooler":
        return request.getfixturevalue("pooler").port, {}
    return request.getfixturevalue("direct"), {"sslnegotiation": "direct"}


def url(stack: Stack, way: Way, host: str = "localhost", **options: object) -> str:
    """The URL of the application role on `host`, which is always looked for on this machine."""
    port, more = way
    query = "&".join(f"{name}={value}" for name, value in {"hostaddr": "127.0.0.1", **options, **more}.items())
    return f"postgresql://{APP}:{stack.cluster.password(APP)}@{host}:{port}/{stack.cluster.database}?{query}"


def encrypted(url: str) -> bool:
    """Whether the connection that a request then has is."""
    door = Door(url)

    async def work() -> bool:
        await door.rows()
        ((connection, _),) = door.database._idle
        return connection.pgconn.ssl_in_use

    return run(door, work)


def refused(url: str, match: str) -> None:
    """A request is unavailable, for the reason that `match` says."""
    door = Door(url)

    async def work() -> None:
        with pytest.raises(Unavailable):
            await door.rows()
        assert door.database._idle == []

    run(door, work)
    with pytest.raises(psycopg.OperationalError, match=match):
        psycopg.connect(connections.verifying(url))


@pytest.mark.parametrize("host", HOSTS)
def test_a_server_that_its_own_authority_vouches_for_is_trusted(host: str, stack: Stack, way: Way) -> None:
    assert encrypted(url(stack, way, host, sslmode="verify-full", sslrootcert=stack.certificates.ca))


@pytest.mark.parametrize(("direct", "steps"), [(True, 3), (False, 4)], ids=["direct", "asked for"])
def test_a_login_waits_as_seldom_as_libpq_can(direct: bool, steps: int, stack: Stack) -> None:
    """Behind the startup message and SCRAM's two; asking for TLS is one more. TCP and TLS have one each."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stack.certificates.certificate, stack.certificates.key)
    context.set_alpn_protocols(["postgresql"])
    with Proxy(stack.cluster.port, tls=context, direct=direct) as proxy:
        more = {"sslnegotiation": "direct"} if direct else {}
        assert encrypted(url(stack, (proxy.port, more), sslmode="verify-full", sslrootcert=stack.certificates.ca))
        assert (proxy.connects, proxy.steps, len(proxy.trips)) == (1, steps, 1)  # and the request itself


def test_without_tls_asked_for_there_is_none(stack: Stack, pooler: Pooler) -> None:
    assert not encrypted(url(stack, (pooler.port, {}), sslmode="disable"))


def test_another_name_than_the_certificates_is_refused(stack: Stack, way: Way) -> None:
    options = {"sslmode": "verify-full", "sslrootcert": str(stack.certificates.ca)}
    refused(url(stack, way, "db.example.com", **options), "does not match host name")
    assert encrypted(url(stack, way, "db.example.com", **options | {"sslmode": "verify-ca"}))


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_another_authority_is_refused(mode: str, stack: Stack, way: Way, tmp_path: Path) -> None:
    other = certificates.make(tmp_path)
    refused(url(stack, way, sslmode=mode, sslrootcert=other.ca), "SSL error")


@pytest.mark.parametrize("named", [{}, {"sslrootcert": "system"}], ids=["unnamed", "system"])
def test_the_systems_authorities_are_found_where_the_url_names_none(
    named: dict[str, str], stack: Stack, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = url(stack, way, sslmode="verify-full", **named)
    # libpq takes the system's own file: it reads it, and finds that none in it vouches for our server.
    assert any(Path(file).exists() for file in connections.CA_FILES)
    refused(plain, "certificate verify failed")
    monkeypatch.setattr(connections, "CA_FILES", ("/nowhere/ca.pem", str(stack.certificates.ca)))
    assert encrypted(plain)


def test_migrations_and_jobs_find_the_systems_authorities_as_well(
    stack: Stack, direct: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = "hostaddr=127.0.0.1&sslmode=verify-full&sslnegotiation=direct"
    owner, jobs = (f"{stack.cluster.url(role, port=direct)}?{options}" for role in (OWNER, JOBS))
    environment = {"DATABASE_URL_UNPOOLED": owner, "DATABASE_URL": stack.environment["DATABASE_URL"]}
    job = importlib.import_module("functions.jobs.delete_expired_keys")
    monkeypatch.setattr("shared.purging.SECRET", connections.Secret(jobs, None))
    with pytest.raises(MigrationError, match="certificate verify failed"):
        migrate(environment, lambda _: None)
    with pytest.raises(OperationalError, match="certificate verify failed"):
        job.handler({}, None)
    monkeypatch.setattr(connections, "CA_FILES", (str(stack.certificates.ca),))
    migrate(environment, lambda _: None)
    assert job.handler({}, None)["done"]


def test_a_server_without_tls_is_refused(stack: Stack) -> None:
    options = {"sslmode": "verify-full", "sslrootcert": str(stack.certificates.ca)}
    refused(url(stack, (stack.cluster.port, {}), **options), "server does not support SSL")
    refused(url(stack, (stack.cluster.port, {}), sslnegotiation="direct", **options), "SSL")


def test_a_channel_that_can_not_be_bound_is_refused(stack: Stack, way: Way) -> None:
    options = {"sslmode": "verify-full", "sslrootcert": str(stack.certificates.ca), "channel_binding": "require"}
    refused(url(stack, way, **options), "channel binding")


def test_all_options_of_a_neon_url_together(stack: Stack) -> None:
    options = {"sslmode": "verify-full", "channel_binding": "require", "sslnegotiation": "direct"}
    known = stack.cluster.url(APP), stack.cluster.password(APP), stack.certificates
    with BindingServer(*known) as server:
        assert encrypted(url(stack, (server.port, options), sslrootcert=stack.certificates.ca))
    assert server.bound == [server.expected]


def test_a_handler_talks_tls_as_its_url_says(stack: Stack, way: Way, user: User) -> None:
    secure = url(stack, way, sslmode="verify-full", sslrootcert=stack.certificates.ca)
    env = {"PATH": os.environ["PATH"], "AUTH_ISSUER": stack.environment["AUTH_ISSUER"], "DATABASE_URL": secure}
    with lambda_function("tasks_list", "functions/tasks/list.handler", env, ROOT) as function:
        answer = function.invoke(make_event("GET", "/v1/tasks", headers=list(user.headers.items())))
    assert answer["statusCode"] == 200
