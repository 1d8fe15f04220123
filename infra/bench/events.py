"""The events that every subject is given: API Gateway, payload 2.0."""

import json
import os
import time
from typing import Any

PATHS = {"create": "/v1/tasks", "list": "/v1/tasks"}
METHODS = {"create": "POST", "get": "GET", "list": "GET", "update": "PATCH", "delete": "DELETE"}


def event(name: str, task_id: str) -> dict[str, Any]:
    """The event of one request; every update brings a new title, so that there is something to write."""
    titles = {"create": "Buy milk", "update": f"Buy milk {time.perf_counter_ns()}"}
    path = PATHS.get(name, f"/v1/tasks/{task_id}")
    made = {
        "version": "2.0",
        "routeKey": f"{METHODS[name]} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"authorization": f"Bearer {os.environ['BENCH_TOKEN']}", "content-type": "application/json"},
        "requestContext": {"http": {"method": METHODS[name], "path": path, "sourceIp": "192.0.2.1"}, "requestId": "b"},
        "isBase64Encoded": False,
    }
    return made | ({"body": json.dumps({"title": titles[name]})} if name in titles else {})
