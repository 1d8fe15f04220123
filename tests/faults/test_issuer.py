"""The issuer of the tokens goes away, is slow, talks nonsense and rotates its keys, seen through the whole API."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from shared import auth
from shared.keys import GAP, KeyCache
from tests.conftest import BASE_URL
from tests.faults.invariants import in_time
from tests.support.api_gateway import Gateway
from tests.support.collect_failures import collect_failures
from tests.support.jwks_server import JwksServer, Signer
from tests.support.key_cache import Clock
from tests.support.stack import Stack


def new_cache(stack: Stack, clock: Clock) -> KeyCache:
    """What a new environment has."""
    return KeyCache(stack.issuer.jwks_url, ("EdDSA",), clock=clock)


@pytest.fixture
def clock(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of a key cache that holds nothing yet."""
    clock = Clock()
    monkeypatch.setattr(auth, "KEYS", new_cache(stack, clock))
    return clock


@pytest.fixture
def issuer(stack: Stack) -> Iterator[JwksServer]:
    """The issuer, which is as it was again afterwards."""
    keys = list(stack.issuer.keys)
    yield stack.issuer
    stack.issuer.stop()
    stack.issuer.start()
    stack.issuer.gate.set()
    stack.issuer.body, stack.issuer.status = None, 200
    stack.issuer.show(*keys)


def ask(signer: Signer) -> int:
    """What a user with a good token is answered: the status of a read and of a write, which must be one."""
    headers = {"Authorization": f"Bearer {signer.token(f'user-{uuid4()}')}"}
    with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=headers) as api:
        read = in_time(lambda: api.get("/v1/tasks")).status_code
        write = in_time(lambda: api.post("/v1/tasks", json={"title": "Buy milk"})).status_code
    assert write == (201 if read == 200 else read)
    return read


def test_a_good_token_is_503_while_the_issuer_is_down_and_good_again_afterwards(
    stack: Stack, issuer: JwksServer, clock: Clock
) -> None:
    issuer.stop()
    assert ask(stack.signer) == 503
    issuer.start()
    clock.now += GAP
    assert ask(stack.signer) == 200


def test_a_silent_issuer_is_503(stack: Stack, issuer: JwksServer, clock: Clock) -> None:
    issuer.gate.clear()
    assert ask(stack.signer) == 503
    issuer.gate.set()
    clock.now += GAP
    assert ask(stack.signer) == 200


def test_an_issuer_that_shows_no_keys_is_503(stack: Stack, issuer: JwksServer, clock: Clock) -> None:
    answers = [(200, body) for body in (b"<html>", b'{"keys": []}', b"[]", b'{"keys": [null, 1]}')]
    with collect_failures() as check:
        for status, body in [*answers, (500, b"{}"), (404, b"")]:
            with check(status, body), pytest.MonkeyPatch.context() as patch:
                patch.setattr(auth, "KEYS", new_cache(stack, clock))
                issuer.status, issuer.body = status, body
                assert ask(stack.signer) == 503
                issuer.status, issuer.body = 200, None
                clock.now += GAP
                assert ask(stack.signer) == 200


def test_keys_that_are_held_outlive_the_issuer_for_a_day(stack: Stack, issuer: JwksServer, clock: Clock) -> None:
    assert ask(stack.signer) == 200
    issuer.stop()
    clock.now += 23 * 3600
    assert ask(stack.signer) == 200
    clock.now += 2 * 3600
    assert ask(stack.signer) == 503


def test_a_rotated_in_key_works_and_a_rotated_out_key_ends(stack: Stack, issuer: JwksServer, clock: Clock) -> None:
    assert ask(stack.signer) == 200
    new = Signer(issuer.url)
    issuer.show(new.jwk)
    clock.now += GAP
    assert ask(new) == 200
    assert ask(stack.signer) == 401


def test_a_key_rotated_in_while_the_issuer_is_down_is_503_not_401(
    stack: Stack, issuer: JwksServer, clock: Clock
) -> None:
    assert ask(stack.signer) == 200
    new = issuer.signer()
    issuer.stop()
    clock.now += GAP
    assert ask(new) == 503
    assert ask(stack.signer) == 200
    issuer.start()
    clock.now += GAP
    assert ask(new) == 200


@pytest.mark.usefixtures("clock")
def test_a_token_that_no_key_could_save_is_401_whatever_the_issuer_does(stack: Stack, issuer: JwksServer) -> None:
    issuer.stop()
    headers = {"Authorization": f"Bearer {stack.signer.token('someone', exp=0)}"}
    with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=headers) as api:
        assert in_time(lambda: api.get("/v1/tasks")).status_code == 401
