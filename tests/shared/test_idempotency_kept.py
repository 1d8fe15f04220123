"""Which answers an `Idempotency-Key` keeps, for how long, and what becomes of it when an attempt fails."""

from functools import partial
from itertools import product
from uuid import uuid4

import httpx
import psycopg
from psycopg.rows import DictRow

from tests.support.collect_failures import for_each
from tests.support.postgres_proxy import CUT_AFTER, CUT_BEFORE, Proxy
from tests.support.replays import KEPT_KEYS, KEY, assert_replayed, create, new_key
from tests.support.stack import User
from tests.support.tasks import CHANGES, TASKS, WHOLE, change, make, path_of, read, titles


@for_each("name", [name for name in CHANGES if name != "replace"])
def test_404_is_kept(either_api: httpx.Client, name: str) -> None:
    task_id, key = str(uuid4()), new_key()
    first = change(either_api, name, task_id, key)
    assert first.status_code == 404
    assert either_api.put(path_of(task_id), json=WHOLE).status_code == 201
    assert_replayed(change(either_api, name, task_id, key), first)
    assert read(either_api, task_id)["version"] == 1


@for_each("name", CHANGES)
def test_412_is_kept_with_the_current_of_then(either_api: httpx.Client, name: str) -> None:
    task, headers = make(either_api), new_key() | {"If-Match": '"2"'}
    first = change(either_api, name, task, headers)
    assert (first.status_code, first.json()["current"], first.headers["ETag"]) == (412, task, '"1"')
    newer = either_api.patch(path_of(task), json={"title": "Newer"}).json()
    assert newer["version"] == 2
    assert_replayed(change(either_api, name, task, headers), first)
    assert read(either_api, task) == newer


def test_412_without_current_is_kept(api: httpx.Client) -> None:
    task_id = str(uuid4())
    headers = KEY | {"If-Match": "*"}
    first = change(api, "replace", task_id, headers)
    assert first.status_code == 412
    api.put(path_of(task_id), json=WHOLE)
    assert_replayed(change(api, "replace", task_id, headers), first)
    assert read(api, task_id)["version"] == 1
    headers = {"Idempotency-Key": "another", "If-Match": "*"}
    first, again = (api.post(TASKS, json=WHOLE, headers=headers) for _ in range(2))
    assert first.status_code == 412
    assert_replayed(again, first)


def test_428_is_kept(either_api: httpx.Client) -> None:
    task = make(either_api)
    first = change(either_api, "replace", task, KEY)
    assert first.status_code == 428
    change(either_api, "delete", task)
    assert_replayed(change(either_api, "replace", task, KEY), first)
    assert either_api.get(path_of(task)).status_code == 404


@for_each(
    "status, content, headers",
    [
        *((400, b'{"title": "x"', {}), (400, b'{"title": "x", "title": "x"}', {})),
        (400, b'{"title": "x"}', {"If-Match": "x"}),
        (401, b'{"title": "x"}', {"Authorization": "Bearer x"}),
        (413, b" " * 262_145, {}),
        (415, b'{"title": "x"}', {"Content-Type": "text/plain"}),
        (422, b'{"title": ""}', {}),
    ],
)
def test_what_the_caller_has_to_correct_is_never_kept(
    api: httpx.Client,
    admin: psycopg.Connection[DictRow],
    user: User,
    status: int,
    content: bytes,
    headers: dict[str, str],
) -> None:
    key = new_key()
    for _ in range(2):
        answer = api.post(TASKS, content=content, headers={"Content-Type": "application/json"} | key | headers)
        assert answer.status_code == status
        assert "Idempotency-Replayed" not in answer.headers
    assert key["Idempotency-Key"] not in [row["key"] for row in admin.execute(KEPT_KEYS, [user.id])]
    assert create(api, **key).status_code == 201


def test_503_is_never_kept(api: httpx.Client, admin: psycopg.Connection[DictRow], user: User, proxy: Proxy) -> None:
    proxy.refuse()
    proxy.cut()
    assert create(api).status_code == 503
    proxy.listen()
    assert admin.execute(KEPT_KEYS, [user.id]).fetchall() == []
    assert create(api, "Another").status_code == 201
    assert titles(api) == ["Another"]


@for_each("name, fate", product(["create", *CHANGES], [CUT_BEFORE, CUT_AFTER]))
def test_a_write_whose_fate_is_unknown_is_settled_by_its_key(
    api: httpx.Client, proxy: Proxy, name: str, fate: str
) -> None:
    proxy.reset()
    task = make(api)
    if name == "reopen":
        change(api, "complete", task)
    before, count = read(api, task)["version"], len(titles(api))
    headers = new_key() | {"If-Match": f'"{before}"'}
    write = partial(create, api, **new_key()) if name == "create" else partial(change, api, name, task, headers)
    proxy.at_sync(fate)
    first = write()
    assert first.status_code == {"create": 201, "delete": 204}.get(name, 200)
    assert len(titles(api)) - count == {"create": 1, "delete": -1}.get(name, 0)
    if name not in ("create", "delete"):
        assert first.json()["version"] == before + 1
        assert read(api, task) == first.json()
    again = write()
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_the_key_is_stored_in_the_transaction_of_the_effect(
    api: httpx.Client, admin: psycopg.Connection[DictRow], user: User
) -> None:
    task = create(api).json()
    both = admin.execute(
        """select count(*) from task join idempotency_key kept using (user_id)
           where task.id = %s and kept.user_id = %s
             and task.created_at = kept.created_at""",
        [task["id"], user.id],
    ).fetchone()
    assert both == {"count": 1}


def test_a_key_is_kept_24_hours(api: httpx.Client, admin: psycopg.Connection[DictRow], user: User) -> None:
    sql = "update idempotency_key set created_at = now() - %s::interval where user_id = %s"
    first = create(api)
    admin.execute(sql, ["23 hours 59 minutes", user.id])
    assert_replayed(create(api), first)
    assert create(api, "Another").status_code == 422
    admin.execute(sql, ["24 hours 1 second", user.id])
    anew = create(api, "Another")
    assert (anew.status_code, anew.json()["title"]) == (201, "Another")
    assert_replayed(create(api, "Another"), anew)
    assert len(titles(api)) == 2


def test_an_answer_that_the_release_before_lists_has_kept_is_replayed(
    api: httpx.Client, admin: psycopg.Connection[DictRow], user: User
) -> None:
    first = api.post(TASKS, json=WHOLE, headers=KEY)
    since = ["labels", "list_id", "parent_id", "position"]
    admin.execute("update idempotency_key set answer = answer - %s::text[] where user_id = %s", [since, user.id])
    again = api.post(TASKS, json=WHOLE, headers=KEY)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json() == first.json() | {"labels": [], "list_id": None, "parent_id": None, "position": ""}
