"""POST /v1/batch: round trips, keys, and what becomes of a batch whose connection breaks."""

from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from psycopg import Connection
from psycopg.rows import DictRow

from tests.support.batches import complete, delete, new_id, patch, post, put, results, send, statuses
from tests.support.lock_races import Race, racing
from tests.support.postgres_proxy import CUT_AFTER, CUT_BEFORE, Proxy
from tests.support.replays import assert_replayed
from tests.support.stack import Stack, User
from tests.support.tasks import TASKS, Json, make, path_of, read, titles

AGE = "update idempotency_key set created_at = now() - interval '24 hours 1 second' where user_id = %s"


@pytest.fixture
def race(stack: Stack) -> Iterator[Race]:
    with racing(stack) as race:
        yield race


def mixed(task: str) -> list[Json]:
    """Operations that succeed once, each of another kind."""
    first, second = new_id(), new_id()
    return [put(first), post(parent_id=first), put(second), patch(task, '"1"', title="Buy bread"), delete(second)]


MIXED = [201, 201, 201, 200, 204]


@pytest.mark.parametrize("key", ["", "a key"])
def test_an_atomic_batch_is_one_round_trip_and_its_replay_two(api: httpx.Client, proxy: Proxy, key: str) -> None:
    batch = mixed(make(api)["id"])
    proxy.reset()
    first = send(api, *batch, key=key)
    assert statuses(first) == MIXED
    assert len(proxy.trips) == 1
    assert proxy.flushes == 0
    if key:
        assert_replayed(send(api, *batch, key=key), first)
        assert len(proxy.trips) == 3


def test_an_atomic_batch_that_fails_is_one_round_trip_and_two_where_that_is_kept(
    api: httpx.Client, proxy: Proxy
) -> None:
    batch = [*mixed(make(api)["id"]), delete(new_id())]
    for key, trips in (("", 1), ("a key", 2)):
        proxy.reset()
        assert send(api, *batch, key=key).status_code == 404
        assert len(proxy.trips) == trips


def test_one_by_one_each_is_a_round_trip(api: httpx.Client, proxy: Proxy) -> None:
    for key, trips in (("", 5), ("a key", 6)):
        batch = mixed(make(api)["id"])
        proxy.reset()
        first = send(api, *batch, key=key, atomic=False)
        assert statuses(first) == MIXED
        assert len(proxy.trips) == trips
    assert_replayed(send(api, *batch, key="a key", atomic=False), first)
    assert len(proxy.trips) == 8


@pytest.mark.parametrize("atomic", [True, False])
def test_a_replay_shows_what_was_though_all_is_changed_since(api: httpx.Client, atomic: bool) -> None:
    task = make(api)["id"]
    batch = [patch(task, title="Buy bread"), put(made := new_id())]
    first = send(api, *batch, key="k", atomic=atomic)
    send(api, patch(task, title="Changed"), delete(made))
    assert_replayed(send(api, *batch, key="k", atomic=atomic), first)
    assert titles(api) == ["Changed"]


@pytest.mark.parametrize("atomic", [True, False])
def test_failures_are_kept_too(api: httpx.Client, atomic: bool) -> None:
    missing, task = new_id(), make(api)["id"]
    failing = [complete(missing), post(parent_id=missing), patch(task, '"3"', title="x"), put(task)]
    batches = [failing] if not atomic else [[post(), one] for one in failing]
    firsts = [send(api, *batch, key=f"k{number}", atomic=atomic) for number, batch in enumerate(batches)]
    if atomic:
        assert [first.status_code for first in firsts] == [404, 409, 412, 428]
    else:
        assert statuses(firsts[0]) == [404, 409, 412, 428]
    assert statuses(send(api, put(missing), patch(task, title="y"))) == [201, 200]
    for number, (batch, first) in enumerate(zip(batches, firsts, strict=True)):
        again = send(api, *batch, key=f"k{number}", atomic=atomic)
        if atomic:
            assert_replayed(again, first)
        else:
            assert again.headers["Idempotency-Replayed"] == "true"
            assert again.text.replace(again.headers["X-Request-Id"], first.headers["X-Request-Id"]) == first.text
    assert sorted(titles(api)) == ["Buy milk", "y"]


