"""The stack, which runs before any test module is imported, and the fixtures that hand its parts out."""

import os
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import wait
from contextlib import ExitStack
from importlib import import_module

import httpx
import hypothesis
import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from tests.support import failure_report, output_leaks
from tests.support.api_gateway import Gateway
from tests.support.api_server import Server
from tests.support.pgbouncer import Pooler
from tests.support.postgres_proxy import Proxy
from tests.support.stack import SERVER, STRICT, Stack, User, migrated_server

RUNNING = pytest.StashKey[Stack]()
BASE_URL = "https://api.test"

for profile in ("short", "ci", "long"):  # see tests/fuzz
    hypothesis.settings.register_profile(profile, deadline=None, print_blob=True, derandomize=profile != "long")
hypothesis.settings.load_profile("short")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start everything and set the environment: the functions read it when they are imported.

    With workers of pytest-xdist the controller starts the server that they share, and each of them all else.
    """
    config = session.config
    if config.option.collectonly:
        return
    for plugin in (failure_report, output_leaks):
        config.pluginmanager.register(plugin)
    if config.getoption("numprocesses", None):
        server = ExitStack()
        config.add_cleanup(server.close)
        os.environ[SERVER] = str(server.enter_context(migrated_server()).home)
        return
    for name in [name for name in os.environ if name.startswith(("DATABASE_", "AUTH_", "CORS_", "PG", "AWS_"))]:
        del os.environ[name]
    output_leaks.watch()
    running = Stack().__enter__()
    config.stash[RUNNING] = running
    config.add_cleanup(running.__exit__)
    config.add_cleanup(_close_connections)
    os.environ.update(running.environment)
    _ask_for_keys()


def _ask_for_keys() -> None:
    """Import what asks the issuer while it is imported, and wait for the answer: a test may stop the issuer."""
    import_module("functions.tasks")
    if asked := sys.modules["shared.issuer"].KEYS._early:
        wait([asked[1]])


def _close_connections() -> None:
    """Close what the functions keep open: on Lambda nobody ever does, here the interpreter would complain."""
    if database := sys.modules.get("shared.database"):
        early = database.DATABASE._early  # opened while the operations were imported; no request has needed it
        opened = [early.result()] if early and not early.exception() else []
        for connection, _ in [*database.DATABASE._idle, *opened]:
            connection.pgconn.finish()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nothing may be left out, a test that skips itself fails."""
    report = yield
    if STRICT and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, though CI has all that it needs: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    """PostgreSQL, PgBouncer, proxy, issuer, certificates and their URLs: see `Stack`."""
    return request.config.stash[RUNNING]


@pytest.fixture
def proxy(stack: Stack) -> Iterator[Proxy]:
    """The proxy between the handlers and the database, with nothing counted yet; as new again afterwards."""
    stack.proxy.reset()
    yield stack.proxy
    stack.proxy.reset()


@pytest.fixture(scope="module")
def private_server(stack: Stack) -> Iterator[None]:
    """A server of this process alone, for a module that restarts or reconfigures it, or that looks at its roles."""
    with stack.private_server():
        yield


@pytest.fixture
def fresh_database(stack: Stack) -> None:
    """A new database, for a test of what PostgreSQL reads: no rows, statistics or dead tuples of other tests."""
    stack.renew_database()


@pytest.fixture
def pooler(stack: Stack) -> Pooler:
    """PgBouncer; where it is not installed, the test is skipped."""
    if stack.pooler is None:
        pytest.skip("PgBouncer is not installed")
    return stack.pooler


@pytest.fixture
def admin(stack: Stack) -> Iterator[psycopg.Connection[DictRow]]:
    """The superuser's connection, rows as dicts, each statement its own transaction: to look behind, or to lock."""
    with psycopg.connect(stack.admin_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def user(stack: Stack) -> User:
    """Someone new, who sees an empty world."""
    return stack.user()


@pytest.fixture
def stranger(stack: Stack) -> User:
    """Someone else."""
    return stack.user()


@pytest.fixture
def api(user: User) -> Iterator[httpx.Client]:
    """The handlers, called by `user` through the gateway's events."""
    with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers) as client:
        yield client


@pytest.fixture
def stranger_api(stranger: User) -> Iterator[httpx.Client]:
    """The same, called by `stranger`."""
    with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=stranger.headers) as client:
        yield client


@pytest.fixture
def anonymous_api() -> Iterator[httpx.Client]:
    """The same, called without a token."""
    with httpx.Client(transport=Gateway(), base_url=BASE_URL) as client:
        yield client


@pytest.fixture(scope="session")
def server(stack: Stack) -> Iterator[Server]:
    """The server of `make dev`, as a process: `url`, `token(user_id)`, `client(**headers)`, `log`."""
    with Server(stack) as running:
        yield running


@pytest.fixture
def http_api(server: Server, user: User) -> Iterator[httpx.Client]:
    """The server, called by `user` over HTTP."""
    with server.client(**user.headers) as client:
        yield client


@pytest.fixture(params=["lambda", "http"])
def either_api(request: pytest.FixtureRequest) -> httpx.Client:
    """Both ways, one after the other: `api` and `http_api`."""
    client: httpx.Client = request.getfixturevalue("api" if request.param == "lambda" else "http_api")
    return client
