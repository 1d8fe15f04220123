"""F1 to F6: single connections break, at the worst moments. F14, F15: they are slow, narrow, or silent."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from tests.faults.fault import Fault, Inject, again_and_again
from tests.faults.invariants import eventually
from tests.faults.world import World
from tests.support.postgres_proxy import CUT_AFTER, CUT_BEFORE, FREEZE, SWALLOW, Proxy
from tests.support.stack import APP

OFTEN, SELDOM = 0.15, 0.6
"""Seconds between two hits."""
END = "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s"
END_COMMITTING = f"{END} and wait_event = 'PgSleep'"
COMMIT_SLOWLY = """
    create function public.commit_slowly() returns trigger language plpgsql as $$
    begin
        if random() < 0.2 then perform pg_sleep(0.5); end if;
        return null;
    end $$;
    create constraint trigger commit_slowly after insert or update or delete on task
        deferrable initially deferred for each row execute function public.commit_slowly();
"""


def at_commits(fate: str, pause: float = OFTEN, *, behind: bool = False) -> Inject:
    """Again and again the next commit, or the next two, meet this fate before the pooler, or also `behind` it."""

    @contextmanager
    def inject(world: World) -> Iterator[None]:
        with ExitStack() as exits:
            for proxy in (world.p1, world.p2) if behind else (world.p1,):
                exits.callback(proxy.at_sync)
                exits.enter_context(again_and_again(partial(_plan, world, proxy, fate), pause))
            yield

    return inject


def _plan(world: World, proxy: Proxy, fate: str) -> None:
    proxy.at_sync(*[fate] * world.dice.choice([1, 1, 2]))


@contextmanager
def reset_in_answers(world: World) -> Iterator[None]:
    """Both ends are reset in the middle of an answer, on either side of the pooler."""

    def plan() -> None:
        proxy = world.dice.choice([world.p1, world.p2])
        proxy.toxics.limits[:] = [world.dice.randrange(1, 400)]

    with again_and_again(plan, OFTEN):
        yield
    for proxy in (world.p1, world.p2):
        proxy.toxics.limits.clear()


@contextmanager
def end_idle_backends(world: World) -> Iterator[None]:
    """Every backend ends while none is at work; nobody may notice, for the pooler does."""

    def end() -> None:
        with world.at_rest() as admin:
            world.hit(admin.execute(END, [APP]).rowcount)
            eventually(lambda: not world.pool("sv_idle"), "the pooler has noticed")

    with again_and_again(end, SELDOM):
        yield


@contextmanager
def end_backends_at_work(world: World) -> Iterator[None]:
    """Backends end in their transactions: some before their Sync has come, some while they commit."""

    def end() -> None:
        with world.admin() as admin:
            world.p2.at_sync(FREEZE)
            world.pause(OFTEN)
            # What is held now has sent all but its Sync; the Sync will find nobody.
            world.hit(admin.execute(END, [APP]).rowcount)
            world.p2.at_sync()
            world.p2.thaw()
            world.pause(OFTEN)
            world.hit(admin.execute(END_COMMITTING, [APP]).rowcount)

    with world.admin() as admin:
        admin.execute(COMMIT_SLOWLY.encode())
        try:
            with again_and_again(end, OFTEN):
                yield
        finally:
            admin.execute("drop trigger commit_slowly on task; drop function public.commit_slowly()")


@contextmanager
def slow_and_narrow(world: World) -> Iterator[None]:
    """By turns: 200 ms a round trip with jitter; 10 KB a second; byte by byte. On one side of the pooler, or both."""
    turns = 0

    def turn() -> None:
        nonlocal turns
        for proxy in (world.p1, world.p2):
            proxy.latency = proxy.toxics.jitter = proxy.toxics.bandwidth = 0.0
            proxy.toxics.slices = False
        proxies = world.dice.choice([[world.p1], [world.p2], [world.p1, world.p2]])
        for proxy in proxies:
            if turns % 3 == 0:
                proxy.latency, proxy.toxics.jitter = 0.2 / len(proxies), 0.1
            proxy.toxics.bandwidth = 10_000 if turns % 3 == 1 else 0.0
            proxy.toxics.slices = turns % 3 == 2
        turns += 1

    with again_and_again(turn, SELDOM):
        yield


@contextmanager
def half_open(world: World) -> Iterator[None]:
    """Nothing passes any more, and nothing ends: only a deadline does. What was held comes through at the end."""
    world.p1.freeze()
    try:
        yield
    finally:
        world.p1.thaw()


FAULTS = [
    Fault("F1", "cut before the commit is forwarded", at_commits(CUT_BEFORE)),
    Fault("F2", "cut after the commit, before its reply", at_commits(CUT_AFTER, behind=True)),
    Fault("F3", "reply to the commit swallowed", at_commits(SWALLOW, SELDOM)),
    Fault("F4", "reset in the middle of an answer", reset_in_answers),
    Fault("F5", "backends end while idle", end_idle_backends, silent=True),
    Fault("F6", "backends end in a transaction, at its commit", end_backends_at_work),
    Fault("F14", "slow, narrow, byte by byte", slow_and_narrow, silent=True),
    Fault("F15", "half-open: silence", half_open, seconds=9),
]
