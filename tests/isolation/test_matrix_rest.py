"""RESTler's checkers of rules that any API must keep (Atlidakis and others, ICST 2020), over every operation.

A deleted object is gone. An object of another user is out of reach, also to a user who sends the same requests. An id
with something around it is no id. A refused request leaves nothing. Each test reports all rows that failed.
"""

import json
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.conftest import BASE_URL
from tests.isolation.matrix import PARAMETER, ROWS, Row
from tests.support.api_gateway import Gateway
from tests.support.calls import comparable, make_target, table_of
from tests.support.collect_failures import collect_failures
from tests.support.stack import Stack, User
from tests.support.tasks import TASKS, ids, make, page, path_of
from tests.support.trash import TRASH

WITH_ID = [row for row in ROWS if "_id}" in row.request.path]
ABOUT_TASKS = [row for row in WITH_ID if table_of(row.operation) == "task"]
WRITES = [row for row in ROWS if row.writes]
AROUND = {
    "an id below it": "{id}/{id}",
    "an id below an action": "{id}/complete/{id}",
    "a question mark": "{id}%3F",
    "a question mark below it": "{id}/%3F",
    "a query in it": "{id}%3Fx=1",
    "an empty query below it": "{id}/?",
    "an action in it": "{id}%2Fcomplete",
    "braces": "{{}}",
    "the template": "{{task_id}}",
    "two of them": "{id},{own}",
    "a step back to it": "{own}%2F..%2F{id}",
    "a parameter of the path": "{id};x=1",
    "an extension": "{id}.json",
    "a fragment in it": "{id}%23",
    "a star": "*",
    "a wildcard": "{id}%25",
    "a slash behind it": "{id}/",
    "a slash before it": "/{id}",
}
SAMPLE = 3
"""A reading and a writing operation get all of `AROUND`; each other one a third of it, in turn another."""


REFUSED: dict[str, dict[str, Any]] = {
    "a member too many": {"json": {"title": "x", "user_id": "x"}},
    "a value out of bounds": {"json": {"title": ""}},
    "no JSON": {"json": None, "content": b"{", "headers": {"Content-Type": "application/json"}},
    "no tag": {"headers": {"If-Match": "?"}},
    "no key": {"headers": {"Idempotency-Key": ""}},
    "no such parameter": {"params": {"x": "1"}},
    "no token": {"headers": {"Authorization": "Bearer x"}},
}


def send(api: httpx.Client, row: Row, segment: object, **changes: Any) -> httpx.Response:
    """Send a row's request with `segment` for the parameter of its path, or in its body."""
    path = PARAMETER.sub(lambda _: str(segment), row.request.path)
    headers = row.request.headers | changes.pop("headers", {})
    query = row.request.query | changes.pop("params", {})
    body = {"json": json.loads(json.dumps(row.request.body).replace("{task_id}", str(segment)))} | changes
    return api.request(row.request.method, path, headers=headers, params=query or None, **body)


def everything(admin: psycopg.Connection[DictRow], user: User) -> list[DictRow]:
    """All rows of a user, with the transactions that wrote and locked them."""
    return admin.execute(
        """
        select xmin::text, xmax::text, to_jsonb(t) as content from task t where user_id = %(user)s
        union all select xmin::text, xmax::text, to_jsonb(d) from trash d where user_id = %(user)s
        union all select xmin::text, xmax::text, to_jsonb(l) from list l where user_id = %(user)s
        union all select xmin::text, xmax::text, to_jsonb(l) from label l where user_id = %(user)s
        union all select xmin::text, xmax::text, to_jsonb(k) from idempotency_key k where user_id = %(user)s
        order by 3""",
        {"user": user.id},
    ).fetchall()


def object_path(row: Row, object_id: object) -> str:
    """The path of an object that a row is about."""
    return f"/v1/{table_of(row.operation)}s/{object_id}"


def test_a_deleted_list_or_label_is_like_one_that_never_existed(api: httpx.Client) -> None:
    with collect_failures() as check:
        for row in WITH_ID:
            if row in ABOUT_TASKS:
                continue
            with check(row):
                deleted = make_target(api, row.operation)
                assert api.delete(object_path(row, deleted)).status_code == 204
                answers = [send(api, row, target) for target in (deleted, uuid4())]
                assert answers[0].status_code == 404
                assert comparable(answers[0]) == comparable(answers[1])


def test_a_deleted_task_is_like_one_that_never_existed(stack: Stack) -> None:
    with collect_failures() as check:
        for row in ABOUT_TASKS:
            user = stack.user()
            with check(row), httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers) as api:
                compare_deleted_with_unknown(api, row)


def compare_deleted_with_unknown(api: httpx.Client, row: Row) -> None:
    """Send a row's request for a deleted task and for a random id, as a user who has nothing else."""
    deleted = make(api, title="Gone", priority="high")
    assert api.post(f"{path_of(deleted)}/complete").status_code == 200
    assert api.delete(path_of(deleted)).status_code == 204
    if row.deleted:
        assert api.delete(f"{TRASH}/{deleted['id']}").status_code == 204
    unknown = str(uuid4())
    answers = [send(api, row, target) for target in (deleted["id"], unknown)]
    assert answers[0].status_code == row.absent
    if row.absent != 201:
        assert comparable(answers[0]) == comparable(answers[1])
        assert page(api)["items"] == page(api, "q=gone")["items"] == []
        return
    again, new = (answer.json() for answer in answers)
    assert ids(page(api)["items"]) == [unknown, deleted["id"]]
    differing = {name for name in again if again[name] != new[name]}
    assert differing == {"id", "created_at", "updated_at", "position"}
    assert (again["version"], again["completed_at"], again["priority"]) == (1, None, "none")


