"""RESTler's checkers of rules that any API must keep (Atlidakis and others, ICST 2020), over every operation.

What was deleted is gone; what another made is out of reach, also to who sends the very same requests; an id is an id
and nothing around it; what was refused has left nothing.
"""

import json
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.isolation.matrix import PARAMETER, ROWS, Row
from tests.rules.test_every_operation import table_of, target, twin
from tests.support.stack import User
from tests.support.tasks import TASKS, ids, make, page, path_of
from tests.support.trash import TRASH

TARGETED = [row for row in ROWS if "_id}" in row.asked.path]
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


def send(api: httpx.Client, row: Row, segment: object, **changes: Any) -> httpx.Response:
    """Send a row's request for what `segment` of the path, or of the body, names."""
    path = PARAMETER.sub(lambda _: str(segment), row.asked.path)
    headers = row.asked.headers | changes.pop("headers", {})
    query = row.asked.query | changes.pop("params", {})
    body = {"json": json.loads(json.dumps(row.asked.body).replace("{task_id}", str(segment)))} | changes
    return api.request(row.asked.method, path, headers=headers, params=query or None, **body)


def everything(admin: psycopg.Connection[DictRow], user: User) -> list[DictRow]:
    """All that a user has, and who touched it last."""
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


def place_of(row: Row, name: object) -> str:
    """The path of something that a row is about."""
    return f"/v1/{table_of(row.operation)}s/{name}"


@pytest.mark.parametrize("row", [row for row in TARGETED if table_of(row.operation) != "task"], ids=str)
def test_a_list_or_label_that_was_deleted_is_like_one_that_never_was(row: Row, api: httpx.Client) -> None:
    gone = target(api, row.operation)
    assert api.delete(place_of(row, gone)).status_code == 204
    answers = [send(api, row, name) for name in (gone, uuid4())]
    assert answers[0].status_code == 404
    assert twin(answers[0]) == twin(answers[1])


@pytest.mark.parametrize("row", [row for row in TARGETED if table_of(row.operation) == "task"], ids=str)
def test_what_was_deleted_is_like_what_never_was(row: Row, api: httpx.Client) -> None:
    gone = make(api, title="Gone", priority="high")
    assert api.post(f"{path_of(gone)}/complete").status_code == 200
    assert api.delete(path_of(gone)).status_code == 204
    if row.deleted:
        assert api.delete(f"{TRASH}/{gone['id']}").status_code == 204
    never = str(uuid4())
    answers = [send(api, row, name) for name in (gone["id"], never)]
    assert answers[0].status_code == row.absent
    if row.absent != 201:
        assert twin(answers[0]) == twin(answers[1])
        assert page(api)["items"] == page(api, "q=gone")["items"] == []
        return
    again, new = (answer.json() for answer in answers)
    assert ids(page(api)["items"]) == [never, gone["id"]]
    differing = {name for name in again if again[name] != new[name]}
    assert differing == {"id", "created_at", "updated_at", "position"}
    assert (again["version"], again["completed_at"], again["priority"]) == (1, None, "none")


@pytest.mark.parametrize("row", [row for row in TARGETED if row.writes], ids=str)
def test_a_kept_answer_outlives_its_object_and_opens_nothing(row: Row, api: httpx.Client) -> None:
    named, key = target(api, row.operation), {"Idempotency-Key": str(uuid4())}
    first = send(api, row, named, headers=key)
    assert first.status_code == row.status
    api.delete(place_of(row, named))
    again = send(api, row, named, headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.status_code == first.status_code
    assert api.get(f"{TASKS}/{named}").status_code == 404


@pytest.fixture
def session(api: httpx.Client) -> list[httpx.Request]:
    """What a user sent in a session through every operation, each to an end that was good."""
    sent: list[httpx.Request] = []
    api.event_hooks["request"].append(sent.append)
    for row in ROWS:
        make(api, title="canary of a session", description="canary")
        tag = {"If-Match": '"1"'} if row.writes and "_id}" in row.asked.path else {}
        key = {"Idempotency-Key": str(uuid4())} if row.writes else {}
        segment = row.fixed.get("asset", target(api, row.operation))
        answer = send(api, row, segment, headers=tag | key)
        assert answer.status_code == (200 if row.status == 428 else row.status)
        walked = api.get(TASKS, params={"q": "canary", "limit": 1})
        api.get(walked.headers["Link"].partition(">")[0].removeprefix("<") if "Link" in walked.headers else TASKS)
    api.event_hooks["request"].clear()
    return sent


def test_who_repeats_a_session_with_another_token_gets_nothing_of_it(
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
        told = answer.text + str(answer.headers)
        assert not [name for name in names if name in told and name not in str(request.url)]
        repeated += 1
    assert repeated > 3 * len(ROWS)
    assert everything(admin, user) == before
    mine = {str(row["content"].get("id")) for row in everything(admin, stranger)}
    assert mine & names <= {str(request.url.path).rpartition("/")[2] for request in session if request.method == "PUT"}


@pytest.mark.parametrize("row", TARGETED, ids=str)
def test_an_id_is_an_id_and_nothing_around_it(
    row: Row,
    either_api: httpx.Client,
    stranger_api: httpx.Client,
    user: User,
    stranger: User,
    admin: psycopg.Connection[DictRow],
) -> None:
    own, foreign = (str(target(api, row.operation)) for api in (either_api, stranger_api))
    before = [everything(admin, someone) for someone in (user, stranger)]
    for around, segment in AROUND.items():
        names = (own, foreign, str(uuid4()))
        answers = [send(either_api, row, segment.format(id=name, own=own)) for name in names]
        assert {answer.status_code for answer in answers} <= {404, 405}, around
        assert twin(answers[0]) == twin(answers[1]) == twin(answers[2]), around
    assert [everything(admin, someone) for someone in (user, stranger)] == before


@pytest.mark.parametrize("row", TARGETED, ids=str)
def test_a_query_beside_an_id_is_refused_whosever_it_is(
    row: Row, either_api: httpx.Client, stranger_api: httpx.Client
) -> None:
    names = (target(either_api, row.operation), target(stranger_api, row.operation), uuid4())
    answers = [send(either_api, row, name, params={"x": "1"}) for name in names]
    assert {answer.status_code for answer in answers} == {404 if row.operation.is_default else 422}
    assert twin(answers[0]) == twin(answers[1]) == twin(answers[2])


REFUSED: dict[str, dict[str, Any]] = {
    "a member too many": {"json": {"title": "x", "user_id": "x"}},
    "a value out of bounds": {"json": {"title": ""}},
    "no JSON": {"json": None, "content": b"{", "headers": {"Content-Type": "application/json"}},
    "no tag": {"headers": {"If-Match": "?"}},
    "no key": {"headers": {"Idempotency-Key": ""}},
    "no such parameter": {"params": {"x": "1"}},
    "no token": {"headers": {"Authorization": "Bearer x"}},
}


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.parametrize("row", WRITES, ids=str)
def test_what_is_refused_leaves_nothing(
    row: Row, why: str, api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]
) -> None:
    task = make(api)
    before = everything(admin, user)
    for segment in (task["id"], uuid4()):
        answer = send(api, row, segment, **{"headers": {}, **REFUSED[why]})
        assert answer.status_code in {400, 401, 422}
    assert everything(admin, user) == before
