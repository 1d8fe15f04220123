"""Part *warm*: every operation of every subject, on open connections, with the database near and away."""

from contextlib import ExitStack
from statistics import median
from typing import Any

from tests.bench.laboratory import Laboratory
from tests.bench.process import Process
from tests.bench.requests import COMMON, ROWS
from tests.bench.samples import Samples, ratio_text
from tests.bench.section import Chart, Progress, Section, Table, Target
from tests.bench.trips import SUBJECTS, Trips, count, rows_of

PEERS = SUBJECTS[1:]
ROUNDS, WARM_UP = 12, 20
BATCHES = {0.0: 25, 1.0: 20, 5.0: 10}
"""Requests of a row in one round, by milliseconds to the database."""
NEAR, AWAY = 0.0, 1.0
LIMITS = {NEAR: 1.4, AWAY: 1.1}
FASTER = 4
TARGETED = ("create", "get")
TEXT = """Every subject is a process of its own that calls its handlers with events of API Gateway (payload 2.0), as
Lambda does, and writes its log lines to a file. PostgreSQL, PgBouncer and the relay that is the distance are processes
of their own. One request is under way at a time, for a caller with {tasks:,} tasks. {rounds} rounds of {batches}
requests of each row (at {delays} ms), in which every subject takes its turn, after a warm-up of {warm_up} of each. A
ratio is that of two medians of one round: the median of the rounds, and the middle half of them in brackets. {added}
Every answer is checked."""


def run(laboratory: Laboratory, progress: Progress) -> Section:
    """Measure every row, and count its round trips."""
    progress(0, "counting round trips")
    trips = count(laboratory)
    batches = {AWAY: 3} if laboratory.quick else BATCHES
    rounds, warm_up = (2, 2) if laboratory.quick else (ROUNDS, WARM_UP)
    found = laboratory.warm = {
        (delay, row, subject): Samples() for delay in batches for subject in SUBJECTS for row in rows_of(subject)
    }
    with ExitStack() as exits:
        running = {
            (delay, subject): exits.enter_context(laboratory.start(subject, delay))
            for delay in batches
            for subject in SUBJECTS
        }
        progress(0.05, "warming up")
        for process in running.values():
            process.tell("first", row="create", task_id="")
        for process in running.values():
            process.answer()
        for (_, row, _), process in _turns(running, 0):
            _ask(laboratory, process, row, warm_up)
        for done in range(rounds):
            for place, ((delay, row, subject), process) in enumerate(_turns(running, done)):
                if not place % 25:
                    progress(0.15 + 0.85 * (done + place / len(found)) / rounds, f"round {done + 1} of {rounds}")
                found[delay, row, subject].add(*_ask(laboratory, process, row, batches[delay]))
    text = TEXT.format(
        tasks=laboratory.tasks,
        rounds=rounds,
        batches="/".join(map(str, batches.values())),
        delays="/".join(f"{delay:g}" for delay in batches),
        warm_up=warm_up,
        added=" ".join(
            f"The relay of {delay:g} ms adds a measured {added:.2f} ms to a round trip."
            for delay, added in laboratory.added.items()
        ),
    )
    delays = list(batches)
    return Section(
        "Warm",
        text,
        [*(_ratios(found, delay) for delay in delays), _times(found, trips, delays)],
        [_chart(found, delay) for delay in delays],
        _targets(found, delays),
        _figures(found, trips),
    )


type _Key = tuple[float, str, str]
type _Found = dict[_Key, Samples]


def _turns(running: dict[tuple[float, str], Process], turn: int) -> list[tuple[_Key, Process]]:
    """Everyone's turn, row by row; who begins changes from round to round, so that nobody always follows another."""
    first = turn % len(SUBJECTS)
    order = SUBJECTS[first:] + SUBJECTS[:first]
    return [
        ((delay, row, subject), running[delay, subject])
        for delay in dict.fromkeys(delay for delay, _ in running)
        for row in ROWS
        for subject in order
        if row in rows_of(subject)
    ]


def _ask(laboratory: Laboratory, process: Process, row: str, number: int) -> tuple[list[float], float]:
    answer = process.ask("many", row=row, task_ids=laboratory.take(ROWS[row], number))
    return answer["times"], answer["cpu"]


def _ratios(found: _Found, delay: float) -> Table:
    rows = [
        (row, *(ratio_text(*found[delay, row, "ours"].ratio(found[delay, row, peer])) for peer in PEERS))
        for row in COMMON
    ]
    head = ("operation", *(f"ours / {peer}" for peer in PEERS))
    return Table(f"Warm, {where(delay)}: how many times a peer's median ours is", head, rows)


def where(delay: float) -> str:
    """Where the database is, in words."""
    return f"the database {delay:g} ms away" if delay else "the database on this machine"


def _times(found: _Found, trips: Trips, delays: list[float]) -> Table:
    head = ["operation", "round trips"]
    for delay in delays:
        head += [f"p50 at {delay:g} ms", "p95", "p99"]
    rows = []
    for row in ROWS:
        for subject in SUBJECTS if row in COMMON else ("ours",):
            cells = [f"{row} · {subject}", str(trips[subject][row])]
            for delay in delays:
                samples = found[delay, row, subject]
                low, high = samples.spread
                cells += [
                    f"{samples.at(0.5):.2f} ({low:.2f}-{high:.2f})",
                    *(f"{samples.at(p):.2f}" for p in (0.95, 0.99)),
                ]
            rows.append((*cells, f"{_cpu(found, row, subject):.2f}"))
    note = (
        "Milliseconds: of all requests, with the middle half of the rounds' medians in brackets. CPU: of the subject's "
        "own process, for one request, at the least distance. tag: with If-Match; key: with Idempotency-Key; replayed: "
        "the same key again."
    )
    return Table("Warm: round trips, and milliseconds of a request", (*head, "CPU"), rows, note)


def _cpu(found: _Found, row: str, subject: str) -> float:
    return median(found[min(delay for delay, *_ in found), row, subject].cpu)


def _chart(found: _Found, delay: float) -> Chart:
    series: dict[str, list[float | None]] = {
        subject: [round(found[delay, row, subject].at(0.5), 2) for row in COMMON] for subject in SUBJECTS
    }
    return Chart(f"warm-{delay:g}ms", f"Warm median, {where(delay)}", list(COMMON), series)


def _targets(found: _Found, delays: list[float]) -> list[Target]:
    targets = []
    for delay, limit in LIMITS.items():
        for row in TARGETED if delay in delays else ():
            ours, bare = found[delay, row, "ours"], found[delay, row, "bare"]
            name = f"{row}, {where(delay)}"
            targets.append(Target(f"{name}: p50 / bare", ours.ratio(bare)[0], limit))
            targets.append(Target(f"{name}: p95 / bare", ours.at(0.95) / bare.at(0.95), limit))
    for row in TARGETED if AWAY in delays else ():
        faster = found[AWAY, row, "usual"].ratio(found[AWAY, row, "ours"])[0]
        targets.append(Target(f"{row}, {where(AWAY)}: usual / ours, p50", faster, FASTER, at_least=True))
    return targets


def _figures(found: _Found, trips: Trips) -> dict[str, Any]:
    figures: dict[str, Any] = {"trips": trips}
    for (delay, row, subject), samples in found.items():
        values = {f"p{share * 100:g}": round(samples.at(share), 3) for share in (0.5, 0.95, 0.99)}
        place = figures.setdefault(f"{delay:g} ms", {}).setdefault(row, {})
        place[subject] = values | {"cpu": round(median(samples.cpu), 3), "requests": len(samples.all)}
    return figures
