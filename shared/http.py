"""How an operation becomes an application, and the application a Lambda handler.

API Gateway → `on_lambda` → Mangum → `Edge` (request id, headers, log line, nothing escapes) → FastAPI with one route.
"""

import asyncio
import atexit
import gc
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from mangum import Mangum
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from shared.bodies import JSON
from shared.events import readable
from shared.logs import log_failure, log_request
from shared.preconditions import NotModified
from shared.problems import JSON as PROBLEM_JSON
from shared.problems import BadRequest, InternalError, Invalid, MethodNotAllowed, NotFound, Problem
from shared.routes import allowed_methods

BUDGET = 7.5
"""Seconds until a request is given up: database or keys out of reach are said within 8."""
EMPTY = (204, 304)
"""Statuses without a body."""
_TURN = threading.Lock()  # Lambda sends one event at a time; another host may have threads, and there is one event loop
DETAILS = {
    "extra_forbidden": "is not a member that can be set",
    "missing": "is missing",
    "model_type": "must be an object",
    "string_type": "must be a string",
    "string_unicode": "holds a lone surrogate",
}
"""Pydantic's kinds of error in words of ours."""


class Edge:
    """The outermost layer: gives every request an id, a deadline and one log line, every response its headers.

    Nothing escapes it: what no other layer knows is a 500 that says nothing, and a log line that says all but values.
    """

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.monotonic()
        scope["deadline"] = started + BUDGET
        scope["request_id"] = str(uuid4())
        raw_path = scope.get("raw_path") or b""
        if b"%2f" in raw_path.lower():  # an encoded slash parts no segments (RFC 3986 2.2), but a server decodes it
            scope["path"] = raw_path.decode("ascii", "replace")
        status = 0

        async def send_ours(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_ours(message.get("headers", ()), scope["request_id"])
            await send(message)

        try:
            await self.app(scope, receive, send_ours)
        except Exception as failure:  # noqa: BLE001 - the last door
            log_failure(failure, scope)
            if not status:
                await _problem_response(InternalError(), scope["request_id"])(scope, receive, send_ours)
        finally:
            log_request(scope, status, time.monotonic() - started)


def _with_ours(headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    ours = [*headers, (b"x-content-type-options", b"nosniff"), (b"x-request-id", request_id.encode())]
    if not any(name.lower() == b"cache-control" for name, _ in headers):
        ours.append((b"cache-control", b"no-store"))
    return ours


def _problem_response(problem: Problem, request_id: str) -> Response:
    return Response(problem.document(request_id), problem.status, problem.headers, PROBLEM_JSON)


async def _on_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)  # noqa: S101 - for the type checker: it is registered for nothing else
    return _problem_response(problem, request.scope["request_id"])


async def _on_invalid(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, RequestValidationError)  # noqa: S101
    problem = Invalid([_error(error["loc"], error.get("type", ""), error["msg"]) for error in failure.errors()])
    return _problem_response(problem, request.scope["request_id"])


def _error(location: tuple[str | int, ...], kind: str, message: str) -> dict[str, str]:
    detail = DETAILS.get(kind, message)
    place, *names = location
    if place != "body":
        return {"parameter": str(names[0]), "detail": detail}
    # RFC 6901: ~ and / are escaped in a reference token.
    pointer = "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in names)
    return {"pointer": pointer, "detail": detail}


async def _on_no_route(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, HTTPException)  # noqa: S101
    methods = allowed_methods(request.scope["path"])
    known = methods and request.method not in methods
    problem = MethodNotAllowed(headers={"Allow": ", ".join(methods)}) if known else NotFound()
    return _problem_response(problem, request.scope["request_id"])


async def _on_hang_up(request: Request, _: Exception) -> Response:
    # Nobody reads it, and Lambda knows no such thing: for the log, where a client that left is no fault of ours.
    return _problem_response(BadRequest("The request ended before its body."), request.scope["request_id"])


async def _on_fault(request: Request, _: Exception) -> Response:
    return _problem_response(InternalError(), request.scope["request_id"])


async def _on_not_modified(_: Request, answer: Exception) -> Response:
    assert isinstance(answer, NotModified)  # noqa: S101
    return Response(status_code=304, headers={"ETag": answer.tag})


def build(*routers: APIRouter) -> Edge:
    """One application of the given routers: one for a function, all of them for the local server."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for router in routers:
        # Not include_router: it would make every route anew, and with it the models of its parameters.
        app.router.routes.extend(router.routes)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_no_route)
    app.add_exception_handler(NotModified, _on_not_modified)
    app.add_exception_handler(ClientDisconnect, _on_hang_up)
    # Only the form of the answer: Starlette raises the failure on to `Edge`, which logs it.
    app.add_exception_handler(Exception, _on_fault)
    return Edge(app)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """The one event loop of this environment's handlers: connections belong to it and outlive a request."""
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop


def on_lambda(router: APIRouter) -> Callable[[Any, Any], dict[str, Any]]:
    """The Lambda handler of a router's one operation. It answers every event, one at a time, and raises nothing."""
    # The adapter takes the current loop, which others may have taken away in between (asyncio.run does).
    asyncio.set_event_loop(_loop())
    # Built now, while the environment starts.
    adapter = Mangum(build(router), lifespan="off", text_mime_types=["text/", JSON, PROBLEM_JSON])
    gc.freeze()
    gc.enable()

    def handler(event: Any, context: Any) -> dict[str, Any]:
        request = readable(event)
        if request is None:
            return _no_request()
        with _TURN:
            asyncio.set_event_loop(_loop())
            answer = adapter(request, context)
        if answer["statusCode"] in EMPTY:
            del answer["headers"]["content-type"]  # the adapter's own addition
        return answer

    return handler


def _no_request() -> dict[str, Any]:
    problem, request_id = BadRequest("The event holds no HTTP request."), str(uuid4())
    headers = {"content-type": PROBLEM_JSON} | {
        name.decode(): value.decode() for name, value in _with_ours((), request_id)
    }
    body = problem.document(request_id).decode()
    return {"statusCode": problem.status, "headers": headers, "body": body, "isBase64Encoded": False}
