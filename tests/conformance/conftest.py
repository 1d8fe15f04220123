"""Where the API is that is asked, and who asks. Nothing of tests/conftest.py is needed where BASE_URL is set."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from infra.local.backing import CannotServe
from infra.local.offline import osls, server
from infra.local.postgres import free_port
from infra.synthetic import sign_in, users
from shared.settings import cors_origins
from tests.conformance.caller import Caller, client
from tests.conformance.target import Target
from tests.support.stack import ORIGINS, Stack
from tests.support.timeouts import PROCESS_TIMEOUT

BASE_URL = os.environ.get("BASE_URL", "").rstrip("/")
# Where serverless-offline is not API Gateway: strict, so that a version of it that mends one is noticed.
EMULATORS_OWN = {
    "test_every_answer_has_an_id_of_its_own[offline]": "its request id is a constant",
    "test_no_origin_but_the_listed_ones_is_let_through[offline]": "it lets every origin through",
    "test_a_body_without_a_media_type_is_415[offline]": "it makes up a content type",
    "test_a_body_that_is_not_utf_8_is_400[offline]": "it reads every body as UTF-8, and mends it",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask the deployment where there is one, else both local forms: `make offline` in `make test-deploy`."""
    if "target" in metafunc.fixturenames:
        forms = [BASE_URL] if BASE_URL else ["dev", pytest.param("offline", marks=pytest.mark.deploy)]
        metafunc.parametrize("target", forms, indirect=True, scope="package")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the emulator's own answers where it has some."""
    for item in items:
        if item.name in EMULATORS_OWN:
            item.add_marker(pytest.mark.xfail(reason=f"serverless-offline: {EMULATORS_OWN[item.name]}", strict=True))


@pytest.fixture(scope="package")
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The API that is asked."""
    if BASE_URL:
        yield Target(BASE_URL, tokens(), cors_origins(os.environ.get("CORS_ORIGINS", "")))
    elif request.param == "dev":
        url = request.getfixturevalue("server").url
        yield Target(url, two_users(request.getfixturevalue("stack")), ORIGINS)
    else:
        stack = request.getfixturevalue("stack")
        with offline(stack) as url:
            yield Target(url, two_users(stack), ())


def two_users(stack: Stack) -> list[str]:
    return [stack.user().token, stack.user().token]


def tokens() -> list[str]:
    """The tokens for a deployment: those that are given, else those of the users who sign in."""
    given = [os.environ.get(name, "") for name in ("SMOKE_TOKEN", "SMOKE_TOKEN_2")]
    if any(given) or not os.environ.get("SMOKE_USERS"):
        return [token for token in given if token]
    issuer = os.environ["AUTH_ISSUER"].rstrip("/")
    return [sign_in(issuer, *user) for user in users(os.environ["SMOKE_USERS"])]


@contextmanager
def offline(stack: Stack) -> Iterator[str]:
    """The functions of serverless.yml under osls, on the database of the tests: the URL."""
    try:
        osls()
    except CannotServe as reason:
        pytest.skip(str(reason))
    port, log = free_port(), stack.folder / "offline.log"
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + PROCESS_TIMEOUT
    with server(stack.folder / "offline", port, {**os.environ, **stack.environment}, log) as running:
        while True:
            try:
                httpx.get(f"{url}/health", timeout=PROCESS_TIMEOUT)
            except httpx.TransportError:
                if not running.running or time.monotonic() > deadline:
                    raise RuntimeError(log.read_text("utf-8")) from None
                time.sleep(0.1)
            else:
                yield url
                return


@pytest.fixture(scope="package")
def anonymous(target: Target) -> Iterator[httpx.Client]:
    """Somebody without a token."""
    with client(target.url) as api:
        yield api


@pytest.fixture(scope="package")
def callers(target: Target) -> Iterator[list[Caller]]:
    """The users there are tokens for. What they made is gone afterwards, before a token expires, whatever happens."""
    with ExitStack() as exits:
        yield [exits.enter_context(Caller(target.url, token)) for token in target.tokens]


@pytest.fixture
def caller(callers: list[Caller]) -> Caller:
    """A user."""
    if not callers:
        pytest.skip("no SMOKE_TOKEN, and no SMOKE_USERS to sign in: what takes a user is left out")
    return callers[0]


@pytest.fixture
def api(caller: Caller) -> httpx.Client:
    """The API as the user calls it."""
    return caller.api


@pytest.fixture
def stranger(caller: Caller, callers: list[Caller]) -> Caller:
    """Another user."""
    if caller is callers[-1]:
        pytest.skip("no SMOKE_TOKEN_2, and no second of SMOKE_USERS: what takes two users is left out")
    return callers[1]
