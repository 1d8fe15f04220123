"""The TLS options of DATABASE_URL are honoured: a whole operation, under Lambda's runtime client, over TLS."""

import os
import ssl
from collections.abc import Iterator

import httpx
import pytest

from infra.local.postgres import ROOT
from infra.local.runtime_api import lambda_function
from tests.gateway import as_response, make_event
from tests.pooler import Pooler
from tests.proxy import Proxy
from tests.stack import APP, Stack, User


def create(stack: Stack, user: User, port: int, options: str) -> httpx.Response:
    """Create a task in a new execution environment whose URL has the options."""
    url = f"{stack.cluster.url(APP, port=port)}?{options}"
    env = {"PATH": os.environ["PATH"], **stack.environment, "DATABASE_URL": url}
    headers = [*user.headers.items(), ("Content-Type", "application/json")]
    with lambda_function("tasks_create", "functions/tasks/create.handler", env, ROOT) as function:
        event = make_event("POST", "/v1/tasks", headers=headers, body=b'{"title": "Buy milk"}')
        return as_response(function.invoke(event))


@pytest.fixture
def direct(stack: Stack, pooler: Pooler) -> Iterator[Proxy]:
    """A server that wants TLS from the first byte, as Neon takes it and PgBouncer before 1.25 does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stack.certificates.certificate, stack.certificates.key)
    context.set_alpn_protocols(["postgresql"])
    with Proxy(pooler.port, tls=context, direct=True) as proxy:
        yield proxy


def test_verify_full_with_a_ca_file_reaches_pgbouncer_over_tls(stack: Stack, user: User, pooler: Pooler) -> None:
    with Proxy(pooler.port) as onlooker:
        options = f"sslmode=verify-full&sslrootcert={stack.certificates.ca}"
        assert create(stack, user, onlooker.port, options).status_code == 201
        assert onlooker.connects == 1
        assert onlooker.trips == []  # all that passed was unreadable


@pytest.mark.parametrize("root", ["", "&sslrootcert=system"])
def test_verify_full_asks_the_systems_cas_where_none_is_named(
    stack: Stack, user: User, pooler: Pooler, root: str
) -> None:
    answer = create(stack, user, pooler.port, f"sslmode=verify-full{root}")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_direct_negotiation(stack: Stack, user: User, direct: Proxy) -> None:
    options = f"sslmode=verify-full&sslnegotiation=direct&sslrootcert={stack.certificates.ca}"
    assert create(stack, user, direct.port, options).status_code == 201
    assert direct.connects == 1
    options = f"sslmode=verify-full&sslrootcert={stack.certificates.ca}"
    assert create(stack, user, direct.port, options).status_code == 503


@pytest.mark.parametrize(("binding", "status"), [("prefer", 201), ("require", 503)])
def test_channel_binding_is_asked_for(stack: Stack, user: User, pooler: Pooler, binding: str, status: int) -> None:
    """PgBouncer 1.18 has none, so that what requires it is refused."""
    options = f"sslmode=verify-full&channel_binding={binding}&sslrootcert={stack.certificates.ca}"
    assert create(stack, user, pooler.port, options).status_code == status
