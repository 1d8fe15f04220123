"""`make dev` ended in every way and started again on the same data, and `make clean`."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.make_dev import Dev, copy, make

ENDS = {
    "Ctrl-C": (signal.SIGINT, True),
    "a closed terminal": (signal.SIGHUP, True),
    "SIGTERM": (signal.SIGTERM, False),
    "SIGKILL": (signal.SIGKILL, False),
}
"""What ends a server: the signal, and whether it goes to everything in the foreground or to the server alone."""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    with copy(tmp_path) as folder:
        yield folder


def titles(dev: Dev, folder: Path, *, add: str = "") -> list[str]:
    """The titles of one user's tasks, before `add` is added to them."""
    token = make(folder, "token", "USER_ID=keeper").stdout.strip()
    with dev.client(token) as client:
        found = [task["title"] for task in client.get("/v1/tasks?sort=created_at").raise_for_status().json()["items"]]
        if add:
            client.post("/v1/tasks", json={"title": add}).raise_for_status()
    return found


def test_no_process_is_left_behind_and_no_task_is_lost(checkout: Path) -> None:
    kept: list[str] = []
    for name, (number, terminal) in ENDS.items():
        dev = Dev(checkout)
        assert any(process.name() == "postgres" for process in dev.processes())
        assert titles(dev, checkout, add=name) == kept
        kept.append(name)
        assert dev.end(number, terminal=terminal) == [], name
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", dev.port)) != 0, name
    with Dev(checkout) as dev:
        assert titles(dev, checkout) == kept


def test_make_clean_drops_the_data(checkout: Path) -> None:
    with Dev(checkout) as dev:
        assert titles(dev, checkout, add="Gone") == []
    data = (checkout / ".local/postgres").resolve()
    assert data.exists()
    assert make(checkout, "clean").returncode == 0
    assert not data.exists()
    with Dev(checkout) as dev:
        assert titles(dev, checkout) == []
