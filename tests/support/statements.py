"""Every statement that a request may send, with values to send it with."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

import psycopg

from functions.labels.list import LIST as LABELS
from functions.limits.get import USED
from functions.lists.list import LIST as LISTS
from functions.service.ready import READY
from functions.tasks.list import ORDERS, STATEMENTS
from functions.trash.list import LIST as TRASH_LIST
from infra.operations import operations
from shared import batches, database, transactions
from shared.schemas.label import Label
from shared.schemas.list import List
from shared.schemas.task import Task
from shared.schemas.trash import TrashedTask
from shared.statements import Read, Write

ID = UUID("0199d3c8-7b1a-7c3e-9f0e-2b5d1c4a6e70")
AFTER = {
    "created_at": "2026-03-01 09:00:00+00",
    "updated_at": "2026-03-01 09:00:00+00",
    "priority": "3",
    "position": "V",
    "title": "buy",
    "rank": "2000100 2026-03-01 09:00:00+00",
}
WRITTEN = {
    "id": ID,
    "title": "Buy milk",
    "description": "",
    "priority": 1,
    "due_date": "2026-03-01",
    "due_time": "09:00:00",
    "due_timezone": "Europe/Berlin",
    "due_given": True,
    "list_id": ID,
    "list_given": True,
    "parent_id": ID,
    "parent_given": True,
    "before_id": ID,
    "after_id": ID,
    "name": "Groceries",
    "color": "#1e90ff",
    "color_given": True,
    "archived_at": "2026-03-01T09:00:00Z",
    "archived_given": True,
    "labels": ["errands"],
    "answer": "{}",
    "status": 409,
    "keys": ["key"],
    "matching": True,
    "conditional": True,
    "if_match": [1],
    "if_none_match": [2, 3],
    "if_absent": False,
    "key": "key",
    "fingerprint": b"\0" * 32,
}
LISTED = {
    "completed": False,
    "priority": [3, 4],
    "due_from": "2026-03-01",
    "due_before": "2026-04-01",
    "q": "mil bu",
    "list_id": ID,
    "inbox": True,
    "label": "errands",
    "parent_id": ID,
    "top": True,
    "archived": True,
    "after_id": ID,
    "limit": 51,
}
NEVER_NULL = {
    "id",
    "due_given",
    "list_given",
    "parent_given",
    "color_given",
    "archived_given",
    "answer",
    "status",
    "keys",
    "matching",
    "conditional",
    "if_absent",
    "key",
    "fingerprint",
    "limit",
    "user",
}
TASK = list(Task.COLUMNS)


@dataclass(frozen=True)
class Sent:
    """One text, what it returns, and values for its parameters."""

    name: str
    text: str
    columns: list[str]
    values: dict[str, Any]
    table: str = Task.TABLE

    def variants(self) -> Iterator[dict[str, Any]]:
        """The values, and the same with null wherever an operation may send it: its type must still be known."""
        yield self.values
        yield {name: value if name in NEVER_NULL else None for name, value in self.values.items()}


def _of_write(name: str, write: Write[Any]) -> Iterator[Sent]:
    shown = list(write.shows.COLUMNS)
    columns = {"plain": shown, "finds": shown}
    for kind in ("plain", "finds", "deciding", "keeping", "refusing"):
        if text := getattr(write, kind):
            yield Sent(f"{name} {kind}", text, columns.get(kind, ["status", *shown]), WRITTEN, write.shows.TABLE)
    for matching, keyed in product((False, True), repeat=2):
        # Without a condition to tell apart, the two are one text.
        kind = f"in batch{' keeping' if keyed else ''}{' refusing' if matching and write.finds else ''}"
        if write.finds or not matching:
            text = write.in_batch(matching=matching, keyed=keyed)
            yield Sent(f"{name} {kind}", text, ["status", *shown], WRITTEN, write.shows.TABLE)


def _of_operations() -> Iterator[Sent]:
    for operation in operations():
        for value in vars(importlib.import_module(operation.module)).values():
            if isinstance(value, Write):
                yield from _of_write(operation.name, value)
            elif isinstance(value, Read):
                yield Sent(operation.name, value.sql, list(value.shows.COLUMNS), WRITTEN, value.shows.TABLE)


def _of_list(name: str, text: str, shows: type[List | Label], count: str) -> Sent:
    columns = [*shows.COLUMNS, count, "sort_value"]
    return Sent(name, text, columns, LISTED | {"after": "V"}, shows.TABLE)


def enter(app: psycopg.Connection[Any], user: str, *, reading: bool = True) -> None:
    """Let the rest of the transaction be `user`'s, as the door does it (shared/database.py)."""
    app.execute((database.READING if reading else database.SCOPE).replace("$1", "%s").encode(), [user])


def every_statement() -> list[Sent]:
    """All of them: of operations, of transactions, and of the door itself."""
    return [
        *_of_operations(),
        *(
            Sent(
                f"tasks_list {sort} {way}",
                text,
                [*TASK, "sort_value"],
                LISTED | {"after": AFTER.get(ORDERS[sort].columns[-1].removesuffix("_key"), "2026-03-01 09:00:00")},
            )
            for (way, sort), text in STATEMENTS.items()
        ),
        Sent(
            *("trash_list", TRASH_LIST, [*TrashedTask.COLUMNS, "sort_value"], LISTED | {"after": AFTER["created_at"]}),
            TrashedTask.TABLE,
        ),
        _of_list("lists_list", LISTS, List, "open_tasks"),
        _of_list("labels_list", LABELS, Label, "tasks"),
        Sent("limits_get", USED, ["user_id", "lists", "labels"], {}, "no table"),
        Sent("service_ready", READY, ["user_id"], {}),
        Sent("claim", transactions.CLAIM, ["user_id"], WRITTEN),
        Sent("turn", transactions.TURN, ["user_id"], {}),
        Sent("keep", transactions.KEEP, ["user_id"], WRITTEN),
        Sent("go on", batches.GO_ON, ["user_id"], {}),
        Sent("kept of a batch", batches.KEPT, ["user_id", "key", "fingerprint", "status", "answer"], WRITTEN),
        Sent("kept", transactions.KEPT, ["user_id", "fingerprint", "status", "answer"], WRITTEN, "idempotency_key"),
        *(Sent(name, text, [], {"user": "alice"}) for name, text in door().items()),
    ]


def door() -> dict[str, str]:
    """What opens a transaction. It returns no row of a table, so no `user_id`."""
    return {
        name: text.replace("$1", "%(user)s")
        for name, text in (("scope", database.SCOPE), ("reading", database.READING))
    }
