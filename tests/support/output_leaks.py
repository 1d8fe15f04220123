"""Canaries: whatever a caller sends, a token says or a role knows, in no log and no problem document of the session.

The transports and signers of the tests `note` what is secret; what the pieces write is heard: the output of the
handlers, the logs of every process (PostgreSQL, PgBouncer, servers, Lambda's runtime client), every problem document.
When the session ends the one is looked for in the other, and a find fails the run. It is told by the piece and the kind
of canary, never by its text.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx
import pytest

from infra.local.child import Child
from infra.local.runtime_api import LambdaFunction
from infra.operations import ROOT

SHORTEST, LONGEST = 8, 40
"""Characters: what is shorter is a word that may stand anywhere; of what is longer the beginning gives it away."""
MOST_TOLD = 30
_OPEN = re.compile("/v1/|[0-9a-f]{8}-[0-9a-f]{4}-")
PROBLEM = "application/problem+json"
# Parts of a line of ours that are its own, of a form that no canary has: without them most lines are alike.
_OWN = re.compile(
    r'"(timestamp|request_id|trace_id|span_id|user)":"[0-9a-fT:.,+ -]*"|"(duration|pool_wait)_ms":[0-9.]+'
    r'|"Timestamp":\d+|^[0-9: .-]+ UTC \[\d+\]'
)


@dataclass
class Canaries:
    """What is secret, by its beginning; and the lines that were written, each with the first piece that wrote it."""

    secrets: dict[str, str] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)

    def note(self, kind: str, text: str) -> None:
        """`text` may show up nowhere. A text of several lines is known by its longest."""
        if len(text) < SHORTEST:
            return
        line = max(text.splitlines(), key=len, default="").strip()[:LONGEST].rstrip()
        word = line.isalpha() and len(line) < 2 * SHORTEST  # "connection", which a log may well say by itself
        if len(line) >= SHORTEST and len(set(line)) >= SHORTEST // 2 and re.search("[a-zA-Z]", line) and not word:
            self.secrets.setdefault(line, kind)

    def hear(self, piece: str, text: str) -> None:
        """`piece` has written `text`."""
        for line in text.splitlines():
            self.lines.setdefault(_OWN.sub("", line), piece)

    def leaks(self) -> list[str]:
        """Which pieces wrote which kinds of canary."""
        index: dict[str, list[tuple[str, str]]] = {}
        for secret, kind in self.secrets.items():
            quoted = quote(secret, errors="replace")  # it may hold a lone surrogate
            for form in {secret, quoted, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
                index.setdefault(form[:SHORTEST], []).append((form, kind))
        found = set()
        for line, piece in self.lines.items():
            for at in range(len(line) - SHORTEST + 1):
                for form, kind in index.get(line[at : at + SHORTEST], ()):
                    if line.startswith(form, at) and form not in _ours():
                        found.add(f"{piece}: {kind}")
        return sorted(found)

    def exchange(self, request: httpx.Request, response: httpx.Response) -> None:
        """Note what a request carries in headers, query and body; hear the problem that it is told."""
        for name, value in request.headers.items():
            self.note("a token" if name == "authorization" else "a header", value.removeprefix("Bearer "))
        for _, value in parse_qsl(request.url.query.decode("ascii", "replace")):
            self._note_text("a value of a query", value)
        with suppress(httpx.RequestNotRead):
            for text in _texts(request.content):
                self._note_text("a text of a body", text)
        if response.content and response.headers.get("content-type") == PROBLEM:
            problem = response.json()
            # `current` is the caller's own, and names are not values.
            shown = {name: value for name, value in problem.items() if name not in ("instance", "current", "errors")}
            self.hear("a problem document", json.dumps(shown))
            for error in problem.get("errors", ()):
                self.hear("a problem document", error["detail"])

    def _note_text(self, kind: str, text: str) -> None:
        """Note it, but for ids, whole or not, and the paths of operations: both stand in the paths of requests."""
        if not _OPEN.match(text.strip()):
            self.note(kind, text)


CANARIES = Canaries()
"""Those of this session."""
note = CANARIES.note


@cache
def _ours() -> str:
    """Our own words, which are nobody's secret."""
    files = [file for room in ("shared", "functions", "infra") for file in sorted((ROOT / room).rglob("*.py"))]
    return "\n".join(file.read_text("utf-8") for file in files)


