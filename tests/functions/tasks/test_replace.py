from uuid import UUID, uuid1, uuid3, uuid4, uuid5

import httpx
import pytest

from tests.support.collect_failures import for_each
from tests.support.replays import assert_replayed
from tests.support.tasks import (
    NOBODYS,
    TASKS,
    TIME,
    WHOLE,
    Json,
    change,
    errors,
    make,
    moment,
    path_of,
    read,
    titles,
    without_instance,
)

IDS = {
    "version 1": str(uuid1()),
    "version 3": str(uuid3(UUID(NOBODYS), "x")),
    "version 4": str(uuid4()),
    "version 5": str(uuid5(UUID(NOBODYS), "x")),
    "version 7": NOBODYS,
    "version 8": "0199d3c8-7b1a-8c3e-9f0e-2b5d1c4a6e70",
    "another variant": "0199d3c8-7b1a-4c3e-ff0e-2b5d1c4a6e70",
    "all zeros": str(UUID(int=0)),
    "all ones": str(UUID(int=2**128 - 1)),
}


def put(api: httpx.Client, task: Json | str, body: Json, **headers: str) -> httpx.Response:
    return api.put(path_of(task), json=body, headers=headers)


@for_each("version", IDS)
def test_a_caller_may_choose_an_id_of_any_version(either_api: httpx.Client, version: str) -> None:
    answer = put(either_api, IDS[version], WHOLE)
    task = answer.json()
    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == f"{TASKS}/{IDS[version]}"
    assert task | WHOLE | {"id": IDS[version], "version": 1, "completed_at": None} == task
    assert TIME.fullmatch(task["created_at"])
    assert read(either_api, IDS[version]) == task


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}, {"If-None-Match": "*"}, {"Idempotency-Key": "k-{id}"}])
def test_an_id_that_is_not_canonical_is_malformed(api: httpx.Client, headers: dict[str, str]) -> None:
    for text in (NOBODYS.upper(), NOBODYS.replace("-", ""), f"{{{NOBODYS}}}", f"urn:uuid:{NOBODYS}", "1", NOBODYS[:-1]):
        sent = {name: value.format(id=text) for name, value in headers.items()}
        assert put(api, text, WHOLE, **sent).status_code == 404
    assert titles(api) == []


def test_an_id_that_another_user_has_is_free(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = make(stranger_api, title="Theirs")
    free, taken = (put(api, task_id, WHOLE) for task_id in (NOBODYS, theirs["id"]))
    assert (free.status_code, taken.status_code) == (201, 201)
    assert read(stranger_api, theirs) == theirs
    assert set(free.json()) == set(taken.json())
    assert put(api, theirs, {"title": "Mine"}, **{"If-Match": '"1"'}).json()["version"] == 2
    assert change(api, "delete", theirs).status_code == 204
    assert read(stranger_api, theirs) == theirs


@pytest.mark.parametrize("tag", ["*", '"1"', '"1", "2"'])
def test_another_users_task_matches_no_tag(api: httpx.Client, stranger_api: httpx.Client, tag: str) -> None:
    theirs = make(stranger_api)
    random, foreign = (put(api, task, WHOLE, **{"If-Match": tag}) for task in (NOBODYS, theirs))
    assert random.status_code == foreign.status_code == 412
    assert without_instance(random) == without_instance(foreign)


def test_an_existing_task_needs_a_precondition(either_api: httpx.Client) -> None:
    task = make(either_api)
    answer = put(either_api, task, {"title": "New"})
    assert answer.status_code == 428
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "current" not in without_instance(answer)
    assert read(either_api, task) == task


def test_the_whole_is_replaced_and_what_is_absent_takes_its_default(either_api: httpx.Client) -> None:
    task = make(either_api, **WHOLE)
    completed = change(either_api, "complete", task).json()
    answer = put(either_api, task, {"title": " New "}, **{"If-Match": '"2"'})
    written = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"3"')
    assert "Location" not in answer.headers
    assert moment(written["updated_at"]) > moment(completed["updated_at"])
    assert written == completed | {
        "title": "New",
        "description": "",
        "priority": "none",
        "due": None,
        "version": 3,
        "updated_at": written["updated_at"],
    }
    assert read(either_api, task) == written


def test_the_same_content_keeps_version_and_updated_at(either_api: httpx.Client) -> None:
    task = make(either_api, **WHOLE)
    answer = put(either_api, task, WHOLE, **{"If-Match": '"1"'})
    assert (answer.status_code, answer.json(), answer.headers["ETag"]) == (200, task, '"1"')
    assert read(either_api, task) == task


def test_create_only(either_api: httpx.Client) -> None:
    task_id = str(uuid4())
    first, second = (put(either_api, task_id, {"title": title}, **{"If-None-Match": "*"}) for title in ("A", "B"))
    assert (first.status_code, second.status_code) == (201, 412)
    assert second.json()["current"] == first.json() == read(either_api, task_id)
    assert second.headers["ETag"] == '"1"'


def test_replace_only(either_api: httpx.Client) -> None:
    task_id = str(uuid4())
    absent = put(either_api, task_id, WHOLE, **{"If-Match": "*"})
    assert absent.status_code == 412
    assert "current" not in without_instance(absent)
    assert "ETag" not in absent.headers
    assert either_api.get(path_of(task_id)).status_code == 404
    put(either_api, task_id, WHOLE)
    assert put(either_api, task_id, {"title": "New"}, **{"If-Match": "*"}).status_code == 200


def test_create_or_replace_unless_the_tag_is_known(api: httpx.Client) -> None:
    """`If-None-Match` with a tag: what exists in another version is replaced, what does not exist is created."""
    task_id = str(uuid4())
    answers = [put(api, task_id, {"title": title}, **{"If-None-Match": '"2"'}) for title in ("A", "B", "C")]
    assert [answer.status_code for answer in answers] == [201, 200, 412]
    assert answers[2].json()["current"] == answers[1].json()


def test_a_stale_tag_is_412_with_the_task_as_it_truly_is(either_api: httpx.Client) -> None:
    task = make(either_api)
    change(either_api, "update", task)
    answer = put(either_api, task, {"title": "Mine"}, **{"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
    assert answer.json()["current"] == read(either_api, task)


def test_a_deleted_task_may_be_made_anew(api: httpx.Client) -> None:
    task = make(api, **WHOLE)
    change(api, "complete", task)
    change(api, "delete", task)
    anew = put(api, task, {"title": "Again"})
    assert anew.status_code == 201
    assert (anew.json()["version"], anew.json()["completed_at"]) == (1, None)
    assert moment(anew.json()["created_at"]) > moment(task["created_at"])


def test_the_body_is_the_one_of_create(api: httpx.Client) -> None:
    assert errors(put(api, NOBODYS, {"title": "", "due": 1, "version": 1, "id": NOBODYS})) == [
        "/due",
        "/id",
        "/title",
        "/version",
    ]
    assert errors(put(api, NOBODYS, {})) == ["/title"]
    assert titles(api) == []


def test_a_malformed_id_is_a_404_that_a_key_keeps(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": "a key"}
    first, again = (api.put(f"{TASKS}/no-id", json={"title": "Buy milk"}, headers=headers) for _ in range(2))
    assert first.status_code == 404
    assert_replayed(again, first)