@pytest.mark.parametrize("atomic", [True, False])
def test_a_key_belongs_to_one_request(api: httpx.Client, atomic: bool) -> None:
    assert statuses(send(api, put(new_id()), key="k", atomic=atomic)) == [201]
    assert send(api, put(new_id()), key="k", atomic=atomic).status_code == 422
    assert send(api, put(new_id()), key="k", atomic=not atomic).status_code == 422
    single = {"Idempotency-Key": "k"}
    assert api.post(TASKS, json={"title": "Buy milk"}, headers=single).status_code == 422
    assert api.post(TASKS, json={"title": "x"}, headers={"Idempotency-Key": "l"}).status_code == 201
    assert send(api, post(), key="l", atomic=atomic).status_code == 422
    assert len(titles(api)) == 2


@pytest.mark.parametrize("atomic", [True, False])
def test_keys_are_each_users_own(api: httpx.Client, stranger_api: httpx.Client, atomic: bool) -> None:
    batch = [put(new_id()), post()]
    answers = [send(who, *batch, key="k", atomic=atomic) for who in (api, stranger_api)]
    assert [statuses(answer) for answer in answers] == [[201, 201]] * 2
    assert all("Idempotency-Replayed" not in answer.headers for answer in answers)


@pytest.mark.parametrize("atomic", [True, False])
def test_a_key_is_kept_a_day_and_free_then(
    api: httpx.Client, admin: Connection[DictRow], user: User, atomic: bool
) -> None:
    batch = [put(task := new_id()), complete(task)]
    assert statuses(send(api, *batch, key="k", atomic=atomic)) == [201, 200]
    assert api.delete(path_of(task)).status_code == 204
    admin.execute(AGE, [user.id])
    again = send(api, *batch, key="k", atomic=atomic)
    assert statuses(again) == [201, 200]
    assert "Idempotency-Replayed" not in again.headers
    assert_replayed(send(api, *batch, key="k", atomic=atomic), again)


@pytest.mark.parametrize("fate", [CUT_BEFORE, CUT_AFTER])
def test_a_keyed_atomic_batch_happens_once_wherever_the_connection_breaks(
    api: httpx.Client, proxy: Proxy, fate: str
) -> None:
    task = make(api)["id"]
    batch = mixed(task)
    proxy.at_sync(fate)
    first = send(api, *batch, key="k")
    assert statuses(first) == MIXED
    again = send(api, *batch, key="k")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == first.content
    assert len(titles(api)) == 3
    assert read(api, task)["version"] == 2


@pytest.mark.parametrize("fate", [CUT_BEFORE, CUT_AFTER])
def test_a_failure_is_kept_wherever_the_connection_breaks(api: httpx.Client, proxy: Proxy, fate: str) -> None:
    batch = [post(), complete(missing := new_id())]
    proxy.at_sync(None, fate)
    first = send(api, *batch, key="k")
    assert (first.status_code, first.json()["index"]) == (404, 1)
    assert statuses(send(api, put(missing))) == [201]
    again = send(api, *batch, key="k")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (404, "true")
    assert len(titles(api)) == 1


@pytest.mark.parametrize(("fate", "made"), [(CUT_BEFORE, 0), (CUT_AFTER, 3)])
def test_an_atomic_batch_without_a_key_whose_fate_is_unknown_is_503(
    api: httpx.Client, proxy: Proxy, fate: str, made: int
) -> None:
    proxy.at_sync(fate)
    answer = send(api, post(), post(), post())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert len(titles(api)) == made


@pytest.mark.parametrize("fate", [CUT_BEFORE, CUT_AFTER])
@pytest.mark.parametrize("at", range(6))
def test_one_by_one_with_a_key_each_happens_once_wherever_the_connection_breaks(
    api: httpx.Client, proxy: Proxy, at: int, fate: str
) -> None:
    task = make(api)["id"]
    batch = mixed(task)
    proxy.at_sync(*[None] * at, fate)
    assert statuses(send(api, *batch, key="k", atomic=False)) == MIXED
    assert statuses(again := send(api, *batch, key="k", atomic=False)) == MIXED
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(titles(api)) == 3
    assert read(api, task)["version"] == 2


