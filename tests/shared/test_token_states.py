"""Tokens that the moment makes bad, and what comes of them once the moment is over.

Every state goes to one operation that reads and one that writes, and one state to each other operation.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.keys import GAP
from tests.support.collect_failures import collect_failures, for_each
from tests.support.hostile_token_states import STATES, State, brand_new, replacing_too_soon
from tests.support.jwks_server import JwksServer
from tests.support.postgres_proxy import Proxy
from tests.support.token_check import BAD_SENT, Door, bearer, opened, operations_by_row, refused


@contextmanager
def bad_token(state: State) -> Iterator[tuple[Door, str]]:
    """A door whose handlers hold the key of a token, and the token, in that state."""
    with pytest.MonkeyPatch.context() as monkeypatch, JwksServer() as issuer, opened(monkeypatch, issuer) as door:
        signer = issuer.signer()
        assert door.status(signer.token()) == 200
        yield door, state(door, signer, monkeypatch)


def test_what_the_moment_makes_bad_is_the_one_401_everywhere(proxy: Proxy) -> None:
    with collect_failures() as check:
        for name, operations in operations_by_row(STATES).items():
            with check(name), bad_token(STATES[name]) as (door, token):
                proxy.reset()
                for operation in operations:
                    with check(name, operation.name):
                        refused(door.answer(bearer(token), operation), BAD_SENT)
                assert (proxy.connects, proxy.trips) == (0, [])
                assert set(door.dialled) == {door.address}
                assert len(door.dialled) <= 2


@for_each("state", [brand_new, replacing_too_soon])
def test_a_new_key_that_came_too_soon_works_after_the_cooldown(state: State) -> None:
    with bad_token(state) as (door, token):
        assert door.status(token) == 401
        door.clock.now += GAP
        assert door.status(token) == 200
        assert len(door.dialled) == 2
