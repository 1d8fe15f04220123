"""`make dev` and other targets of the Makefile, run in a copy of the checkout."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
import psutil

from infra.local.postgres import ROOT, free_port
from tests.support.timeouts import PROCESS_TIMEOUT

MAKE = ("make", "-s", "-o", ".venv/installed")
"""make, which installs nothing: the packages are those of this process."""


@contextmanager
def copy(folder: Path) -> Iterator[Path]:
    """Copy what `make dev` needs; the packages are our own. Where root runs this, nobody else may enter the folder."""
    for name in ("functions", "infra", "shared", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "serverless.yml"):
        shutil.copy2(ROOT / name, folder)
    for name in (".venv", "node_modules"):
        (folder / name).symlink_to(ROOT / name)
    try:
        yield folder
    finally:
        make(folder, "clean")


def surroundings(**env: str) -> dict[str, str]:
    """Give our environment without what a `make test` around us left in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")} | env


def make(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run make with `arguments` in `folder` and wait for its end."""
    command = [*MAKE, *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=surroundings(**env),
        capture_output=True,
        text=True,
        timeout=PROCESS_TIMEOUT,
        check=False,
    )


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of standard error that are not make's own."""
    return [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]


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
                [*MAKE, target, f"PORT={self.port}"],
                cwd=folder,
                env=surroundings(**env),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        signal.signal(signal.SIGINT, was)
        try:
            self.until(lambda: "Ctrl-C" in self.output.read_text("utf-8"))
        except BaseException:
            self.__exit__()
            raise

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for it; fail with what was printed when it never comes or the server has ended."""
        deadline = time.monotonic() + PROCESS_TIMEOUT
        while not holds():
            assert self._make.poll() is None, self.output.read_text("utf-8")
            assert time.monotonic() < deadline, self.output.read_text("utf-8")
            time.sleep(0.05)

    @property
    def printed(self) -> list[str]:
        """The lines of standard output and standard error so far."""
        return self.output.read_text("utf-8").splitlines()

    @property
    def server(self) -> psutil.Process:
        """The Python process that make started."""
        return psutil.Process(self._make.pid).children()[0]

    def processes(self) -> list[psutil.Process]:
        """Return make and every process below it."""
        return [psutil.Process(self._make.pid), *psutil.Process(self._make.pid).children(recursive=True)]

    def client(self, token: str = "") -> httpx.Client:
        """Return a client for it, with a token where one is given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PROCESS_TIMEOUT)

    def end(self, number: signal.Signals, *, terminal: bool = False) -> list[psutil.Process]:
        """Send a signal to the server, or, as a terminal does, to everything in the foreground; give what survives."""
        processes = self.processes()
        if terminal:
            os.killpg(self._make.pid, number)
        else:
            self.server.send_signal(number)
        self._make.wait(PROCESS_TIMEOUT)
        deadline = time.monotonic() + PROCESS_TIMEOUT
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
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def check_greeting(dev: Dev) -> None:
    """Assert that the greeting names the docs, and a curl that works."""
    docs = next(line.split()[1] for line in dev.printed if line.startswith("docs"))
    assert docs == f"{dev.url}/docs"
    assert httpx.get(docs, timeout=PROCESS_TIMEOUT).status_code == 200
    curl = dev.output.read_text("utf-8").partition("try ")[2].partition("\n\n")[0]
    done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, timeout=PROCESS_TIMEOUT, check=True)
    assert '"title":"Buy milk"' in done.stdout
