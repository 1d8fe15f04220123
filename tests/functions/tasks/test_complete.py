from uuid import uuid4

import httpx

from tests.support.tasks import (
    NOBODYS,
    TIME,
    WHOLE,
    Json,
    change,
    errors,
    make,
    moment,
    path_of,
    read,
    without_instance,
)


def test_a_completed_task_says_when(either_api: httpx.Client) -> None:
    task = make(either_api, **WHOLE)
    answer = change(either_api, "complete", task)
    completed = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert TIME.fullmatch(completed["completed_at"])
    assert moment(completed["completed_at"]) >= moment(task["created_at"])
    assert moment(completed["updated_at"]) > moment(task["updated_at"])
    assert completed == task | {name: completed[name] for name in ("completed_at", "updated_at", "version")}
    assert read(either_api, task) == completed


def test_a_repeat_changes_nothing(either_api: httpx.Client) -> None:
    task = make(either_api)
    first = change(either_api, "complete", task)
    again = change(either_api, "complete", task)
    assert (again.status_code, again.json(), again.headers["ETag"]) == (200, first.json(), '"2"')
    assert read(either_api, task) == first.json()


def test_a_task_that_was_reopened_is_completed_anew(api: httpx.Client) -> None:
    task = make(api)
    first = change(api, "complete", task).json()
    change(api, "reopen", task)
    second = change(api, "complete", task).json()
    assert moment(second["completed_at"]) > moment(first["completed_at"])
    assert second["version"] == 4


def test_a_stale_tag_is_412_and_the_task_stays_open(either_api: httpx.Client) -> None:
    task = make(either_api)
    current = change(either_api, "update", task).json()
    answer = change(either_api, "complete", task, {"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
    assert answer.json()["current"] == current == read(either_api, task)


def test_what_does_not_exist_or_is_not_ours_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = make(stranger_api)
    random, foreign, malformed = (change(api, "complete", task) for task in (NOBODYS, theirs, theirs["id"].upper()))
    assert random.status_code == 404
    assert without_instance(random) == without_instance(foreign) == without_instance(malformed)
    assert read(stranger_api, theirs) == theirs


def test_no_body_is_wanted(api: httpx.Client) -> None:
    task = make(api)
    complete = f"{path_of(task)}/complete"
    assert errors(api.post(complete, json={"completed_at": None})) == ["/completed_at"]
    assert errors(api.post(complete, json=[])) == [""]
    assert errors(api.post(f"{complete}?at=now")) == ["at"]
    assert read(api, task) == task
    assert api.post(complete, json={}).status_code == 200


def family(api: httpx.Client) -> tuple[Json, list[Json]]:
    """A task with a child, a grandchild that is completed, an open one below that, and a sibling; and a stranger."""
    root = make(api)
    child = make(api, parent_id=root["id"])
    done = make(api, parent_id=child["id"])
    leaf = make(api, parent_id=done["id"])
    done = change(api, "complete", done, query="?descendants=keep").json()
    return root, [child, done, leaf, make(api, parent_id=root["id"]), make(api)]


def test_what_is_open_below_is_completed_along(either_api: httpx.Client) -> None:
    root, [child, done, leaf, sibling, stranger] = family(either_api)
    answer = change(either_api, "complete", root).json()
    assert answer["version"] == 2
    for task in (child, leaf, sibling):
        now = read(either_api, task)
        assert now["completed_at"] == answer["completed_at"]
        assert now == task | {name: now[name] for name in ("completed_at", "updated_at")} | {"version": 2}
    assert (read(either_api, done), read(either_api, stranger)) == (done, stranger)


def test_what_is_below_may_be_kept(either_api: httpx.Client) -> None:
    root, below = family(either_api)
    assert change(either_api, "complete", root, query="?descendants=keep").json()["version"] == 2
    assert [read(either_api, task) for task in below] == below
    assert errors(change(either_api, "complete", root, query="?descendants=drop")) == ["descendants"]


def test_a_task_that_was_completed_stays_as_it_is_and_nothing_below_stays_open(api: httpx.Client) -> None:
    root, below = family(api)
    first = change(api, "complete", root, query="?descendants=keep").json()
    assert change(api, "complete", root).json() == first
    assert [read(api, task)["completed_at"] is None for task in below] == [False, False, False, False, True]
    before = [read(api, task) for task in below]
    assert change(api, "complete", root).json() == first
    assert [read(api, task) for task in below] == before


def test_where_a_condition_fails_nothing_below_is_completed(api: httpx.Client) -> None:
    root, below = family(api)
    for headers, status in [({"If-Match": '"7"'}, 412), ({"If-None-Match": "*"}, 412)]:
        assert change(api, "complete", root, headers | {"Idempotency-Key": str(uuid4())}).status_code == status
        assert change(api, "complete", root, headers).status_code == status
    assert [read(api, task) for task in below] == below
    assert change(api, "complete", root, {"If-Match": '"1"'}).status_code == 200
    assert read(api, below[0])["version"] == 2


def test_reopening_reopens_one(api: httpx.Client) -> None:
    root, [child, *_] = family(api)
    change(api, "complete", root)
    assert change(api, "reopen", root).json()["completed_at"] is None
    assert read(api, child)["completed_at"] is not None
