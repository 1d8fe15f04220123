"""F19 to F21: environments run out of time, are killed at a commit, are frozen. F29: many start at once."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg

from shared.keys import GAP
from tests.faults.changes import aside, client, replace_all
from tests.faults.fault import Fault, again_and_again
from tests.faults.fleet import TIMEOUT, Environment, Fleet
from tests.faults.invariants import eventually
from tests.faults.world import World
from tests.support.jwks_server import JwksServer
from tests.support.postgres_proxy import CRASH_AFTER, CRASH_BEFORE, SWALLOW
from tests.support.stack import APP
from tests.support.tasks import TASKS

OFTEN, SELDOM = 0.25, 1.0
"""Seconds between two hits."""
SHORT = 3.0
"""Seconds that an event may take, where environments are to run out of time; below the role's `lock_timeout`."""
HOLD = "select from task where user_id = %s for update"
END = "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s"
AT_ONCE = 20
LONGEST_START = 10.0
"""Seconds that Lambda gives an environment until it asks for its first event, with a core of its own."""


@contextmanager
def out_of_time(world: World) -> Iterator[None]:
    """Lambda kills environments in their transactions, which wait for a lock, and after their commits."""

    def hold() -> None:
        with psycopg.connect(world.cluster.url("postgres")) as other:
            other.execute(HOLD, [world.dice.choice(world.people).id])
            world.pause(SHORT + OFTEN)

    world.fleet.timeout = SHORT
    try:
        with again_and_again(hold, OFTEN), again_and_again(partial(world.p1.at_sync, SWALLOW), SELDOM):
            yield
    finally:
        world.fleet.timeout = TIMEOUT
        world.p1.at_sync()


@contextmanager
def killed_at_commits(world: World) -> Iterator[None]:
    """SIGKILL, as when memory runs out, just before a commit and just after one."""

    def crash(port: int) -> None:
        if owner := _owner(world, port):
            owner.function.crash()

    def plan() -> None:
        world.p1.at_sync(world.dice.choice([CRASH_BEFORE, CRASH_AFTER]))

    before, world.p1.crash = world.p1.crash, crash
    try:
        with again_and_again(plan, OFTEN):
            yield
    finally:
        world.p1.at_sync()
        world.p1.crash = before


def _owner(world: World, port: int) -> Environment | None:
    """The environment whose connection comes from a port."""
    for environment in world.fleet.environments:
        with suppress(psutil.Error):
            plugs = psutil.Process(environment.function.pid).net_connections("tcp4")
            if any(plug.laddr and plug.laddr.port == port for plug in plugs):
                return environment
    return None


@contextmanager
def frozen(world: World) -> Iterator[None]:
    """Environments are frozen, and lose backends or connections. To those that were idle the first event works."""

    def freeze() -> None:
        fleets = (world.fleet, idle)
        try:
            for fleet in fleets:
                fleet.freeze()
            with world.admin() as admin:
                admin.execute(END, [APP])
            if world.dice.random() < 0.5:
                world.p1.cut()
            world.pause(OFTEN)
        finally:
            for fleet in fleets:
                fleet.thaw()
        assert (read(), write()) == (200, 201), "the first event after a freeze did not work"
        world.hit()

    with aside(world) as idle:
        api = client(idle, world.signer.token(f"user-{uuid4()}"))

        def read() -> int:
            return api.get(TASKS).status_code

        def write() -> int:
            key = {"Idempotency-Key": str(uuid4())}
            return api.post(TASKS, json={"title": "Buy milk"}, headers=key).status_code

        eventually(lambda: (read(), write()) == (200, 201), "both are warm")
        with again_and_again(freeze, SELDOM):
            yield


@dataclass(frozen=True, slots=True)
class ColdStart:
    """What happened to one environment from its start to its first answer that is not 503.

    `statuses` are its answers; `seconds` is how long all of it took; `start` the seconds until it asked for an event,
    without those in which it waited for a processor core. `lines` are the requests in its log.
    """

    statuses: list[int]
    seconds: float
    start: float
    lines: list[dict[str, Any]]

    def check(self, fetches: int) -> None:
        """Fail if it did what an environment may not do. `fetches` is how often the issuer was asked by it."""
        requested = sum(line["key_fetches"] for line in self.lines)
        failed = sum(line["key_fetch_failures"] for line in self.lines)
        assert len(self.lines) == len(self.statuses), f"{len(self.lines)} lines for {len(self.statuses)} requests"
        assert self.statuses == [201] or (failed and self.statuses[-1] == 201), f"not answered: {self.statuses}"
        assert requested <= 1 + failed, f"requests fetched the keys {requested} times, and {failed} fetches failed"
        # Before GAP has passed since the fetch at the import, neither its failure nor its age allows another.
        assert fetches <= 1 + self.seconds // GAP, f"{fetches} fetches of the keys in {self.seconds:.1f} s"
        assert self.start < LONGEST_START, f"an environment took {self.start:.1f} s to start"


@contextmanager
def all_start_at_once(world: World) -> Iterator[None]:
    """The load's environments are gone, and twenty others start at once. Each fetches the keys once.

    It may fetch them again when its first fetch failed or is too old, as on a machine where starts take long. So that
    fetches can be counted for each environment, each has a fleet of its own, and a path of the issuer.
    """
    with JwksServer() as issuer, ExitStack() as exits:
        issuer.show(world.signer.jwk)
        urls = [f"{issuer.url}/{number}" for number in range(AT_ONCE)]
        fleets = [exits.enter_context(aside(world, AUTH_JWKS_URL=url)) for url in urls]
        replace_all(world.fleet)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            starts = list(threads.map(partial(_cold_start, world), fleets))
        world.hit(sum(fleet.starts for fleet in fleets))
        for number, start in enumerate(starts):
            start.check(issuer.requests.count(f"/{number}"))
    yield


def _cold_start(world: World, fleet: Fleet) -> ColdStart:
    """Start the environment of a fleet and have it create a task; while it answers 503, ask again."""
    api, key = client(fleet, world.signer.token(f"user-{uuid4()}")), {"Idempotency-Key": str(uuid4())}
    statuses = list[int]()

    def answered() -> bool:
        statuses.append(api.post(TASKS, json={"title": "Buy milk"}, headers=key).status_code)
        return statuses[-1] != 503

    begun = time.monotonic()
    if not answered():
        eventually(answered, "the task is created")
    seconds = time.monotonic() - begun
    assert fleet.starts == 1, f"{fleet.starts} environments were started for {statuses}"
    function = fleet.environments[0].function
    lines = [json.loads(line) for line in function.log.splitlines() if '"key_fetches":' in line]
    return ColdStart(statuses, seconds, function.start - _waited_for_a_core(function.pid), lines)


def _waited_for_a_core(pid: int) -> float:
    """Seconds in which the main thread of a process was ready to run but did not; 0 where the system counts none."""
    counted = Path(f"/proc/{pid}/schedstat")
    return int(counted.read_text("ascii").split()[1]) / 1e9 if counted.exists() else 0.0


FAULTS = [
    Fault("F19", "Lambda's timeout in a transaction", out_of_time, gateway=("timed out",), seconds=SHORT + 2),
    Fault("F20", "killed before and after a commit", killed_at_commits, gateway=("crashed",)),
    Fault("F21", "frozen, thawed to a lost connection", frozen, seconds=3),
    Fault("F29", f"{AT_ONCE} cold starts at once", all_start_at_once, silent=True),
]
