"""A row of the fault matrix, and what faults have in common."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.faults.world import World

type Inject = Callable[[World], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row. The load runs on while `inject` is entered and until after it has been left.

    It must bite: besides what the answers and the proxies show, `inject` says `world.hit()` whenever it hit something.
    """

    number: str
    name: str
    inject: Inject
    gateway: tuple[str, ...] = ()
    """What the gateway is expected to answer by itself: `crashed`, `timed out`, or what a stub of it says."""
    silent: bool = False
    """Callers must notice nothing, or a delay alone."""
    seconds: float = 0.0
    """At least this long, in the short form too."""


@contextmanager
def again_and_again(act: Callable[[], object], pause: float) -> Iterator[None]:
    """Do `act` in a thread, at once and then after each `pause` seconds; what it raises is raised at the end."""
    over, failures = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            while not over.is_set():
                act()
                over.wait(pause)
        except BaseException as failure:  # noqa: BLE001 - raised where it is seen
            failures.append(failure)

    thread = threading.Thread(target=run, name="fault")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    for failure in failures:
        raise failure
