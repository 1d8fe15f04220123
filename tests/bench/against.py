"""`--against REVISION`: the operations of this checkout beside those of an older revision, in one run.

Both have a checkout, an environment and a database of their own (tests/bench/revision.py) and are driven by the same
file (tests/bench/driver.py).
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.bench.requests import ROWS
from tests.bench.revision import Commit, Revision
from tests.bench.samples import Samples, ratio_text
from tests.bench.section import Progress, Row, Section, Table, Target
from tests.bench.warm import BATCHES, ROUNDS, WARM_UP, where

if TYPE_CHECKING:
    from tests.bench.process import Process

COLD_ROWS, COLD_DELAY = ("create", "get"), 5.0
TEXT = """Ours is this checkout. The other is {hash} ({subject}), with its own database, which its own migrations made,
and {environment}. Each is a process that calls the handlers named in its serverless.yml, for a caller with {tasks:,}
tasks; one request is under way at a time. {runs} of {rounds} rounds of {batches} requests of each operation (at
{delays} ms), in which both take turns and begin alternately. A ratio is that of two medians of one round: shown are the
median of the rounds and, in brackets, their middle half. {middle}Cold: import and first answer of a new process, once a
round. Every answer is checked."""

type Sides = tuple[Revision, Revision]
type Share = Callable[[float], None]
type Pair = tuple[Samples, Samples]
"""Of ours and of the other."""
type Run = dict[str, dict[str, Pair]]
"""By table and row."""


def run(ours: Revision, other: Revision, commit: Commit, progress: Progress, runs: int, bound: float | None) -> Section:
    """Measure both, `runs` times; with a `bound` on the ratios, say of each row whether it is met."""
    progress(0, "comparing answers")
    rows, left_out = _rows_of(other)
    batches = {1.0: 3} if ours.quick else BATCHES
    rounds = 2 if ours.quick else ROUNDS
    measured: list[Run] = []
    for number in range(runs):

        def share(begin: float, done: float, number: int = number) -> None:
            progress((number + begin + done / 2) / runs, f"run {number + 1} of {runs}")

        warm = _warm((ours, other), rows, batches, rounds, partial(share, 0))
        measured.append(warm | _cold((ours, other), rows, rounds, partial(share, 0.5)))
    chosen = middle_run(measured)
    text = TEXT.format(
        hash=commit.hash,
        subject=commit.subject,
        environment="our environment, as its requirements/dev.txt equals ours"
        if other.shares_environment
        else "an environment of its own, of the packages in its requirements/dev.txt",
        tasks=ours.tasks,
        runs="One run" if runs == 1 else f"{runs} runs",
        rounds=rounds,
        batches="/".join(map(str, batches.values())),
        delays="/".join(f"{delay:g}" for delay in batches),
        middle="" if runs == 1 else "Of each operation, the run with the median ratio is shown. ",
    )
    note = " ".join(["Milliseconds: medians of all requests.", *left_out])
    return Section(
        "Against",
        " ".join(text.split()),
        [_table(name, pairs, commit.hash, note) for name, pairs in chosen.items()],
        targets=_targets(chosen, commit.hash, bound) if bound else [],
        figures=_figures(measured, commit),
    )


def middle_run(runs: list[Run]) -> Run:
    """Of each row, the run whose ratio is the median of all runs; their number is odd."""
    return {
        name: {
            row: sorted((each[name][row] for each in runs), key=lambda pair: pair[0].ratio(pair[1]))[len(runs) // 2]
            for row in pairs
        }
        for name, pairs in runs[0].items()
    }


def _rows_of(other: Revision) -> tuple[list[str], list[str]]:
    """The rows that the other revision answers as it must, and sentences on those that it does not have yet."""
    rows, left_out = [], []
    with other.drive() as process:
        for row in ROWS:
            _, complaint = other.attempt(process, row, 1)
            if complaint:
                left_out.append(f"Not compared: {row} ({other.name}: {complaint}).")
            else:
                rows.append(row)
    if not rows:
        raise SystemExit(f"bench: nothing can be compared. {' '.join(left_out)}")
    return rows, left_out


def _warm(sides: Sides, rows: list[str], batches: dict[float, int], rounds: int, progress: Share) -> Run:
    """Measure every row on open connections, at every distance."""
    found: Run = {f"Warm, {where(delay)}": {row: (Samples(), Samples()) for row in rows} for delay in batches}
    with ExitStack() as exits:
        running: dict[float, list[Process]] = {
            delay: [exits.enter_context(side.drive(delay)) for side in sides] for delay in batches
        }
        for processes in running.values():
            for row in rows:
                for side, process in zip(sides, processes, strict=True):
                    side.ask(process, row, 2 if side.quick else WARM_UP)
        for turn in range(rounds):
            progress(turn / rounds)
            for delay, processes in running.items():
                for row in rows:
                    for place in _order(turn):
                        answer = sides[place].ask(processes[place], row, batches[delay])
                        found[f"Warm, {where(delay)}"][row][place].add(answer["times"], answer["cpu"])
    return found


def _cold(sides: Sides, rows: list[str], rounds: int, progress: Share) -> Run:
    """Measure the import and the first answer; a first start, which compiles the modules, does not count."""
    found = {row: (Samples(), Samples()) for row in COLD_ROWS[: 1 if sides[0].quick else None] if row in rows}
    turns = range(1) if sides[0].quick else range(-1, rounds)
    for turn in turns:
        progress((turn - turns[0]) / len(turns))
        for row, pair in found.items():
            for place in _order(turn):
                with sides[place].drive(COLD_DELAY) as process:
                    answer = sides[place].ask(process, row, 1)
                if turn >= 0:
                    pair[place].add([answer["import"] + answer["times"][0]], answer["cpu"])
    return {f"Cold, {where(COLD_DELAY)}": found}


def _order(turn: int) -> tuple[int, int]:
    return (1, 0) if turn % 2 else (0, 1)


def _table(name: str, pairs: dict[str, Pair], other: str, note: str) -> Table:
    rows: list[Row] = [
        (row, f"{mine.at(0.5):.2f}", f"{theirs.at(0.5):.2f}", ratio_text(*mine.ratio(theirs)))
        for row, (mine, theirs) in pairs.items()
    ]
    return Table(f"{name}: ours and {other}", ("operation", "ours", other, f"ours / {other}"), rows, note)


def _targets(chosen: Run, other: str, bound: float) -> list[Target]:
    targets = []
    for name, pairs in chosen.items():
        for row, (mine, theirs) in pairs.items():
            middle, low, _ = mine.ratio(theirs)
            targets.append(Target(f"{row}, {name[0].lower()}{name[1:]}: ours / {other}", middle, bound, low=low))
    return targets


def _figures(measured: list[Run], commit: Commit) -> dict[str, Any]:
    tables = {
        name: {
            row: [
                {
                    "ours": round(mine.at(0.5), 3),
                    commit.hash: round(theirs.at(0.5), 3),
                    "ratio": [round(value, 4) for value in mine.ratio(theirs)],
                }
                for mine, theirs in (each[name][row] for each in measured)
            ]
            for row in pairs
        }
        for name, pairs in measured[0].items()
    }
    return {"revision": commit._asdict(), "runs": tables}
