"""F16 to F18: the server can't be reached or found, is held up by others, or ends what takes too long."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import cycle
from uuid import uuid4

import psycopg

from tests.faults.changes import bent, environments_with, role_with, seen
from tests.faults.fault import Fault, again_and_again
from tests.faults.inside.sitecustomize import NAME, asked_in_vain
from tests.faults.invariants import eventually
from tests.faults.world import World
from tests.support.postgres_proxy import FREEZE
from tests.support.stack import APP
from tests.support.tasks import TASKS

OFTEN, SELDOM = 0.1, 0.5
"""Seconds between two hits."""
THEIRS = "select id from task where user_id = any (%s) order by random() limit 4"
HOLD = "select from task where id = any (%s) for update"
TOUCH = "update task set title = title where id = any (%s)"
BLOCKED = "select from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
VICTIM = "set local deadlock_timeout = '1h'"
"""Who looks for a deadlock is its victim: not who says this."""
CLAIM = "insert into idempotency_key (user_id, key, fingerprint) values (%s, %s, %s)"


@contextmanager
def never_accepted(world: World) -> Iterator[None]:
    """Where the pooler was, connections are neither accepted nor refused: the kernel drops them, the queue is full."""
    world.p1.refuse()
    world.p1.cut()
    with ExitStack() as exits:
        exits.callback(world.p1.listen)
        hole = exits.enter_context(socket.socket())
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.1", world.p1.port))
        hole.listen(0)
        for _ in range(3):
            waiting = exits.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(hole.getsockname())
        yield


@contextmanager
def names_without_answer(world: World) -> Iterator[None]:
    """By turns the name of the database's host can't be found, and nobody says where it is."""
    with bent() as (variables, bend):
        bend(names="found")
        asked = asked_in_vain(variables)
        asked.touch()
        url, turns = world.environment["DATABASE_URL"].replace("127.0.0.1", NAME), cycle(["silent", "lost", "found"])
        with environments_with(world, DATABASE_URL=url, **variables):
            eventually(lambda: any(attempt.status == 201 for attempt in world.history.attempts[-9:]), "it is found")

            def turn() -> None:
                bend(names=next(turns))
                world.p1.cut()

            with again_and_again(turn, SELDOM):
                yield
            bend(names="found")
            world.hit(asked.stat().st_size)


@contextmanager
def contention(world: World) -> Iterator[None]:
    """Others lock and change the tasks of the load, isolation is repeatable read, and locks are taken in circles."""

    def collide() -> None:
        with psycopg.connect(world.cluster.url("postgres")) as other:
            # Without triggers: it leaves the row as it is, but it is another row to who waits for it.
            other.execute(f"{VICTIM}; set local session_replication_role = replica".encode())
            theirs = [row[0] for row in other.execute(THEIRS, [[person.id for person in world.people]])]
            other.execute(world.dice.choice([HOLD, TOUCH]), [theirs])
            world.pause(OFTEN, SELDOM)

    said = ("could not serialize access", "deadlock detected")
    with (
        role_with(world, default_transaction_isolation="repeatable read"),
        seen(world, *said),
        again_and_again(collide, OFTEN),
        again_and_again(lambda: deadlock(world), SELDOM),
    ):
        yield


def deadlock(world: World) -> None:
    """A request holds its key and waits for its task; another transaction holds the task and waits for the key."""
    person, key = world.dice.choice(world.people), str(uuid4())
    made = person.api.post(TASKS, json={"title": f"{person.canary} to lock"}, headers={"Idempotency-Key": str(uuid4())})
    if made.status_code != 201:
        return
    path, body = made.headers["Location"], {"title": f"{person.canary} locked"}
    with (
        ThreadPoolExecutor(1) as thread,
        psycopg.connect(world.cluster.url("postgres")) as other,
        world.admin() as eyes,
    ):
        other.execute(VICTIM)
        other.execute(HOLD, [[made.json()["id"]]])
        sent = thread.submit(person.api.patch, path, json=body, headers={"Idempotency-Key": key})
        blocked = [other.info.backend_pid]
        eventually(lambda: sent.done() or bool(eyes.execute(BLOCKED, blocked).rowcount), "a request that waits")
        other.execute(CLAIM, [person.id, key, b"\0" * 32])
        other.rollback()
        sent.result()


@contextmanager
def timeouts(world: World) -> Iterator[None]:
    """The role's timeouts are short; statements wait for locks, pipelines for their Sync, a client for nothing."""

    def hold() -> None:
        with psycopg.connect(world.cluster.url("postgres")) as other:
            other.execute(HOLD, [[row[0] for row in other.execute(THEIRS, [[one.id for one in world.people]])]])
            world.pause(OFTEN, SELDOM)

    def half_send() -> None:
        world.p1.at_sync(FREEZE)
        world.pause(2 * SELDOM)
        world.p1.at_sync()
        world.p1.thaw()

    def idle() -> None:
        url = world.cluster.url(APP, port=world.pooler.port)
        with suppress(psycopg.Error), psycopg.connect(url, prepare_threshold=None) as hog:
            hog.execute("set local transaction_timeout = 0")
            world.pause(SELDOM)
            hog.execute("select")

    limits = {
        "statement_timeout": "150ms",
        "idle_in_transaction_session_timeout": "250ms",
        "transaction_timeout": "400ms",
    }
    said = ["statement timeout", "idle-in-transaction timeout", "transaction timeout"]
    with (
        role_with(world, **limits),
        seen(world, *(f"due to {timeout}" for timeout in said)),
        again_and_again(hold, OFTEN),
        again_and_again(half_send, SELDOM),
        again_and_again(idle, SELDOM),
    ):
        yield


FAULTS = [
    Fault("F16", "connections are never accepted", never_accepted, seconds=8),
    Fault("F16", "the host's name is not found, or nobody says", names_without_answer, seconds=8),
    Fault("F17", "locks, circles of locks, serialization", contention, seconds=6),
    Fault("F18", "short timeouts of statements and transactions", timeouts, seconds=4),
]
