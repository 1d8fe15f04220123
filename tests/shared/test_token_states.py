"""Tokens that the moment makes bad, and what comes of them once the moment is over."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.keys import GAP
from tests.support.collect_failures import collect_failures
from tests.support.hostile_token_states import STATES, State, brand_new, replacing_too_soon
from tests.support.jwks_server import JwksServer
from tests.support.postgres_proxy import Proxy
from tests.support.token_check import BAD_SENT, Door, bearer, opened, refused

type Moment = tuple[Door, str]


@contextmanager
def reached(state: State) -> Iterator[Moment]:
    """A new environment that held a key, brought to this state, and a token; the clock and settings are its own."""
    with pytest.MonkeyPatch.context() as monkeypatch, JwksServer() as issuer, opened(monkeypatch, issuer) as door:
        signer = issuer.signer()
        assert door.status(signer.token()) == 200
        yield door, state(door, signer, monkeypatch)


def test_what_the_moment_makes_bad_is_the_one_401_everywhere(proxy: Proxy) -> None:
    with collect_failures() as check:
        for name, state in STATES.items():
            with check(name), reached(state) as (door, token):
                proxy.reset()
                for answer in door.knock(bearer(token)):
                    refused(answer, BAD_SENT)
                assert (proxy.connects, proxy.trips) == (0, [])
                assert set(door.dialled) == {door.address}
                assert len(door.dialled) <= 2


def test_a_new_key_that_came_too_soon_works_after_the_cooldown() -> None:
    for state in (brand_new, replacing_too_soon):
        with reached(state) as (door, token):
            assert door.status(token) == 401, state
            door.clock.now += GAP
            assert door.status(token) == 200, state
            assert len(door.dialled) == 2, state
