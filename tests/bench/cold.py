"""Part *cold*: from nothing to the first answer, with the database and the issuer away; memory, size, and the goal."""

import compileall
import importlib.metadata
import sys
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from infra.operations import ROOT
from tests.bench.laboratory import Laboratory
from tests.bench.requests import PLAIN, ROWS
from tests.bench.samples import COLD_SHARE, Start, mixed, percentile, ratio, ratio_text
from tests.bench.section import Chart, Progress, Row, Section, Table, Target
from tests.bench.trips import SUBJECTS

AWAY = 5.0
ROUNDS, ROUNDS_OF_OTHERS = 9, 4
"""Starts of every subject's create, and of each other operation of ours."""
MEASURED_MEMORY_AFTER = 200
THE_RUNTIMES = ("boto3", "botocore")
"""What Lambda's Python brings along."""
LIMITS = {"usual": 0.5, "bare": 2.0}
GOAL = 200.0
"""Milliseconds that the p95 of every operation stays below, cold starts included (specs/002-task-mgmt-api/plan.md)."""
TEXT = """Each start is a new process with all code compiled to bytecode before, the database and the issuer's keys
{away:g} ms away, and nothing open. {rounds} rounds, in which every subject starts once with a create, after one that
does not count; {others} of each other operation of ours. Milliseconds until the answer count from the beginning of the
import; the interpreter's own start, which Lambda has done before, comes on top in the next column."""


def run(laboratory: Laboratory, progress: Progress) -> Section:
    """Start everyone, over and over."""
    for package in ("functions", "shared", "tests/bench"):
        compileall.compile_dir(ROOT / package, quiet=1)
    rounds, others, uncounted = (1, 1, 0) if laboratory.quick else (ROUNDS, ROUNDS_OF_OTHERS, 1)
    rows = ("get",) if laboratory.quick else tuple(row for row in PLAIN if row != "create")
    found = laboratory.cold = {subject: {"create": Start()} for subject in SUBJECTS}
    found["ours"] |= {row: Start() for row in rows}
    turns = [(subject, "create", turn) for turn in range(rounds + uncounted) for subject in SUBJECTS]
    turns += [("ours", row, uncounted) for _ in range(others) for row in rows]
    creates = 5 if laboratory.quick else MEASURED_MEMORY_AFTER - 1
    memory: dict[str, float] = {}
    for place, (subject, row, turn) in enumerate(turns):
        progress(place / len(turns), f"cold start {place + 1} of {len(turns)}")
        with laboratory.start(subject, AWAY) as process:
            answer = process.ask("first", row=row, task_id=laboratory.take(ROWS[row], 1)[0])
            if row == "create" and turn == rounds + uncounted - 1:
                memory[subject] = process.ask("many", row=row, task_ids=[""] * creates)["memory"]
        if turn >= uncounted:  # the first of each subject warms the disk's cache
            found[subject][row].add(answer)
    return Section(
        "Cold",
        TEXT.format(away=AWAY, rounds=rounds, others=others),
        [_table(found, memory), _operations(found["ours"]), *_goal(laboratory)],
        [_chart(found)],
        [*_targets(found), *_goals(laboratory)],
        _figures(found, memory),
    )


def _table(found: dict[str, dict[str, Start]], memory: dict[str, float]) -> Table:
    ours = found["ours"]["create"]
    rows: list[Row] = []
    for subject in SUBJECTS:
        start = found[subject]["create"]
        low, high = percentile(start.answers, 0.25), percentile(start.answers, 0.75)
        rows.append(
            (
                subject,
                ratio_text(*ratio(ours.answers, start.answers)),
                f"{median(start.answers):.0f} ({low:.0f}-{high:.0f})",
                f"{median(start.processes):.0f}",
                f"{median(start.imports):.0f}",
                str(start.modules),
                f"{memory[subject]:.0f}",
                f"{sum(size_of(package) for package in packages(start.loaded)) / 1e6:.1f}",
            )
        )
    head = ("create", "ours / it", "first answer", "since process start", "import", "modules", "memory", "packages")
    note = (
        f"Milliseconds: medians, the middle half in brackets. Memory: the most that one process held, in MB, after "
        f"{MEASURED_MEMORY_AFTER} creates. Packages: the installed size, in MB, of all that is loaded of the index's "
        f"packages; {_archive()}"
    )
    return Table("Cold: import and first answer of a create", head, rows, note)


