from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from shared import limits
from tests.support import labels, lists
from tests.support.lists import conflict, new_list
from tests.support.replays import create
from tests.support.stack import User
from tests.support.tasks import TASKS, errors, make

LIMITS = "/v1/limits"
SAID = {
    "lists": (500, "lists"),
    "labels": (500, "labels"),
    "labels_of_a_task": (50, "labels"),
    "depth_of_subtasks": (5, "levels"),
    "operations_of_a_batch": (100, "operations"),
    "task_title": (500, "characters"),
    "list_name": (200, "characters"),
    "label_name": (60, "characters"),
    "description": (10_000, "characters"),
    "position": (1000, "characters"),
    "search": (150, "characters"),
    "page": (200, "items"),
    "page_size": (4_194_304, "bytes"),
    "body_size": (262_144, "bytes"),
    "token": (4096, "characters"),
    "idempotency_key": (255, "characters"),
    "idempotency_key_kept": (24, "hours"),
    "trash_kept": (30, "days"),
}


def used(api: httpx.Client) -> dict[str, int]:
    return {limit["name"]: limit["used"] for limit in api.get(LIMITS).json()["limits"] if limit["used"] is not None}


def test_every_limit_is_listed_with_its_unit(either_api: httpx.Client) -> None:
    answer = either_api.get(LIMITS)
    assert answer.status_code == 200
    assert "ETag" not in answer.headers
    found = answer.json()["limits"]
    assert {limit["name"]: (limit["limit"], limit["unit"]) for limit in found} == SAID
    assert len(found) == len(SAID)
    assert all(set(limit) == {"name", "limit", "unit", "used"} for limit in found)


def test_what_adds_up_says_how_much_the_caller_has_used(either_api: httpx.Client, stranger_api: httpx.Client) -> None:
    assert used(either_api) == {"lists": 0, "labels": 0}
    for _ in range(2):
        new_list(either_api)
    make(either_api, labels=["a", "b", "c"])
    make(either_api, labels=["A"])
    assert used(either_api) == {"lists": 2, "labels": 3}
    assert used(stranger_api) == {"lists": 0, "labels": 0}


def test_a_parameter_is_refused(api: httpx.Client) -> None:
    assert errors(api.get(f"{LIMITS}?user_id=me")) == ["user_id"]


def test_the_numbers_of_the_database_are_those_it_goes_by(
    api: httpx.Client, admin: psycopg.Connection[DictRow]
) -> None:
    assert (limits.LISTS, limits.LABELS) == (lists.BOUND, labels.BOUND)  # tests of lists and labels go to both
    below = make(api)["id"]
    for _ in range(limits.DEPTH):
        below = make(api, parent_id=below)["id"]
    assert conflict(api.post(TASKS, json={"title": "Too deep", "parent_id": below})) == "/parent_id"
    for table in ("task", "list"):
        longest, longer = ("V" * length for length in (limits.POSITION, limits.POSITION + 1))
        statement = f"insert into {table} (user_id, id, {'title' if table == 'task' else 'name'}, position)"
        admin.execute(f"{statement} values ('p', %s, 'x', %s)".encode(), [uuid4(), longest])
        with pytest.raises(psycopg.errors.CheckViolation):
            admin.execute(f"{statement} values ('p', %s, 'x', %s)".encode(), [uuid4(), longer])


@pytest.mark.parametrize(("minutes", "replayed"), [(-1, True), (1, False)])
def test_a_key_is_kept_as_long_as_is_said(
    minutes: int, replayed: bool, api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]
) -> None:
    create(api)
    aged = "update idempotency_key set created_at = now() - make_interval(hours => %s, mins => %s) where user_id = %s"
    admin.execute(aged, [limits.KEPT_HOURS, minutes, user.id])
    assert ("Idempotency-Replayed" in create(api).headers) == replayed


def test_the_trash_is_kept_as_long_as_its_policy_says(admin: psycopg.Connection[DictRow]) -> None:
    """What the job may reach: tests/functions/jobs/test_purge_trash.py goes up to both sides of it."""
    row = admin.execute(
        "select pg_get_expr(polqual, polrelid) as due from pg_policy where polrelid = 'trash'::regclass "
        "and 'task_jobs'::regrole = any (polroles)"
    ).fetchone()
    assert row == {"due": f"(deleted_at < (now() - '{limits.TRASH_DAYS} days'::interval))"}
