"""API Gateway as the handlers see it: events of an HTTP API (payload 2.0) in, answers out.

`Gateway` is a transport of httpx, so that a test calls a handler as it would call a server:

    with httpx.Client(transport=Gateway(), base_url="https://api.test") as api:
        api.post("/v1/tasks", json={"title": "Buy milk"})
"""

import base64
import importlib
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import httpx

from infra.operations import Operation, operations
from tests.support.failure_report import remember_response
from tests.support.openapi_validator import hold

Event = dict[str, Any]

OPERATIONS = operations()


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler beside the event."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 512
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:eu-central-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return 15_000


def operation_for(method: str, path: str) -> Operation:
    """The operation that the gateway would choose; `$default` where no route matches."""
    for operation in OPERATIONS:
        if operation.method == method and re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", operation.path), path):
            return operation
    return next(operation for operation in OPERATIONS if operation.is_default)


def make_event(
    method: str, path: str, *, query: str = "", headers: list[tuple[str, str]] | None = None, body: bytes = b""
) -> Event:
    """An event as the gateway makes it: names in lower case, repeated ones joined, a body that is no text in base64."""
    joined: dict[str, str] = {}
    for name, value in headers or []:
        key = name.lower()
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    event: Event = {
        "version": "2.0",
        "routeKey": operation_for(method, path).route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": joined,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.test",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": joined.get("user-agent", ""),
            },
            "requestId": str(uuid4()),
            "routeKey": operation_for(method, path).route,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": False,
    }
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    if parameters:
        event["queryStringParameters"] = parameters
    if body:
        try:
            event["body"] = body.decode()
        except UnicodeDecodeError:
            event["body"], event["isBase64Encoded"] = base64.b64encode(body).decode(), True
    return event


def invoke(name: str, event: Any) -> dict[str, Any]:
    """Call the handler of the operation `name` (`tasks_create`) as Lambda does; what it raises, the test gets."""
    operation = next(operation for operation in OPERATIONS if operation.name == name)
    handler = importlib.import_module(operation.module).handler
    answer: dict[str, Any] = handler(event, Context(name, str(uuid4())))
    return answer


def as_response(answer: dict[str, Any]) -> httpx.Response:
    """What the gateway makes of a handler's answer."""
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    headers = [(name, str(value)) for name, value in (answer.get("headers") or {}).items()]
    headers += [(name, value) for name, many in (answer.get("multiValueHeaders") or {}).items() for value in many]
    return httpx.Response(answer["statusCode"], headers=headers, content=content)


class Gateway(httpx.BaseTransport):
    """Answers requests by the operations' handlers, each called with an event; holds each answer to the contract."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Choose the operation, make the event, call the handler."""
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        headers = [(name, value) for name, value in request.headers.multi_items() if name != "host"]
        event = make_event(request.method, path, query=query, headers=headers, body=request.read())
        response = as_response(invoke(operation_for(request.method, path).name, event))
        response.request = request
        hold(request, response)
        remember_response(response)
        return response
