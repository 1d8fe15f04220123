"""python -m tests.bench: measure, print the tables, write build/bench/benchmark.md, .svg and figures.json.

Parts: warm, cold, concurrency, growth, cost; `cost` computes with what `warm` and `cold` have measured, so it brings
them along. `--quick` is a smoke that takes seconds and whose figures mean nothing.
"""

import argparse
import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.laboratory import Laboratory
from tests.bench.progress import Bar
from tests.bench.report import COMMITTED, FOLDER, machine, targets, text, write

if TYPE_CHECKING:
    from tests.bench.section import Section

PARTS = {"warm": 140.0, "cold": 60.0, "concurrency": 120.0, "growth": 180.0, "cost": 1.0}
"""In order, with about how many seconds each takes."""
BRINGS = {"cost": ("warm", "cold")}


def main(arguments: list[str] | None = None) -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--part", choices=[*PARTS, "all"], action="append", help="all, if none is named")
    parser.add_argument("--quick", action="store_true", help="a smoke: everything once, nothing measured")
    parser.add_argument("--commit-results", action="store_true", help=f"write the report into {COMMITTED.name} too")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the report goes")
    wanted = parser.parse_args(arguments)
    if wanted.quick and wanted.commit_results:
        parser.error("--quick measures nothing that is worth keeping")
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
    for section in sections:
        for table in section.tables:
            _say(text(table))
    _say(text(targets(sections)))
    for file in write(sections, described, wanted.folder, commit=wanted.commit_results):
        _say(f"written: {file}")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - it talks to a person at a terminal


if __name__ == "__main__":
    main()
