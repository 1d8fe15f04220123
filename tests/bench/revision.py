"""One of the two revisions of `--against`: its checkout, its environment and its own database with a pooler."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import yaml

from infra.operations import ROOT
from tests.bench.laboratory import Laboratory
from tests.bench.process import Process
from tests.bench.requests import ROWS, Json, event, route, wrong

DRIVER = Path(__file__).with_name("driver.py")
PACKAGES = Path("requirements/dev.txt")
"""What the handlers and the migrations of a revision need, with hashes."""


class Commit(NamedTuple):
    """A commit: its abbreviated hash and the first line of its message."""

    hash: str
    subject: str


def find(revision: str, root: Path = ROOT) -> Commit:
    """The commit that git knows as `revision`; end the run with one line where there is none."""
    try:
        checkout = _git(root, "rev-parse", "--show-prefix")
    except OSError:
        raise SystemExit("bench: --against needs git, which is not installed") from None
    if checkout.returncode or checkout.stdout.strip():
        raise SystemExit(f"bench: --against needs the history of git, and {root} is no git checkout")
    if _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").returncode:
        shallow = _git(root, "rev-parse", "--is-shallow-repository").stdout == b"true\n"
        advice = ": this clone is shallow, so fetch its history first (git fetch --unshallow)" if shallow else ""
        raise SystemExit(f"bench: git knows no revision {revision!r}{advice}")
    found = _git(root, "log", "-1", "--format=%h%n%s", f"{revision}^{{commit}}", "--").stdout.decode()
    return Commit(*found.splitlines())


def handlers(checkout: Path) -> dict[str, str]:
    """The handler of each route of the HTTP API, such as `GET /v1/tasks`, as serverless.yml names both."""
    functions: dict[str, Any] = yaml.safe_load((checkout / "serverless.yml").read_text("utf-8"))["functions"]
    found = {}
    for function in functions.values():
        for trigger in function.get("events", []):
            match trigger:
                case {"httpApi": {"method": method, "path": path}}:
                    found[f"{method.upper()} {path}"] = function["handler"]
                case {"httpApi": str(key)}:
                    found[key] = function["handler"]
    return found


class Revision(Laboratory):
    """A laboratory whose operations and migrations are those of `commit`, or of this checkout where that is None.

    A commit is unpacked into the folder of its database, which is deleted at the end of the run. Where its
    requirements/dev.txt differs from ours, its packages are installed into a virtual environment there.
    """

    def __init__(self, commit: Commit | None, *, quick: bool = False) -> None:
        super().__init__(quick=quick)
        self.name = commit.hash if commit else "ours"
        self.checkout, self.python = ROOT, sys.executable
        self._commit = commit
        self._handlers: dict[str, str] = {}

    def migrate(self, environment: dict[str, str]) -> None:
        """Make the checkout and its environment, then run the migrations that it brings."""
        if self._commit:
            self.checkout = self._unpack(self._commit)
        self._handlers = handlers(self.checkout)
        self._run([self.python, "-m", "infra.migrate"], environment)

    @property
    def shares_environment(self) -> bool:
        """Whether it runs with the packages that are installed for this checkout."""
        return self.python == sys.executable

    def drive(self, delay: float = 0) -> Process:
        """A process that calls its handlers, with the database and the issuer `delay` milliseconds away."""
        return Process(self.name, [self.python, str(DRIVER)], self.checkout, self.environment | self.far(delay))

    def ask(self, process: Process, row: str, count: int) -> Json:
        """Make `count` requests of a row; end the run where an answer is wrong."""
        answer, complaint = self.attempt(process, row, count)
        if complaint:
            raise SystemExit(f"bench: {self.name}: {complaint}")
        return answer

    def attempt(self, process: Process, row: str, count: int) -> tuple[Json, str]:
        """Make `count` requests of a row; the driver's answer, and what is wrong with it."""
        request = ROWS[row]
        if route(request) not in self._handlers:
            return {}, f"there is no {route(request)}"
        token = self.environment["BENCH_TOKEN"]
        sent = [(task_id, event(request, task_id, token=token)) for task_id in self.take(request, count)]
        order = {"handler": self._handlers[route(request)], "events": [each for _, each in sent]}
        if request.replay:
            process.ask("call", **order)
        answer = process.ask("call", **order)
        pairs = zip(sent, answer["answers"], strict=True)
        complaints = (wrong(request, task_id, each, got) for (task_id, each), got in pairs)
        return answer, next(filter(None, complaints), "")

    def _seed(self) -> None:
        try:
            super()._seed()
        except psycopg.Error as error:
            raise SystemExit(f"bench: {self.name}: its tables can't be filled: {str(error).splitlines()[0]}") from None

    def _unpack(self, commit: Commit) -> Path:
        checkout = self.folder / "checkout"
        archive = _git(ROOT, "archive", "--format=tar", commit.hash).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(checkout, filter="data")
        for needed in (PACKAGES, Path("serverless.yml")):
            if not (checkout / needed).is_file():
                raise SystemExit(f"bench: {commit.hash} is too old to be run: it has no {needed}")
        if (checkout / PACKAGES).read_bytes() != (ROOT / PACKAGES).read_bytes():
            self.python = str(self.folder / "venv" / "bin" / "python")
            self._run([sys.executable, "-m", "venv", "--without-pip", str(self.folder / "venv")])
            pip = (sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check", "--quiet")
            self._run([*pip, "install", "--require-hashes", "-r", str(checkout / PACKAGES)])
        return checkout

    def _run(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        done = subprocess.run(command, cwd=self.checkout, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"bench: {self.name}: {' '.join(command)} failed:\n{done.stderr.strip()}")


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
