"""Lambda's Runtime API on this machine: runs a function under AWS's own runtime client (awslambdaric), without Docker.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: the client asks for the next event, runs the handler on
it and posts what came of it. What is not here is the machine: no arm64, no limit of memory, and a freeze between events
only where it is asked for.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any
from uuid import uuid4

REGION = "eu-central-1"
ARN = f"arn:aws:lambda:{REGION}:123456789012:function:"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
LONGEST_ANSWER = 6 * 1024 * 1024 + 100
"""Bytes; Lambda refuses a longer answer."""


class FunctionError(Exception):
    """The handler raised, could not be imported, ended its process, ran past its deadline or answered too much."""


class CrashedError(FunctionError):
    """The process ended, by itself or killed, before there was an answer."""


class TimedOutError(FunctionError):
    """The deadline passed; the environment was killed."""


class RuntimeApi(ThreadingHTTPServer):
    """The server that one runtime client talks to. `events` are still to be handled, `answers` came of them."""

    def __init__(self, name: str, timeout: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name, self.seconds = name, timeout
        self.events: Queue[tuple[str, bytes] | None] = Queue()
        self.answers: Queue[tuple[str, bytes]] = Queue()
        self.ready = threading.Event()
        self.begun, self.taken = time.monotonic(), 0.0
        self.start = float("inf")


class LambdaFunction:
    """One execution environment: a process of the runtime client that takes one event after another."""

    def __init__(self, api: RuntimeApi, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        self._api, self._process, self._output = api, process, output

    @property
    def log(self) -> str:
        """All that the process has printed so far: what CloudWatch Logs would hold."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode("utf-8", "replace")

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can take an event."""
        return self._process.poll() is None

    def wait_until_ready(self, seconds: float) -> bool:
        """Wait until the module is imported and the first event is asked for; tell whether that came in time."""
        return self._api.ready.wait(seconds)

    @property
    def start(self) -> float:
        """Seconds that it took until the first event was asked for; infinite until then."""
        return self._api.start

    @property
    def taken(self) -> float:
        """When the runtime client took the latest event, on the clock of `time.monotonic`."""
        return self._api.taken

    def freeze(self) -> None:
        """Stop the process where it is, as Lambda does between two events."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def crash(self) -> None:
        """Kill it, as Lambda does when it runs out of memory or the host goes away."""
        self._process.kill()
        self._process.wait()

    def invoke(self, event: Any, seconds: float | None = None) -> Any:
        """Run the handler on `event` and give what it returned. Raises `FunctionError` with its error otherwise.

        `seconds` it may take, from now on; then the environment is killed.
        """
        self._api.seconds = seconds or self._api.seconds
        self._api.events.put((str(uuid4()), json.dumps(event).encode()))
        end = time.monotonic() + self._api.seconds
        while True:
            alive = self.alive  # asked first: whoever answers and then ends has answered
            try:
                kind, body = self._api.answers.get(timeout=0.05)
            except Empty:
                if not alive:
                    raise CrashedError(f"the process ended with {self._process.returncode}: {self.log}") from None
                if time.monotonic() > end:
                    self.crash()
                    raise TimedOutError(f"timed out after {self._api.seconds} s: {self.log}") from None
                continue
            if kind != "response":
                raise FunctionError(body.decode())
            return json.loads(body)


@contextmanager
def lambda_function(
    name: str, handler: str, env: Mapping[str, str], folder: Path, timeout: float = 15
) -> Iterator[LambdaFunction]:
    """Start `handler` (`functions/tasks/create.handler`) in `folder`; leaving the block ends it.

    `env` is the whole environment but for what Lambda adds and is not in it, `timeout` the seconds that an invocation
    may take, the import of the module included.
    """
    with RuntimeApi(name, timeout) as api, tempfile.TemporaryFile() as output:
        threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        added = {
            # By this the client decides whether answers go out as UTF-8 or in escapes, up to three times as long.
            "AWS_EXECUTION_ENV": "AWS_Lambda_python{}.{}".format(*sys.version_info),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "LAMBDA_TASK_ROOT": str(folder),
        }
        command = [sys.executable, "-m", "awslambdaric", handler]
        process = subprocess.Popen(
            command, cwd=folder, env={**added, **env}, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield LambdaFunction(api, process, output)
        finally:
            process.kill()
            process.wait()
            api.events.put(None)
            api.shutdown()


class _Handler(BaseHTTPRequestHandler):
    """The four calls of the Runtime API."""

    server: RuntimeApi
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        """Take calls until the client is gone: it is killed, as on Lambda, so it may be gone at any point."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """`/invocation/next`: wait for an event, and hand it out with what the client makes its context of."""
        if not self.server.ready.is_set():
            self.server.start = time.monotonic() - self.server.begun
            self.server.ready.set()
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        self.server.taken = time.monotonic()
        request_id, body = event
        headers = {
            # Without a content type the client's native part (4.2.2) ends with a segmentation fault.
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self.server.seconds) * 1000)),
            "Lambda-Runtime-Trace-Id": TRACE,
            "Lambda-Runtime-Invoked-Function-Arn": ARN + self.server.name,
        }
        self._answer(200, headers, body)

    def do_POST(self) -> None:
        """`/invocation/{id}/response`, `/invocation/{id}/error` and `/init/error`: take what came of it."""
        kind, body = self.path.rpartition("/")[2], self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) > LONGEST_ANSWER:
            self.server.answers.put(("error", b"the answer is too long"))
            self._answer(413, {"Content-Type": "application/json"}, b'{"errorType":"RequestEntityTooLarge"}')
            return
        self.server.answers.put((kind, body))
        self._answer(202, {"Content-Type": "application/json"}, b'{"status":"OK"}')

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the function's own log is the one to read."""
