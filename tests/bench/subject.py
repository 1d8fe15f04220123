"""A subject of the benchmark, in a process of its own: `python -m tests.bench.subject ours|bare|powertools|usual`.

It takes one JSON object a line on standard input and answers each with one, on what was its standard output: the log
lines of the code that is measured go to the file that BENCH_LOG names. Every order imports the handlers that it needs.
"""

import importlib
import itertools
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from tests.bench.driver import Context
from tests.bench.requests import PAGE, ROWS, TASKS, Json, event, wrong

type Handler = Callable[[Json, Any], Json]

_handlers: dict[str, Handler] = {}


def handler(subject: str, operation: str) -> Handler:
    """The handler of one operation, imported now."""
    if operation not in _handlers:
        if subject == "ours":
            found = importlib.import_module(f"functions.tasks.{operation}").handler
        else:
            found = importlib.import_module(f"tests.bench.{subject}").handler(operation)
        _handlers[operation] = cast("Handler", found)
    return _handlers[operation]


def first(subject: str, row: str, task_id: str) -> Json:
    """Import and answer once: the milliseconds of the import, until the answer, and since the process began."""
    known, request = len(sys.modules), ROWS[row]
    start = time.perf_counter()
    call = handler(subject, request.operation)
    imported = time.perf_counter()
    modules = len(sys.modules) - known
    sent = event(request, task_id)
    answer = call(sent, Context())
    answered, now = time.perf_counter(), time.monotonic()
    _check(wrong(request, task_id, sent, answer))
    return {
        "import": (imported - start) * 1000,
        "modules": modules,
        "answer": (answered - start) * 1000,
        "process": (now - float(os.environ["BENCH_STARTED"])) * 1000,
        "loaded": sorted({name.partition(".")[0] for name in sys.modules}),
    }


def many(subject: str, row: str, task_ids: list[str], query: str = "", page: int = PAGE) -> Json:
    """Make one request for each id: the milliseconds of each, the CPU's for one, and the memory so far in MB."""
    request = ROWS[row]
    call, context = handler(subject, request.operation), Context()
    sent = [(task_id, event(request, task_id, query)) for task_id in task_ids]
    if request.replay:
        for _, each in sent:
            call(each, context)
    times, answers = [], []
    busy = time.process_time()
    for _, each in sent:
        start = time.perf_counter()
        answer = call(each, context)
        times.append((time.perf_counter() - start) * 1000)
        answers.append(answer)
    busy = time.process_time() - busy
    for (task_id, each), answer in zip(sent, answers, strict=True):
        _check(wrong(request, task_id, each, answer, page))
    return {"times": times, "cpu": busy * 1000 / len(times), "memory": memory()}


def load(subject: str, row: str, task_ids: list[str], start: float, seconds: float) -> Json:
    """Make requests without pause, from a moment on: the milliseconds of each, and how many had which status."""
    request, context = ROWS[row], Context()
    call = handler(subject, request.operation)
    times, statuses = [], dict[int, int]()
    time.sleep(max(0.0, start - time.monotonic()))
    for task_id in itertools.cycle(task_ids):
        if time.monotonic() > start + seconds:
            break
        sent = event(request, task_id)
        began = time.perf_counter()
        answer = call(sent, context)
        times.append((time.perf_counter() - began) * 1000)
        statuses[answer["statusCode"]] = statuses.get(answer["statusCode"], 0) + 1
    return {"times": times, "statuses": statuses}


def cursor(_: str, value: str, task_id: str, query: list[list[str]]) -> Json:
    """Ours: the cursor of a list behind the task with that sort value."""
    paging = importlib.import_module("shared.paging")
    bound_to = paging.binding(TASKS, ((name, text) for name, text in query))
    return {"cursor": paging.Position(value, UUID(task_id), bound_to).cursor()}


def memory() -> float:
    """The most that this process has held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # where it is not, getrusage knows; on Linux that begins with what the parent held
        return int(status.read_text("ascii").partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _check(complaint: str) -> None:
    if complaint:
        raise SystemExit(complaint)


def main(subject: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    log = os.open(os.environ["BENCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    do: dict[str, Callable[..., Json]] = {"first": first, "many": many, "load": load, "cursor": cursor}
    for line in sys.stdin:
        order = json.loads(line)
        answers.write(json.dumps(do[order.pop("do")](subject, **order)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
