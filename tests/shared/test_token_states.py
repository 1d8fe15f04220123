"""Tokens that the moment makes bad, and what comes of them once the moment is over."""

from collections.abc import Iterator

import pytest

from shared.keys import GAP
from tests.support.hostile_token_states import STATES, State, brand_new, replacing_too_soon
from tests.support.jwks_server import JwksServer, Signer
from tests.support.postgres_proxy import Proxy
from tests.support.token_check import BAD_SENT, Door, bearer, opened, refused


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    with JwksServer() as issuer, opened(monkeypatch, issuer) as door:
        yield door


@pytest.fixture
def signer(door: Door) -> Signer:
    """One whose key the handlers hold."""
    signer = door.issuer.signer()
    assert door.status(signer.token()) == 200
    return signer


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_what_the_moment_makes_bad_is_the_one_401_everywhere(
    door: Door, signer: Signer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    token = state(door, signer, monkeypatch)
    proxy.reset()
    for answer in door.knock(bearer(token)):
        refused(answer, BAD_SENT)
    assert (proxy.connects, proxy.trips) == (0, [])
    assert set(door.dialled) == {door.address}
    assert len(door.dialled) <= 2


@pytest.mark.parametrize("state", [brand_new, replacing_too_soon])
def test_a_new_key_that_came_too_soon_works_after_the_cooldown(
    door: Door, signer: Signer, monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    token = state(door, signer, monkeypatch)
    assert door.status(token) == 401
    door.clock.now += GAP
    assert door.status(token) == 200
    assert len(door.dialled) == 2