@pytest.mark.parametrize("done", [1, 3])
def test_a_repeat_does_the_rest_of_what_was_not_done(api: httpx.Client, proxy: Proxy, done: int) -> None:
    """Twice in a row the connection breaks under one operation: its fate stays unknown, and it is a 503."""
    batch = mixed(make(api)["id"])
    proxy.at_sync(*[None] * (1 + done), CUT_BEFORE, CUT_AFTER)
    first = send(api, *batch, key="k", atomic=False)
    assert statuses(first) == [*MIXED[:done], 503, *MIXED[done + 1 :]]
    assert results(first)[done]["headers"]["Retry-After"]
    again = send(api, *batch, key="k", atomic=False)
    assert statuses(again) == MIXED
    assert again.headers["Idempotency-Replayed"] == "true"  # the second attempt did arrive
    assert len(titles(api)) == 3
    kept = [result for number, result in enumerate(results(again)) if number != done]
    assert kept == [result for number, result in enumerate(results(first)) if number != done]


def test_what_there_is_no_time_for_is_503_and_done_by_a_repeat(
    api: httpx.Client, race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.http.BUDGET", 1)
    task = make(api)["id"]
    batch = [put(new_id()), patch(task, title="Buy bread"), put(new_id()), post()]
    race.other.execute("select from task where id = %s for update", [task])
    first = send(api, *batch, key="k", atomic=False)
    assert statuses(first) == [201, 503, 503, 503]
    told = [result["body"]["detail"] for result in results(first)[1:]]
    assert ["nothing of it has happened" in detail for detail in told] == [False, True, True]
    race.end(commit=False)
    monkeypatch.setattr("shared.http.BUDGET", 7.5)
    again = send(api, *batch, key="k", atomic=False)
    assert statuses(again) == [201, 200, 201, 201]
    assert "Idempotency-Replayed" not in again.headers
    assert results(again)[0] == results(first)[0]
    assert_replayed(send(api, *batch, key="k", atomic=False), again)
    assert len(titles(api)) == 4


@pytest.mark.parametrize("atomic", [True, False])
def test_one_batch_sent_many_times_at_once_happens_once(http_api: httpx.Client, race: Race, atomic: bool) -> None:
    batch = [post() for _ in range(10)]
    answers = race.at_once(*[partial(send, http_api, *batch, key="k", atomic=atomic)] * 5)
    decided = [answer for answer in answers if answer.status_code == 200]
    assert decided
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in decided}) == 1
    assert len(titles(http_api)) == 10


def test_batches_that_touch_the_same_rows_in_other_orders_all_happen(http_api: httpx.Client, race: Race) -> None:
    tasks = [make(http_api)["id"] for _ in range(20)]
    up, down = (
        [patch(task, description=text) for task in order] for text, order in (("up", tasks), ("down", tasks[::-1]))
    )
    answers = race.at_once(*[partial(send, http_api, *batch) for batch in (up, down)] * 4)
    assert [statuses(answer) for answer in answers] == [[200] * 20] * 8
    assert len({read(http_api, task)["description"] for task in tasks}) == 1


@pytest.mark.parametrize("key", ["", "k"])
def test_a_put_that_waits_for_whoever_creates_its_id_is_decided_with_the_whole(
    http_api: httpx.Client, user: User, race: Race, key: str
) -> None:
    """The create that it waited for is not in its snapshot: it has to look again, and the whole batch with it."""
    task = new_id()
    race.other.execute("insert into task (user_id, id, title) values (%s, %s, 'Held')", [user.id, task])
    waiting = race.start(partial(send, http_api, post(), put(task), post(), key=key))
    race.end(commit=True)
    answer = waiting.result()
    assert (answer.status_code, answer.json()["index"]) == (428, 1)
    assert titles(http_api) == ["Held"]


def test_what_waits_is_decided_on_the_truth_afterwards(http_api: httpx.Client, race: Race) -> None:
    task = make(http_api)["id"]
    race.other.execute("update task set title = 'Held' where id = %s", [task])
    waiting = race.start(partial(send, http_api, post(), patch(task, '"1"', title="Buy bread")))
    race.end(commit=True)
    answer = waiting.result()
    assert (answer.status_code, answer.json()["index"]) == (412, 1)
    assert answer.json()["current"] == read(http_api, task)
    assert titles(http_api) == ["Held"]
