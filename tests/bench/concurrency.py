"""Part *concurrency*: execution environments by the dozen against a pool of ten, and how the queue behaves past it."""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass

import psutil
import psycopg

from infra.local.postgres import SUPERUSER
from tests.bench.laboratory import POOL_SIZE, Laboratory
from tests.bench.process import Process
from tests.bench.requests import ROWS
from tests.bench.samples import percentile
from tests.bench.section import Chart, Progress, Section, Table, Target

LEVELS = (5, 10, 20, 40, 80, 160)
AT_LEAST = 40
SECONDS = 4.0
STARTING = 60.0
"""Seconds in which environments are started, so that the whole of `make bench` keeps to its time."""
SPARE = 0.8
"""The share of the free memory that they may take."""
HELD = 0.05
"""Seconds for which a slow transaction holds its backend."""
OPERATIONS = ("create", "get", "list", "update")
"""Environments take these in turn: a function has one operation."""
SLOW = f"""
create function app.slowly() returns trigger language plpgsql
    as $$ begin perform pg_catalog.pg_sleep({HELD}); return null; end $$;
grant execute on function app.slowly() to task_app;
create trigger slowly after update on task for each statement execute function app.slowly()"""
QUICKLY = "drop trigger slowly on task; drop function app.slowly"
TEXT = """{environments} execution environments ({why}), each a process of its own that calls one operation's handler in
a loop without pause, {each:.0f} MB of its own each; PgBouncer with {pool} connections to PostgreSQL; all of it on the
same {cpus} CPUs, so that beyond {cpus} environments the CPUs are what most wait for. {seconds:g} seconds for each
number of environments: first as it is, then with updates whose transactions hold their connection for {held:g} ms, so
that the pool, which could do {most:.0f} of them in a second, is what they wait for."""
SETTING = """Neon gives a role 0.9 x max_connections backends in its pool: 93 on the smallest compute (0.25 CU), 377 on
1 CU, and takes 10,000 clients. What waits for a backend waits in PgBouncer, in order, and a request gives up after
7.5 s with 503. The setting that keeps concurrency below the pool is `ReservedConcurrency` of infra/template.yaml, the
most instances of one function: 3, so that all functions together stay below 93, which a test adds up. An account that
is new has too small a quota for it, and takes -1: a request holds a backend for about a millisecond, so that the pool
serves many times its size, as the table shows."""


@dataclass(frozen=True, slots=True)
class _Level:
    """What came of so many environments at once."""

    environments: int
    seconds: float
    times: list[float]
    errors: int
    waiting: int

    @property
    def throughput(self) -> float:
        return len(self.times) / self.seconds


def run(laboratory: Laboratory, progress: Progress) -> Section:
    """Start as many as go, then load them in growing numbers."""
    if laboratory.pooler is None:
        return Section("Concurrency", "Not measured: PgBouncer is not installed.", [])
    laboratory.pooler.command("set max_client_conn = 2000")
    with ExitStack() as exits:
        environments, why = _start(laboratory, progress, exits)
        each = _own_memory(environments[0])
        numbers = [level for level in LEVELS if level < 0.8 * len(environments)] + [len(environments)]
        plain, slow = [], []
        for place, number in enumerate(numbers):
            progress(0.5 + 0.25 * place / len(numbers), f"{number} environments")
            plain.append(_load(laboratory, environments[:number], None))
        _warm_up(laboratory, environments, "update")
        with psycopg.connect(laboratory.cluster.url(SUPERUSER), autocommit=True) as admin:
            admin.execute(SLOW)
            for place, number in enumerate(numbers):
                progress(0.75 + 0.25 * place / len(numbers), f"{number} environments, slow transactions")
                slow.append(_load(laboratory, environments[:number], "update"))
            admin.execute(QUICKLY)
    text = TEXT.format(
        environments=len(environments),
        why=why,
        each=each,
        pool=POOL_SIZE,
        cpus=os.cpu_count(),
        seconds=_seconds(laboratory),
        held=HELD * 1000,
        most=POOL_SIZE / HELD,
    )
    series = {"as it is": plain, f"held for {HELD * 1000:g} ms": slow}
    errors = sum(level.errors for level in plain + slow)
    return Section(
        "Concurrency",
        f"{text}\n\n{SETTING}",
        [_table(name, levels) for name, levels in series.items()],
        [_chart(numbers, series)],
        [Target(f"answers other than success, up to {len(environments)} environments", errors, 0, "")],
        {name: [_figures(level) for level in levels] for name, levels in series.items()},
    )


