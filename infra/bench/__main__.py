"""`make bench`: warm p50 and p95 of each operation, and the cold start, as milliseconds and as ratios to the peers.

Every subject takes its turn in every round, so that a machine that slows down slows them all. Milliseconds are this
machine's; the ratios carry over.
"""

import compileall
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from infra.bench.relay import Relay
from infra.bench.subject import OPERATIONS
from infra.local.keys import ISSUER, DevelopmentKey
from infra.local.postgres import OWNER, throwaway
from infra.migrate import migrate

SUBJECTS = ("ours", "bare", "usual")
ROUNDS, BATCH, WARM_UP = 12, 25, 60
COLD_ROUNDS = 9
AWAY = 0.001

type Times = dict[str, dict[str, list[float]]]


class Warm:
    """A subject's process that stays."""

    def __init__(self, subject: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.bench.subject", subject, "warm"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        while self._answer() != "ready":
            pass

    def _answer(self) -> str:
        # Powertools' log lines go to standard output too: one for each request, as when deployed.
        for line in cast("IO[str]", self.process.stdout):
            if not line.startswith("{"):
                return line.strip()
        raise SystemExit("a subject ended before its time")

    def run(self, operation: str, count: int) -> list[float]:
        """The milliseconds of `count` requests."""
        stdin = cast("IO[str]", self.process.stdin)
        stdin.write(f"{operation} {count}\n")
        stdin.flush()
        times: list[float] = json.loads(self._answer())
        return times

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.communicate()


def measure_warm(environment: dict[str, str]) -> Times:
    """The milliseconds of every request, by operation and subject."""
    times: Times = {operation: {subject: [] for subject in SUBJECTS} for operation in OPERATIONS}
    with ExitStack() as stack:
        running = {}
        for subject in SUBJECTS:
            running[subject] = Warm(subject, environment)
            stack.callback(running[subject].stop)
        for operation in OPERATIONS:
            for subject in SUBJECTS:
                running[subject].run(operation, WARM_UP)
        for done in range(ROUNDS):
            say(f"round {done + 1} of {ROUNDS}")
            for operation in OPERATIONS:
                for subject in SUBJECTS:
                    times[operation][subject] += running[subject].run(operation, BATCH)
    return times


def measure_cold(environment: dict[str, str]) -> dict[str, list[float]]:
    """The milliseconds from the start of a process to its first answer, by subject."""
    times: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    for done in range(COLD_ROUNDS):
        say(f"cold start {done + 1} of {COLD_ROUNDS}")
        for subject in SUBJECTS:
            command = [sys.executable, "-m", "infra.bench.subject", subject]
            started = environment | {"BENCH_STARTED": repr(time.time())}
            out = subprocess.run(command, env=started, check=True, capture_output=True, text=True).stdout
            times[subject].append(float(out.strip().splitlines()[-1]))
    return times


def say(text: str) -> None:
    """Show progress where someone is watching."""
    if sys.stderr.isatty():
        print(f"\r{text:<40}", end="", file=sys.stderr, flush=True)


def show(title: str, rows: dict[str, dict[str, list[float]]]) -> None:
    """Print a table: p50 and p95 of each subject, and the ratios of the medians."""
    head = "".join(f"{subject + ' p50':>11}{'p95':>9}" for subject in SUBJECTS)
    print(f"\n{title}\n{'':<12}{head}{'ours/bare':>12}{'ours/usual':>12}")
    for name, times in rows.items():
        middle = {subject: statistics.median(times[subject]) for subject in SUBJECTS}
        figures = "".join(
            f"{middle[subject]:>11.2f}{statistics.quantiles(times[subject], n=20)[-1]:>9.2f}" for subject in SUBJECTS
        )
        ratios = f"{middle['ours'] / middle['bare']:>12.2f}{middle['ours'] / middle['usual']:>12.2f}"
        print(f"{name:<12}{figures}{ratios}")


def main() -> None:
    """Measure everything on a throw-away database, and print the tables."""
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPUs; milliseconds")
    for package in ("functions", "shared", "infra/bench"):
        compileall.compile_dir(package, quiet=1)
    with tempfile.TemporaryDirectory() as folder, throwaway() as cluster:
        key = DevelopmentKey(Path(folder) / "key.pem")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "AUTH_"))}
        environment |= {
            "DATABASE_URL": cluster.url("api"),
            "AUTH_ISSUER": ISSUER,
            "AUTH_JWKS_URL": key.serve(),
            "BENCH_TOKEN": key.token("bench"),
        }
        migrate(environment | {"DATABASE_URL_UNPOOLED": cluster.url(OWNER)}, lambda _: None)
        relay = Relay(cluster.port, AWAY)
        away = environment | {"DATABASE_URL": cluster.url("api", port=relay.port)}
        tables = {
            "warm, database on this machine": measure_warm(environment),
            f"warm, database {AWAY * 1000:.0f} ms away": measure_warm(away),
            "cold: process start to first answer": {"create": measure_cold(environment)},
        }
    say("")
    for title, rows in tables.items():
        show(title, rows)


if __name__ == "__main__":
    main()
