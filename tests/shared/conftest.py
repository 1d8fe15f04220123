"""An issuer for the tests of tokens and keys, a signer of its own, and a key cache that asks it."""

from collections.abc import Iterator

import pytest

from shared.keys import KeyCache
from tests.support.jwks_server import JwksServer, Signer
from tests.support.key_cache import Clock


@pytest.fixture
def issuer() -> Iterator[JwksServer]:
    """An issuer that shows no key yet."""
    with JwksServer() as server:
        yield server


@pytest.fixture
def signer(issuer: JwksServer) -> Signer:
    """A signer whose key the issuer shows."""
    return issuer.signer()


@pytest.fixture
def clock() -> Clock:
    """The clock of `cache`."""
    return Clock()


@pytest.fixture
def cache(issuer: JwksServer, clock: Clock) -> KeyCache:
    """A new key cache that takes keys of all algorithms from the issuer."""
    return KeyCache(issuer.jwks_url, ("EdDSA", "ES256", "RS256"), clock=clock)
