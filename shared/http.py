"""How an operation becomes an application, and the application a Lambda handler.

API Gateway → `on_lambda` → Mangum → `Edge` (request id, headers, log line, nothing escapes) → the operation's route.
"""

import asyncio
import atexit
import gc
import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from mangum import Mangum
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from shared.bodies import JSON
from shared.events import readable
from shared.logs import SERVICE, log_failure, log_request
from shared.preconditions import NotModified
from shared.problems import JSON as PROBLEM_JSON
from shared.problems import BadRequest, InternalError, Invalid, MethodNotAllowed, NotFound, Problem
from shared.routes import allowed_methods
from shared.routing import Operation
from shared.spans import Span, enter

BUDGET = 7.5
"""Seconds until a request is given up: database or keys out of reach are said within 8."""
TRACED = os.environ.get("POWERTOOLS_TRACE_DISABLED", "true").lower() == "false"
EMPTY = (204, 304)
"""Statuses without a body."""
_TURN = threading.Lock()  # Lambda sends one event at a time; another host may have threads, and there is one event loop
DETAILS = {
    "extra_forbidden": "is not a member that can be set",
    "missing": "is missing",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "string_type": "must be a string",
    "string_unicode": "holds a lone surrogate",
}
"""Pydantic's kinds of error in words of ours."""


class Edge:
    """The outermost layer: gives every request an id, a deadline and one log line, every response its headers.

    Nothing escapes it: what no other layer knows is a 500 that says nothing, and a log line that says all but values.
    """

    def __init__(self, routes: Iterable[Operation]) -> None:
        self.routes = list(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            return
        started = time.monotonic()
        scope["deadline"] = started + BUDGET
        span = Span(
            scope.get("aws.event", {}).get("requestContext", {}).get("requestId"),
            [value for name, value in scope["headers"] if name == b"traceparent"],
        )
        enter(span)
        scope["request_id"] = span.request_id
        raw_path = scope.get("raw_path") or b""
        if b"%2f" in raw_path.lower():  # an encoded slash parts no segments (RFC 3986 2.2), but a server decodes it
            scope["path"] = raw_path.decode("ascii", "replace")
        status = 0
        try:
            response = await self._respond(scope, receive)
            status = response.status_code
            response.raw_headers += _ours(span.request_id, "cache-control" in response.headers)
            await response(scope, receive, send)
        finally:
            log_request(scope, status, time.monotonic() - started)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        """The answer, whatever it is."""
        try:
            return await self._route(scope).answer(scope, receive)
        except Problem as known:
            problem = known
        except RequestValidationError as failure:
            problem = Invalid([_error(error["loc"], error.get("type", ""), error["msg"]) for error in failure.errors()])
        except ClientDisconnect:
            # Nobody reads it, and Lambda knows no such thing: for the log. A client that left is no fault of ours.
            problem = BadRequest("The request ended before its body.")
        except NotModified as held:
            return Response(status_code=304, headers={"ETag": held.tag})
        except Exception as failure:  # noqa: BLE001 - the last door
            log_failure(failure, scope)
            problem = InternalError()
        return Response(problem.document(scope["request_id"]), problem.status, problem.headers, PROBLEM_JSON)

    def _route(self, scope: Scope) -> Operation:
        for route in self.routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                return route
        methods = allowed_methods(scope["path"])
        if methods and scope["method"] not in methods:
            raise MethodNotAllowed(headers={"Allow": ", ".join(methods)})
        raise NotFound


def _ours(request_id: str, cached: bool) -> list[tuple[bytes, bytes]]:
    ours = [(b"x-content-type-options", b"nosniff"), (b"x-request-id", request_id.encode())]
    return ours if cached else [*ours, (b"cache-control", b"no-store")]


def _error(location: tuple[str | int, ...], kind: str, message: str) -> dict[str, str]:
    detail = DETAILS.get(kind, message)
    place, *names = location
    if place != "body":
        return {"parameter": str(names[0]), "detail": detail}
    # RFC 6901: ~ and / are escaped in a reference token.
    pointer = "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in names)
    return {"pointer": pointer, "detail": detail}


def build(*routers: APIRouter) -> Edge:
    """One application of the given routers: one for a function, all of them for the local server."""
    return Edge(route for router in routers for route in router.routes if isinstance(route, Operation))


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

    return _traced(handler) if TRACED else handler


def _traced(handler: Callable[[Any, Any], dict[str, Any]]) -> Callable[[Any, Any], dict[str, Any]]:
    """With a segment of X-Ray's around each request. Its SDK comes with a layer: 11 ms of a start (ADR 11)."""
    from aws_lambda_powertools import Tracer  # noqa: PLC0415 - off unless asked for

    tracer = Tracer(service=SERVICE, auto_patch=False)
    return tracer.capture_lambda_handler(handler, capture_response=False)  # which holds what is the caller's


def _no_request() -> dict[str, Any]:
    problem, request_id = BadRequest("The event holds no HTTP request."), Span().request_id
    headers = {"content-type": PROBLEM_JSON} | {
        name.decode(): value.decode() for name, value in _ours(request_id, cached=False)
    }
    body = problem.document(request_id).decode()
    return {"statusCode": problem.status, "headers": headers, "body": body, "isBase64Encoded": False}
