"""What was asked and what was answered: every attempt of every request, as the callers saw it."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import httpx

UNTIL_DECIDED = (409, 429)
"""Statuses that decide nothing: the key is still in flight, or the gateway turned the request away."""


@dataclass(frozen=True, slots=True)
class Person:
    """A caller, whose every text holds a canary of their own."""

    id: str
    token: str
    canary: str
    api: httpx.Client


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request sent once. `response` is None where nothing came back."""

    person: str
    request: httpx.Request
    response: httpx.Response | None
    started: float
    ended: float

    @property
    def key(self) -> str | None:
        key: str | None = self.request.headers.get("Idempotency-Key")
        return key

    @property
    def writes(self) -> bool:
        """Whether it is meant to change something."""
        return self.request.method != "GET"

    @property
    def status(self) -> int:
        """What was answered; 0 for nothing."""
        return self.response.status_code if self.response is not None else 0

    @property
    def headers(self) -> httpx.Headers:
        return self.response.headers if self.response is not None else httpx.Headers()

    @property
    def gateway(self) -> str:
        """Why the gateway answered in the place of the function: `crashed`, `timed out`, `failed`; or nothing."""
        return str(self.response.extensions.get("gateway", "")) if self.response is not None else ""

    @property
    def seconds(self) -> float:
        """How long the function took, from when it got the event; the start of an environment is apart from it."""
        whole = self.ended - self.started
        return float(self.response.extensions.get("seconds", whole)) if self.response is not None else whole

    @property
    def decided(self) -> bool:
        """Whether the answer says what became of the request."""
        return decides(self.status)

    @property
    def same(self) -> tuple[Any, ...]:
        """What two attempts of one request share."""
        headers = self.request.headers
        tags = headers.get("If-Match"), headers.get("If-None-Match")
        return self.request.method, str(self.request.url), self.request.content, *tags

    @property
    def body(self) -> Any:
        """The JSON that was answered; None for none."""
        if self.response is None or "json" not in self.response.headers.get("Content-Type", ""):
            return None
        return self.response.json()


def decides(status: int) -> bool:
    """Whether an answer with this status says what became of a request."""
    return 200 <= status < 500 and status not in UNTIL_DECIDED


class History:
    """Attempts, in the order in which they ended. May be used from any thread."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self._lock = threading.Lock()

    def add(self, attempt: Attempt) -> None:
        with self._lock:
            self.attempts.append(attempt)


class Recorder(httpx.BaseTransport):
    """Sends by `transport` what `person` asks, and writes it down in `history`."""

    def __init__(self, transport: httpx.BaseTransport, person: str, history: History) -> None:
        self._transport, self._person, self._history = transport, person, history

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        started, response = time.monotonic(), None
        try:
            response = self._transport.handle_request(request)
            response.read()
            return response
        finally:
            self._history.add(Attempt(self._person, request, response, started, time.monotonic()))
