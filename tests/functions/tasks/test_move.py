"""POST /v1/tasks/{task_id}/move and placement; many moves in sequence are in tests/properties/test_order.py."""

from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.support.collect_failures import for_each
from tests.support.postgres_proxy import CUT_AFTER, CUT_BEFORE, Proxy
from tests.support.stack import User
from tests.support.tasks import NOBODYS, TASKS, Json, errors, make, path_of, read, without_instance

DEEPEST = 5
MAKE_LIST = "insert into list (user_id, id, name) values (%s, %s, 'Groceries')"


@pytest.fixture
def lists(admin: psycopg.Connection[DictRow], user: User) -> list[str]:
    """Two lists of the user's."""
    made = [str(uuid4()), str(uuid4())]
    for list_id in made:
        admin.execute(MAKE_LIST, [user.id, list_id])
    return made


def move(api: httpx.Client, task: Json, headers: dict[str, str] | None = None, **where: Any) -> httpx.Response:
    return api.post(f"{path_of(task)}/move", json=where, headers=headers)


def moved(api: httpx.Client, task: Json, **where: Any) -> Json:
    """The task after a move that is allowed."""
    answer = move(api, task, **where)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    assert answer.headers["ETag"] == f'"{found["version"]}"'
    assert found == read(api, task)
    return found


def refusal(answer: httpx.Response) -> tuple[str, str]:
    """The member that a 409 names, and why."""
    assert answer.status_code == 409, answer.text
    problem = without_instance(answer)
    assert problem["type"] == "urn:problem:conflict"
    (error,) = problem["errors"]
    return error["pointer"], error["detail"]


def chain(api: httpx.Client, length: int, **members: Any) -> list[Json]:
    """Tasks, each the parent of the next."""
    made: list[Json] = []
    for _ in range(length):
        made.append(make(api, **members, parent_id=made[-1]["id"] if made else None))
    return made


def order(api: httpx.Client) -> list[str]:
    """The titles in order of position."""
    items = api.get(f"{TASKS}?limit=200").json()["items"]
    return [item["title"] for item in sorted(items, key=lambda item: item["position"].encode())]


def test_a_new_task_comes_last_and_a_moved_one_where_it_is_put(either_api: httpx.Client) -> None:
    a, b, c = (make(either_api, title=title) for title in "abc")
    assert order(either_api) == ["a", "b", "c"]
    assert moved(either_api, c, before=a["id"])["version"] == 2
    assert order(either_api) == ["c", "a", "b"]
    moved(either_api, c, after=a["id"])
    assert order(either_api) == ["a", "c", "b"]
    moved(either_api, a)
    assert order(either_api) == ["c", "b", "a"]
    make(either_api, title="d")
    assert order(either_api) == ["c", "b", "a", "d"]
    assert read(either_api, b) == b


def test_a_move_to_where_the_task_stands_changes_nothing(api: httpx.Client) -> None:
    a, b, c = (make(api) for _ in range(3))
    for task, where in ((a, {"before": b["id"]}), (b, {"after": a["id"]}), (b, {"before": c["id"]}), (c, {})):
        assert moved(api, task, **where) == task


def test_a_task_moves_between_lists_and_parents(api: httpx.Client, lists: list[str]) -> None:
    here, there = lists
    task = make(api, list_id=here)
    parent = make(api, list_id=there)
    assert task["list_id"] == here
    assert moved(api, task, list_id=None)["list_id"] is None
    below = moved(api, task, parent_id=parent["id"])
    assert (below["list_id"], below["parent_id"]) == (there, parent["id"])
    assert moved(api, task, list_id=there)["parent_id"] == parent["id"]
    top = moved(api, task, parent_id=None)
    assert (top["list_id"], top["parent_id"]) == (there, None)
    moved(api, task, parent_id=parent["id"], list_id=there)
    alone = moved(api, task, list_id=here)
    assert (alone["list_id"], alone["parent_id"]) == (here, None)


