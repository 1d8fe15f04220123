"""The trash against a lock that another connection holds, in both orders; and many at once."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from uuid import uuid4

import httpx
import pytest

from tests.support.collect_failures import collect_failures
from tests.support.lock_races import Race, racing
from tests.support.stack import Stack, User
from tests.support.tasks import Json, change, ids, make, path_of, read
from tests.support.trash import TRASH, restore, trash

DELETED, LIST_DELETED, PURGED = (
    f"delete from {table} where (user_id, id) = (%s, %s)"  # noqa: S608 - table names
    for table in ("task", "list", "trash")
)
OUTCOMES = pytest.mark.parametrize("commit", [True, False], ids=["committed", "undone"])


@pytest.fixture
def race(stack: Stack) -> Iterator[Race]:
    with racing(stack) as race:
        yield race


@pytest.fixture
def list_id(race: Race, user: User) -> str:
    """A list of the user's."""
    made = str(uuid4())
    race.other.execute("insert into list (user_id, id, name) values (%s, %s, 'Shopping')", [user.id, made])
    race.other.commit()
    return made


def deleted(api: httpx.Client, **members: object) -> Json:
    """A task that is in the trash."""
    task = make(api, **members)
    assert change(api, "delete", task).status_code == 204
    return task


def take(api: httpx.Client, task: Json, for_good: bool) -> partial[httpx.Response]:
    """What takes a task out of the trash: a deletion for good, or a restore."""
    return partial(api.delete, f"{TRASH}/{task['id']}") if for_good else partial(restore, api, task)


@OUTCOMES
def test_a_restore_waits_for_whoever_makes_its_id(http_api: httpx.Client, user: User, race: Race, commit: bool) -> None:
    task = deleted(http_api)
    made = "insert into task (user_id, id, title) values (%s, %s, 'Held')"
    answer = race.blocked(made, [user.id, task["id"]], partial(restore, http_api, task), commit=commit)
    assert answer.status_code == (409 if commit else 200)
    assert read(http_api, task)["title"] == ("Held" if commit else task["title"])
    assert ids(trash(http_api)) == ([task["id"]] if commit else [])


def test_who_takes_from_the_trash_waits_for_who_purges_it(http_api: httpx.Client, user: User, race: Race) -> None:
    with collect_failures() as check:
        for for_good, keyed, commit in product((False, True), repeat=3):
            with check(f"{for_good=} {keyed=} {commit=}"):
                task, key = deleted(http_api), {"Idempotency-Key": str(uuid4())} if keyed else {}
                call = partial(take(http_api, task, for_good), headers=key | {"If-Match": '"1"'})
                answer = race.blocked(PURGED, [user.id, task["id"]], call, commit=commit)
                assert answer.status_code == (404 if commit else 204 if for_good else 200)


@OUTCOMES
@pytest.mark.parametrize("for_good", [False, True], ids=["restore", "delete for good"])
def test_a_tag_is_compared_with_what_was_deleted_meanwhile(
    http_api: httpx.Client, user: User, race: Race, for_good: bool, commit: bool
) -> None:
    """Its id was used again, and that is being deleted: the entry is another one by then."""
    task = deleted(http_api)
    assert http_api.put(path_of(task), json={"title": "Again"}).status_code == 201
    assert change(http_api, "update", task).json()["version"] == 2
    call = partial(take(http_api, task, for_good), headers={"If-Match": '"1"'})
    answer = race.blocked(DELETED, [user.id, task["id"]], call, commit=commit)
    if commit:
        assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
        assert answer.json()["current"]["title"] == "Again"
        assert [item["version"] for item in trash(http_api)] == [2]
    else:
        assert answer.status_code == (204 if for_good else 409)


