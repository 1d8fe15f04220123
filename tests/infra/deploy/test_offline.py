"""`make offline` in a copy of the checkout: serverless.yml under osls, its greeting, and nothing left behind."""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.backing import CannotServe
from infra.local.offline import osls
from infra.local.postgres import free_port
from tests.support.make_dev import Dev, check_greeting, copy, errors, make

TOOLS = ("make", "sh", "rm", "readlink", "touch")


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    try:
        osls()
    except CannotServe as reason:
        pytest.skip(str(reason))
    with copy(tmp_path) as folder:
        yield folder


def test_it_greets_takes_make_tokens_token_and_leaves_no_process_behind(checkout: Path) -> None:
    for earlier, (number, terminal) in enumerate(((signal.SIGKILL, False), (signal.SIGINT, True))):
        offline = Dev(checkout, "offline")
        check_greeting(offline)
        with offline.client(make(checkout, "token", "USER_ID=alice").stdout.strip()) as client:
            client.post("/v1/tasks", json={"title": "Kept"}).raise_for_status()
            assert len(client.get("/v1/tasks").json()["items"]) == 2 * earlier + 2, "one is the greeting's"
        names = [" ".join(process.cmdline()) for process in offline.processes()]
        for part in ("postgres", "osls", "functions/tasks/create handler", "functions/tasks/list handler"):
            assert [name for name in names if part in name], part
        assert offline.end(number, terminal=terminal) == [], number.name
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", offline.port)) != 0, number.name


def refusal(folder: Path, **env: str) -> list[str]:
    """All that a `make offline` says that can't start."""
    done = make(folder, "offline", f"PORT={free_port()}", **env)
    assert (done.returncode != 0, done.stdout) == (True, "")
    return errors(done)


def test_without_node_or_its_packages_one_line_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or "/nowhere")
    (tmp_path / "checkout").mkdir()
    with copy(tmp_path / "checkout") as folder:
        wanted = "make offline: Node.js is missing: install 20.19 or newer, then run npm ci"
        assert refusal(folder, PATH=str(tmp_path / "bin")) == [wanted]
        (folder / "node_modules").unlink()
        (tmp_path / "bin/node").symlink_to("/bin/sh")
        path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
        assert refusal(folder, PATH=path) == ["make offline: node_modules is missing: run npm ci"]
        assert not (folder / ".local").exists(), "no database was started"


def test_a_taken_port_is_said_in_one_line(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = make(checkout, "offline", f"PORT={taken.getsockname()[1]}")
    assert done.returncode != 0
    assert "can't be had (Address already in use): make offline PORT=8001" in done.stderr
