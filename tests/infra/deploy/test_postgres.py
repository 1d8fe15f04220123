"""The embedded PostgreSQL."""

import secrets
import socket

import pytest

from infra.local.postgres import free_port

CLIENTS = 32768
"""The first port that Linux gives to a client, unless it is told otherwise."""


def test_a_free_port_is_none_that_is_taken_or_that_a_client_may_get(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(1024 < free_port() < CLIENTS for _ in range(1000))
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        free = free_port()
        drawn = iter([taken - 20000, free - 20000])
        monkeypatch.setattr(secrets, "randbelow", lambda _: next(drawn))
        assert free_port() == free