@OUTCOMES
@pytest.mark.parametrize("what", ["parent", "list"])
def test_a_restore_waits_for_who_deletes_what_it_hung_on(
    http_api: httpx.Client, user: User, race: Race, list_id: str, what: str, commit: bool
) -> None:
    parent = make(http_api, list_id=list_id)
    child = deleted(http_api, parent_id=parent["id"])
    sql, gone = (DELETED, parent["id"]) if what == "parent" else (LIST_DELETED, list_id)
    back = race.blocked(sql, [user.id, gone], partial(restore, http_api, child), commit=commit)
    assert back.status_code == 200
    if commit:
        members: Json = {"parent_id": None, "list_id": list_id if what == "parent" else None, "version": 2}
        assert back.json() == child | members | {"updated_at": back.json()["updated_at"]}
    else:
        assert back.json() == child
    assert back.json() == read(http_api, child)


@OUTCOMES
def test_a_subtask_is_not_made_under_a_task_that_is_being_deleted(
    http_api: httpx.Client, user: User, race: Race, commit: bool
) -> None:
    parent = make(http_api)
    call = partial(http_api.post, "/v1/tasks", json={"title": "Child", "parent_id": parent["id"]})
    answer = race.blocked(DELETED, [user.id, parent["id"]], call, commit=commit)
    assert answer.status_code == (409 if commit else 201)
    assert ids(trash(http_api)) == ([parent["id"]] if commit else [])


@OUTCOMES
def test_a_subtask_that_is_being_made_goes_along_with_its_task(
    http_api: httpx.Client, user: User, race: Race, commit: bool
) -> None:
    parent, child = make(http_api), str(uuid4())
    made = "insert into task (user_id, id, title, parent_id) values (%s, %s, 'Child', %s)"
    call = partial(change, http_api, "delete", parent)
    assert race.blocked(made, [user.id, child, parent["id"]], call, commit=commit).status_code == 204
    entries = trash(http_api)
    assert set(ids(entries)) == ({parent["id"], child} if commit else {parent["id"]})
    assert len({entry["deleted_at"] for entry in entries}) == 1
    assert restore(http_api, parent).json() == parent
    assert http_api.get(path_of(child)).status_code == (200 if commit else 404)


@pytest.mark.parametrize("headers", [{}, {"If-Match": '"1"'}], ids=["plain", "with a tag"])
def test_of_many_restores_at_once_one_finds_the_task(
    http_api: httpx.Client, race: Race, headers: dict[str, str]
) -> None:
    task = deleted(http_api)
    answers = race.at_once(*[partial(restore, http_api, task, headers)] * 8)
    assert sorted(answer.status_code for answer in answers) == [200, *[404] * 7]
    assert read(http_api, task) == task


def test_restores_and_deletions_for_good_of_one_subtree_at_once_leave_each_task_once(
    http_api: httpx.Client, race: Race
) -> None:
    for _ in range(5):
        top = make(http_api)
        children = [make(http_api, parent_id=top["id"]) for _ in range(3)]
        change(http_api, "delete", top)
        answers = race.at_once(
            partial(restore, http_api, top),
            *(partial(restore, http_api, child) for child in children),
            partial(http_api.delete, f"{TRASH}/{top['id']}"),
        )
        assert {answer.status_code for answer in answers} <= {200, 204, 404}
        left = {item["id"] for item in http_api.get("/v1/tasks").json()["items"]}
        assert not left & set(ids(trash(http_api)))
        for task, answer in zip((top, *children), answers, strict=False):
            assert answer.status_code != 200 or task["id"] in left


def test_a_put_and_a_restore_of_one_id_at_once_happen_one_after_the_other(http_api: httpx.Client, race: Race) -> None:
    for _ in range(10):
        task = deleted(http_api)
        replaced, restored = race.at_once(partial(change, http_api, "replace", task), partial(restore, http_api, task))
        assert (replaced.status_code, restored.status_code) in {(201, 409), (428, 200)}
        assert read(http_api, task)["title"] == ("Buy bread" if replaced.status_code == 201 else task["title"])
