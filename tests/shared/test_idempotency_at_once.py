"""Several callers with one `Idempotency-Key` at once."""

from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.support.lock_races import Race, racing
from tests.support.replays import KEPT_KEYS, KEY, assert_replayed, create
from tests.support.stack import Stack, User
from tests.support.tasks import change, make, path_of, read, titles, without_instance


@pytest.fixture
def race(stack: Stack) -> Iterator[Race]:
    with racing(stack) as race:
        yield race


@pytest.mark.parametrize("name", ["create", "replace"])
def test_ten_callers_with_one_key_make_one_effect(http_api: httpx.Client, race: Race, name: str) -> None:
    task_id = str(uuid4())
    call = partial(create, http_api) if name == "create" else partial(change, http_api, "replace", task_id, KEY)
    answers = race.at_once(*[call] * 10)
    done = [answer for answer in answers if answer.status_code != 409]
    first = [answer for answer in done if "Idempotency-Replayed" not in answer.headers]
    assert len(first) == 1
    assert first[0].status_code == 201
    for answer in done:
        if answer is not first[0]:
            assert_replayed(answer, first[0])
    assert all(
        answer.json()["type"] == "urn:problem:idempotency-key-in-use" for answer in answers if answer not in done
    )
    assert len(titles(http_api)) == 1


def test_ten_callers_with_one_key_patch_once(http_api: httpx.Client, race: Race) -> None:
    task = make(http_api)
    answers = race.at_once(*[partial(change, http_api, "update", task, KEY)] * 10)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {answer.content for answer in answers if answer.status_code == 200} == {http_api.get(path_of(task)).content}
    assert read(http_api, task)["version"] == 2


def test_a_second_caller_waits_for_the_first_and_gets_its_answer(http_api: httpx.Client, race: Race) -> None:
    task = make(http_api)
    race.other.execute("select from task where id = %s for update", [task["id"]])
    first = race.start(lambda: change(http_api, "update", task, KEY))
    again = race.start(lambda: change(http_api, "update", task, KEY), behind=race.waiting())
    race.end(commit=True)
    assert first.result().status_code == 200
    assert_replayed(again.result(), first.result())
    assert read(http_api, task)["version"] == 2


def test_another_request_waits_as_well_before_it_is_refused(http_api: httpx.Client, race: Race) -> None:
    task = make(http_api)
    race.other.execute("select from task where id = %s for update", [task["id"]])
    first = race.start(lambda: change(http_api, "update", task, KEY))
    other = race.start(lambda: change(http_api, "complete", task, KEY), behind=race.waiting())
    race.end(commit=True)
    assert (first.result().status_code, other.result().status_code) == (200, 422)
    assert read(http_api, task) == first.result().json()


def test_a_second_caller_that_waited_in_vain_is_409(http_api: httpx.Client, race: Race) -> None:
    task = make(http_api)
    race.other.execute("select from task where id = %s for update", [task["id"]])
    first = race.start(lambda: change(http_api, "update", task, KEY))
    answer = change(http_api, "update", task, KEY)
    assert answer.status_code == 409
    assert without_instance(answer)["type"] == "urn:problem:idempotency-key-in-use"
    assert not first.done()
    race.end(commit=True)
    assert first.result().status_code == 200
    assert_replayed(change(http_api, "update", task, KEY), first.result())


def test_a_first_attempt_that_died_keeps_nothing(
    http_api: httpx.Client, race: Race, admin: psycopg.Connection[DictRow], user: User
) -> None:
    """The backend of the first is killed while it waits: the server tries once more, which waits, and is killed."""
    task = make(http_api)
    race.other.execute("select from task where id = %s for update", [task["id"]])
    first = race.start(lambda: change(http_api, "update", task, KEY))
    dead = race.waiting()
    admin.execute("select pg_terminate_backend(%s)", [dead])
    while race.waiting() in (dead, None):
        assert not first.done()
    admin.execute("select pg_terminate_backend(%s)", [race.waiting()])
    assert first.result().status_code == 503
    race.end(commit=False)
    assert admin.execute(KEPT_KEYS, [user.id]).fetchall() == []
    assert read(http_api, task) == task
    anew = change(http_api, "complete", task, KEY)
    assert anew.status_code == 200
    assert "Idempotency-Replayed" not in anew.headers


def test_a_key_whose_holder_rolled_back_is_the_next_callers(
    api: httpx.Client, http_api: httpx.Client, race: Race, user: User
) -> None:
    insert = "insert into idempotency_key (user_id, key, fingerprint) values (%s, 'k', sha256('x'))"
    race.other.execute(insert, [user.id])
    waiting = race.start(lambda: create(http_api))
    race.end(commit=False)
    assert waiting.result().status_code == 201
    assert_replayed(create(api), waiting.result())


def test_a_key_without_an_answer_is_taken_over(
    either_api: httpx.Client, admin: psycopg.Connection[DictRow], user: User
) -> None:
    admin.execute("insert into idempotency_key (user_id, key, fingerprint) values (%s, 'k', sha256('x'))", [user.id])
    first = create(either_api)
    assert first.status_code == 201
    assert_replayed(create(either_api), first)
