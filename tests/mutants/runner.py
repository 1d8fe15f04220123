"""Run tests in copies of the project: `Runner` keeps what the runs share.

These are a compiled copy, of which each run gets hard links; processes that have imported the packages (see
`fork_server`); and one PostgreSQL server with a migrated database, of which each run gets a copy. Where the edits
change the schema, the run migrates an empty database on that server. Where the tests of such a run look at the whole
server, it starts its own.
"""

import compileall
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, Self

from infra.operations import ROOT
from tests.mutants import fork_server
from tests.mutants.planting import Edit, linked, planted
from tests.mutants.witness import DIED, FAILED, PASSED, SKIPPED
from tests.support.stack import SERVER, TEMPLATE, migrated_server

AT_ONCE = 3
"""Runs at a time: one more than a small machine has cores, as each run also waits for its servers."""
PATIENCE = 180
"""Seconds for the tests of one mutant, where some wait for what will never come."""
WITHOUT_STACK = tuple(
    f"tests/shared/test_{name}.py"
    for name in ("tokens", "signatures", "keys", "key_sets", "key_fetches", "key_replaced")
)
"""Tests that need no database: they run without tests/conftest.py."""
SCHEMA = ("infra/migrations/", "infra/migrate.py", "infra/roles.py")
OURS = ("functions", "infra", "shared")
IMPORTED = (
    *("asyncio", "http.server", "unittest.mock", "zoneinfo"),
    *("hypothesis", "hypothesis.stateful", "httpx", "jsonschema_rs", "psutil", "yaml"),
    *("fastapi", "fastapi.openapi.utils", "mangum", "starlette.middleware.cors", "jwt", "cryptography.x509"),
    *("psycopg", "psycopg.rows", "psycopg.types.json", "sqlmodel", "alembic.command"),
)
"""Modules of others whose import takes longer than most of the tests."""
EMPTY = "template1"
"""PostgreSQL's own template, without migrations."""


class Verdict(NamedTuple):
    """What became of a test: of which of its items, and in which words."""

    kind: str
    item: str = ""
    message: str = ""


class Trial(NamedTuple):
    """What became of each test in a copy, and how many seconds it took."""

    verdicts: dict[str, Verdict]
    seconds: float


class ForkServer:
    """A running `fork_server`, for one run at a time."""

    def __init__(self, modules: Iterable[str]) -> None:
        self._command = [sys.executable, "-P", fork_server.__file__, *modules]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, folder: Path, arguments: Sequence[str], env: dict[str, str], patience: float) -> str:
        """Run pytest in `folder`; return its output, or that it was killed after `patience` seconds."""
        output = folder.parent / "output"
        request = {"folder": str(folder), "arguments": arguments, "env": env, "output": str(output)}
        sent, answers = self._process.stdin, self._process.stdout
        if sent is None or answers is None:
            raise AssertionError("Popen gives the pipes that it was asked for")
        sent.write(json.dumps(request) + "\n")
        sent.flush()
        timer = threading.Timer(patience, os.kill, (int(answers.readline()), signal.SIGKILL))
        timer.start()
        try:
            status = int(answers.readline())
        finally:
            timer.cancel()
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return f"not over after {patience} s"
        return output.read_text("utf-8", "replace").strip()


class Runner:
    """What the runs of these tests share; in a `with`, `run` may be called by `AT_ONCE` threads."""

    def __init__(self, tests: Iterable[str]) -> None:
        self._tests = list(dict.fromkeys(tests))
        self._exit = ExitStack()
        self._idle: SimpleQueue[ForkServer] = SimpleQueue()
        self._numbers = count(1)
        self._home = ""

    def __enter__(self) -> Self:
        with self._exit as exits:
            stack = not _without_stack(self._tests)
            for _ in range(AT_ONCE):
                self._idle.put(exits.enter_context(ForkServer(IMPORTED if stack else ())))
            self._copy = exits.enter_context(planted())
            if stack:
                self._home = str(exits.enter_context(migrated_server()).home)
                self._compile()
            self._exit = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _compile(self) -> None:
        for package in OURS:
            compileall.compile_dir(self._copy / package, quiet=2)
        files = dict.fromkeys(test.partition("::")[0] for test in self._tests)
        self._pytest(self._copy, ["--collect-only", "-q", *files], {}, PATIENCE)  # it compiles them in a way of its own

    def run(self, edits: Sequence[Edit], tests: Sequence[str], patience: float = PATIENCE) -> Trial:
        """Run the tests in a copy with these edits. Raises `Unplantable`."""
        started = time.monotonic()
        with linked(self._copy, *edits) as folder:
            witness = folder.parent / "witness"
            arguments = ["-q", "-p", "tests.mutants.witness", "--witness", str(witness)]
            arguments += [*(f"--witness-test={test}" for test in tests), *tests]
            output = self._pytest(folder, arguments, self._server(edits, tests), patience)
            lines = witness.read_text("utf-8").splitlines() if witness.exists() else []
        return Trial(_verdicts(tests, [json.loads(line) for line in lines], output), time.monotonic() - started)

    def _pytest(self, folder: Path, arguments: list[str], server: dict[str, str], patience: float) -> str:
        if _without_stack([argument for argument in arguments if argument.startswith("tests/")]):
            arguments = [*arguments, "--confcutdir=tests/shared"]
        # The plugins that packages bring cost half a second, and none of ours asks for them.
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TEST_"))}
        env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **server}
        with self._idle_server() as one:
            return one.run(folder, ["-p", "no:cacheprovider", *arguments], env, patience)

    @contextmanager
    def _idle_server(self) -> Iterator[ForkServer]:
        one = self._idle.get()
        try:
            yield one
        finally:
            self._idle.put(one)

    def _server(self, edits: Iterable[Edit], tests: Iterable[str]) -> dict[str, str]:
        """Return the variables that name the server and the database to copy; none for a server of the run's own."""
        schema = any(edit.path.startswith(SCHEMA) for edit in edits)
        if not self._home or (edits and any(_private(test) for test in tests)):
            return {}
        shared = {SERVER: self._home, "TEST_WORKER": f"m{next(self._numbers)}"}
        return shared | ({TEMPLATE: EMPTY} if schema else {})


def _without_stack(tests: Iterable[str]) -> bool:
    return all(test.startswith(WITHOUT_STACK) for test in tests)


def _private(test: str) -> bool:
    """Whether the file of a test asks for a server that no other process uses."""
    with suppress(FileNotFoundError):
        return "private_server" in (ROOT / test.partition("::")[0]).read_text("utf-8")
    return False


def _verdicts(tests: Sequence[str], lines: list[dict[str, str]], output: str) -> dict[str, Verdict]:
    found = {}
    reason = next((line for line in output.splitlines() if line.startswith("ERROR")), output.rpartition("\n")[2])
    for test in tests:
        mine = [Verdict(line["verdict"], line["item"], line["message"]) for line in lines if line["test"] == test]
        of_kind = {verdict.kind: verdict for verdict in reversed(mine)}  # the first of each kind
        kind = next((kind for kind in (DIED, FAILED, SKIPPED, PASSED) if kind in of_kind), None)
        found[test] = of_kind[kind] if kind else Verdict("was not run", message=reason)
    return found
