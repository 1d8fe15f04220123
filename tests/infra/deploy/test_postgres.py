"""The embedded PostgreSQL."""

import secrets
import socket
import sys

import pytest

from infra.local.postgres import free_port

CLIENTS = 32768
"""The first port that Linux gives to a client, unless it is told otherwise."""


def test_a_port_is_none_that_is_taken_or_that_a_client_may_get(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [free_port() for _ in range(50)]
    assert all(1024 < port < CLIENTS for port in ports)
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        free = next(port for port in range(20000, 32000) if port not in ports)
        drawn = iter([taken - 20000, ports[0] - 20000, free - 20000])
        monkeypatch.setattr(secrets, "randbelow", lambda _: next(drawn))
        assert free_port() == free


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a bound socket keeps the server out, too")
def test_a_reserved_port_is_for_the_server_that_it_is_meant_for() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)) as server:  # sets SO_REUSEADDR
        socket.create_connection(("127.0.0.1", port)).close()
        server.accept()[0].close()
