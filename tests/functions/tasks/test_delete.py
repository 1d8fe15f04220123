import httpx
import pytest

from tests.support.tasks import NOBODYS, change, make, path_of, read, titles, without_instance


def test_a_deleted_task_is_gone_to_everything_but_the_trash(either_api: httpx.Client) -> None:
    task, other = make(either_api, title="Gone"), make(either_api, title="Here")
    answer = change(either_api, "delete", task)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    assert "ETag" not in answer.headers
    assert either_api.get(path_of(task)).status_code == 404
    assert titles(either_api) == ["Here"]
    for name in ("update", "delete", "complete", "reopen"):
        assert change(either_api, name, task).status_code == 404
    assert read(either_api, other) == other


def test_what_never_existed_or_is_not_ours_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = make(stranger_api)
    random, foreign, malformed = (change(api, "delete", task) for task in (NOBODYS, theirs, theirs["id"].upper()))
    assert random.status_code == 404
    assert without_instance(random) == without_instance(foreign) == without_instance(malformed)
    assert read(stranger_api, theirs) == theirs


def test_a_stale_tag_is_412_and_the_task_stays(either_api: httpx.Client) -> None:
    task = make(either_api)
    current = change(either_api, "update", task).json()
    answer = change(either_api, "delete", task, {"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
    assert answer.json()["current"] == current == read(either_api, task)
    assert change(either_api, "delete", task, {"If-Match": '"2"'}).status_code == 204


def test_an_empty_object_is_tolerated_as_body(api: httpx.Client) -> None:
    for body, status in [({"hard": True}, 422), ([], 422), ({}, 204)]:
        task = make(api)
        assert api.request("DELETE", path_of(task), json=body).status_code == status
        assert api.get(path_of(task)).status_code == (404 if status == 204 else 200)


@pytest.mark.parametrize("name", ["update", "complete"])
def test_a_changed_or_completed_task_may_be_deleted(api: httpx.Client, name: str) -> None:
    task = make(api)
    change(api, name, task)
    assert change(api, "delete", task).status_code == 204
