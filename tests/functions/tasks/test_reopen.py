import httpx

from tests.support.tasks import NOBODYS, WHOLE, change, errors, make, moment, path_of, read, without_instance


def test_a_reopened_task_is_as_before_but_for_its_version(either_api: httpx.Client) -> None:
    task = make(either_api, **WHOLE)
    completed = change(either_api, "complete", task).json()
    answer = change(either_api, "reopen", task)
    reopened = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"3"')
    assert moment(reopened["updated_at"]) > moment(completed["updated_at"])
    assert reopened == task | {"version": 3, "updated_at": reopened["updated_at"]}
    assert read(either_api, task) == reopened


def test_a_repeat_changes_nothing(either_api: httpx.Client) -> None:
    task = make(either_api)
    never_completed = change(either_api, "reopen", task)
    assert (never_completed.status_code, never_completed.json()) == (200, task)
    change(either_api, "complete", task)
    first, again = (change(either_api, "reopen", task) for _ in range(2))
    assert (again.status_code, again.json(), again.headers["ETag"]) == (200, first.json(), '"3"')
    assert read(either_api, task) == first.json()


def test_a_stale_tag_is_412_and_the_task_stays_completed(either_api: httpx.Client) -> None:
    task = make(either_api)
    completed = change(either_api, "complete", task).json()
    answer = change(either_api, "reopen", task, {"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
    assert answer.json()["current"] == completed == read(either_api, task)


def test_what_does_not_exist_or_is_not_ours_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = make(stranger_api)
    completed = change(stranger_api, "complete", theirs).json()
    random, foreign, malformed = (change(api, "reopen", task) for task in (NOBODYS, theirs, theirs["id"].upper()))
    assert random.status_code == 404
    assert without_instance(random) == without_instance(foreign) == without_instance(malformed)
    assert read(stranger_api, theirs) == completed


def test_no_body_is_wanted(api: httpx.Client) -> None:
    task = make(api)
    completed = change(api, "complete", task).json()
    reopen = f"{path_of(task)}/reopen"
    assert errors(api.post(reopen, json={"title": "New"})) == ["/title"]
    assert errors(api.post(f"{reopen}?x=1")) == ["x"]
    assert read(api, task) == completed
    assert api.post(reopen, json={}).status_code == 200
