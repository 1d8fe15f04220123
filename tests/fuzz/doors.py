"""The joint application of `make dev`, in this process, with a second door in it: the gateway's events.

Most requests go to the joint application; a share of them, always the same ones, becomes events for the handlers. Both
stand before one database, so a sequence of requests may change doors midway.
"""

import asyncio
import zlib

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.local.app import application as joint
from shared import http
from shared.database import DATABASE
from tests.conftest import BASE_URL
from tests.support.api_gateway import Gateway
from tests.support.openapi_validator import hold

SHARE = 4
"""Every so many-th request is an event."""
SURROGATE = "\ue000"
"""Stands for a lone surrogate, which Schemathesis can't pass on: what it becomes on the way, as JSON and in a query."""
MEANT = {b"\\ue000": b"\\ud800", b"%EE%80%80": b"%ED%A0%80"}
OF_THE_WAY = (b"host", b"connection", b"content-length", b"content-encoding", b"transfer-encoding")
"""Headers that belong to a connection, or to a content that is decoded here."""


class Doors:
    """Both doors, as one ASGI application; `answers` counts what each has answered."""

    def __init__(self) -> None:
        self.answers = {"application": 0, "events": 0}
        size = DATABASE.size
        self._joint, self._gateway = joint(), Gateway()
        DATABASE.size = size  # one request at a time, here too

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. The handlers have a loop of their own, for which another thread waits."""
        if scope["type"] != "http":
            return
        path = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        headers = [(name, value) for name, value in scope["headers"] if name not in OF_THE_WAY[:3]]
        url = httpx.URL(BASE_URL).copy_with(raw_path=_meant(path))
        request = httpx.Request(scope["method"], url, headers=headers, content=_meant((await receive())["body"]))
        answer = await asyncio.to_thread(self.answer, request)
        told = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in OF_THE_WAY]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": told})
        await send({"type": "http.response.body", "body": answer.content})

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The answer of one of the doors, which keeps the contract."""
        if zlib.crc32(request.url.raw_path + request.content) % SHARE == 0:
            self.answers["events"] += 1
            return self._gateway.handle_request(request)
        self.answers["application"] += 1
        answer = _ask(self._joint, request)
        hold(request, answer)
        return answer


def _meant(sent: bytes) -> bytes:
    for written, meant in MEANT.items():
        sent = sent.replace(written, meant)
    return sent


def _ask(app: ASGIApp, request: httpx.Request) -> httpx.Response:
    """Ask the application on the loop of the handlers, whose connections it shares."""

    async def ask() -> httpx.Response:
        answer = await httpx.ASGITransport(app).handle_async_request(request)
        await answer.aread()
        return answer

    with http._TURN:
        return http._loop().run_until_complete(ask())
