"""F27: the server has no room left, or only reads. F30: it gets another schema while it is at work."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql

from infra.local.child import identity
from infra.local.postgres import OWNER, account
from tests.faults.changes import environments_with, role_with, seen
from tests.faults.fault import Fault, again_and_again
from tests.faults.world import World
from tests.support.stack import APP

SELDOM = 0.5
"""Seconds between two hits."""
LONGEST = 30
"""Seconds that a fault lasts longer, until it has hit."""
TABLES = ("task", "idempotency_key")
SIZE = (
    "select sum(pg_relation_size(oid) + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0)) as bytes from pg_class"
)
SPARE = 128 * 1024
FULL = """
    create function public.fail() returns trigger language plpgsql as $$
    begin
        if random() < 0.5 then
            raise exception using errcode = '53100', message = 'No space left on device';
        end if;
        return null;
    end $$;
    create constraint trigger fail after insert or update or delete on task
        deferrable initially deferred for each row execute function public.fail();
"""
MIGRATION = (
    "alter table task add column note text",
    "create index task_note on task (user_id, note)",
    "alter table task alter updated_at type timestamptz(6)",
    "alter table task alter updated_at type timestamptz",
    "drop index task_note",
    "alter table task drop column note",
)
"""The third and the fourth let plans that are kept answer with other types: 0A000."""


def may_mount() -> bool:
    """Whether this process may mount file systems: root on Linux, with CAP_SYS_ADMIN."""
    status = Path("/proc/self/status")
    if os.geteuid() != 0 or not status.exists():
        return False
    found = re.search(r"^CapEff:\s*(\w+)", status.read_text("ascii"), re.MULTILINE)
    return bool(found and int(found[1], 16) >> 21 & 1)


MOUNTS = may_mount()


@contextmanager
def no_room(world: World) -> Iterator[None]:
    """The disk under the tables is full: a file system of its own; where we may mount none, a trigger says so."""
    full = _small_disk(world) if MOUNTS else _trigger(world)
    with seen(world, "No space left on device"), reads_are_answered(world), full:
        yield


@contextmanager
def _trigger(world: World) -> Iterator[None]:
    with world.admin() as admin:
        admin.execute(FULL.encode())
        try:
            yield
        finally:
            admin.execute("drop trigger fail on task; drop function public.fail()")


@contextmanager
def _small_disk(world: World) -> Iterator[None]:
    folder = world.cluster.folder(f"disk-{time.monotonic_ns()}")
    with world.admin() as admin, ExitStack() as exits:
        names = sql.SQL(", ").join(map(sql.Literal, TABLES))
        row = admin.execute(sql.SQL("{} where relname in ({})").format(sql.SQL(SIZE), names)).fetchone()
        assert row
        size, user = int(row["bytes"]) + 4 * SPARE, identity(account())
        options = f"size={size},mode=700,uid={user['user']},gid={user['group']}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
        exits.callback(lambda: subprocess.run(["umount", folder], check=True))
        admin.execute(sql.SQL("create tablespace small location {}").format(sql.Literal(str(folder))))
        exits.callback(admin.execute, "drop tablespace small")
        for table in TABLES:
            admin.execute(f"vacuum full {table}".encode())  # what was deleted leaves room
            exits.callback(admin.execute, f"alter table {table} set tablespace pg_default".encode())
            admin.execute(f"alter table {table} set tablespace small".encode())
        ballast = folder / "ballast"
        exits.callback(ballast.unlink, missing_ok=True)
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        yield


@contextmanager
def reads_are_answered(world: World) -> Iterator[None]:
    """While it lasts, no read may fail."""
    start = time.monotonic()
    yield
    reads = [attempt for attempt in world.history.attempts[:] if not attempt.writes and attempt.started > start]
    failed = [attempt.status for attempt in reads if attempt.status >= 500]
    assert reads, "nobody has read anything"
    assert not failed, f"{len(failed)} of {len(reads)} reads failed: {failed}"


@contextmanager
def only_reading(world: World) -> Iterator[None]:
    """The server refuses every write, as a standby does after a failover."""
    with role_with(world, default_transaction_read_only="on"), seen(world, "in a read-only transaction"):
        world.pause(SELDOM)  # what was on its way on a connection of before
        with reads_are_answered(world):
            yield


@contextmanager
def migration(world: World) -> Iterator[None]:
    """Columns and indexes come and go, the owner waits briefly for locks; environments keep their plans (prepared).

    Straight to the server: this PgBouncer knows no prepared statements.
    """

    def migrate() -> None:
        with psycopg.connect(world.cluster.url(OWNER), autocommit=True) as owner:
            owner.execute("set lock_timeout = '200ms'")
            for statement in MIGRATION:
                while True:
                    with suppress(psycopg.errors.LockNotAvailable):
                        owner.execute(statement.encode())
                        break
                    time.sleep(0.05)
                world.pause(SELDOM)

    url = f"{world.cluster.url(APP, port=world.p2.port)}?sslmode=disable"
    with (
        environments_with(world, DATABASE_URL=url, DATABASE_PREPARE_THRESHOLD="1"),
        seen(world, "cached plan must not change result type") as hits,
        again_and_again(migrate, SELDOM),
    ):
        yield
        end = time.monotonic() + LONGEST
        while not hits() and time.monotonic() < end:  # on a busy machine plans are slow to be kept
            world.pause(SELDOM)


FAULTS = [
    Fault("F27", "disk full" if MOUNTS else "disk full (raised by a trigger)", no_room, seconds=4),
    Fault("F27", "a server that only reads", only_reading),
    Fault("F30", "migration under traffic, plans kept", migration, seconds=6),
]
