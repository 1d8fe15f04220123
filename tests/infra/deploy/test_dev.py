"""`make dev`, `make token` and `make clean` in a copy of the checkout: what they print, keep and leave behind."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
import psutil
import pytest

from infra.local.postgres import ROOT, free_port

PATIENCE = 60


@contextmanager
def copy(folder: Path) -> Iterator[Path]:
    """Copy what `make dev` needs; the packages are our own. Where root runs this, nobody else may enter the folder."""
    for name in ("functions", "infra", "shared", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "serverless.yml"):
        shutil.copy2(ROOT / name, folder)
    for name in (".venv", "node_modules"):
        (folder / name).symlink_to(ROOT / name)
    yield folder
    make(folder, "clean")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where `dev` runs."""
    with copy(tmp_path_factory.mktemp("checkout")) as folder:
        yield folder


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where one server runs after the other, on the same data."""
    with copy(tmp_path_factory.mktemp("restarted")) as folder:
        yield folder


def surroundings(**env: str) -> dict[str, str]:
    """Give our environment without what a `make test` around us left in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")} | env


def make(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "-s", *arguments]
    return subprocess.run(
        command, cwd=folder, env=surroundings(**env), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


class Dev:
    """A running `make dev`, or another `target`, in a session of its own as in a terminal."""

    def __init__(self, folder: Path, target: str = "dev", **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = folder / "output"
        # A shell's background job ignores Ctrl-C, and so would what it starts.
        was = signal.signal(signal.SIGINT, signal.default_int_handler)
        with self.output.open("wb") as output:
            self._make = subprocess.Popen(
                ["make", "-s", target, f"PORT={self.port}"],
                cwd=folder,
                env=surroundings(**env),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        signal.signal(signal.SIGINT, was)
        self.until(lambda: "Ctrl-C" in self.output.read_text("utf-8"))

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for it; fail with what was printed when it never comes or the server has ended."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self._make.poll() is None, self.output.read_text("utf-8")
            assert time.monotonic() < deadline, self.output.read_text("utf-8")
            time.sleep(0.05)

    @property
    def printed(self) -> list[str]:
        return self.output.read_text("utf-8").splitlines()

    @property
    def server(self) -> psutil.Process:
        """The Python process that make started."""
        return psutil.Process(self._make.pid).children()[0]

    def processes(self) -> list[psutil.Process]:
        return [psutil.Process(self._make.pid), *psutil.Process(self._make.pid).children(recursive=True)]

    def end(self, number: signal.Signals, *, terminal: bool = False) -> list[psutil.Process]:
        """Send a signal to the server, or, as a terminal does, to everything in the foreground; give what survives."""
        processes = self.processes()
        if terminal:
            os.killpg(self._make.pid, number)
        else:
            self.server.send_signal(number)
        self._make.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while (living := [process for process in processes if _lives(process)]) and time.monotonic() < deadline:
            time.sleep(0.05)
        return living

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._make.poll() is None:
            self.end(signal.SIGTERM)


def _lives(process: psutil.Process) -> bool:
    """Whether it runs; a zombie has ended, and waits for the machine's first process to notice."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def dev(checkout: Path) -> Iterator[Dev]:
    with Dev(checkout, CORS_ORIGINS="https://app.example.com") as running:
        yield running


def test_it_says_where_the_docs_are_and_a_curl_that_works(dev: Dev) -> None:
    check_greeting(dev)


def check_greeting(dev: Dev) -> None:
    docs = next(line.split()[1] for line in dev.printed if line.startswith("docs"))
    assert docs == f"{dev.url}/docs"
    assert httpx.get(docs).status_code == 200
    curl = dev.output.read_text("utf-8").partition("try ")[2].partition("\n\n")[0]
    done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert '"title":"Buy milk"' in done.stdout


def test_make_token_prints_a_token_that_it_accepts_and_nothing_else(checkout: Path, dev: Dev) -> None:
    done = make(checkout, "token", "USER_ID=alice")
    assert done.stdout.count("\n") == 1
    headers = {"Authorization": f"Bearer {done.stdout.strip()}"}
    created = httpx.post(f"{dev.url}/v1/tasks", json={"title": "By hand"}, headers=headers)
    assert created.status_code == 201
    assert httpx.get(f"{dev.url}/v1/tasks", headers=headers).status_code == 200
    stranger = {"Authorization": f"Bearer {make(checkout, 'token', 'USER_ID=bob o x').stdout.strip()}"}
    assert httpx.get(f"{dev.url}{created.headers['Location']}", headers=stranger).status_code == 404


def test_make_token_needs_a_user(checkout: Path) -> None:
    done = make(checkout, "token", USER_ID="")
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith("USER_ID is missing or malformed: make token USER_ID=alice\n")


def test_it_answers_cors_from_the_list(dev: Dev) -> None:
    headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PATCH"}
    wanted = "authorization,content-type,idempotency-key,if-match,if-none-match"
    asked = httpx.options(f"{dev.url}/v1/tasks", headers={**headers, "Access-Control-Request-Headers": wanted})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    answer = httpx.get(f"{dev.url}/health", headers=headers)
    exposed = "ETag, Location, Link, Retry-After, X-Request-Id, Idempotency-Replayed"
    assert answer.headers["Access-Control-Expose-Headers"] == exposed
    other = httpx.get(f"{dev.url}/health", headers={"Origin": "https://app.example.com.evil.test"})
    assert "Access-Control-Allow-Origin" not in other.headers


PING = '''"""GET /ping: answer."""

from shared.http import on_lambda
from shared.routing import anonymous

router = anonymous()


@router.get("/ping")
async def ping() -> dict[str, str]:
    """Answer."""
    return {"status": "ok"}


handler = on_lambda(router)
'''


def test_a_new_file_is_served_without_a_restart_of_the_database(checkout: Path, dev: Dev) -> None:
    def postmaster() -> int:
        return next(process.pid for process in dev.processes() if process.name() == "postgres")

    before = postmaster()
    assert httpx.get(f"{dev.url}/ping").status_code == 404
    ping = checkout / "functions/service/ping.py"
    ping.write_text(PING, "utf-8")
    try:
        dev.until(lambda: httpx.get(f"{dev.url}/ping").status_code == 200)
    finally:
        ping.unlink()
    dev.until(lambda: httpx.get(f"{dev.url}/ping").status_code == 404)
    assert postmaster() == before
    assert httpx.get(f"{dev.url}/health/ready").status_code == 200


def keeper(folder: Path, dev: Dev) -> httpx.Client:
    token = make(folder, "token", "USER_ID=keeper").stdout.strip()
    return httpx.Client(base_url=dev.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)


@pytest.mark.parametrize(
    ("number", "terminal", "earlier"),
    [
        pytest.param(signal.SIGINT, True, 0, id="Ctrl-C"),
        pytest.param(signal.SIGHUP, True, 1, id="a closed terminal"),
        pytest.param(signal.SIGTERM, False, 2, id="SIGTERM"),
        pytest.param(signal.SIGKILL, False, 3, id="SIGKILL"),
    ],
)
def test_no_process_is_left_behind_and_no_task_is_lost(
    restarted: Path, number: signal.Signals, *, terminal: bool, earlier: int
) -> None:
    dev = Dev(restarted)
    assert any(process.name() == "postgres" for process in dev.processes())
    with keeper(restarted, dev) as client:
        assert len(client.get("/v1/tasks").json()["items"]) == earlier
        client.post("/v1/tasks", json={"title": "Kept"}).raise_for_status()
    assert dev.end(number, terminal=terminal) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", dev.port)) != 0


def test_make_clean_drops_the_data(restarted: Path) -> None:
    data = (restarted / ".local/postgres").resolve()
    assert data.exists()
    assert make(restarted, "clean").returncode == 0
    assert not data.exists()
    with Dev(restarted) as dev, keeper(restarted, dev) as client:
        assert client.get("/v1/tasks").json()["items"] == []


def test_a_taken_port_is_said_in_one_line(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = make(checkout, "dev", f"PORT={port}")
    assert done.returncode != 0
    ours = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert ours == [f"make dev: port {port} can't be had (Address already in use): make dev PORT=8001"]
    assert done.stdout == ""


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("PORT", "70000"), ("CORS_ORIGINS", "*")])
def test_a_malformed_variable_is_said_in_one_line(checkout: Path, name: str, value: str) -> None:
    done = make(checkout, "dev", f"{name}={value}")
    assert done.returncode != 0
    ours = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(ours) == 1
    assert ours[0].startswith(f"make dev: {name} is malformed")


def test_a_second_server_on_the_same_data_is_refused_in_one_line(checkout: Path, dev: Dev) -> None:
    done = make(checkout, "dev", f"PORT={free_port()}")
    assert done.returncode != 0
    ours = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(ours) == 1
    assert ours[0].startswith("make dev: another server of this project is running on its data")
    assert httpx.get(f"{dev.url}/health/ready").status_code == 200
