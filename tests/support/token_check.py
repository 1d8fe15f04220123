"""The way in as a whole: tokens go to real handlers, which trust an issuer of the test's own.

with opened(monkeypatch, issuer) as door:
    answer = door.answer(bearer(token))             # what the list of tasks answers, or another operation
    door.dialled                                    # whom the key cache has connected to, address by address
    door.clock.now += GAP                           # the cache's clock, set by hand
"""

import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

import shared.settings
from infra.operations import operations
from shared import auth
from shared.keys import KeyCache
from tests.support.api_gateway import Event, as_response, invoke, make_event
from tests.support.jwks_server import JwksServer
from tests.support.key_cache import Clock
from tests.support.openapi_validator import hold

CLOSED = tuple(operation for operation in operations() if not operation.anonymous and not operation.is_default)
"""Every operation that needs a token."""
LIST, CREATE = (next(one for one in CLOSED if one.name == name) for name in ("tasks_list", "tasks_create"))
READ_AND_WRITE = (LIST, CREATE)
"""The two operations that get a whole table."""

BODY = (
    b'{"type":"about:blank","title":"Unauthorized","status":401,"detail":"A valid bearer token is needed.",'
    b'"instance":"%s"}'
)
"""The one body of every 401, for the request id."""
NONE_SENT, BAD_SENT = "Bearer", 'Bearer error="invalid_token"'

type Headers = list[tuple[str, str]]


def operations_by_row[T](table: Iterable[T], each: int = 1) -> dict[T, list[Any]]:
    """The operations that each row of a table goes to: the two of `READ_AND_WRITE`, and some of the others.

    Every other operation gets `each` rows, spread over the table.
    """
    rows = {row: [*READ_AND_WRITE] for row in table}
    step = len(rows) // each
    for n, operation in enumerate(operation for operation in CLOSED if operation not in READ_AND_WRITE):
        for row in [*rows][n % step :: step]:
            rows[row].append(operation)
    return rows


def bearer(token: str) -> Headers:
    return [("authorization", f"Bearer {token}")]


@dataclass
class Door:
    """See above; `algorithms` are those that the handlers take."""

    issuer: JwksServer
    clock: Clock = field(default_factory=Clock)
    dialled: list[Any] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, int]:
        """The issuer's, as it stands in `dialled`."""
        parts = httpx.URL(self.issuer.url)
        return parts.host, parts.port or 0

    def answer(
        self,
        headers: Headers,
        operation: Any = LIST,
        *,
        query: str = "",
        body: bytes = b"",
        members: Event | None = None,
    ) -> httpx.Response:
        """Call an operation and hold its answer to the contract; `members` go over the event's own."""
        path = re.sub(r"\{\w+_id\}", str(uuid4()), operation.path)
        event = make_event(operation.method, path, query=query, headers=headers, body=body)
        for name, value in (members or {}).items():
            event[name] = event[name] | value if name == "requestContext" else value
        answer = as_response(invoke(operation.name, event))
        hold(httpx.Request(operation.method, f"https://api.test{path}"), answer)
        return answer

    def status(self, token: str) -> int:
        """What a list is answered with."""
        return self.answer(bearer(token)).status_code


@contextmanager
def opened(
    monkeypatch: pytest.MonkeyPatch, issuer: JwksServer, algorithms: tuple[str, ...] = ("EdDSA",)
) -> Iterator[Door]:
    """The handlers as they are in a new environment whose issuer is `issuer`: no key is held yet."""
    door, connect = Door(issuer), socket.socket.connect

    def dial(plug: socket.socket, address: Any) -> None:
        if threading.current_thread().name != "proxy":  # which stands before the database
            door.dialled.append(address)
        connect(plug, address)

    with monkeypatch.context() as patched:
        known = replace(
            shared.settings.settings(),
            auth_issuer=issuer.url,
            auth_audience=issuer.url,
            auth_jwks_url=issuer.jwks_url,
            auth_algorithms=algorithms,
        )
        patched.setattr(shared.settings, "_settings", known)
        patched.setattr(auth, "KEYS", KeyCache(issuer.jwks_url, algorithms, clock=door.clock))
        patched.setattr(socket.socket, "connect", dial)
        yield door


def refused(answer: httpx.Response, challenge: str) -> None:
    """Hold a 401 to be the one that all are: every header and byte, but for the request's id."""
    request_id = answer.headers["x-request-id"]
    assert (answer.status_code, answer.content) == (401, BODY % request_id.encode())
    assert dict(answer.headers) == {
        "www-authenticate": challenge,
        "content-type": "application/problem+json",
        "content-length": str(len(answer.content)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-request-id": request_id,
    }
