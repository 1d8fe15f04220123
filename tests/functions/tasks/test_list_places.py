"""`list_id`, `parent_id` and `sort=position`: what is in a list, right below a task, and in which order."""

from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.support.stack import User
from tests.support.tasks import NOBODYS, change, make, path_of, titles


@pytest.fixture
def list_id(admin: psycopg.Connection[DictRow], user: User) -> str:
    made = str(uuid4())
    admin.execute("insert into list (user_id, id, name) values (%s, %s, 'Groceries')", [user.id, made])
    return made


def test_a_list_the_inbox_subtasks_and_the_top(either_api: httpx.Client, list_id: str) -> None:
    milk, bread = (make(either_api, title=title, list_id=list_id) for title in ("milk", "bread"))
    oats = make(either_api, title="oats", parent_id=milk["id"])
    make(either_api, title="flakes", parent_id=oats["id"])
    make(either_api, title="call")
    for query, found in {
        f"list_id={list_id}": ["milk", "bread", "oats", "flakes"],
        "list_id=inbox": ["call"],
        "parent_id=none": ["milk", "bread", "call"],
        f"parent_id={milk['id']}": ["oats"],
        f"parent_id={oats['id']}": ["flakes"],
        f"list_id={list_id}&parent_id=none": ["milk", "bread"],
        f"list_id=inbox&parent_id={milk['id']}": [],
        f"list_id={NOBODYS}": [],
        f"parent_id={NOBODYS}": [],
    }.items():
        for sort in ("created_at", "position"):
            assert titles(either_api, f"{query}&sort={sort}") == found, query
            assert titles(either_api, f"{query}&sort=-{sort}") == found[::-1], query
        assert titles(either_api, query) == found[::-1]
        assert sorted(titles(either_api, f"{query}&sort=title&limit=200")) == sorted(found)
    change(either_api, "complete", bread)
    assert titles(either_api, f"list_id={list_id}&completed=true") == ["bread"]
    assert titles(either_api, f"list_id={list_id}&q=b") == ["bread"]
    assert titles(either_api, f"list_id={list_id}&priority=none&due_from=2026-01-01") == []


def test_a_list_is_in_the_order_that_moves_made(either_api: httpx.Client, list_id: str) -> None:
    a, b, c = (make(either_api, title=title, list_id=list_id) for title in "abc")
    make(either_api, title="d")
    where = {"before": a["id"]}
    assert either_api.post(f"{path_of(c)}/move", json=where).status_code == 200
    assert titles(either_api, f"list_id={list_id}&sort=position") == ["c", "a", "b"]
    assert titles(either_api, "sort=position") == ["c", "a", "b", "d"]
    assert either_api.post(f"{path_of(b)}/move", json={"list_id": None}).status_code == 200
    assert titles(either_api, "list_id=inbox&sort=-position") == ["b", "d"]


def test_anothers_list_and_parent_are_as_if_they_were_not(
    stranger_api: httpx.Client, api: httpx.Client, list_id: str
) -> None:
    parent = make(api, list_id=list_id)
    make(api, parent_id=parent["id"])
    for query in (f"list_id={list_id}", f"parent_id={parent['id']}"):
        assert titles(stranger_api, query) == []
