import base64

import httpx
import psycopg
from psycopg.rows import DictRow

from tests.support.stack import User
from tests.support.tasks import TIME, WHOLE, change, errors, ids, make, moment, page, path_of, without_instance
from tests.support.trash import TRASH, trash


def test_what_was_deleted_is_there_as_it_was_the_newest_deletion_first(either_api: httpx.Client) -> None:
    first, second = make(either_api, **WHOLE), make(either_api)
    change(either_api, "complete", second)
    second = either_api.get(path_of(second)).json()
    assert trash(either_api) == []
    for task in (second, first):
        change(either_api, "delete", task)
    items = trash(either_api)
    assert items == [
        task | {"deleted_at": item["deleted_at"]} for item, task in zip(items, (first, second), strict=True)
    ]
    assert all(TIME.fullmatch(item["deleted_at"]) for item in items)
    newest, older = (moment(item["deleted_at"]) for item in items)
    assert newest > older > moment(second["completed_at"])


def test_an_id_that_was_used_and_deleted_again_is_there_once_as_it_was_last(api: httpx.Client) -> None:
    task = make(api, title="First")
    change(api, "delete", task)
    assert api.put(path_of(task), json={"title": "Second"}).status_code == 201
    assert [item["title"] for item in trash(api)] == ["First"]
    change(api, "delete", task)
    assert [item["title"] for item in trash(api)] == ["Second"]


def test_another_user_sees_nothing_of_it(api: httpx.Client, stranger_api: httpx.Client) -> None:
    change(api, "delete", make(api))
    assert trash(stranger_api) == []
    assert len(trash(api)) == 1


def test_pages_hold_every_entry_once_whatever_else_is_deleted(
    either_api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]
) -> None:
    made = [make(either_api)["id"] for _ in range(5)]
    admin.execute("delete from task where user_id = %s", [user.id])  # all at one moment: the id decides
    first = either_api.get(TRASH, params={"limit": 2})
    later = make(either_api)
    change(either_api, "delete", later)
    seen, answer = first.json()["items"], first
    while "Link" in answer.headers:
        assert answer.links["next"]["url"] == f"{TRASH}?limit=2&cursor={answer.json()['next_cursor']}"
        answer = either_api.get(answer.links["next"]["url"])
        seen += answer.json()["items"]
    assert ids(seen) == sorted(made, reverse=True)
    assert ids(trash(either_api)) == [later["id"], *ids(seen)]


def test_a_cursor_of_the_tasks_is_none_of_the_trash(api: httpx.Client) -> None:
    for _ in range(2):
        change(api, "delete", make(api))
        make(api)
    of_tasks = page(api, "limit=1")["next_cursor"]
    of_trash = api.get(TRASH, params={"limit": 1}).json()["next_cursor"]
    answers = [api.get(TRASH, params={"cursor": of_tasks}), api.get("/v1/tasks", params={"cursor": of_trash})]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert "another" in without_instance(answers[0])["detail"]
    assert api.get(TRASH, params={"cursor": of_trash}).status_code == 200


def test_a_cursor_that_was_altered_is_400(api: httpx.Client) -> None:
    for _ in range(2):
        change(api, "delete", make(api))
    cursor = api.get(TRASH, params={"limit": 1}).json()["next_cursor"]
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    altered = base64.urlsafe_b64encode(raw[:-3] + b"0" + raw[-2:]).rstrip(b"=").decode()
    for broken in (altered, cursor[:-1], "x", ""):
        assert api.get(TRASH, params={"cursor": broken}).status_code == 400


def test_it_has_no_filter_and_no_sort(api: httpx.Client) -> None:
    for name, value in {"q": "milk", "sort": "title", "limit": "0", "completed": "true"}.items():
        assert errors(api.get(TRASH, params={name: value})) == [name]