def test_a_created_or_changed_task_hangs_where_it_says(api: httpx.Client, lists: list[str]) -> None:
    here, there = lists
    parent = make(api, list_id=here)
    child = make(api, parent_id=parent["id"])
    assert (child["list_id"], child["parent_id"]) == (here, parent["id"])
    patched = api.patch(path_of(child), json={"list_id": there}).json()
    assert (patched["list_id"], patched["parent_id"], patched["version"]) == (there, None, 2)
    patched = api.patch(path_of(child), json={"parent_id": parent["id"]}).json()
    assert (patched["list_id"], patched["parent_id"]) == (here, parent["id"])
    assert api.patch(path_of(child), json={"parent_id": None}).json()["list_id"] == here
    put = api.put(path_of(child), json={"title": "x", "parent_id": parent["id"]}, headers={"If-Match": "*"}).json()
    assert (put["list_id"], put["parent_id"]) == (here, parent["id"])
    put = api.put(path_of(child), json={"title": "x"}, headers={"If-Match": "*"}).json()
    assert (put["list_id"], put["parent_id"]) == (None, None)
    put = api.put(f"{TASKS}/{uuid4()}", json={"title": "x", "list_id": there}).json()
    assert put["list_id"] == there


def test_a_subtree_follows_its_task(api: httpx.Client, lists: list[str]) -> None:
    family = chain(api, 4, list_id=lists[0])
    stranger = make(api, list_id=lists[0])
    moved(api, family[1], list_id=lists[1])
    after = [read(api, task) for task in family]
    assert [task["list_id"] for task in after] == [lists[0], *[lists[1]] * 3]
    assert [task["parent_id"] for task in after] == [None, None, family[1]["id"], family[2]["id"]]
    assert [task["version"] for task in after] == [1, 2, 2, 2]
    assert [task["position"] for task in after[2:]] == [task["position"] for task in family[2:]]
    assert read(api, stranger) == stranger


WAYS: dict[str, Any] = {
    "move": lambda api, task, where: move(api, task, **where),
    "patch": lambda api, task, where: api.patch(path_of(task), json=where),
    "put": lambda api, task, where: api.put(path_of(task), json={"title": "x"} | where, headers={"If-Match": "*"}),
    "create": lambda api, _, where: api.post(TASKS, json={"title": "x"} | where),
    "put anew": lambda api, _, where: api.put(f"{TASKS}/{uuid4()}", json={"title": "x"} | where),
}
CHANGING = ("move", "patch", "put")


@for_each("way", WAYS)
def test_what_does_not_exist_is_named(api: httpx.Client, way: str, lists: list[str]) -> None:
    task, other = make(api), make(api, list_id=lists[0])
    send = WAYS[way]
    assert refusal(send(api, task, {"list_id": NOBODYS})) == ("/list_id", "there is no such list")
    assert refusal(send(api, task, {"parent_id": NOBODYS})) == ("/parent_id", "there is no such task")
    elsewhere = {"list_id": lists[1], "parent_id": other["id"]}
    assert refusal(send(api, task, elsewhere)) == ("/parent_id", "is in another list")
    for where in ({"list_id": "x"}, {"list_id": NOBODYS.upper()}, {"list_id": 1}):
        assert errors(send(api, task, where)) == ["/list_id"]
    assert read(api, task) == task


@pytest.mark.parametrize("way", CHANGING)
def test_a_circle_is_refused(api: httpx.Client, way: str) -> None:
    family = chain(api, 3)
    for descendant in family:
        answer = WAYS[way](api, family[0], {"parent_id": descendant["id"]})
        assert refusal(answer) == ("/parent_id", "is a subtask of this task")
    assert [read(api, task) for task in family] == family


@for_each("way", WAYS)
def test_subtasks_hang_five_deep_at_most(api: httpx.Client, way: str) -> None:
    family = chain(api, DEEPEST + 1)
    task = make(api)
    send = WAYS[way]
    assert refusal(send(api, task, {"parent_id": family[-1]["id"]}))[0] == "/parent_id"
    assert send(api, task, {"parent_id": family[-2]["id"]}).status_code in {200, 201}
    if way in CHANGING:
        tall = chain(api, 3)
        assert refusal(send(api, tall[0], {"parent_id": family[3]["id"]}))[0] == "/parent_id"
        assert send(api, tall[0], {"parent_id": family[2]["id"]}).status_code == 200


