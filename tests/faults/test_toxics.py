"""The proxy's slow and broken ways, as a client of PostgreSQL meets them."""

from contextlib import closing

import psycopg
import pytest

from tests.support.postgres_proxy import Proxy
from tests.support.stack import APP, Stack

LONG = "select repeat('x', 300)"


def test_an_answer_ends_after_so_many_bytes_and_only_that_one(stack: Stack, proxy: Proxy) -> None:
    # Closed and no more: psycopg's own context would commit, and what was cut off may seem to be still answering.
    with closing(psycopg.connect(stack.url(APP), autocommit=True)) as connection:
        proxy.toxics.limits[:] = [200]
        with pytest.raises(psycopg.OperationalError):
            connection.execute(LONG)
    assert proxy.toxics.hits == 1
    with psycopg.connect(stack.url(APP), autocommit=True) as connection:
        assert connection.execute(LONG).fetchone() == ("x" * 300,)


def test_what_is_narrow_or_comes_byte_by_byte_is_whole(stack: Stack, proxy: Proxy) -> None:
    with psycopg.connect(stack.url(APP), autocommit=True) as connection:
        proxy.toxics.bandwidth = 10_000
        assert connection.execute(LONG).fetchone() == ("x" * 300,)
        narrow = proxy.toxics.hits
        proxy.toxics.bandwidth, proxy.toxics.slices = 0, True
        assert connection.execute(LONG).fetchone() == ("x" * 300,)
        assert proxy.toxics.hits > narrow > 0


def test_jitter_holds_up_each_round_trip(stack: Stack, proxy: Proxy) -> None:
    with psycopg.connect(stack.url(APP), autocommit=True) as connection:
        proxy.toxics.jitter = 0.001
        for _ in range(3):
            connection.execute("select")
    assert proxy.toxics.hits == 3


def test_who_connects_while_nothing_passes_is_held_before_the_server(stack: Stack, proxy: Proxy) -> None:
    proxy.freeze()
    others = set(proxy._flows)  # of the session's own server and handlers
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        psycopg.connect(stack.url(APP), connect_timeout=2)
    assert proxy.connects == 1
    assert proxy._flows <= others
