import importlib
from collections.abc import Iterator
from types import ModuleType

import httpx
import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import DictRow

from shared.purging import RESERVE_MS
from tests.support.collect_failures import for_each
from tests.support.lambda_time import PLENTY, Time
from tests.support.stack import JOBS, Stack, User
from tests.support.tasks import TASKS, make

INSERT = """
    insert into idempotency_key (user_id, key, fingerprint, status, answer, created_at)
    select %s, 'key-' || n, sha256(n::text::bytea), 201, '{}', now() - %s::interval from generate_series(1, %s) n"""
COUNT = "select count(*) from idempotency_key where user_id = %s"


@pytest.fixture
def job(stack: Stack) -> ModuleType:
    assert stack.environment["DATABASE_URL_JOBS"]
    return importlib.import_module("functions.jobs.delete_expired_keys")


@pytest.fixture
def as_jobs(stack: Stack, admin: psycopg.Connection[DictRow]) -> Iterator[psycopg.Connection]:
    """A connection of the jobs role; no key is left that another test made."""
    admin.execute("delete from idempotency_key")
    with psycopg.connect(stack.url(JOBS), autocommit=True) as connection:
        yield connection


@pytest.fixture
def keys(admin: psycopg.Connection[DictRow], as_jobs: psycopg.Connection, user: User, stranger: User) -> None:
    """Seven expired keys of two users, five that are not."""
    assert as_jobs.info.user == JOBS
    admin.execute(INSERT, [user.id, "24 hours 1 second", 5])
    admin.execute(INSERT, [stranger.id, "400 days", 2])
    admin.execute(INSERT, [f"{user.id}-fresh", "23 hours 59 minutes", 3])
    admin.execute(INSERT, [f"{stranger.id}-fresh", "0", 2])


def left(admin: psycopg.Connection[DictRow]) -> set[str]:
    return {row["user_id"] for row in admin.execute("select distinct user_id from idempotency_key")}


@pytest.mark.usefixtures("keys")
def test_keys_of_over_24_hours_are_deleted_and_no_others(
    job: ModuleType, admin: psycopg.Connection[DictRow], user: User, stranger: User
) -> None:
    assert job.handler({}, PLENTY) == {"deleted": 7, "done": True}
    assert left(admin) == {f"{user.id}-fresh", f"{stranger.id}-fresh"}
    assert job.handler({}, PLENTY) == {"deleted": 0, "done": True}


@pytest.mark.usefixtures("keys")
def test_without_a_context_it_has_all_the_time(job: ModuleType) -> None:
    assert job.handler({}, None) == {"deleted": 7, "done": True}


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("batch", [1, 3, 7, 8])
def test_batches_are_transactions_of_their_own(
    job: ModuleType, admin: psycopg.Connection[DictRow], monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("shared.purging.BATCH", batch)
    assert job.handler({}, PLENTY) == {"deleted": 7, "done": True}
    assert len(left(admin)) == 2


@pytest.mark.usefixtures("keys")
def test_it_stops_when_its_time_is_nearly_up_and_keeps_what_it_did(
    job: ModuleType, admin: psycopg.Connection[DictRow], user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.purging.BATCH", 2)
    assert job.handler({}, Time(RESERVE_MS)) == {"deleted": 0, "done": False}
    assert job.handler({}, Time(RESERVE_MS + 201, step=100)) == {"deleted": 4, "done": False}
    expired = admin.execute("select count(*) from idempotency_key where created_at < now() - interval '1 day'")
    assert expired.fetchone() == {"count": 3}
    assert job.handler({}, PLENTY) == {"deleted": 3, "done": True}
    assert user.id not in left(admin)


@pytest.mark.usefixtures("keys")
def test_its_role_sees_only_what_is_due_for_deletion(as_jobs: psycopg.Connection, user: User, stranger: User) -> None:
    seen = as_jobs.execute("select distinct user_id from idempotency_key").fetchall()
    assert {row[0] for row in seen} == {user.id, stranger.id}
    assert as_jobs.execute("delete from idempotency_key where created_at > now() - interval '1 day'").rowcount == 0


@pytest.mark.usefixtures("keys")
def test_its_role_sees_no_more_when_it_names_a_user(
    as_jobs: psycopg.Connection, admin: psycopg.Connection[DictRow], user: User
) -> None:
    fresh = f"{user.id}-fresh"
    with as_jobs.transaction():
        as_jobs.execute("select set_config('app.user_id', %s, true)", [fresh])
        seen = as_jobs.execute(COUNT, [fresh]).fetchone()
    assert seen == (0,)
    assert admin.execute(COUNT, [fresh]).fetchone() == {"count": 3}


@for_each(
    "sql",
    [
        "select from task",
        "delete from task",
        "insert into task (title) values ('x')",
        "update task set title = 'x'",
        "insert into idempotency_key (key, fingerprint) values ('k', sha256('x'))",
        "update idempotency_key set created_at = now() - interval '2 days'",
        "truncate idempotency_key",
        "select app.claim('k', sha256('x'))",
        "select app.search('x')",
        "select app.restore(gen_random_uuid())",
        "insert into trash (id) values (gen_random_uuid())",
        "update trash set deleted_at = now() - interval '31 days'",
        "create table taken (x int)",
        "select from alembic_version",
        "set role task_app",
        "set role owner",
        "alter role {} bypassrls",
    ],
)
def test_its_role_may_do_nothing_else(as_jobs: psycopg.Connection, sql: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        as_jobs.execute(sql.format(JOBS).encode())


def test_a_key_that_was_deleted_is_free(
    job: ModuleType, api: httpx.Client, admin: psycopg.Connection[DictRow], as_jobs: psycopg.Connection, user: User
) -> None:
    headers = {"Idempotency-Key": "k"}
    first = api.post(TASKS, json={"title": "First"}, headers=headers)
    admin.execute("update idempotency_key set created_at = now() - interval '25 hours' where user_id = %s", [user.id])
    assert as_jobs.execute(COUNT, [user.id]).fetchone() == (1,)
    assert job.handler({}, PLENTY)["deleted"] == 1
    second = api.post(TASKS, json={"title": "Second"}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json()["title"] == "Second"


def test_it_leaves_tasks_alone(job: ModuleType, api: httpx.Client, admin: psycopg.Connection[DictRow]) -> None:
    task = make(api)
    admin.execute("update task set created_at = now() - interval '9 days' where id = %s", [task["id"]])
    job.handler({}, PLENTY)
    assert api.get(f"{TASKS}/{task['id']}").status_code == 200
