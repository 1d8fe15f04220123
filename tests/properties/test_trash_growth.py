"""What deleting, restoring and deleting for good cost as there is more of it: the rows that PostgreSQL reads."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import DictRow

from functions.tasks.restore import RESTORE
from functions.trash.delete import DELETE
from functions.trash.empty import EMPTY
from tests.support.stack import APP, User
from tests.support.statements import WRITTEN

type Admin = psycopg.Connection[DictRow]

FEW, MANY = 1_000, 10_000
# A list whose tasks hang under one of them, as many as `n`: the worst that a subtree can be.
FILL = """
    insert into task (user_id, id, title, list_id, parent_id, position, words, labels)
    select %(user)s, case when n = 0 then %(top)s else gen_random_uuid() end, 'Buy ' || n, %(list)s,
           case when n > 0 then %(top)s::uuid end, lpad(n::text, 14, '0') || 'V', '', '{Home}'
    from generate_series(0, %(n)s) n"""
LABEL = "insert into label (user_id, id, name, tasks) values (%(user)s, %(list)s, 'Home', %(n)s + 1)"
LINKS = """
    insert into task_label (user_id, task_id, label_id, created_at)
    select user_id, id, list_id, created_at from task where user_id = %(user)s"""
READ = "select sum(seq_tup_read + idx_tup_fetch) as rows from pg_stat_xact_user_tables"
NO_CONDITION = WRITTEN | {"if_match": None, "if_none_match": None}
type Work = Callable[[Admin, dict[str, Any]], None]


def delete_the_list(admin: Admin, values: dict[str, Any]) -> None:
    assert admin.execute("delete from list where id = %(list)s", values).rowcount == 1


def delete_the_task(admin: Admin, values: dict[str, Any]) -> None:
    assert admin.execute("delete from task where id = %(top)s", values).rowcount == 1


def restore(admin: Admin, values: dict[str, Any]) -> None:
    assert RESTORE.plain
    assert admin.execute(RESTORE.plain.encode(), {"id": values["top"]}).rowcount == 1


def delete_for_good(admin: Admin, values: dict[str, Any]) -> None:
    row = admin.execute(DELETE.deciding.encode(), NO_CONDITION | {"id": values["top"]}).fetchone()
    assert row
    assert row["status"] == 204


def empty(admin: Admin, _: dict[str, Any]) -> None:
    row = admin.execute(EMPTY.deciding.encode(), NO_CONDITION).fetchone()
    assert row
    assert row["status"] == 204


STEPS: dict[str, list[Work]] = {
    "a list is deleted": [delete_the_list],
    "a task is deleted": [delete_the_task],
    "it is restored": [delete_the_task, restore],
    "it is restored, its list gone": [delete_the_list, restore],
    "it is deleted for good": [delete_the_task, delete_for_good],
    "the trash is emptied": [delete_the_list, empty],
}
"""The last step is measured."""


def rows_read(admin: Admin, user: User, n: int, steps: list[Work]) -> int:
    values = {"user": user.id, "list": uuid4(), "top": uuid4(), "n": n}
    with admin.transaction(force_rollback=True):
        admin.execute("set local session_replication_role to replica")  # no triggers: they are not what is measured
        admin.execute("insert into list (user_id, id, name) values (%(user)s, %(list)s, 'Long')", values)
        for statement in (FILL, LABEL, LINKS):
            admin.execute(statement, values)
        admin.execute("set local session_replication_role to origin")
        admin.execute("select set_config('app.user_id', %s, true), set_config('role', %s, true)", [user.id, APP])
        for step in steps[:-1]:
            step(admin, values)
        before = _read(admin)
        steps[-1](admin, values)
        return _read(admin) - before


def _read(admin: Admin) -> int:
    row = admin.execute(READ).fetchone()
    assert row
    return int(row["rows"])


@pytest.mark.parametrize("what", STEPS)
def test_a_step_reads_no_more_than_in_proportion(what: str, admin: Admin, user: User) -> None:
    few, many = (rows_read(admin, user, n, STEPS[what]) for n in (FEW, MANY))
    assert few >= FEW  # so that it is counted at all
    assert many <= 2 * MANY / FEW * few


def test_what_is_slower_than_linear_is_seen(admin: Admin, user: User) -> None:
    def each_with_each(admin: Admin, values: dict[str, Any]) -> None:
        admin.execute("select set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)")
        admin.execute("set local enable_material to off")
        admin.execute("select count(*) from task a join task b using (list_id) where list_id = %(list)s", values)

    few, many = (rows_read(admin, user, n, [each_with_each]) for n in (100, 1000))
    assert many > 50 * few


def test_restoring_one_of_many_reads_it_alone(admin: Admin, user: User) -> None:
    """What else is in the trash does not matter."""

    def restore_one(admin: Admin, values: dict[str, Any]) -> None:
        row = admin.execute("select id from trash where parent_id = %(top)s limit 1", values).fetchone()
        assert row
        restore(admin, {"top": UUID(str(row["id"]))})

    few, many = (rows_read(admin, user, n, [delete_the_task, restore_one]) for n in (FEW, MANY))
    assert many <= few + 10
