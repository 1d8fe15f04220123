from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.support.stack import APP, User
from tests.support.tasks import NOBODYS, TASKS, Json, change, ids, make, moment, page, path_of, read, without_instance
from tests.support.trash import restore, trash

LIST = "insert into list (user_id, id, name) values (%s, %s, 'Shopping')"
type Admin = psycopg.Connection[DictRow]


@pytest.fixture
def list_id(admin: Admin, user: User) -> str:
    """A list of the user's."""
    made = str(uuid4())
    admin.execute(LIST, [user.id, made])
    return made


def test_a_restored_task_is_as_it_was(either_api: httpx.Client) -> None:
    task = make(either_api, description="Two litres", priority="high", due={"date": "2026-03-01"})
    change(either_api, "complete", task)
    before = read(either_api, task)
    change(either_api, "delete", task)
    answer = restore(either_api, task)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json() == read(either_api, task) == before
    assert page(either_api, "q=litres")["items"] == [before]
    assert trash(either_api) == []
    assert restore(either_api, task).status_code == 404


def test_what_never_was_in_the_trash_or_is_anothers_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    alive, theirs = make(api), make(stranger_api)
    change(stranger_api, "delete", theirs)
    asked = (NOBODYS, alive, theirs, theirs["id"].upper())
    answers = [restore(api, task) for task in asked]
    assert {answer.status_code for answer in answers} == {404}
    assert len({str(without_instance(answer)) for answer in answers}) == 1
    assert ids(trash(stranger_api)) == [theirs["id"]]
    assert restore(stranger_api, theirs).json() == theirs


def test_a_tag_is_compared_with_the_version_in_the_trash(either_api: httpx.Client) -> None:
    task = make(either_api)
    current = change(either_api, "update", task).json()
    change(either_api, "delete", task)
    for headers in ({"If-Match": '"1"'}, {"If-None-Match": '"2"'}, {"If-None-Match": "*"}):
        answer = restore(either_api, task, headers)
        assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
        assert answer.json()["current"] == current
    assert ids(trash(either_api)) == [task["id"]]
    assert restore(either_api, task, {"If-Match": '"2"'}).json() == current


def test_a_subtree_comes_back_but_for_what_had_been_deleted_before(api: httpx.Client) -> None:
    top = make(api, title="Top")
    child = make(api, title="Child", parent_id=top["id"])
    deep = make(api, title="Deep", parent_id=child["id"])
    before = make(api, title="Deleted before", parent_id=child["id"])
    change(api, "delete", before)
    change(api, "delete", top)
    assert [item["title"] for item in trash(api)][-1] == "Deleted before"
    assert len({item["deleted_at"] for item in trash(api)}) == 2
    assert restore(api, top).json() == top
    assert [read(api, task) for task in (child, deep)] == [child, deep]
    assert ids(trash(api)) == [before["id"]]
    assert restore(api, before).json() == before  # its parent is there again


def test_a_subtask_alone_comes_back_to_the_top_and_stays_there(api: httpx.Client) -> None:
    top = make(api)
    child, other = (make(api, parent_id=top["id"]) for _ in range(2))
    change(api, "delete", top)
    answer = restore(api, child)
    moved = answer.json()
    assert (moved["version"], answer.headers["ETag"]) == (2, '"2"')
    assert moment(moved["updated_at"]) > moment(child["updated_at"])
    assert moved == child | {name: moved[name] for name in ("parent_id", "version", "updated_at")}
    assert moved["parent_id"] is None
    assert restore(api, top).json() == top
    assert [read(api, task) for task in (child, other)] == [moved, other]


def test_where_the_list_is_gone_all_come_back_into_the_inbox(api: httpx.Client, admin: Admin, list_id: str) -> None:
    top = make(api, list_id=list_id)
    child = make(api, parent_id=top["id"])
    loose = make(api, list_id=list_id)
    admin.execute("delete from list where id = %s", [list_id])
    assert {item["list_id"] for item in trash(api)} == {list_id}
    assert len({item["deleted_at"] for item in trash(api)}) == 1
    changed = {"list_id": None, "version": 2}
    assert restore(api, top).json() == top | changed | {"updated_at": read(api, top)["updated_at"]}
    assert read(api, child) == child | changed | {"updated_at": read(api, child)["updated_at"]}
    assert api.get(path_of(loose)).status_code == 404
    assert ids(trash(api)) == [loose["id"]]


def test_where_the_parent_is_in_another_list_it_comes_back_to_the_top_of_its_own(
    api: httpx.Client, list_id: str, admin: Admin
) -> None:
    top = make(api, list_id=list_id)
    child = make(api, parent_id=top["id"])
    change(api, "delete", child)
    api.post(f"{path_of(top)}/move", json={"list_id": None})
    answer = restore(api, child)
    assert answer.status_code == 200
    moved = answer.json()
    assert (moved["list_id"], moved["parent_id"], moved["version"]) == (list_id, None, 2)
    counted = admin.execute("select open_tasks from list where id = %s", [list_id]).fetchone()
    assert counted == {"open_tasks": 1}


