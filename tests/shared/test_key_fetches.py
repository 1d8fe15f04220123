"""One fetch of the issuer's keys: where it goes, what it trusts, and that 2 seconds are all it takes."""

import asyncio
import os
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from shared import keys
from shared.keys import BOUND, FRESH, KeyCache
from tests.support.collect_failures import for_each
from tests.support.issuer_behaviours import GOOD, SET, answers, certificate, chunked, serving
from tests.support.jwks_server import JwksServer
from tests.support.key_cache import Clock, ask, outcome

ALL = ("EdDSA", "ES256", "RS256")


def test_an_issuer_that_hangs_or_drips_is_given_up_after_2_seconds_and_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would send a whole good set after some 10 seconds, but the deaf ones; a held key is given out after all."""
    file, clock = certificate(tmp_path), Clock()
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with ExitStack() as running, socket.create_server(("127.0.0.1", 0)) as deaf:
        issuers = [running.enter_context(JwksServer(tls=tls)) for tls in [None] * 4 + [serving(file)]]
        address = f"//127.0.0.1:{deaf.getsockname()[1]}/"
        urls = [issuer.jwks_url for issuer in issuers]
        cold = [KeyCache(url, ALL, clock=clock) for url in [*urls, "http:" + address, "https:" + address]]
        warm = [KeyCache(url, ALL, clock=clock) for url in urls]
        for issuer, cache in zip(issuers, warm, strict=True):
            issuer.show(GOOD.jwk)
            assert ask(cache, GOOD.kid) == {"held"}
        late, head, body, chunks, over_tls = issuers
        late.delay, head.drip, body.drip, chunks.drip, over_tls.drip = 10, "head", "body", "body", "body"
        answers(**chunked(SET))(chunks)
        clock.now += FRESH

        async def all_at_once() -> list[str]:
            return await asyncio.gather(*(outcome(cache, GOOD.kid) for cache in [*cold, *warm]))

        started = time.monotonic()
        assert asyncio.run(all_at_once()) == ["unavailable"] * len(cold) + ["held"] * len(warm)
        assert BOUND <= time.monotonic() - started < 2 * BOUND
        assert [len(issuer.requests) for issuer in issuers] == [3] * len(issuers)
        for thread in threading.enumerate():
            if thread.name == "keys":
                thread.join(5)
                assert not thread.is_alive()


def test_proxies_of_the_environment_are_not_used(issuer: JwksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:9")
    assert ask(KeyCache(issuer.jwks_url, ALL), issuer.signer().kid) == {"held"}


@for_each(
    "url",
    [
        *("http://issuer.example/jwks", "http://127.0.0.1.example/jwks", "http://localhost@issuer.example/jwks"),
        *("file:///etc/hosts", "ftp://127.0.0.1/jwks", "data:application/json,{}", "//127.0.0.1/jwks", "", "https://"),
    ],
)
def test_cve_2026_48522_a_url_that_is_not_https_or_loopback_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        KeyCache(url, ("EdDSA",))


def test_the_bounds_are_those_of_the_design() -> None:
    assert (keys.STALE, keys.GAP, keys.BOUND, keys.MAX_BYTES, keys.MAX_KEYS) == (86_400, 5, 2.0, 65_536, 32)
