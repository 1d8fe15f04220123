"""python -m tests.faults: run the fault matrix, print its table, and end with 1 if any number that must be 0 is not.

Behind the matrix come the controls: planted bugs that the checker must find. Give `--only F1,F7` for some rows,
`--controls` for the controls alone, `--soak SECONDS` for the soak alone, `--short` for CI's form, and `--seed N` to let
what is left to chance come out the same again (but for the moments: those are the machine's).
"""

import argparse
import random
import sys
from dataclasses import replace

from tests.faults.controls import CONTROLS, check, said
from tests.faults.matrix import SOAK, faults
from tests.faults.report import FILE, progress, table, write
from tests.faults.row import FULL, SHORT, Row, run
from tests.faults.world import World


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", default="", help="numbers of rows: F1,F7")
    parser.add_argument("--short", action="store_true", help="some seconds a row: CI's form")
    parser.add_argument("--soak", type=float, default=0.0, metavar="SECONDS", help="the soak alone, so long")
    parser.add_argument("--controls", action="store_true", help="the planted bugs alone")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    wanted = parser.parse_args(arguments)
    times = SHORT if wanted.short else FULL
    if wanted.soak:
        wanted.only, times = SOAK, replace(times, during=wanted.soak)
    only = set(filter(None, wanted.only.split(",")))
    chosen = [fault for fault in faults() if (fault.number in only if only else fault.number != SOAK)]
    if unknown := only - {fault.number for fault in chosen}:
        parser.error(f"there is no such row: {', '.join(sorted(unknown))}")
    if wanted.controls:
        chosen = []
    _say(f"seed {wanted.seed}, {len(chosen)} rows of {times.before + times.during + times.after:g} s")
    rows, missed = list[Row](), list[str]()
    with World(seed=wanted.seed) as world:
        world.warm()
        for fault in chosen:
            rows.append(run(world, fault, times))
            _say(progress(rows[-1]))
            write(rows)
        for control in [] if only else CONTROLS:
            row = check(world, control)
            _say(said(control, row))
            missed += [] if row.count(control.kind) else [control.name]
    failed = [row.fault.number for row in rows if row.failed] + missed
    if rows:
        _say(f"\n{table(rows)}\nseed {wanted.seed}; written to {FILE.relative_to(FILE.parent.parent)}")
    _say(f"failed: {', '.join(failed)}" if failed else "every promise was kept")
    return 1 if failed else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it talks to a person at a terminal


if __name__ == "__main__":
    sys.exit(main())
