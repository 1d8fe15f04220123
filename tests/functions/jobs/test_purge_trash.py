import importlib
from collections.abc import Iterator
from types import ModuleType

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from shared.purging import RESERVE_MS
from tests.support.lambda_time import PLENTY, Time
from tests.support.stack import JOBS, Stack, User
from tests.support.tasks import change, ids, make
from tests.support.trash import restore, trash

type Admin = psycopg.Connection[DictRow]

AGE = "update trash set deleted_at = deleted_at - %s::interval where user_id = %s and title = %s"
DUE, KEPT = "30 days 1 second", "29 days 23 hours 59 minutes"


@pytest.fixture
def job(stack: Stack, admin: Admin) -> ModuleType:
    """The job; nothing is in the trash that another test deleted."""
    assert stack.environment["DATABASE_URL_JOBS"]
    admin.execute("delete from trash")
    return importlib.import_module("functions.jobs.purge_trash")


@pytest.fixture
def as_jobs(stack: Stack) -> Iterator[psycopg.Connection]:
    """A connection of the jobs role."""
    with psycopg.connect(stack.url(JOBS), autocommit=True) as connection:
        yield connection


@pytest.fixture
def deleted(
    job: ModuleType, admin: Admin, api: httpx.Client, user: User, stranger_api: httpx.Client, stranger: User
) -> None:
    """Seven tasks of two users that are due, three that are not."""
    assert job
    for client, who, title, count, age in [
        (api, user, "due", 5, DUE),
        (stranger_api, stranger, "due", 2, "400 days"),
        (api, user, "kept", 2, KEPT),
        (stranger_api, stranger, "fresh", 1, "0"),
    ]:
        for _ in range(count):
            change(client, "delete", make(client, title=title))
        admin.execute(AGE, [age, who.id, title])


@pytest.mark.usefixtures("deleted")
def test_what_was_deleted_over_30_days_ago_goes_and_nothing_else(
    job: ModuleType, api: httpx.Client, stranger_api: httpx.Client
) -> None:
    alive = make(api)
    assert job.handler({}, PLENTY) == {"deleted": 7, "done": True}
    assert [item["title"] for item in trash(api)] == ["kept", "kept"]
    assert [item["title"] for item in trash(stranger_api)] == ["fresh"]
    assert job.handler({}, None) == {"deleted": 0, "done": True}
    assert api.get(f"/v1/tasks/{alive['id']}").json() == alive


@pytest.mark.usefixtures("deleted")
def test_it_goes_in_batches_and_stops_when_its_time_is_nearly_up(
    job: ModuleType, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.purging.BATCH", 2)
    assert job.handler({}, Time(RESERVE_MS)) == {"deleted": 0, "done": False}
    assert job.handler({}, Time(RESERVE_MS + 201, step=100)) == {"deleted": 4, "done": False}
    assert admin.execute("select from trash").rowcount == 6
    assert job.handler({}, PLENTY) == {"deleted": 3, "done": True}


@pytest.mark.usefixtures("deleted")
def test_its_role_sees_only_what_is_due_whomever_it_names(
    as_jobs: psycopg.Connection, user: User, stranger: User
) -> None:
    for name in ("", user.id, stranger.id):
        with as_jobs.transaction():
            as_jobs.execute("select set_config('app.user_id', %s, true)", [name])
            seen = as_jobs.execute("select user_id, title from trash").fetchall()
        assert sorted(seen) == sorted([(user.id, "due")] * 5 + [(stranger.id, "due")] * 2)
    assert as_jobs.execute("delete from trash where deleted_at > now() - interval '30 days'").rowcount == 0


def test_a_subtask_whose_task_was_purged_can_still_be_restored(
    job: ModuleType, api: httpx.Client, admin: Admin, user: User
) -> None:
    """Batches know no subtrees: what is left of one stands at the top."""
    top = make(api, title="top")
    child = make(api, title="child", parent_id=top["id"])
    change(api, "delete", top)
    admin.execute(AGE, [DUE, user.id, "top"])
    assert job.handler({}, PLENTY) == {"deleted": 1, "done": True}
    assert ids(trash(api)) == [child["id"]]
    assert restore(api, child).json()["parent_id"] is None