def test_an_id_that_is_in_use_again_is_409_and_all_stays(api: httpx.Client) -> None:
    top = make(api)
    child = make(api, parent_id=top["id"])
    change(api, "delete", top)
    assert api.put(path_of(child), json={"title": "Another"}).status_code == 201
    before = trash(api)
    answer = restore(api, top)
    assert answer.status_code == 409
    assert answer.json()["errors"] == [{"pointer": "", "detail": "an id is in use again"}]
    assert trash(api) == before
    assert api.get(path_of(top)).status_code == 404
    # What it became goes to the trash as well, in the place of what it was.
    change(api, "delete", child)
    assert restore(api, top).json() == top
    assert [item["title"] for item in trash(api)] == ["Another"]


def test_a_parent_that_hangs_deeper_now_is_409(api: httpx.Client) -> None:
    parent, above = make(api), make(api)
    bottom = parent
    for _ in range(5):
        bottom = make(api, parent_id=bottom["id"])
    change(api, "delete", bottom)
    api.post(f"{path_of(parent)}/move", json={"parent_id": above["id"]})
    answer = restore(api, bottom)
    assert answer.status_code == 409
    assert answer.json()["errors"] == [{"pointer": "/parent_id", "detail": "subtasks hang five deep at most"}]
    api.post(f"{path_of(parent)}/move", json={"parent_id": None})
    assert restore(api, bottom).json() == bottom


def test_where_the_place_is_taken_it_stands_right_behind(api: httpx.Client) -> None:
    first, taken, mover, last = (make(api, title=title) for title in ("first", "taken", "mover", "last"))
    between = {"after": first["id"]}
    api.post(f"{path_of(last)}/move", json=between)
    place = api.post(f"{path_of(taken)}/move", json=between).json()
    change(api, "delete", taken)
    moved = api.post(f"{path_of(mover)}/move", json=between).json()
    assert moved["position"] == place["position"]  # so the test is about something
    back = restore(api, taken).json()
    assert moved["position"] < back["position"] < read(api, last)["position"]
    assert back == place | {name: back[name] for name in ("position", "version", "updated_at")}
    assert back["version"] == place["version"] + 1


def test_labels_come_back_also_those_that_are_gone(api: httpx.Client) -> None:
    task = make(api, labels=["Home", "Urgent"])
    change(api, "delete", task)
    for label in api.get("/v1/labels").json()["items"]:
        assert label["tasks"] == 0
        assert api.delete(f"/v1/labels/{label['id']}").status_code == 204
    assert restore(api, task).json() == task
    assert {label["name"]: label["tasks"] for label in api.get("/v1/labels").json()["items"]} == {
        "Home": 1,
        "Urgent": 1,
    }


def test_a_label_that_is_spelled_otherwise_by_now_counts_as_a_change(api: httpx.Client) -> None:
    task = make(api, labels=["Home"])
    change(api, "delete", task)
    label = api.get("/v1/labels").json()["items"][0]
    assert api.patch(f"/v1/labels/{label['id']}", json={"name": "HOME"}).status_code == 200
    back = restore(api, task).json()
    assert back == task | {"labels": ["HOME"], "version": 2, "updated_at": back["updated_at"]}


def test_a_key_restores_once(either_api: httpx.Client) -> None:
    task, key = make(either_api), {"Idempotency-Key": str(uuid4())}
    change(either_api, "delete", task)
    first = restore(either_api, task, key)
    change(either_api, "delete", task)
    again = restore(either_api, task, key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json() == task
    assert either_api.get(path_of(task)).status_code == 404


def test_what_the_release_before_deletes_can_be_restored(api: httpx.Client, admin: Admin, user: User) -> None:
    """Its statement, as the application's role sent it."""
    task = make(api)
    with admin.transaction():
        admin.execute("select set_config('app.user_id', %s, true), set_config('role', %s, true)", [user.id, APP])
        deleted = admin.execute("delete from task where id = %s returning user_id, id, title", [task["id"]])
        assert deleted.rowcount == 1
    assert restore(api, task).json() == task


def test_of_two_deletions_in_one_transaction_each_comes_back_by_itself(
    api: httpx.Client, admin: Admin, user: User
) -> None:
    top = make(api)
    child = make(api, parent_id=top["id"])
    with admin.transaction(), admin.pipeline():
        for task in (child, top):
            admin.execute("delete from task where (user_id, id) = (%s, %s)", [user.id, task["id"]])
    assert restore(api, top).json() == top
    assert ids(trash(api)) == [child["id"]]


def test_an_empty_object_is_tolerated_as_body(api: httpx.Client) -> None:
    task: Json = make(api)
    change(api, "delete", task)
    for body, status in [({"hard": True}, 422), ([], 422), ({}, 200)]:
        assert api.post(f"{TASKS}/{task['id']}/restore", json=body).status_code == status
