"""F7 to F13: the server or the pooler goes away, sleeps, or has no room."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg

from infra.local.postgres import Cluster
from tests.faults.fault import Fault, Inject, again_and_again
from tests.faults.invariants import eventually
from tests.faults.matrix_connections import END
from tests.faults.stops import stop_fast
from tests.faults.world import World
from tests.support.pgbouncer import POOL_SIZE
from tests.support.stack import APP


def server_away(stop: Callable[[Cluster], None]) -> Inject:
    """The server ends, is away for a moment, and starts again; more than once where there is time."""

    @contextmanager
    def inject(world: World) -> Iterator[None]:
        def restart() -> None:
            stop(world.cluster)
            world.hit()
            world.pause(0.5, 2)
            world.cluster.start()
            world.clear()

        with again_and_again(restart, 2):
            yield

    return inject


@contextmanager
def asleep(world: World) -> Iterator[None]:
    """A serverless compute is suspended while nobody asks; the first to connect wakes it, and has to wait."""

    def sleep() -> None:
        with world.at_rest():
            stop_fast(world.cluster)
            world.p2.freeze()  # who connects is held, not refused
            world.p2.connects = 0
        eventually(lambda: world.p2.connects > 0, "somebody wants to connect")
        world.pause(0.3, 4)
        assert world.p2.connects <= POOL_SIZE, "a stampede"
        world.hit(world.p2.connects)
        world.cluster.start()
        world.p2.thaw()
        world.clear()

    # The pooler before such a compute lets clients wait for two minutes, not for the few seconds that tests give it.
    with settings(world, query_wait_timeout=120), again_and_again(sleep, 1):
        yield


@contextmanager
def pooler_killed(world: World) -> Iterator[None]:
    """PgBouncer is killed, with all its connections, and starts again."""

    def kill() -> None:
        world.pooler.kill()
        world.hit()
        world.pause(0.1, 1)
        world.pooler.start()
        world.clear()

    with again_and_again(kill, 1):
        yield


@contextmanager
def pooler_tended(world: World) -> Iterator[None]:
    """An operator pauses the pooler, lets it read its settings again and makes its connections new."""

    def tend() -> None:
        world.pooler.command("pause")
        try:
            eventually(lambda: world.pool("cl_waiting") > 0, "a wait")
            world.hit()
            world.pause(0.2, 2)
            world.pooler.command("reload")
        finally:
            world.pooler.command("resume")
            world.clear()
        world.pause(0.1, 0.5)
        world.pooler.command("reconnect")

    with again_and_again(tend, 0.2):
        yield


@contextmanager
def pool_used_up(world: World) -> Iterator[None]:
    """The pool holds one backend, which somebody else keeps: for longer than two waits in the queue, then briefly."""
    turns = itertools.cycle([5.5, 1])

    def keep() -> None:
        url = world.cluster.url(APP, port=world.pooler.port)
        # Where the load keeps the backend busy, this too has waited in the queue in vain.
        with suppress(psycopg.OperationalError), psycopg.connect(url) as connection:
            connection.execute("set local idle_in_transaction_session_timeout = 0; set local transaction_timeout = 0")
            world.pause(next(turns))
        world.clear()

    with settings(world, default_pool_size=1, query_wait_timeout=2), again_and_again(keep, 0.3):
        yield


@contextmanager
def no_room(world: World) -> Iterator[None]:
    """By turns: the pooler takes hardly any clients, the server no connections of the role."""

    def pooler_full() -> None:
        with settings(world, max_client_conn=1):
            world.p1.cut()
            world.pause(0.7, 2)

    def server_full() -> None:
        with world.admin() as admin:
            admin.execute(f"alter role {APP} connection limit 0".encode())
            try:
                admin.execute(END, [APP])
                world.pause(0.7, 2)
            finally:
                admin.execute(f"alter role {APP} connection limit -1".encode())

    def turn() -> None:
        pooler_full()
        world.pause(0.3)
        server_full()
        world.clear()

    with again_and_again(turn, 0.3):
        yield


@contextmanager
def settings(world: World, **values: int) -> Iterator[None]:
    """PgBouncer has other settings for a while, for connections that are new."""
    before = {row["key"]: row["value"] for row in world.pooler.command("show config")}
    for name, value in values.items():
        world.pooler.command(f"set {name} = {value}")
    world.pooler.command("reconnect")
    try:
        yield
    finally:
        for name in values:
            world.pooler.command(f"set {name} = {before[name]}")


FAULTS = [
    Fault("F7", "server crashes and restarts", server_away(Cluster.crash)),
    Fault("F8", "server restarts (fast)", server_away(stop_fast)),
    Fault("F9", "server asleep, woken by who connects", asleep, silent=True),
    Fault("F10", "pooler killed", pooler_killed),
    Fault("F11", "pooler paused, reloaded, reconnected", pooler_tended, silent=True),
    Fault("F12", "pool used up", pool_used_up),
    Fault("F13", "no room for connections", no_room),
]