def test_a_neighbour_must_be_a_sibling_at_the_destination(api: httpx.Client, lists: list[str]) -> None:
    task, parent = make(api), make(api)
    child, listed = make(api, parent_id=parent["id"]), make(api, list_id=lists[0])
    for name in ("before", "after"):
        for stranger in (task["id"], child["id"], listed["id"], NOBODYS):
            assert refusal(WAYS["move"](api, task, {name: stranger})) == (f"/{name}", "is no sibling there")
        assert refusal(WAYS["move"](api, task, {"parent_id": parent["id"], name: parent["id"]}))[0] == f"/{name}"
        assert errors(WAYS["move"](api, task, {name: None})) == [f"/{name}"]
    assert read(api, task) == task
    assert moved(api, task, parent_id=parent["id"], before=child["id"])["position"] < child["position"]
    assert moved(api, task, list_id=lists[0], after=listed["id"])["position"] > listed["position"]


def test_two_neighbours_are_refused(api: httpx.Client) -> None:
    a, b, c = (make(api) for _ in range(3))
    assert errors(move(api, c, before=b["id"], after=a["id"])) == [""]
    assert errors(move(api, c, title="x", position="V")) == ["/position", "/title"]


def test_conditions_come_before_what_the_data_forbids(api: httpx.Client) -> None:
    task = make(api)
    stale = move(api, task, {"If-Match": '"7"'}, parent_id=NOBODYS)
    assert (stale.status_code, stale.json()["current"]) == (412, task)
    assert move(api, {"id": NOBODYS}, parent_id=NOBODYS).status_code == 404
    unconditional = api.put(path_of(task), json={"title": "x", "parent_id": NOBODYS})
    assert unconditional.status_code == 428


def test_a_refusal_is_kept_under_its_key(api: httpx.Client) -> None:
    """As any answer that the data decided: the repeat does not look again."""
    task, key = make(api), {"Idempotency-Key": str(uuid4())}
    first = move(api, task, key, parent_id=NOBODYS)
    assert api.put(f"{TASKS}/{NOBODYS}", json={"title": "there now"}).status_code == 201
    again = move(api, task, key, parent_id=NOBODYS)
    assert refusal(again) == refusal(first) == ("/parent_id", "there is no such task")
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert move(api, task, parent_id=NOBODYS).status_code == 200


def test_lists_count_their_open_tasks(api: httpx.Client, lists: list[str], admin: psycopg.Connection[DictRow]) -> None:
    def counted() -> list[int]:
        rows = admin.execute("select id::text, open_tasks from list where id = any (%s::uuid[])", [lists])
        found = {row["id"]: row["open_tasks"] for row in rows}
        return [found[list_id] for list_id in lists]

    family = chain(api, 3, list_id=lists[0])
    assert counted() == [3, 0]
    assert api.post(f"{path_of(family[2])}/complete").status_code == 200
    assert counted() == [2, 0]
    moved(api, family[1], list_id=lists[1])
    assert counted() == [1, 1]
    assert api.post(f"{path_of(family[2])}/reopen").status_code == 200
    assert counted() == [1, 2]
    assert api.delete(path_of(family[1])).status_code == 204
    assert counted() == [1, 0]


@pytest.mark.parametrize("fate", [CUT_BEFORE, CUT_AFTER])
@pytest.mark.parametrize("at", [0, 1], ids=["of the refusal", "of its keeping"])
def test_a_refusal_whose_connection_ends_is_had_all_the_same(
    api: httpx.Client, proxy: Proxy, at: int, fate: str
) -> None:
    task, key = make(api), {"Idempotency-Key": str(uuid4())}
    proxy.at_sync(*[None] * at, fate)
    first = move(api, task, key, parent_id=NOBODYS)
    assert refusal(first) == refusal(move(api, task, key, parent_id=NOBODYS)) == ("/parent_id", "there is no such task")
