"""F32: the soak: F1 to F21 one after the other, each for some seconds, in an order that comes from the seed."""

import itertools
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.fault import Fault, again_and_again
from tests.faults.matrix import SOAK, faults
from tests.faults.world import World

LAST = 21
SHORTEST, LONGEST = 1.0, 3.0
"""Seconds that a fault lasts."""
BETWEEN = 0.3


def order(seed: int) -> Iterator[tuple[Fault, float]]:
    """The faults, without end, and how long each lasts: every fault once, in another order each time."""
    dice = random.Random(f"{seed} soak")  # noqa: S311 - nothing is secret here
    pack = [fault for fault in faults() if int(fault.number[1:]) <= LAST]
    for _ in itertools.count():
        dice.shuffle(pack)
        for fault in pack:
            yield fault, dice.uniform(SHORTEST, LONGEST)


@contextmanager
def soak(world: World) -> Iterator[None]:
    """Fault after fault, while the load goes on."""
    to_come = order(world.seed)

    def one() -> None:
        fault, seconds = next(to_come)
        try:
            with fault.inject(world):
                time.sleep(seconds)
        except AssertionError as failure:
            raise AssertionError(f"{fault.number} {fault.name}: {failure}") from failure
        for proxy in (world.p1, world.p2):
            world.hit(proxy.toxics.hits)
            proxy.reset()

    with again_and_again(one, BETWEEN):
        yield
    world.clear()


FAULTS = [
    Fault(SOAK, f"soak: F1 to F{LAST}, {SHORTEST:g} to {LONGEST:g} s each", soak, gateway=("timed out", "crashed"))
]
