import httpx

from tests.support.lists import every, names, new_list, path_of, read
from tests.support.tasks import NOBODYS, make, titles


def test_a_list_goes_with_its_tasks_and_their_subtasks_and_nothing_else(either_api: httpx.Client) -> None:
    gone, kept = new_list(either_api, name="Gone"), new_list(either_api, name="Kept")
    top = make(either_api, title="Top", list_id=gone["id"])
    make(either_api, title="Below", parent_id=top["id"])
    make(either_api, title="Elsewhere", list_id=kept["id"])
    make(either_api, title="Inbox")
    answer = either_api.delete(path_of(gone))
    assert (answer.status_code, answer.content) == (204, b"")
    assert names(either_api) == ["Kept"]
    assert titles(either_api) == ["Inbox", "Elsewhere"]
    assert either_api.get(path_of(gone)).status_code == 404
    assert either_api.delete(path_of(gone)).status_code == 404
    assert [found["open_tasks"] for found in every(either_api, counts="true")] == [1]


def test_a_stale_tag_is_412_and_the_list_stays(either_api: httpx.Client) -> None:
    made = new_list(either_api)
    current = either_api.patch(path_of(made), json={"color": "#000000"}).json()
    answer = either_api.delete(path_of(made), headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["current"]) == (412, current)
    assert read(either_api, made) == current
    assert either_api.delete(path_of(made), headers={"If-Match": '"2"'}).status_code == 204


def test_what_does_not_exist_or_is_not_ours_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = new_list(stranger_api)
    task = make(stranger_api, list_id=theirs["id"])
    for name in (NOBODYS, theirs["id"], theirs["id"].upper(), "1"):
        assert api.delete(path_of(name)).status_code == 404
    assert read(stranger_api, theirs) == theirs
    assert titles(stranger_api) == [task["title"]]
