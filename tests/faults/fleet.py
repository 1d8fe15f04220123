"""The front of Lambda: for each operation as many execution environments as are needed at once, behind a gateway.

Each is a process of AWS's own runtime client, takes one event at a time, is kept for the next, and is replaced when it
has died or was killed for being late. What the gateway answers then is its own: 502 and 504, and nobody knows what the
function had done by then.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx

from infra.local.runtime_api import CrashedError, FunctionError, TimedOutError, lambda_function
from infra.operations import ROOT, Operation
from tests.support.api_gateway import as_response, make_event, operation_for

type Front = Callable[[httpx.Response], httpx.Response]

TIMEOUT = 15.0
"""Seconds that an event may take, as in serverless.yml."""
LONGEST_WAIT = 120.0
"""Seconds to wait for an environment that starts: a guard against a hang, not a claim about speed."""


class Environment:
    """One execution environment. `read` is how much of its log was looked at."""

    def __init__(self, operation: Operation, variables: dict[str, str], folder: Path) -> None:
        self.operation = operation
        self._exit = ExitStack()
        started = lambda_function(operation.name, operation.handler, variables, folder, TIMEOUT)
        self.function = self._exit.enter_context(started)
        self.read = 0

    def news(self) -> str:
        """What it has logged since this was asked last."""
        text = self.function.log[self.read :]
        self.read += len(text)
        return text

    def wait_until_started(self) -> None:
        """Wait until it asks for its first event or has ended; on Lambda the start is no part of an event's time."""
        end = time.monotonic() + LONGEST_WAIT
        while self.function.alive and not self.function.wait_until_ready(0.1) and time.monotonic() < end:
            pass

    def close(self) -> None:
        self._exit.close()


class Fleet(httpx.BaseTransport):
    """Answers requests as API Gateway with Lambda behind it. May be used from any thread.

    `variables` are what environments get that start from now on; `timeout` the seconds an event may take; `folder`
    where the code is; `front` what the gateway makes of an answer before it goes out.
    """

    def __init__(self, variables: dict[str, str], folder: Path = ROOT) -> None:
        self.variables, self.folder, self.timeout = variables, folder, TIMEOUT
        self.starts = 0
        self.front: Front = lambda response: response
        self._idle: list[Environment] = []
        self._all: list[Environment] = []
        self._logs: list[str] = []
        self._lock = threading.Lock()

    @property
    def environments(self) -> list[Environment]:
        """Those there are, busy or idle."""
        with self._lock:
            return list(self._all)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Choose the operation, make the event, hand it to an environment that is free, or to a new one."""
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        headers = [(name, value) for name, value in request.headers.multi_items() if name != "host"]
        event = make_event(request.method, path, query=query, headers=headers, body=request.read())
        environment = self._take(operation_for(request.method, path))
        environment.wait_until_started()
        asked = time.monotonic()
        try:
            response = as_response(environment.function.invoke(event, self.timeout))
        except FunctionError as failure:
            response = _gateways(failure)
        response.extensions["seconds"] = time.monotonic() - max(environment.function.taken, asked)
        self._give_back(environment)
        return self.front(response)

    def warm(self, *operations: Operation, each: int) -> None:
        """Have `each` environments of each operation started and ready, two at a time."""

        def start(operation: Operation) -> None:
            environment = self._start(operation)
            environment.wait_until_started()
            self._give_back(environment)

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(start, [operation for operation in operations for _ in range(each)]))

    def freeze(self) -> None:
        """Stop every process where it is: what Lambda does to idle ones."""
        for environment in self.environments:
            environment.function.freeze()

    def thaw(self) -> None:
        """Let them go on."""
        for environment in self.environments:
            environment.function.thaw()

    def retire(self) -> None:
        """End the idle environments: who comes next starts a new one, with the variables and the code of then."""
        with self._lock:
            retired, self._idle = self._idle, []
        self._end(retired)

    def news(self) -> str:
        """What all environments, also those that have ended, have logged since this was asked last."""
        with self._lock:
            logs, self._logs = self._logs, []
            return "".join([*logs, *(environment.news() for environment in self._all)])

    def _take(self, operation: Operation) -> Environment:
        with self._lock:
            free = next((one for one in self._idle if one.operation == operation), None)
            if free:
                self._idle.remove(free)
        if free and not free.function.alive:
            self._end([free])
            return self._take(operation)
        return free or self._start(operation)

    def _start(self, operation: Operation) -> Environment:
        environment = Environment(operation, dict(self.variables), self.folder)
        with self._lock:
            self.starts += 1
            self._all.append(environment)
        return environment

    def _give_back(self, environment: Environment) -> None:
        if environment.function.alive:
            with self._lock:
                self._idle.append(environment)
        else:
            self._end([environment])

    def _end(self, environments: list[Environment]) -> None:
        with ThreadPoolExecutor(8) as threads:
            for environment in environments:
                with self._lock:
                    self._logs.append(environment.news())
                    self._all.remove(environment)
                threads.submit(environment.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._idle.clear()
        self._end(self.environments)


def _gateways(failure: FunctionError) -> httpx.Response:
    """What API Gateway makes of a function that gave no answer."""
    status, why = 502, "failed"
    if isinstance(failure, TimedOutError):
        status, why = 504, "timed out"
    elif isinstance(failure, CrashedError):
        why = "crashed"
    extensions = {"gateway": why, "failure": str(failure)}
    return httpx.Response(status, json={"message": "Internal Server Error"}, extensions=extensions)
