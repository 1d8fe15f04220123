"""Bugs planted on purpose, each of which the checker must find (I10).

Each is planted in a copy of the project, whose handlers run under one fault of the matrix.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from tests.faults.changes import replace_all
from tests.faults.matrix import faults
from tests.faults.row import Row, Times, run
from tests.faults.world import World
from tests.mutants.planting import Edit, planted

TIMES, TRIES = Times(0.5, 8, 0.5), 5
"""Chance decides which requests a fault hits: a bug that it does not hit has not been there."""
SLOW_WAL = "alter system set wal_writer_delay = '10s'"
"""What is not waited for is written three of these later, at most."""


@dataclass(frozen=True, slots=True)
class Control:
    """A bug: where it is planted, under which fault it shows, and as what kind of finding."""

    name: str
    number: str
    kind: str
    edits: tuple[Edit, ...] = ()
    server: Callable[[World], AbstractContextManager[None]] = lambda _: nullcontext()


@contextmanager
def _answers_before_it_is_written(world: World) -> Iterator[None]:
    setting = f"alter database {world.cluster.database} set synchronous_commit = "
    with world.admin() as admin:
        for statement in (setting + "off", SLOW_WAL, "select pg_reload_conf()"):
            admin.execute(statement.encode())
        world.renew()
    try:
        yield
    finally:
        with world.admin() as admin:
            for statement in (setting + "on", "alter system reset wal_writer_delay", "select pg_reload_conf()"):
                admin.execute(statement.encode())
        world.renew()


CONTROLS = (
    Control(
        "answered before the commit",
        "F1",
        "lost",
        (
            Edit(
                "shared/database.py",
                "                pipeline.enter_scope(user",
                '                await connection.execute("begin")\n                pipeline.enter_scope(user',
            ),
            Edit(
                "shared/database.py",
                "parts = [await cursor.fetchall() for cursor in cursors]\n",
                "parts = [await cursor.fetchall() for cursor in cursors]\n"
                '            with suppress(psycopg.Error):\n                await connection.execute("commit")\n',
            ),
        ),
    ),
    Control("synchronous_commit off", "F7", "lost", server=_answers_before_it_is_written),
    Control(
        "the key is not claimed",
        "F23",
        "duplicated",
        (Edit("shared/transactions.py", 'key_of(self.headers.getlist("idempotency-key"))', "None"),),
    ),
    Control(
        "the answer is not kept with its key",
        "F23",
        "duplicated",
        (Edit("shared/statements.py", "self.keeping = deciding + KEEP + FINISH", "self.keeping = deciding + FINISH"),),
    ),
    Control(
        "an unkeyed write of unknown fate is sent again",
        "F2",
        "duplicated",
        (
            Edit(
                "shared/transactions.py",
                "            if not (self.key or write.finds):\n                raise Unavailable from failure\n",
                "            sql, values = statements[-1]\n"
                "            if write.finds and not self.key:\n"  # a create: another id, as if nothing had been done
                "                statements = ((sql, {**values, 'id': __import__('uuid').uuid4()}),)\n",
            ),
        ),
    ),
    Control(
        "the scope outlives its transaction",
        "F5",
        "leaked",
        (
            Edit("shared/database.py", "'app.user_id', $1, true)\"", "'app.user_id', $1, false)\""),
            Edit(
                "shared/database.py",
                "        text = READING if read_only else SCOPE\n",
                "        if getattr(self._conn, 'scope', '') == user:\n            return\n"
                "        self._conn.scope = user\n        text = READING if read_only else SCOPE\n",
            ),
            Edit("shared/database.py", 'if row.pop("user_id") != user:', 'if row.pop("user_id") is None:'),
        ),
    ),
)


def check(world: World, control: Control) -> Row:
    """Let the bug do its work, until it is found or was tried often enough; give the last row."""
    fault = next(fault for fault in faults() if fault.number == control.number)
    with planted(*control.edits) as folder:
        before, world.fleet.folder = world.fleet.folder, folder
        replace_all(world.fleet)
        world.warm(each=1)
        try:
            for _ in range(TRIES):
                with control.server(world):
                    row = run(world, fault, TIMES)
                if row.count(control.kind):
                    break
            return row
        finally:
            world.fleet.folder = before
            replace_all(world.fleet)


def said(control: Control, row: Row) -> str:
    """What came of a bug, in a line: how it was found, and where."""
    found = [finding for finding in row.findings if finding.kind == control.kind]
    if not found:
        return (
            f"MISSED {control.name}, under {control.number}: nothing {control.kind}; {len(row.findings)} other findings"
        )
    return f"caught {control.name}, under {control.number}: {len(found)} {control.kind}, as {str(found[0])[:160]}"
