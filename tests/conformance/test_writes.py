"""What goes with a write: preconditions, idempotency keys, and how what is wrong is told."""

from uuid import uuid4

import httpx

from tests.conformance.caller import Caller
from tests.support.collect_failures import for_each
from tests.support.tasks import CHANGES, NOBODYS, TASKS, change, errors, path_of, read

JSON = {"Content-Type": "application/json"}


@for_each("name", CHANGES)
def test_a_stale_tag_is_412_with_the_task_as_it_is(caller: Caller, name: str) -> None:
    task = caller.make()
    current = caller.api.patch(path_of(task), json={"priority": "low"}).json()
    answer = change(caller.api, name, task, {"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["current"], answer.headers["etag"]) == (412, current, '"2"')
    assert read(caller.api, task) == current


@for_each(
    "headers, status",
    [
        *(({}, 428), ({"If-None-Match": "*"}, 412), ({"If-Match": "*"}, 200)),
        *(({"If-Match": '"9", "1"'}, 200), ({"If-Match": 'W/"1"'}, 412), ({"If-Match": "1"}, 400)),
    ],
)
def test_what_a_put_on_a_task_asks_for(caller: Caller, headers: dict[str, str], status: int) -> None:
    path = path_of(caller.make())
    assert caller.api.put(path, json={"title": caller.called("Put")}, headers=headers).status_code == status


def test_a_put_that_wants_a_task_finds_none(caller: Caller) -> None:
    answer = caller.api.put(path_of(NOBODYS), json={"title": "None"}, headers={"If-Match": "*"})
    assert (answer.status_code, "current" in answer.json()) == (412, False)


def test_a_create_with_a_key_happens_once_and_is_answered_again(caller: Caller) -> None:
    key, body = str(uuid4()), {"title": caller.called("Once")}
    first = caller.api.post(TASKS, json=body, headers={"Idempotency-Key": key})
    again = caller.api.post(TASKS, json=body, headers={"Idempotency-Key": f'"{key}"'})
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, first.json(), "true")
    assert [again.headers[name] for name in ("etag", "location")] == [first.headers[x] for x in ("etag", "location")]
    other = caller.api.post(TASKS, json=body | {"priority": "low"}, headers={"Idempotency-Key": key})
    assert other.status_code == 422
    assert caller.titles("limit=200").count("Once") == 1


@for_each("name", CHANGES)
def test_every_change_takes_a_key(caller: Caller, name: str) -> None:
    headers = {"Idempotency-Key": str(uuid4()), "If-Match": '"1"'}
    task = caller.make()
    first, again = change(caller.api, name, task, headers), change(caller.api, name, task, headers)
    assert first.status_code in (200, 204)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"


@for_each(
    "headers, body, status",
    [
        ({"Content-Type": "text/plain"}, b"{}", 415),
        (JSON, b'{"title": "' + b"x" * 262_144 + b'"}', 413),
        (JSON, b'{"title": "x"', 400),
        (JSON, b'{"title": "x", "title": "y"}', 400),
        (JSON, b'{"title": NaN}', 400),
        (JSON | {"Idempotency-Key": ""}, b'{"title": "x"}', 400),
        (JSON | {"Idempotency-Key": "x" * 256}, b'{"title": "x"}', 400),
    ],
)
def test_what_can_not_be_read_is_refused(api: httpx.Client, headers: dict[str, str], body: bytes, status: int) -> None:
    assert api.post(TASKS, content=body, headers=headers).status_code == status


def test_a_body_without_a_media_type_is_415(api: httpx.Client) -> None:
    assert api.post(TASKS, content=b"{}").status_code == 415


def test_a_body_that_is_not_utf_8_is_400(api: httpx.Client) -> None:
    assert api.post(TASKS, content=b'{"title": "\xff"}', headers=JSON).status_code == 400


def test_what_is_wrong_is_named_all_at_once(api: httpx.Client) -> None:
    wrong = {"title": " ", "priority": 1, "due": {"date": "2026-02-30"}, "version": 1, "owner": "x"}
    assert errors(api.post(TASKS, json=wrong)) == ["/due/date", "/owner", "/priority", "/title", "/version"]
    assert errors(api.get(f"{TASKS}?limit=0&sort=size&who=x")) == ["limit", "sort", "who"]


def test_a_cursor_of_nobodys_is_400(api: httpx.Client) -> None:
    assert [api.get(f"{TASKS}?cursor={cursor}").status_code for cursor in ("x", "A" * 80)] == [400, 400]
