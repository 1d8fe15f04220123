"""What changes thousands of tasks in one request reads rows in proportion to them, so that it ends within its time.

Whoever else is there, and whether PostgreSQL's statistics know the user or not. Not where a connection has plans of
when there was next to nothing, and no analysis came since (ADR 12). Rows are counted and not seconds, which depend on
the machine; the limits of time are lifted.
"""

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from infra.roles import LIMITS
from shared import http
from tests.faults.invariants import eventually
from tests.support.labels import assert_true, counts, label_of
from tests.support.labels import path_of as path_of_label
from tests.support.lists import new_list
from tests.support.stack import APP, Stack, User, end_backends
from tests.support.tasks import make, page, path_of, read

MANY = 3000
FILL = """
    insert into task (user_id, id, title, description, parent_id, labels)
    select %s, gen_random_uuid(), 'Milk ' || n, 'A description of a few words', %s, array['Home']
    from generate_series(1, %s) n"""
CROWD = """
    set session_replication_role = replica;
    insert into task (user_id, id, title, words)
        select 'crowd ' || n % {users}, gen_random_uuid(), 'Milk', '' from generate_series(1, 20000) n;
    insert into task_label (user_id, task_id, label_id, created_at)
        select user_id, id, gen_random_uuid(), created_at from task where user_id like 'crowd %';
    insert into trash (user_id, id, title, description, priority, created_at, updated_at, version, position, deleted_at)
        select user_id, id, title, description, priority, created_at, updated_at, version, position, now()
        from task where user_id like 'crowd %';
    analyze task, task_label, trash"""
WORK = """
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del)::bigint as rows
    from pg_stat_user_tables"""
ROWS_PER_TASK = 150
"""What nine requests about each task may read and write of all tables: some 70 rows, with a margin. Reading all tasks
again for each one would be thousands."""

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture(params=[0, 1, 20000], ids=["the user alone", "one who has all", "many who have one"])
def crowd(request: pytest.FixtureRequest, fresh_database: None, stack: Stack) -> int:
    """How many other users statistics know, where the one of the test comes later; with none, they know that one."""
    del fresh_database  # made before it is filled
    users: int = request.param
    if users:
        with psycopg.connect(stack.admin_url, autocommit=True) as connection:
            connection.execute(CROWD.format(users=users))
    return users


@pytest.fixture
def no_time_limit(fresh_database: None, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither the role nor a request has a limit of time."""
    del fresh_database  # it sets the role up, with its limits
    limits = {"statement_timeout": "0", "transaction_timeout": "0"}
    monkeypatch.setattr(http, "BUDGET", 600)
    stack.set_role(limits)
    yield
    stack.set_role({name: LIMITS[name] for name in limits})


def rows_touched(admin: psycopg.Connection[DictRow]) -> int:
    """The rows of all tables that were read or written so far; backends report them at their end at the latest."""
    end_backends(admin)
    active = "select from pg_stat_activity where usename = %s"
    eventually(lambda: not admin.execute(active, [APP]).rowcount, "no backend")
    row = admin.execute(WORK).fetchone()
    assert row
    return int(row["rows"])


@pytest.mark.usefixtures("no_time_limit")
def test_many_tasks_are_completed_moved_renamed_deleted_restored_and_unlabelled_at_once(
    api: httpx.Client, user: User, admin: psycopg.Connection[DictRow], crowd: int
) -> None:
    parent = make(api, labels=["Home"])
    admin.execute(FILL, [user.id, parent["id"], MANY])
    if not crowd:
        admin.execute("analyze task, task_label, trash")
    assert counts(api) == {"Home": MANY + 1}
    to = new_list(api)["id"]
    before_all = rows_touched(admin)

    for change in (
        api.post(f"{path_of(parent)}/complete"),
        api.post(f"{path_of(parent)}/move", json={"list_id": to}),
        api.patch(path_of_label(label_of(api, "Home")), json={"name": "House"}),
    ):
        assert change.status_code == 200, change.text
    assert counts(api) == {"House": MANY + 1}
    before = page(api, "q=hous milk&completed=true&limit=200&sort=position")["items"]
    assert {(task["version"], task["list_id"], *task["labels"]) for task in before} == {(4, to, "House")}

    assert api.delete(path_of(parent)).status_code == 204
    assert page(api)["items"] == []
    restored = api.post(f"{path_of(parent)}/restore")
    assert restored.status_code == 200, restored.text
    assert page(api, "q=hous milk&limit=200&sort=position")["items"] == before
    assert_true(api, user, admin)

    assert api.delete(path_of_label(label_of(api, "House"))).status_code == 204
    if crowd != 1:  # there a restore looks for each task by the index of titles, and reads all of the user's (ADR 12)
        assert (rows_touched(admin) - before_all) / MANY < ROWS_PER_TASK
    assert counts(api) == {}
    assert read(api, parent)["labels"] == []
    assert page(api, "q=house")["items"] == []


@pytest.mark.parametrize("table", ["task", "trash"])
@pytest.mark.parametrize("crowd", [20000], ids=["many who have one"], indirect=True)
@pytest.mark.usefixtures("crowd")
def test_a_user_whom_statistics_do_not_know_is_taken_to_have_a_hundred_rows(
    table: str, admin: psycopg.Connection[DictRow]
) -> None:
    """Not one: then any index that begins with the user would look as good as the key."""
    explained = admin.execute(f"explain (format json) select from {table} where user_id = (select 'nobody')").fetchone()
    assert explained
    assert 90 <= explained["QUERY PLAN"][0]["Plan"]["Plan Rows"] <= 110
