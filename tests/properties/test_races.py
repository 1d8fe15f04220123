"""Every write against a lock that another connection holds, in both orders; and many writers at once."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from uuid import uuid4

import httpx
import pytest

from tests.support.collect_failures import collect_failures
from tests.support.lock_races import Race, racing
from tests.support.stack import Stack, User
from tests.support.tasks import CHANGES, change, make, path_of, read

CHANGED = "update task set title = 'Held', priority = 4 where id = %s"
DELETED = "delete from task where id = %s"
HELD: dict[str, tuple[str, bool]] = {
    "a change": (CHANGED, True),
    "a change that is undone": (CHANGED, False),
    "a completion": ("update task set completed_at = '2026-01-01Z' where id = %s", True),
    "a reopening": ("update task set completed_at = null where id = %s", True),
    "a deletion": (DELETED, True),
    "a deletion that is undone": (DELETED, False),
}
"""What another connection does and holds, and whether it commits."""
CONDITIONS: dict[str, dict[str, str]] = {
    "plain": {},
    "the tag before": {"If-Match": '"2"'},
    "the tag after": {"If-Match": '"3"'},
    "any tag": {"If-Match": "*"},
    "not the tag before": {"If-None-Match": '"2"'},
    "not the tag after": {"If-None-Match": 'W/"3"'},
    "absent": {"If-None-Match": "*"},
    "both": {"If-Match": '"2", "3"', "If-None-Match": '"2"'},
}
KEYED = ("plain", "the tag before", "both")
MADE = ("created_at", "updated_at", "completed_at", "position")
AT_VERSION_2 = """
    insert into task (user_id, id, title, description, priority, due_date, completed_at, version)
    values (%s, %s, 'Buy milk', 'Two litres', 1, '2026-03-01', %s, 2)"""
CREATED = "insert into task (user_id, id, title) values (%s, %s, 'Held')"


@pytest.fixture
def race(stack: Stack) -> Iterator[Race]:
    with racing(stack) as race:
        yield race


def comparable(answer: httpx.Response, task_id: str) -> tuple[int, str | None, object]:
    """What was answered, but for what differs between two tasks and two moments."""
    body = answer.json() if answer.content else {}
    body.pop("instance", None)
    for shown in (body, body.get("current", {})):
        if "id" in shown:
            assert shown.pop("id") == task_id
            for name in MADE:
                shown[name] = shown[name] is not None
    return answer.status_code, answer.headers.get("ETag"), body


def at_version_2(race: Race, user: User, completed: str | None = None) -> str:
    """Make a task and return its id."""
    task_id = str(uuid4())
    race.other.execute(AT_VERSION_2, [user.id, task_id, completed])
    race.other.commit()
    return task_id


@pytest.mark.parametrize("name", CHANGES)
def test_a_write_is_decided_on_the_truth_after_it_waited(
    http_api: httpx.Client, user: User, race: Race, name: str
) -> None:
    """A raced write answers and leaves what the same write does where the other one was over before it came."""
    completed = "2026-01-02Z" if name == "reopen" else None
    with collect_failures() as check:
        for (held, (sql, commit)), condition in product(HELD.items(), CONDITIONS):
            with check(held, "|", condition):
                headers = CONDITIONS[condition]
                after = at_version_2(race, user, completed)
                race.other.execute(sql.encode(), [after])
                race.end(commit=commit)
                truth = comparable(change(http_api, name, after, headers), after)
                left = comparable(http_api.get(path_of(after)), after)

                for key in [{}, {"Idempotency-Key": str(uuid4())}] if condition in KEYED else [{}]:
                    raced = at_version_2(race, user, completed)
                    call = partial(change, http_api, name, raced, headers | key)
                    assert comparable(race.blocked(sql, [raced], call, commit=commit), raced) == truth
                    assert comparable(http_api.get(path_of(raced)), raced) == left
                    if key:
                        again = call()
                        assert again.headers["Idempotency-Replayed"] == "true"
                        assert comparable(again, raced) == truth


DECIDED: list[tuple[str, bool, dict[str, str], int]] = [
    (CHANGED, True, {"If-Match": '"2"'}, 412),
    (CHANGED, True, {"If-Match": '"3"'}, 200),
    (CHANGED, False, {"If-Match": '"2"'}, 200),
    (CHANGED, False, {"If-Match": '"3"'}, 412),
    (DELETED, True, {"If-Match": '"2"'}, 404),
    (DELETED, False, {"If-Match": '"2"'}, 200),
    (CHANGED, True, {}, 200),
    (DELETED, True, {}, 404),
]


def test_a_patch_that_waited_says_what_the_lock_owner_left(http_api: httpx.Client, user: User, race: Race) -> None:
    """The same once more with its statuses written out, so that no fault can hide in the comparison."""
    with collect_failures() as check:
        for sql, commit, headers, status in DECIDED:
            with check(sql, commit, headers):
                task_id = at_version_2(race, user)
                call = partial(change, http_api, "update", task_id, headers)
                answer = race.blocked(sql, [task_id], call, commit=commit)
                assert answer.status_code == status
                held = commit and sql is CHANGED
                shown = answer.json().get("current", answer.json())
                if status != 404:
                    assert shown["title"] == ("Held" if held else "Buy milk")
                    assert shown["priority"] == ("urgent" if held else "low")
                    assert shown["description"] == ("Three litres" if status == 200 else "Two litres")
                    assert shown["version"] == 2 + held + (status == 200)
                    assert shown == read(http_api, task_id)


@pytest.mark.parametrize("keyed", [False, True], ids=["plain", "keyed"])
@pytest.mark.parametrize(
    ("headers", "status"), [({}, 428), ({"If-None-Match": "*"}, 412), ({"If-None-Match": '"9"'}, 200)]
)
def test_a_put_waits_for_whoever_creates_its_id(
    http_api: httpx.Client, user: User, race: Race, headers: dict[str, str], status: int, keyed: bool
) -> None:
    for commit in (False, True):
        task_id, key = str(uuid4()), {"Idempotency-Key": str(uuid4())} if keyed else {}
        call = partial(change, http_api, "replace", task_id, headers | key)
        answer = race.blocked(CREATED, [user.id, task_id], call, commit=commit)
        assert answer.status_code == (status if commit else 201)
        left = read(http_api, task_id)
        assert left["title"] == ("Held" if commit and status != 200 else "Buy bread")
        assert left["version"] == (2 if commit and status == 200 else 1)
        if answer.status_code == 412:
            assert answer.json()["current"] == left
        if keyed:
            again = call()
            assert (again.status_code, again.headers["Idempotency-Replayed"]) == (answer.status_code, "true")


def test_a_put_creates_where_the_task_was_deleted_while_it_waited(
    http_api: httpx.Client, user: User, race: Race
) -> None:
    for headers, status in [({}, 201), ({"If-None-Match": "*"}, 201), ({"If-Match": '"2"'}, 412)]:
        task_id = at_version_2(race, user)
        call = partial(change, http_api, "replace", task_id, headers)
        answer = race.blocked(DELETED, [task_id], call, commit=True)
        assert answer.status_code == status
        if status == 201:
            assert answer.json() == read(http_api, task_id)
            assert answer.json()["version"] == 1
        else:
            assert "current" not in answer.json()


def test_a_put_meets_a_task_that_was_deleted_and_made_anew_while_it_waited(
    http_api: httpx.Client, user: User, race: Race
) -> None:
    for headers, status in [({}, 428), ({"If-None-Match": "*"}, 412)]:
        task_id = at_version_2(race, user)
        race.other.execute(DELETED, [task_id])
        call = partial(change, http_api, "replace", task_id, headers)
        answer = race.blocked(CREATED, [user.id, task_id], call, commit=True)
        assert answer.status_code == status
        assert answer.json().get("current", read(http_api, task_id)) == read(http_api, task_id)


def test_of_puts_that_create_one_id_at_once_exactly_one_does(http_api: httpx.Client, race: Race) -> None:
    with collect_failures() as check:
        for headers, keyed, number in product([{}, {"If-None-Match": "*"}], (False, True), range(10)):
            with check(headers, "keyed" if keyed else "plain", number):
                task_id = str(uuid4())
                sent = [headers | ({"Idempotency-Key": str(uuid4())} if keyed else {}) for _ in range(4)]
                calls = [partial(change, http_api, "replace", task_id, each) for each in sent]
                statuses = sorted(answer.status_code for answer in race.at_once(*calls))
                assert statuses == [201, *[412 if headers else 428] * 3]
                assert read(http_api, task_id)["version"] == 1


def test_a_put_and_a_delete_at_once_happen_one_after_the_other(http_api: httpx.Client, race: Race) -> None:
    for _ in range(20):
        task = make(http_api)
        replaced, deleted = race.at_once(
            partial(change, http_api, "replace", task), partial(change, http_api, "delete", task)
        )
        left = http_api.get(path_of(task)).status_code
        assert (replaced.status_code, deleted.status_code, left) in {(428, 204, 404), (201, 204, 200)}


def test_no_patch_of_many_at_once_is_lost(http_api: httpx.Client, race: Race) -> None:
    members = {"title": "Buy bread", "description": "Rye", "priority": "urgent", "due": {"date": "2026-03-02"}}
    task = make(http_api)
    calls = [partial(http_api.patch, path_of(task), json={name: value}) for name, value in members.items()]
    answers = race.at_once(*calls)
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5]
    left = read(http_api, task)
    assert {name: left[name] for name in members} == members
    assert left["version"] == 5


def test_of_many_writes_with_one_tag_exactly_one_succeeds(http_api: httpx.Client, race: Race) -> None:
    task = make(http_api)
    headers = {"If-Match": '"1"'}
    calls = [partial(http_api.patch, path_of(task), json={"title": f"{n}"}, headers=headers) for n in range(10)]
    answers = race.at_once(*calls)
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 9]
    left = read(http_api, task)
    assert left["version"] == 2
    assert all(answer.json().get("current", left) == left for answer in answers)


@pytest.mark.parametrize("name", ["complete", "reopen"])
def test_of_many_who_complete_or_reopen_at_once_one_changes_the_task(
    http_api: httpx.Client, race: Race, name: str
) -> None:
    task = make(http_api)
    if name == "reopen":
        change(http_api, "complete", task)
    before = read(http_api, task)["version"]
    answers = race.at_once(*[partial(change, http_api, name, task)] * 8)
    left = read(http_api, task)
    assert left["version"] == before + 1
    assert all(answer.json() == left for answer in answers)


def test_of_many_deletes_at_once_one_finds_the_task(http_api: httpx.Client, race: Race) -> None:
    task = make(http_api)
    answers = race.at_once(*[partial(change, http_api, "delete", task)] * 8)
    assert sorted(answer.status_code for answer in answers) == [204, *[404] * 7]


def test_a_tag_that_will_be_stale_waits_behind_two_writers(http_api: httpx.Client, user: User, race: Race) -> None:
    """The second waits behind the first, which waits behind a lock: each is decided on what the one before it left."""
    task_id = at_version_2(race, user)
    race.other.execute(CHANGED, [task_id])
    first = race.start(lambda: change(http_api, "update", task_id, {"If-Match": '"3"'}))
    behind = race.waiting()
    second = race.start(lambda: change(http_api, "complete", task_id, {"If-Match": '"3"'}), behind)
    race.end(commit=True)
    assert first.result().status_code == 200
    assert second.result().status_code == 412
    assert second.result().json()["current"] == first.result().json() == read(http_api, task_id)
