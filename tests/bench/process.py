"""A process that is measured, seen from the benchmark: tests/bench/subject.py and driver.py say what it can be told."""

import json
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.bench.requests import Json


class Process:
    """Runs until `close`; what it complains about ends the benchmark, as that would be no measurement."""

    def __init__(self, subject: str, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.subject = subject
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment | {"BENCH_STARTED": repr(time.monotonic())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the benchmark alone
            text=True,
        )

    @property
    def pid(self) -> int:
        """The id that the system knows it by."""
        return self._process.pid

    def ask(self, do: str, **order: Any) -> Json:
        """Give an order and wait for what came of it."""
        self.tell(do, **order)
        return self.answer()

    def tell(self, do: str, **order: Any) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # `answer` says that it ended
            self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            self._process.stdin.flush()

    def answer(self) -> Json:
        """What came of the oldest order."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.subject} ended before its time: see above")
        answer: Json = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
