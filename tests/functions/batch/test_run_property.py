"""Any batch is its operations one after the other, or nothing."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection, connect
from psycopg.rows import DictRow, dict_row

from tests.conftest import BASE_URL
from tests.support.api_gateway import Gateway
from tests.support.batches import complete, delete, everything, patch, post, put, results, send
from tests.support.stack import Stack, User
from tests.support.tasks import Json

IDS = [f"0199d3c8-7b1a-7c3e-9f0e-00000000000{number}" for number in range(4)]
CHANGING = {"words", "created_at", "updated_at", "position", "user_id", "instance"}
"""What two users who do the same differ in; beside the ids that the server makes."""

ids = st.sampled_from(IDS)
tags = st.sampled_from(["", "", "*", '"1"', '"2"', '"1", "3"'])
parents = st.sampled_from([{}, {}, {"parent_id": None}, *({"parent_id": one} for one in IDS)])
OPERATIONS = st.one_of(
    st.builds(lambda task, tag, more: put(task, if_match=tag, **more), ids, tags, parents),
    st.builds(lambda task, tag, more: patch(task, tag, title="Buy bread", **more), ids, tags, parents),
    st.builds(lambda more: post(**more), parents),
    st.builds(lambda task, tag: complete(task, **({"if_match": tag} if tag else {})), ids, tags),
    st.builds(lambda task: complete(task) | {"path": f"/v1/tasks/{task}/reopen"}, ids),
    st.builds(lambda task, more: {"method": "POST", "path": f"/v1/tasks/{task}/move", "body": more}, ids, parents),
    st.builds(delete, ids),
)
BATCHES = st.lists(OPERATIONS, min_size=1, max_size=8)


@pytest.fixture(scope="module")
def admin_of_all(stack: Stack) -> Iterator[Connection[DictRow]]:
    with connect(stack.admin_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def client(user: User) -> httpx.Client:
    return httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers)


def alone(api: httpx.Client, operation: Json) -> httpx.Response:
    headers = {"If-Match": operation["if_match"]} if "if_match" in operation else {}
    return api.request(operation["method"], operation["path"], json=operation.get("body"), headers=headers)


def plain(value: Any) -> Any:
    """An answer or a row, but for what two users who do the same differ in."""
    if isinstance(value, list):
        return [plain(part) for part in value]
    if not isinstance(value, dict):
        return value
    made = {name: value[name] in IDS and value[name] for name in ("id",) if name in value}
    made |= {name: value[name] is not None for name in ("completed_at",) if name in value}
    return {name: plain(part) for name, part in value.items() if name not in CHANGING} | made


def told(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, plain(answer.json()) if answer.content else None


def tasks(admin: Connection[DictRow], user: User) -> list[Json]:
    return sorted((plain(row["row"]) for row in everything(admin, user) if "title" in row["row"]), key=repr)


def both(stack: Stack, before: list[Json]) -> tuple[User, User, httpx.Client, httpx.Client]:
    """Two users who have the same."""
    first, second = stack.user(), stack.user()
    apis = client(first), client(second)
    for api in apis:
        for operation in before:
            alone(api, operation)
    return first, second, *apis


@settings(max_examples=40)
@given(before=BATCHES, batch=BATCHES)
def test_an_atomic_batch_is_its_operations_one_after_the_other_or_nothing(
    stack: Stack, admin_of_all: Connection[DictRow], before: list[Json], batch: list[Json]
) -> None:
    admin = admin_of_all
    one, other, by_one, at_once = both(stack, before)
    untouched = everything(admin, other)
    answers = []
    for operation in batch:
        answers.append(alone(by_one, operation))
        if answers[-1].status_code >= 400:
            break
    answer = send(at_once, *batch)
    if answers[-1].status_code < 400:
        assert [(result["status"], plain(result.get("body"))) for result in results(answer)] == list(map(told, answers))
        assert tasks(admin, other) == tasks(admin, one)
    else:
        assert answer.status_code == answers[-1].status_code
        assert answer.json()["index"] == len(answers) - 1
        assert everything(admin, other) == untouched


@settings(max_examples=25)
@given(before=BATCHES, batch=BATCHES, key=st.sampled_from(["", "k"]))
def test_one_by_one_a_batch_is_its_operations_one_after_the_other(
    stack: Stack, admin_of_all: Connection[DictRow], before: list[Json], batch: list[Json], key: str
) -> None:
    admin = admin_of_all
    one, other, by_one, at_once = both(stack, before)
    answers = [alone(by_one, operation) for operation in batch]
    answer = send(at_once, *batch, key=key, atomic=False)
    assert [(result["status"], plain(result.get("body"))) for result in results(answer)] == list(map(told, answers))
    assert tasks(admin, other) == tasks(admin, one)
