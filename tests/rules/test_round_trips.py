"""One round trip for each operation, counted at a proxy between the handlers and the database."""

from itertools import product
from typing import Any
from uuid import uuid4

import httpx
import pytest
from psycopg import Connection
from psycopg.rows import DictRow

from tests.faults.writes import CREATE, DELETE_FOR_GOOD, EMPTY, WRITES, prepare
from tests.support.collect_failures import collect_failures
from tests.support.postgres_proxy import Proxy
from tests.support.stack import User

ALL = [*WRITES, DELETE_FOR_GOOD, EMPTY]
LISTS: list[dict[str, Any]] = [
    {},
    {"limit": 1},
    {"completed": "true"},
    {"completed": "false", "sort": "title"},
    {"priority": ["high", "urgent"], "sort": "-priority"},
    {"due_from": "2026-01-01", "due_before": "2027-01-01", "sort": "due"},
    {"sort": "-due"},
    {"q": "buy mil"},
    {"q": "milk", "completed": "false", "priority": "none", "due_from": "2026-01-01", "sort": "-updated_at"},
]
CONDITIONS = ("If-Match", "If-None-Match")
NO_DATABASE = ["/health", "/openapi.json", "/docs", "/nowhere", "/v1/tasks/"]


@pytest.fixture
def warm(api: httpx.Client, proxy: Proxy) -> Proxy:
    """The proxy, with the connection open and nothing counted yet."""
    assert api.get("/v1/tasks").status_code == 200
    proxy.reset()
    return proxy


def one_trip(proxy: Proxy) -> None:
    """One Sync, and nothing before it that a client waits for."""
    trips = list(proxy.trips)
    assert len(trips) == 1, trips
    assert trips[0].endswith("S")
    assert proxy.connects == 0
    assert proxy.flushes == 0  # a Flush behind the Sync would take a backend of the pool and keep it
    proxy.reset()


def key(*, keyed: bool) -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())} if keyed else {}


def test_a_write_is_one_round_trip_with_a_key_or_without_and_its_replay_two(api: httpx.Client, warm: Proxy) -> None:
    with collect_failures() as check:
        for write, keyed in product(ALL, (False, True)):
            with check(write, "keyed" if keyed else "unkeyed"):
                send, headers = prepare(api, write), key(keyed=keyed)
                warm.reset()
                assert send(headers).status_code == write.status
                one_trip(warm)
                if keyed:
                    replay = send(headers)
                    assert replay.headers["Idempotency-Replayed"] == "true"
                    assert replay.status_code == write.status
                    assert len(warm.trips) == 2


def test_a_precondition_costs_no_round_trip_whether_it_holds_or_not(api: httpx.Client, warm: Proxy) -> None:
    with collect_failures() as check:
        for write, name, keyed, tag in product(ALL, CONDITIONS, (False, True), ("*", '"77"', '"1", "2"')):
            with check(write, name, tag, "keyed" if keyed else "unkeyed"):
                send = prepare(api, write)
                warm.reset()
                assert send({name: tag} | key(keyed=keyed)).status_code in {write.status, 200, 412, 428}
                if write is CREATE and name == "If-Match" and not keyed:
                    assert not warm.trips  # nothing that is yet to be made matches: known without asking
                else:
                    one_trip(warm)


def test_a_write_that_finds_nothing_is_one_round_trip(api: httpx.Client, warm: Proxy) -> None:
    with collect_failures() as check:
        for write, keyed in product([write for write in ALL if "{id}" in write.path], (False, True)):
            with check(write, "keyed" if keyed else "unkeyed"):
                headers = key(keyed=keyed) | ({"If-Match": '"1"'} if write.matching else {})
                warm.reset()
                answer = api.request(write.method, write.path.format(id=uuid4()), json=write.body, headers=headers)
                assert answer.status_code == (412 if write.matching else 404)
                one_trip(warm)


def test_a_read_is_one_round_trip(api: httpx.Client, warm: Proxy) -> None:
    created = api.post("/v1/tasks", json={"title": "Buy milk"})
    path = f"/v1/tasks/{created.json()['id']}"
    for target, headers, status in [
        (path, {}, 200),
        (path, {"If-None-Match": created.headers["ETag"]}, 304),
        (f"/v1/tasks/{uuid4()}", {}, 404),
        ("/health/ready", {}, 200),
    ]:
        warm.reset()
        assert api.get(target, headers=headers).status_code == status
        one_trip(warm)


def test_a_list_is_one_round_trip_whatever_is_asked_for(api: httpx.Client, warm: Proxy) -> None:
    for number in range(3):
        api.post("/v1/tasks", json={"title": f"Buy milk {number}", "due": {"date": "2026-03-01"}})
    with collect_failures() as check:
        for params in LISTS:
            with check(params):
                warm.reset()
                answer = api.get("/v1/tasks", params={"limit": 1, **params})
                assert answer.status_code == 200
                one_trip(warm)
                if cursor := answer.json()["next_cursor"]:
                    assert api.get("/v1/tasks", params={"limit": 2, **params, "cursor": cursor}).status_code == 200
                    one_trip(warm)


def test_a_page_of_the_trash_is_one_round_trip(api: httpx.Client, warm: Proxy) -> None:
    for _ in range(2):
        prepare(api, EMPTY)
    warm.reset()
    cursor = api.get("/v1/trash", params={"limit": 1}).json()["next_cursor"]
    one_trip(warm)
    assert api.get("/v1/trash", params={"cursor": cursor}).json()["next_cursor"] is None
    one_trip(warm)


def test_what_needs_no_database_asks_none(api: httpx.Client, warm: Proxy) -> None:
    with collect_failures() as check:
        for path in NO_DATABASE:
            with check(path):
                warm.reset()
                assert api.get(path).status_code in {200, 404}
                assert not warm.trips


def test_a_refused_request_never_reaches_the_database(api: httpx.Client, warm: Proxy) -> None:
    refused = [
        api.post("/v1/tasks", json={"title": "x"}, headers={"Authorization": "Bearer no.such.token"}),
        api.get("/v1/tasks", headers={"Authorization": ""}),
        api.post("/v1/tasks", json={"title": ""}),
        api.post("/v1/tasks", content=b"{", headers={"Content-Type": "application/json"}),
        api.post("/v1/tasks", json={"title": "x"}, headers={"Idempotency-Key": ""}),
        api.get("/v1/tasks", params={"cursor": "x"}),
    ]
    assert [answer.status_code for answer in refused] == [401, 401, 422, 400, 400, 400]
    assert not warm.trips


def test_all_handlers_of_a_process_share_one_connection(
    api: httpx.Client, user: User, admin: Connection[DictRow], warm: Proxy
) -> None:
    for write in WRITES:
        assert prepare(api, write)().status_code == write.status
    assert api.get("/health/ready").status_code == 200
    assert warm.connects == 0
    owned = admin.execute("select count(*) from task where user_id = %s", [user.id]).fetchone()
    assert owned == {"count": len(WRITES) + 2}  # three more were made, one deleted, by way of that connection
