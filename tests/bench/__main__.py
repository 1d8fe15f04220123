"""python -m tests.bench: measure, print the tables, write build/bench/benchmark.md, .svg and figures.json.

Parts: warm, cold, concurrency, growth, cost; `cost` computes with what `warm` and `cold` have measured, so it brings
them along. `--quick` is a smoke that takes seconds and whose figures mean nothing. `--against REVISION` measures this
checkout beside an older revision instead, and writes into build/bench/against.
"""

import argparse
import importlib
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import against
from tests.bench.laboratory import Laboratory
from tests.bench.progress import Bar
from tests.bench.report import COMMITTED, FOLDER, machine, targets, text, write
from tests.bench.revision import Revision, find

if TYPE_CHECKING:
    from tests.bench.section import Section

PARTS = {"warm": 140.0, "cold": 60.0, "concurrency": 120.0, "growth": 180.0, "cost": 1.0}
"""In order, with about how many seconds each takes."""
BRINGS = {"cost": ("warm", "cold")}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--part", choices=[*PARTS, "all"], action="append", help="all, if none is named")
    parser.add_argument("--quick", action="store_true", help="a smoke: everything once, nothing measured")
    parser.add_argument("--commit-results", action="store_true", help=f"write the report into {COMMITTED.name} too")
    parser.add_argument("--folder", type=Path, help="where the report goes")
    parser.add_argument("--against", metavar="REVISION", help="measure beside this revision of git, instead of parts")
    parser.add_argument("--runs", type=int, choices=(1, 3, 5), default=1, help="of --against: the median run is shown")
    parser.add_argument("--bound", type=float, help="of --against: the greatest ratio of ours to the other revision")
    wanted = parser.parse_args(arguments)
    if wanted.quick and wanted.commit_results:
        parser.error("--quick measures nothing that is worth keeping")
    if wanted.against and (wanted.part or wanted.commit_results):
        parser.error("--against has no parts and commits nothing: give it without --part and --commit-results")
    if wanted.against is None and (wanted.runs > 1 or wanted.bound):
        parser.error("--runs and --bound belong to --against")
    if wanted.against is not None:
        _against(wanted)
    else:
        _parts(wanted)


def _against(wanted: argparse.Namespace) -> None:
    commit = find(wanted.against)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the checkout and the databases are deleted
    bar = Bar({"databases": 30.0, "against": 90.0 * wanted.runs})
    bar.begin("databases")
    bar(0, f"checkout, packages and database of {commit.hash}")
    with Revision(commit, quick=wanted.quick) as other, Revision(None, quick=wanted.quick) as ours:
        described = machine(ours.pooled)
        bar.begin("against")
        section = against.run(ours, other, commit, bar, wanted.runs, wanted.bound)
    bar.end()
    _say(section.text)
    _report([section], described, wanted.folder or FOLDER / "against", commit=False)


def _parts(wanted: argparse.Namespace) -> None:
    named = set(wanted.part or ["all"])
    named |= {brought for part in named for brought in BRINGS.get(part, ())}
    parts = [part for part in PARTS if (part in named or "all" in named) and find_spec(f"tests.bench.{part}")]
    bar = Bar({part: PARTS[part] for part in parts})
    sections: list[Section] = []
    with Laboratory(quick=wanted.quick) as laboratory:
        described = machine(laboratory.pooled)
        for part in parts:
            bar.begin(part)
            sections.append(importlib.import_module(f"tests.bench.{part}").run(laboratory, bar))
    bar.end()
    _report(sections, described, wanted.folder or FOLDER, commit=wanted.commit_results)


def _report(sections: list["Section"], described: str, folder: Path, *, commit: bool) -> None:
    for section in sections:
        for table in section.tables:
            _say(text(table))
    if targets(sections).rows:
        _say(text(targets(sections)))
    for file in write(sections, described, folder, commit=commit):
        _say(f"written: {file}")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - it talks to a person at a terminal


if __name__ == "__main__":
    main()