def _seconds(laboratory: Laboratory) -> float:
    return 0.5 if laboratory.quick else SECONDS


def _start(laboratory: Laboratory, progress: Progress, exits: ExitStack) -> tuple[list[Process], str]:
    """Environments that have answered once, so many at a time as there are CPUs; and why there are not more."""
    environments: list[Process] = []
    began, free = time.monotonic(), psutil.virtual_memory().available
    while True:
        if laboratory.quick and environments:
            return environments, "a smoke"
        if len(environments) >= AT_LEAST:
            if time.monotonic() - began > STARTING:
                holds = SPARE * free / 1e6 / _own_memory(environments[0])
                return environments, f"as many as start in {STARTING:g} s; the free memory holds {holds:.0f}"
            if psutil.virtual_memory().available < (1 - SPARE) * free:
                return environments, f"they take {SPARE:.0%} of the free memory"
        at_once = 2 if laboratory.quick else 2 * (os.cpu_count() or 1)
        wave = [exits.enter_context(laboratory.start("ours")) for _ in range(at_once)]
        for number, process in enumerate(wave, len(environments)):
            row = OPERATIONS[number % len(OPERATIONS)]
            process.tell("first", row=row, task_id=laboratory.take(ROWS[row], 1)[0])
        for process in wave:
            process.answer()
        environments += wave
        progress(min(0.5, 0.5 * (time.monotonic() - began) / STARTING), f"{len(environments)} environments started")


def _own_memory(process: Process) -> float:
    """Megabytes that nobody else shares."""
    return float(psutil.Process(process.pid).memory_full_info().uss) / 1e6


def _load(laboratory: Laboratory, environments: list[Process], only: str | None) -> _Level:
    seconds = _seconds(laboratory)
    start = time.monotonic() + 0.2 + len(environments) * 0.002
    for number, process in enumerate(environments):
        row = only or OPERATIONS[number % len(OPERATIONS)]
        process.tell("load", row=row, task_ids=laboratory.take(ROWS[row], 3), start=start, seconds=seconds)
    waiting = 0
    while laboratory.pooler and time.monotonic() < start + seconds - 0.2:
        time.sleep(0.2)
        waiting = max(waiting, *(pool["cl_waiting"] for pool in laboratory.pooler.command("show pools")))
    answers = [process.answer() for process in environments]
    statuses = [pair for answer in answers for pair in answer["statuses"].items()]
    errors = sum(number for status, number in statuses if not status.startswith("2"))
    times = [value for answer in answers for value in answer["times"]]
    return _Level(len(environments), seconds, times, errors, waiting)


def _warm_up(laboratory: Laboratory, environments: list[Process], row: str) -> None:
    for process in environments:
        process.tell("many", row=row, task_ids=laboratory.take(ROWS[row], 1))
    for process in environments:
        process.answer()


def _table(name: str, levels: list[_Level]) -> Table:
    rows = [
        (
            str(level.environments),
            f"{level.throughput:.0f}",
            *(f"{percentile(level.times, share):.1f}" for share in (0.5, 0.95, 0.99)),
            f"{max(level.times):.0f}",
            str(level.waiting),
            str(level.errors),
        )
        for level in levels
    ]
    head = ("environments", "requests/s", "p50 ms", "p95 ms", "p99 ms", "longest ms", "most waiting at once", "errors")
    return Table(
        f"Against a pool of {POOL_SIZE}, {name}", head, rows, "Waiting: clients in PgBouncer's queue, sampled."
    )


def _chart(numbers: list[int], series: dict[str, list[_Level]]) -> Chart:
    lines: dict[str, list[float | None]] = {
        f"{name}: {word}": [round(percentile(level.times, share), 2) for level in levels]
        for name, levels in series.items()
        for word, share in (("p50", 0.5), ("p95", 0.95))
    }
    title = f"Environments at once, against a pool of {POOL_SIZE}"
    return Chart("concurrency", title, [str(number) for number in numbers], lines, "lines", logarithmic=True)


def _figures(level: _Level) -> dict[str, float]:
    percentiles = {f"p{share * 100:g}": round(percentile(level.times, share), 2) for share in (0.5, 0.95, 0.99)}
    return percentiles | {
        "environments": level.environments,
        "requests/s": round(level.throughput, 1),
        "waiting": level.waiting,
        "errors": level.errors,
    }
