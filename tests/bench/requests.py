"""The requests of the benchmark, as API Gateway hands them over (payload 2.0), and what a right answer to each is.

Every subject's process imports this before its own code, so it imports next to nothing.
"""

import json
import os
from typing import Any, NamedTuple

type Json = dict[str, Any]

TASKS = "/v1/tasks"
PAGE = 50
_counter = iter(range(10**9))


class Request(NamedTuple):
    """A row of the table. `on` is the kind of task that it is for: any, an open or a completed one, or none."""

    operation: str
    method: str
    status: int
    on: str = ""
    suffix: str = ""
    title: bool = False  # whether its body brings a new title
    tag: bool = False  # If-Match
    key: bool = False  # Idempotency-Key
    replay: bool = False  # what is timed is the second time


_UPDATE = Request("update", "PATCH", 200, "open", title=True)
_DELETE = Request("delete", "DELETE", 204, "open")
_COMPLETE = Request("complete", "POST", 200, "open", "/complete")
_REOPEN = Request("reopen", "POST", 200, "completed", "/reopen")
_REPLACE = Request("replace", "PUT", 200, "open", title=True, tag=True)

COMMON = {
    "create": Request("create", "POST", 201, title=True),
    "get": Request("get", "GET", 200, "any"),
    "list": Request("list", "GET", 200),
    "update": _UPDATE,
    "delete": _DELETE,
}
"""What every subject can do."""
OURS = {
    "complete": _COMPLETE,
    "reopen": _REOPEN,
    "replace": _REPLACE,
    "create, key": COMMON["create"]._replace(key=True),
    "update, tag + key": _UPDATE._replace(tag=True, key=True),
    "replace, tag + key": _REPLACE._replace(key=True),
    "complete, tag + key": _COMPLETE._replace(tag=True, key=True),
    "reopen, tag + key": _REOPEN._replace(tag=True, key=True),
    "delete, tag + key": _DELETE._replace(tag=True, key=True),
    "update, replayed": _UPDATE._replace(key=True, replay=True),
}
"""What the peers do not have. tag: with If-Match; key: with Idempotency-Key."""
ROWS = COMMON | OURS
PLAIN = ("create", "get", "list", "update", "delete", "complete", "reopen", "replace")
"""Every operation once."""


def route(request: Request) -> str:
    """The route of a request, as API Gateway and serverless.yml name it."""
    path = TASKS if request.operation in ("create", "list") else f"{TASKS}/{{task_id}}{request.suffix}"
    return f"{request.method} {path}"


def event(request: Request, task_id: str, query: str = "", token: str = "") -> Json:
    """The event of one request; each brings a title of its own, so that there is something to write.

    `token`: the caller's; without one it is BENCH_TOKEN.
    """
    key = route(request)
    path = key.partition(" ")[2].replace("{task_id}", task_id)
    number = next(_counter)
    headers = {
        "accept": "*/*",
        "authorization": f"Bearer {token or os.environ['BENCH_TOKEN']}",
        "content-type": "application/json",
        "host": "api.example.com",
        "user-agent": "bench",
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    if request.tag:
        headers["if-match"] = '"1"'
    if request.key:
        headers["idempotency-key"] = f"bench-{os.getpid()}-{number}"
    made: Json = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "bench",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "bench",
            },
            "requestId": f"bench{number}",
            "routeKey": key,
            "stage": "$default",
            "time": "22/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1795348800000,
        },
        "isBase64Encoded": False,
    }
    if task_id:
        made["pathParameters"] = {"task_id": task_id}
    if request.title:
        made["body"] = json.dumps({"title": f"Buy milk {os.getpid()} {number}"})
    return made


def wrong(request: Request, task_id: str, sent: Json, answer: Json, page: int = PAGE) -> str:
    """What is wrong with an answer; nothing, where it is as it must be. `page`: how many items a list has."""
    if answer["statusCode"] != request.status:
        return f"{request.operation} answered {answer['statusCode']}: {answer.get('body')}"
    body = json.loads(answer.get("body") or "{}")
    if request.operation == "list":
        items = body["items"] if isinstance(body, dict) else body
        return "" if len({item["id"] for item in items}) == page else f"a page of {len(items)}"
    faults = {
        "another task": bool(body) and request.on and body["id"] != task_id,
        "another title": request.title and body["title"] != json.loads(sent["body"])["title"],
        "a task that is not completed": request.operation == "complete" and not body["completed_at"],
        "a task that is completed": request.operation == "reopen" and body["completed_at"],
        "no replay": request.replay and answer["headers"].get("idempotency-replayed") != "true",
        "no body": request.operation != "delete" and not body,
    }
    return next((f"{request.operation} answered with {fault}" for fault, found in faults.items() if found), "")