def _texts(body: bytes) -> Iterator[str]:
    """All strings that a body holds as values; the whole of it where it is no JSON."""
    try:
        left = [json.loads(body)] if body else []
    except (ValueError, RecursionError):
        left = [body.decode("utf-8", "replace")]
    while left:
        match left.pop():
            case str() as text:
                yield text
            case list() as items:
                left += items
            case dict() as members:
                left += members.values()


@dataclass
class _Output:
    """What a process writes into a file; read as it grows."""

    piece: str
    descriptor: int
    running: Callable[[], bool]
    at: int = 0

    def read(self) -> bool:
        """Hear what is new, in whole lines; tell whether there may be more."""
        more = self.running()
        new = os.pread(self.descriptor, os.fstat(self.descriptor).st_size - self.at, self.at)
        if more:
            new = new[: new.rfind(b"\n") + 1]
        self.at += len(new)
        CANARIES.hear(self.piece, new.decode("utf-8", "replace"))
        return more


_OUTPUTS: list[_Output] = []


def hear_file(piece: str, file: Path) -> None:
    """From now on hear what another process's child writes into `file`, from its beginning."""
    if not any(output.piece == piece for output in _OUTPUTS):
        _OUTPUTS.append(_Output(piece, os.open(file, os.O_RDONLY), lambda: True))


def watch() -> None:
    """From now on hear the processes that are started; `Child` and `LambdaFunction` start all there are."""
    start_child, start_function = Child.__init__, LambdaFunction.__init__

    def child(self: Child, command: list[str], *, log: Path | None, **options: Any) -> None:
        start_child(self, command, log=log, **options)
        if log is None or ("--app-dir" in command and str(ROOT) not in command):
            return  # what goes to a terminal, or a copy with a bug in it
        piece = f"{Path(command[0]).name}, {log.name}"
        _OUTPUTS.append(_Output(piece, os.open(log, os.O_RDONLY), partial(Child.running.__get__, self)))

    def function(self: LambdaFunction, api: Any, process: Any, output: Any) -> None:
        start_function(self, api, process, output)
        if api.name.startswith("broken."):
            return  # a copy with a bug in it
        alive = partial(LambdaFunction.alive.__get__, self)
        _OUTPUTS.append(_Output(f"the runtime client of {api.name}", os.dup(output.fileno()), alive))

    Child.__init__, LambdaFunction.__init__ = child, function  # type: ignore[method-assign]


def read() -> None:
    """Hear what the processes have written so far."""
    for output in list(_OUTPUTS):
        if not output.read():
            os.close(output.descriptor)
            _OUTPUTS.remove(output)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """After each test: hear what was printed meanwhile."""
    if report.when == "teardown":
        for name, text in report.sections:
            CANARIES.hear(f"{report.nodeid}, {name.lower()}", text)
        read()


_FOUND: list[str] = []
"""The leaks that workers of pytest-xdist reported to this process."""


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker that ends has found."""
    _FOUND.extend(getattr(node, "workeroutput", {}).get("leaks", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look for the canaries; a find fails the run. A worker of pytest-xdist reports to the controller."""
    read()
    leaks = sorted({*_FOUND, *CANARIES.leaks()})
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["leaks"] = leaks
    elif leaks:
        session.exitstatus = 1
        told = "\n".join(f"  {leak}" for leak in leaks[:MOST_TOLD])
        reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(f"\ncanaries were found where none may be:\n{told}", red=True)
