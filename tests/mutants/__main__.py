"""python -m tests.mutants: break the project in every way we know, and see a test die of each break.

Each mutant is planted in a copy of its own, three at a time (see `runner`); the same tests have to be green in a copy
with nothing broken. Prints a table. The exit status is 0 only where every mutant died of each of its tests, by an
assertion, and those that are declared to live did. `-k TEXT` takes the mutants whose names hold the text.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from tests.mutants.answers import ANSWERS
from tests.mutants.door import DOOR
from tests.mutants.fence import FENCE
from tests.mutants.keys import KEYS
from tests.mutants.mutant import Mutant
from tests.mutants.plans import PLANS
from tests.mutants.planting import Unplantable
from tests.mutants.runner import AT_ONCE, PATIENCE, Runner, Trial
from tests.mutants.structure import STRUCTURE
from tests.mutants.tokens import TOKENS
from tests.mutants.trash import TRASH
from tests.mutants.witness import DIED, PASSED

MUTANTS = (*FENCE, *DOOR, *TOKENS, *KEYS, *ANSWERS, *TRASH, *STRUCTURE, *PLANS)


def complaints(mutant: Mutant, trial: Trial) -> list[str]:
    """What is wrong with a mutant's trial; nothing where it died of each of its tests, or lived as it should."""
    wanted = PASSED if mutant.lives else DIED
    return [
        f"SURVIVED {test}" if verdict.kind == PASSED else f"{test} {verdict.kind}: {verdict.message}"
        for test, verdict in trial.verdicts.items()
        if verdict.kind != wanted
    ]


def row(mutant: Mutant, trial: Trial) -> str:
    died = [verdict.item.rpartition("/")[2] for verdict in trial.verdicts.values()]
    of = "lives" if mutant.lives else ", ".join(f"`{item}`" for item in died)
    note = f" ({mutant.note})" if mutant.note else ""
    return f"| {mutant.name}{note} | {of} | {trial.seconds:.1f} |"


def trials(chosen: Sequence[Mutant]) -> tuple[list[str], list[str]]:
    """Try every mutant, and all their tests with nothing broken; give the rows and what is wrong."""
    rows, wrong = dict.fromkeys(chosen, ""), []
    tests = list(dict.fromkeys(test for mutant in chosen for test in mutant.tests))
    with Runner(tests) as runner, ThreadPoolExecutor(AT_ONCE) as pool:
        sound = pool.submit(runner.run, (), tests, PATIENCE * 5)  # first, as it takes longest
        running: dict[Future[Trial], Mutant] = {pool.submit(runner.run, one.edits, one.tests): one for one in chosen}
        try:
            for number, future in enumerate(as_completed(running), 1):
                mutant = running[future]
                try:
                    trial = future.result()
                except Unplantable as failure:
                    found = [f"can't be planted: {failure}"]
                else:
                    rows[mutant], found = row(mutant, trial), complaints(mutant, trial)
                wrong += [f"{mutant.name}: {complaint}" for complaint in found]
                said = found or [f"{verdict.item}: {verdict.message[:200]}" for verdict in trial.verdicts.values()]
                say(f"{number}/{len(chosen)} {mutant.name}", *(f"    {line}" for line in said))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        unsound = [verdict for verdict in sound.result().verdicts.values() if verdict.kind != PASSED]
        told = (f"with nothing broken, {one.item or 'a test'} {one.kind}: {one.message}" for one in unsound)
        wrong += dict.fromkeys(told)
    return [line for line in rows.values() if line], wrong


def say(*lines: str) -> None:
    """Write lines at once, for whoever watches."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main(arguments: Sequence[str], mutants: Sequence[Mutant] = MUTANTS) -> int:
    """Run for the arguments of a command line; give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Break the project; see tests die.")
    parser.add_argument("-k", metavar="TEXT", default="", help="only the mutants whose names hold this text")
    text = parser.parse_args(arguments).k.lower()
    chosen = [mutant for mutant in mutants if text in mutant.name.lower()]
    if not chosen:
        say("no mutant is named so")
        return 1
    started = time.monotonic()
    rows, wrong = trials(chosen)
    say("", "| mutant | died of | seconds |", "|---|---|---|", *rows, "")
    lived = sum(mutant.lives for mutant in chosen)
    say(f"{len(chosen)} mutants ({lived} declared to live) in {time.monotonic() - started:.0f} s, {len(wrong)} faults")
    say(*wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
