"""One subject of the benchmark, in a process of its own: `python -m infra.bench.subject ours|bare|usual [warm]`.

Without `warm` it makes one create and prints the milliseconds since the process started. With it, it takes lines such
as `create 50` and answers each with the milliseconds of every request, as JSON.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, cast

from infra.bench.events import event

type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

LISTED = 60
"""Tasks to list: more than a page."""
OPERATIONS = ("create", "get", "list", "update", "delete")


class Context:
    """What Lambda tells a handler beside the event; nobody here asks."""

    aws_request_id = "bench"


def handler(subject: str, name: str) -> Handler:
    """The handler of one operation, imported now."""
    if subject == "ours":
        return cast("Handler", importlib.import_module(f"functions.tasks.{name}").handler)
    return cast("Handler", importlib.import_module(f"infra.bench.{subject}").handler(name))


def run(call: Handler, name: str, task_id: str) -> dict[str, Any]:
    """Make one request; stop at any answer but a success, which would be no measurement."""
    answer = call(event(name, task_id), Context())
    if answer["statusCode"] not in (200, 201, 204):
        raise SystemExit(f"{name} answered {answer['statusCode']}: {answer.get('body')}")
    return answer


def warm(subject: str) -> None:
    """Serve the lines of standard input."""
    calls = {name: handler(subject, name) for name in OPERATIONS}

    def new() -> str:
        task_id: str = json.loads(run(calls["create"], "create", "")["body"])["id"]
        return task_id

    kept = [new() for _ in range(LISTED)][-1]
    print("ready", flush=True)
    for line in sys.stdin:
        name, count = line.split()
        times = []
        for _ in range(int(count)):
            task_id = new() if name == "delete" else kept
            start = time.perf_counter()
            run(calls[name], name, task_id)
            times.append((time.perf_counter() - start) * 1000)
        print(json.dumps(times), flush=True)


def cold(subject: str) -> None:
    """Import, answer once, tell how long that took, the start of the interpreter included."""
    run(handler(subject, "create"), "create", "")
    print((time.time() - float(os.environ["BENCH_STARTED"])) * 1000)


if __name__ == "__main__":
    warm(sys.argv[1]) if sys.argv[2:] == ["warm"] else cold(sys.argv[1])
