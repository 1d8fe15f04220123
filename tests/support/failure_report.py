"""A pytest plugin that makes a failure readable: the response behind a status, and the command that repeats the run."""

from collections import defaultdict
from typing import Any

import httpx
import pytest

LONGEST = 2000
"""Characters of a body that are shown."""


class StatusCode(int):
    """A status code that knows its response, so that a failed comparison can show it."""

    response: httpx.Response


def remember_response(response: httpx.Response) -> None:
    """Let a comparison of `response.status_code` that fails show the response's body."""
    status = StatusCode(response.status_code)
    status.response = response
    response.status_code = status


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show the body of the response, which holds the problem document, below two statuses that differ."""
    status = next((side for side in (left, right) if isinstance(side, StatusCode)), None)
    if status is None:
        return None
    request = status.response.request
    body = status.response.text[:LONGEST] or "(no body)"
    return [f"{left!r} {op} {right!r}", f"{request.method} {request.url.raw_path.decode('ascii')} was answered:", body]


_FILES: dict[str, list[str]] = defaultdict(list)
"""The files that each worker ran, in its order."""
_FAILED: set[str] = set()
"""The workers on which a test failed."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note which worker ran the file, and whether it failed."""
    node: Any = getattr(report, "node", None)  # set by pytest-xdist
    worker = node.gateway.id if node else ""
    file = report.nodeid.partition("::")[0]
    if file not in _FILES[worker]:
        _FILES[worker].append(file)
    if report.failed:
        _FAILED.add(worker)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the one command that repeats the files of a worker with failures, in the same order, in one process."""
    for worker in sorted(_FAILED):
        seed = config.getoption("randomly_seed", None)
        order = f" --randomly-seed={seed}" if seed is not None else ""
        terminalreporter.section(f"to repeat {worker or 'this run'}")
        terminalreporter.write_line(f".venv/bin/python -m pytest -n 0{order} {' '.join(_FILES[worker])}")