def test_a_stored_response_outlives_its_object_and_gives_no_access_to_it(api: httpx.Client) -> None:
    with collect_failures() as check:
        for row in WITH_ID:
            if not row.writes:
                continue
            with check(row):
                target, key = make_target(api, row.operation), {"Idempotency-Key": str(uuid4())}
                first = send(api, row, target, headers=key)
                assert first.status_code == row.status
                api.delete(object_path(row, target))
                again = send(api, row, target, headers=key)
                assert again.headers["idempotency-replayed"] == "true"
                assert again.status_code == first.status_code
                assert api.get(f"{TASKS}/{target}").status_code == 404


@pytest.fixture
def session(api: httpx.Client) -> list[httpx.Request]:
    """All requests of a session in which a user sent the request of each row with success."""
    sent: list[httpx.Request] = []
    api.event_hooks["request"].append(sent.append)
    for row in ROWS:
        make(api, title="canary of a session", description="canary")
        tag = {"If-Match": '"1"'} if row.writes and "_id}" in row.request.path else {}
        key = {"Idempotency-Key": str(uuid4())} if row.writes else {}
        segment = row.fixed.get("asset", make_target(api, row.operation))
        answer = send(api, row, segment, headers=tag | key)
        assert answer.status_code == (200 if row.status == 428 else row.status)
        first = api.get(TASKS, params={"q": "canary", "limit": 1})
        api.get(first.headers["Link"].partition(">")[0].removeprefix("<") if "Link" in first.headers else TASKS)
    api.event_hooks["request"].clear()
    return sent


def test_a_session_repeated_with_another_token_gets_nothing_of_its_user(
    session: list[httpx.Request],
    user: User,
    stranger: User,
    stranger_api: httpx.Client,
    admin: psycopg.Connection[DictRow],
) -> None:
    before = everything(admin, user)
    names = {str(row["content"]["id"]) for row in before if "id" in row["content"]}
    repeated = 0
    for request in session:
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"authorization"]
        again = httpx.Request(request.method, request.url, headers=headers, content=request.read())
        again.headers.update(stranger.headers)
        answer = stranger_api.send(again)
        assert "idempotency-replayed" not in answer.headers
        assert answer.status_code in {200, 201, 404, 412} | ({204} if request.url.path == TRASH else set())
        shown = answer.text + str(answer.headers)
        assert not [name for name in names if name in shown and name not in str(request.url)]
        repeated += 1
    assert repeated > 3 * len(ROWS)
    assert everything(admin, user) == before
    own = {str(row["content"].get("id")) for row in everything(admin, stranger)}
    assert own & names <= {str(request.url.path).rpartition("/")[2] for request in session if request.method == "PUT"}


def test_an_id_with_something_around_it_is_no_id(
    either_api: httpx.Client, stranger_api: httpx.Client, user: User, stranger: User, admin: psycopg.Connection[DictRow]
) -> None:
    with collect_failures() as check:
        for number, row in enumerate(WITH_ID):
            own, foreign = (str(make_target(api, row.operation)) for api in (either_api, stranger_api))
            whole = row.operation.name in {"tasks_get", "tasks_update"}
            first, step = (0, 1) if whole else (number % SAMPLE, SAMPLE)
            before = [everything(admin, someone) for someone in (user, stranger)]
            for around, segment in list(AROUND.items())[first::step]:
                with check(row, around):
                    targets = (own, foreign, str(uuid4()))
                    answers = [send(either_api, row, segment.format(id=target, own=own)) for target in targets]
                    assert {answer.status_code for answer in answers} <= {404, 405}
                    assert comparable(answers[0]) == comparable(answers[1]) == comparable(answers[2])
            with check(row, "rows"):
                assert [everything(admin, someone) for someone in (user, stranger)] == before


def test_a_query_beside_an_id_is_refused_whoever_owns_the_object(
    either_api: httpx.Client, stranger_api: httpx.Client
) -> None:
    with collect_failures() as check:
        for row in WITH_ID:
            with check(row):
                targets = (*(make_target(api, row.operation) for api in (either_api, stranger_api)), uuid4())
                answers = [send(either_api, row, target, params={"x": "1"}) for target in targets]
                assert {answer.status_code for answer in answers} == {404 if row.operation.is_default else 422}
                assert comparable(answers[0]) == comparable(answers[1]) == comparable(answers[2])


def test_a_refused_request_leaves_nothing(api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]) -> None:
    with collect_failures() as check:
        for row in WRITES:
            for why, changes in REFUSED.items():
                with check(row, why):
                    task = make(api)
                    before = everything(admin, user)
                    for segment in (task["id"], uuid4()):
                        answer = send(api, row, segment, **{"headers": {}, **changes})
                        assert answer.status_code in {400, 401, 422}
                    assert everything(admin, user) == before
