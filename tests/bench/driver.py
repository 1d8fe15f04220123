"""Call the handlers of one checkout, in a process of its own: `python …/driver.py`, run in the checkout's folder.

Both revisions of `--against` are driven by this file. It imports nothing of the project but the handlers, by the names
in serverless.yml, because other modules of an older revision may have other names. Each line of standard input is a
JSON object with `handler` and `events`; each is answered with one line on what was standard output. The log lines of
the handlers go to the file that BENCH_LOG names.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


class Context:
    """What Lambda passes to a handler beside the event."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"
    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bench"

    def get_remaining_time_in_millis(self) -> int:
        """As at the start of a function with the timeout of serverless.yml."""
        return 15_000


def call(handler: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Import a handler such as `functions/tasks/get.handler` and call it with each event.

    Returns the milliseconds of the import and of each call, the CPU time of one call, and the answers.
    """
    started = time.perf_counter()
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module.replace("/", ".")), name)
    imported, context = (time.perf_counter() - started) * 1000, Context()
    times, answers = [], []
    busy = time.process_time()
    for event in events:
        start = time.perf_counter()
        answer = function(event, context)
        times.append((time.perf_counter() - start) * 1000)
        answers.append(answer)
    busy = time.process_time() - busy
    return {"import": imported, "times": times, "cpu": busy * 1000 / len(times), "answers": answers}


def main() -> None:
    """Answer standard input, line by line."""
    sys.path[0] = str(Path.cwd())  # it was this file's folder, whose modules are not the checkout's
    output = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.environ["BENCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT), 1)
    for line in sys.stdin:
        order = json.loads(line)
        output.write(json.dumps(call(order["handler"], order["events"])) + "\n")
        output.flush()


if __name__ == "__main__":
    main()
