import httpx
import psycopg
from psycopg.rows import DictRow

from tests.support.labels import assert_true, counts, label_of, path_of
from tests.support.stack import User
from tests.support.tasks import NOBODYS, make, read


def test_a_deleted_label_is_off_every_task_and_raises_their_versions(
    either_api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]
) -> None:
    tasks = [make(either_api, labels=labels) for labels in (["home", "work", "x"], ["work"], ["home"], [])]
    path = path_of(label_of(either_api, "work"))
    answer = either_api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    after = [read(either_api, task) for task in tasks]
    assert [task["labels"] for task in after] == [["home", "x"], [], ["home"], []]
    assert [task["version"] for task in after] == [2, 2, 1, 1]
    assert counts(either_api) == {"home": 2, "x": 1}
    assert_true(either_api, user, admin)
    assert either_api.delete(path).status_code == 404
    assert make(either_api, labels=["WORK"])["labels"] == ["WORK"]  # made anew, in the spelling that is first now


def test_a_stale_tag_is_412_and_the_label_stays(either_api: httpx.Client) -> None:
    task = make(either_api, labels=["home"])
    path = path_of(label_of(either_api, "home"))
    current = either_api.patch(path, json={"color": "#000000"}).json()
    answer = either_api.delete(path, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["current"]) == (412, current)
    assert read(either_api, task) == task
    assert either_api.delete(path, headers={"If-Match": '"2"'}).status_code == 204


def test_what_does_not_exist_or_is_not_ours_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    task = make(stranger_api, labels=["home"])
    theirs = label_of(stranger_api, "home")
    for name in (NOBODYS, theirs["id"], theirs["id"].upper(), "1"):
        assert api.delete(path_of(name)).status_code == 404
    assert (label_of(stranger_api, "home"), read(stranger_api, task)) == (theirs, task)
