"""F19 to F21: environments run out of time, are killed at a commit, are frozen. F29: many start at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from uuid import uuid4

import psutil
import psycopg

from tests.faults.changes import aside, client, replace_all
from tests.faults.fault import Fault, again_and_again
from tests.faults.fleet import TIMEOUT, Environment
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
"""Seconds that Lambda gives an environment until it asks for its first event."""


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


@contextmanager
def all_start_at_once(world: World) -> Iterator[None]:
    """The load's environments are gone, and twenty others start at once; each asks for the keys once, at most."""
    with JwksServer() as issuer, aside(world, AUTH_JWKS_URL=issuer.jwks_url) as fleet:
        issuer.show(world.signer.jwk)

        def ask(user: str) -> int:
            key = {"Idempotency-Key": str(uuid4())}
            api = client(fleet, world.signer.token(user))
            return api.post(TASKS, json={"title": "Buy milk"}, headers=key).status_code

        replace_all(world.fleet)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            statuses = list(threads.map(ask, [f"user-{uuid4()}" for _ in range(AT_ONCE)]))
        world.hit(fleet.starts)
        assert statuses == [201] * AT_ONCE, f"not all were answered: {statuses}"
        assert fleet.starts > AT_ONCE / 2, f"only {fleet.starts} were needed"
        assert len(issuer.requests) <= fleet.starts, f"{len(issuer.requests)} fetches by {fleet.starts} environments"
        slowest = max(environment.function.start for environment in fleet.environments)
        assert slowest < LONGEST_START, f"an environment took {slowest:.1f} s to start"
    yield


FAULTS = [
    Fault("F19", "Lambda's timeout in a transaction", out_of_time, gateway=("timed out",), seconds=SHORT + 2),
    Fault("F20", "killed before and after a commit", killed_at_commits, gateway=("crashed",)),
    Fault("F21", "frozen, thawed to a lost connection", frozen, seconds=3),
    Fault("F29", f"{AT_ONCE} cold starts at once", all_start_at_once, silent=True),
]
