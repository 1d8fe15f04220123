"""F1 to F6: single connections break, at the worst moments."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.faults.fault import Fault, Inject, again_and_again
from tests.faults.world import World
from tests.proxy import CUT_BEFORE

OFTEN = 0.15
"""Seconds between two hits."""


def at_commits(*fates: str | None) -> Inject:
    """Again and again the next commits meet these fates on their way to the pooler."""

    @contextmanager
    def inject(world: World) -> Iterator[None]:
        with again_and_again(partial(world.p1.at_sync, *fates), OFTEN):
            yield
        world.p1.at_sync()

    return inject


FAULTS = [
    Fault("F1", "cut before the commit is forwarded", at_commits(None, CUT_BEFORE)),
]