def _archive() -> str:
    built = sorted((ROOT / "build").glob("http*.zip"))
    sizes = ", ".join(f"{file.name} {file.stat().st_size / 1e6:.1f} MB" for file in built)
    return f"our artefact is {sizes}." if built else "our artefact was not built (`make package`)."


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def packages(loaded: list[str]) -> set[str]:
    """The distributions of which a process has loaded something."""
    known = _distributions()
    names = set(loaded) - {*sys.stdlib_module_names, *THE_RUNTIMES}
    return {distribution for name in names for distribution in known.get(name, [])}


def size_of(distribution: str) -> int:
    """Bytes of a distribution, as it is installed here."""
    files = [Path(str(file.locate())) for file in importlib.metadata.files(distribution) or []]
    return sum(file.stat().st_size for file in files if file.exists())


def _operations(ours: dict[str, Start]) -> Table:
    rows = [
        (
            row,
            f"{median(start.answers):.0f}",
            f"{median(start.processes):.0f}",
            f"{median(start.imports):.0f}",
            str(start.modules),
        )
        for row, start in ours.items()
    ]
    head = ("operation", "first answer", "since process start", "import", "modules")
    return Table("Cold: each of our operations", head, rows, "Medians, in milliseconds.")


def _goal(laboratory: Laboratory) -> list[Table]:
    rows = [(row, f"{p95:.1f}", f"{p99:.1f}", f"{mean:.2f}") for row, p95, p99, mean in _mixtures(laboratory)]
    note = (
        f"Milliseconds. Of all requests {COLD_SHARE:.0%} are drawn from the measured cold starts (since the process "
        f"started) and the rest from the measured warm requests: percentiles of that mixture. The caller has "
        f"{laboratory.tasks:,} tasks, the database is {AWAY:g} ms away. Goal: p95 below {GOAL:g} ms."
    )
    return (
        [Table("Cold starts included at one in a hundred", ("operation", "p95", "p99", "mean"), rows, note)]
        if rows
        else []
    )


def _mixtures(laboratory: Laboratory) -> list[tuple[str, float, float, float]]:
    mixtures = []
    for row, start in laboratory.cold["ours"].items():
        if samples := laboratory.warm.get((AWAY, row, "ours")):
            warm, cold = samples.all, start.processes
            mean = (1 - COLD_SHARE) * sum(warm) / len(warm) + COLD_SHARE * sum(cold) / len(cold)
            mixtures.append((row, mixed(warm, cold, 0.95), mixed(warm, cold, 0.99), mean))
    return mixtures


def _targets(found: dict[str, dict[str, Start]]) -> list[Target]:
    answers = {subject: starts["create"].answers for subject, starts in found.items()}
    return [
        Target(
            f"create, cold, {AWAY:g} ms away: import + first answer / {peer}",
            ratio(answers["ours"], answers[peer])[0],
            limit,
        )
        for peer, limit in LIMITS.items()
    ]


def _goals(laboratory: Laboratory) -> list[Target]:
    return [
        Target(f"{row}: p95 with {COLD_SHARE:.0%} cold starts, {AWAY:g} ms away", p95, GOAL, "ms")
        for row, p95, *_ in _mixtures(laboratory)
    ]


def _chart(found: dict[str, dict[str, Start]]) -> Chart:
    parts = {subject: starts["create"] for subject, starts in found.items()}
    series: dict[str, list[float | None]] = {
        "import": [round(median(start.imports)) for start in parts.values()],
        "first answer": [round(median(start.answers)) for start in parts.values()],
        "since process start": [round(median(start.processes)) for start in parts.values()],
    }
    return Chart("cold", f"Cold create, database and issuer {AWAY:g} ms away", list(parts), series)


def _figures(found: dict[str, dict[str, Start]], memory: dict[str, float]) -> dict[str, Any]:
    return {
        subject: {"memory": round(memory[subject], 1)}
        | {
            row: {
                "import": round(median(start.imports), 1),
                "first answer": round(median(start.answers), 1),
                "process": round(median(start.processes), 1),
                "modules": start.modules,
            }
            for row, start in starts.items()
        }
        for subject, starts in found.items()
    }
