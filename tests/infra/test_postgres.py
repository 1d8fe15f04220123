"""The embedded PostgreSQL."""

import socket

import psycopg
import pytest

from infra.local import postgres
from infra.local.postgres import SUPERUSER, free_port, throwaway


def test_a_port_that_was_taken_since_it_was_free_is_left_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1], free_port()]
        monkeypatch.setattr(postgres, "free_port", lambda: ports.pop(0))
        with throwaway() as cluster, psycopg.connect(cluster.url(SUPERUSER)) as connection:
            assert cluster.port != taken.getsockname()[1]
            assert connection.execute("select 1").fetchone() == (1,)
