"""Requests of the state machine: what they are, how clients send them or give up on them, what is heard of them."""

import json
import socket
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from tests.support.tasks import TASKS, Json, without_instance
from tests.support.trash import TRASH

ROUTES = {
    "create": ("POST", TASKS),
    "list": ("GET", TASKS),
    "get": ("GET", TASKS + "/{}"),
    "update": ("PATCH", TASKS + "/{}"),
    "replace": ("PUT", TASKS + "/{}"),
    "delete": ("DELETE", TASKS + "/{}"),
    "complete": ("POST", TASKS + "/{}/complete"),
    "reopen": ("POST", TASKS + "/{}/reopen"),
    "restore": ("POST", TASKS + "/{}/restore"),
    "trash": ("GET", TRASH),
    "empty": ("DELETE", TRASH),
    "delete for good": ("DELETE", TRASH + "/{}"),
}
READS = ("list", "get", "trash")
OF_THE_TRASH = ("restore", "empty", "delete for good")
WAIT = "waits"
LEAVE, RESET = "leaves", "resets"
HALF, HALF_RESET = "leaves amid the body", "resets amid the body"
"""How a client behaves: it waits for the answer, or closes or resets the connection when all is sent, or half of it. A
request without a body has no half, and is never reset: it may not have been read yet."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, which may be sent more than once."""

    operation: str
    task_id: str = ""
    body: Json | None = None
    query: Json = field(default_factory=dict)
    if_match: str | None = None
    if_none_match: str | None = None
    key: str | None = None

    @property
    def method(self) -> str:
        return ROUTES[self.operation][0]

    @property
    def target(self) -> str:
        path = ROUTES[self.operation][1].format(self.task_id)
        return f"{path}?{urlencode(self.query, doseq=True)}" if self.query else path

    @property
    def content(self) -> bytes:
        return b"" if self.body is None else json.dumps(self.body).encode()

    @property
    def headers(self) -> dict[str, str]:
        """All but the token."""
        named = {"If-Match": self.if_match, "If-None-Match": self.if_none_match, "Idempotency-Key": self.key}
        if self.body is not None:
            named["Content-Type"] = "application/json"
        return {name: value for name, value in named.items() if value is not None}

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """What two requests with one key must share."""
        return self.method, self.target, self.content, self.if_match, self.if_none_match

    def send(self, api: httpx.Client) -> httpx.Response:
        return api.request(self.method, self.target, content=self.content, headers=self.headers)

    def abandon(self, url: str, token: str, manner: str) -> None:
        """Send it, all or half of it, and go. The server has surely begun with it."""
        body = self.content
        headers = {**self.headers, "Host": "api.test", "Authorization": f"Bearer {token}"}
        headers["Content-Length"] = str(len(body))
        if body:
            headers["Expect"] = "100-continue"
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as plug:
            plug.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
            if body:
                told = plug.recv(65536)
                assert told.startswith(b"HTTP/1.1 100 "), told
                plug.sendall(body[: len(body) // 2] if manner in {HALF, HALF_RESET} else body)
                if manner in {RESET, HALF_RESET}:
                    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@dataclass(frozen=True, slots=True)
class Seen:
    """What an answer says: status, the object, items, `current` or errors that it shows, and what its headers tell."""

    status: int
    shown: Any = None
    etag: Any = None
    location: Any = None
    replayed: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, answer: httpx.Response) -> "Seen":
        shown: Any = answer.json() if answer.content else None
        if answer.status_code >= 400:
            shown = shown.get("errors" if answer.status_code == 409 else "current")
        elif shown and "items" in shown:
            assert shown["next_cursor"] is None
            shown = shown["items"]
        told = answer.headers
        return cls(answer.status_code, shown, told.get("ETag"), told.get("Location"), "Idempotency-Replayed" in told)

    @property
    def decided(self) -> bool:
        """Whether it says what became of the request; else it is under way, or nobody knows."""
        return self.status != 503 and (self.status != 409 or self.shown is not None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call that was made and what was heard of it: None where the client was gone, or nobody knows.

    `repeated`: the answer was had by sending it again, so that it may be a replay of one that nobody heard.
    """

    call: Call
    seen: Seen | None
    repeated: bool = False


def at_once[T](threads: ThreadPoolExecutor, jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Do all jobs at the same moment, each in a thread; give what each gives."""
    barrier = Barrier(len(jobs))

    def start(job: Callable[[], T]) -> T:
        barrier.wait(timeout=30)
        return job()

    return [begun.result() for begun in [threads.submit(start, job) for job in jobs]]


def alike(answer: httpx.Response) -> tuple[object, ...]:
    """All of a problem, but for what no two answers share."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "date"}}
    return answer.status_code, without_instance(answer), headers
