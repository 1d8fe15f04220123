import httpx

from tests.tasks import NOBODYS, TIME, WHOLE, change, errors, make, path_of, read, without_instance


def test_a_completed_task_says_when(either_api: httpx.Client) -> None:
    task = make(either_api, **WHOLE)
    answer = change(either_api, "complete", task)
    completed = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert TIME.fullmatch(completed["completed_at"])
    assert completed["completed_at"] >= task["created_at"]
    assert completed["updated_at"] > task["updated_at"]
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
    assert second["completed_at"] > first["completed_at"]
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
