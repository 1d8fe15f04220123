"""Every statement prepares as the application's role, returns what the response shows and `user_id`, and may run."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
import pytest
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

import shared.tables
from infra.operations import operations
from shared import database
from tests.support.batches import send
from tests.support.calls import CALLS, WRITES, batch_item, call, make_target
from tests.support.stack import APP, Stack
from tests.support.statements import TASK, WRITTEN, Sent, door, every_statement
from tests.support.tasks import NOBODYS

DIALECT: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]

type App = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def app(stack: Stack) -> Iterator[App]:
    """The application's role, straight at the server."""
    with psycopg.connect(stack.cluster.url(APP), autocommit=True, prepare_threshold=None) as connection:
        yield connection


@pytest.fixture(scope="module")
def types(stack: Stack) -> dict[str, int]:
    """The type of each column of the tables, as SQLModel has it."""
    assert shared.tables.Task.metadata is SQLModel.metadata
    found = {"sort_value": "text"}
    for table in SQLModel.metadata.tables.values():
        for column in table.columns:
            found[f"{table.name}.{column.name}"] = column.type.compile(DIALECT).partition(" COLLATE")[0]
    with psycopg.connect(stack.admin_url) as admin:
        return {
            name: oid
            for name, kind in found.items()
            for (oid,) in admin.execute("select %s::regtype::oid::int", [kind]).fetchall()
        }


def described(app: App, text: str, values: dict[str, Any]) -> list[tuple[str, int]]:
    """Name and type of each column that the statement returns. Raises `psycopg.Error` if it does not prepare."""
    query = PostgresQuery(Transformer(app))
    query.convert(text, values)
    for answer in (app.pgconn.prepare(b"", query.query, query.types), app.pgconn.describe_prepared(b"")):
        if answer.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.lookup((answer.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"").decode())(
                answer.get_error_message()
            )
    return [((answer.fname(i) or b"").decode(), answer.ftype(i)) for i in range(answer.nfields)]


def breaches(app: App, sent: Sent, types: dict[str, int]) -> Iterator[str]:
    """What is wrong with a statement."""
    for values in sent.variants():
        try:
            columns = described(app, sent.text, values)
        except psycopg.Error as failure:
            yield f"does not prepare: {failure}"
            return
        names = [name for name, _ in columns]
        if sent.columns and names != sent.columns:
            yield f"returns {names}, not {sent.columns}"
        if "user_id" not in names:
            yield "returns no user_id, so the second lock can't hold"
        for name, kind in columns:
            # A create that is refused shows no object: its nulls have no type.
            if types.get(f"{sent.table}.{name}", kind) != kind and not sent.name.endswith("refusing"):
                yield f"returns {name} of type {kind}"
    try:
        with app.transaction(force_rollback=True):
            app.execute("select set_config('app.user_id', 'nobody', true)")
            app.execute(b"explain " + sent.text.encode(), sent.values)
    except psycopg.Error as failure:
        yield f"may not run: {failure}"


def test_a_statement_prepares_and_returns_what_the_response_shows(app: App, types: dict[str, int]) -> None:
    found = [(sent.name, list(breaches(app, sent, types))) for sent in every_statement()]
    unowned = ["returns no user_id, so the second lock can't hold"] * 2
    assert [(name, wrong) for name, wrong in found if wrong != (unowned if name in door() else [])] == []


BROKEN = {
    "a column that is not there": "select user_id, id, titel from task where id = %(id)s",
    "a table that is not there": "select user_id from tasks where id = %(id)s",
    "no user_id": "select id from task where id = %(id)s",
    "a column too few": "select user_id, id from task where id = %(id)s",
    "another order": "select version, {task} from task where id = %(id)s",
    "another type": "select {task}::text as version from task",
    "a parameter of another type": "select {task} from task where version = %(id)s",
    "a column that may not be updated": "update task set version = 1 returning {task}",
    "a column that may not be inserted": (
        "insert into task (user_id, id, title) values ('x', %(id)s, %(title)s) returning {task}"
    ),
    "a table that may not be written": "with x as (delete from idempotency_key) select {task} from task",
    "a deletion that is made up": "update trash set deleted_at = now() returning {task}",
    "a table of somebody else's": "select {task} from task, alembic_version",
}


def test_a_broken_statement_is_seen(app: App, types: dict[str, int]) -> None:
    statements = [Sent(name, BROKEN[name].replace("{task}", ", ".join(TASK)), TASK, WRITTEN) for name in BROKEN]
    assert [sent.name for sent in statements if not list(breaches(app, sent, types))] == []


class Listening:
    """Notes every text that the door is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: set[str] = set()
        run = database.Database.run

        async def listen(door: database.Database, user: str, statements: Any, **how: Any) -> Any:
            self.texts |= {text for text, _ in statements}
            return await run(door, user, statements, **how)

        monkeypatch.setattr(database.Database, "run", listen)


OTHERWISE = {"tasks_complete": {"descendants": "keep"}}
CONDITIONS: list[dict[str, str]] = [{}, {"If-Match": "*"}, {"If-None-Match": '"9"'}]


def batches(api: httpx.Client) -> Iterator[list[dict[str, Any]]]:
    """A batch of each write, in each way that it may be asked for."""
    for operation in WRITES:
        for query in ("", "?" + urlencode(OTHERWISE.get(operation.name, {}))):
            for more in ({}, {"if_match": "*"}):
                yield [batch_item(operation, make_target(api, operation), query, **more)]


def test_no_other_statement_is_sent(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Listening(monkeypatch)
    for operation in operations():
        if not operation.database:
            continue
        for condition in CONDITIONS:
            for key in ({}, {"Idempotency-Key": f"{operation.name}{sorted(condition)}"}):
                task_id = make_target(api, operation)
                for _ in range(2):
                    call(api, operation, task_id, headers=condition | key)
                call(api, operation, task_id, headers=condition | key, params=OTHERWISE.get(operation.name))
    for number, batch in enumerate(batches(api)):
        for atomic in (True, False, True):
            send(api, *batch, atomic=atomic)
            send(api, *batch, key=f"batch {number} {atomic}", atomic=atomic)
    refused = {"title": "Buy milk", "parent_id": NOBODYS}
    assert api.post("/v1/tasks", json=refused, headers={"Idempotency-Key": "refused"}).status_code == 409
    known = {sent.text for sent in every_statement() if sent.name not in door()}
    assert heard.texts <= known
    # All but the other orders of a list.
    unheard = {sent.name for sent in every_statement() if sent.text not in heard.texts | set(door().values())}
    assert {name for name in unheard if not name.startswith("tasks_list ")} == set()


def test_every_operation_of_the_database_is_called_above() -> None:
    assert {operation.name for operation in operations() if operation.database} <= set(CALLS)
