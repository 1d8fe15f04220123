"""The application of `make dev` as a process, against the stack of the tests."""

import os
import sys
import time
from pathlib import Path
from typing import Self

import httpx

from infra.local.child import Child
from infra.local.postgres import ROOT, free_port
from tests.support.failure_report import remember_response
from tests.support.openapi_validator import hold
from tests.support.stack import Stack
from tests.support.timeouts import PROCESS_TIMEOUT


class Server:
    """All operations over HTTP at `url`; `changes` replace variables of the stack's environment.

    `root` is the folder whose code is served; `log_file` holds all that is printed.
    """

    def __init__(self, stack: Stack, root: Path = ROOT, **changes: str) -> None:
        self._stack = stack
        port = free_port()
        self.log_file = stack.folder / f"server-{port}.log"
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "uvicorn", "infra.local.app:application", "--factory", "--no-access-log"]
        self._child = Child(
            [*command, "--app-dir", str(root), "--host", "127.0.0.1", "--port", str(port)],
            log=self.log_file,
            env={**os.environ, **stack.environment, **changes},
        )
        deadline = time.monotonic() + PROCESS_TIMEOUT
        while True:
            try:
                httpx.get(f"{self.url}/health", timeout=PROCESS_TIMEOUT)
            except httpx.TransportError:
                if not self._child.running or time.monotonic() > deadline:
                    raise RuntimeError(self.log) from None
                time.sleep(0.05)
            else:
                return

    @property
    def log(self) -> str:
        """All that it has printed."""
        return self.log_file.read_text("utf-8")

    def token(self, user_id: str | None = None) -> str:
        """A token that it accepts, of someone new or of a given id."""
        return self._stack.user(user_id).token

    def client(self, **headers: str) -> httpx.Client:
        """A client for it, which holds each answer to the contract."""
        hooks = {"response": [_judge]}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PROCESS_TIMEOUT, event_hooks=hooks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()


def _judge(response: httpx.Response) -> None:
    response.read()
    hold(response.request, response)
    remember_response(response)
