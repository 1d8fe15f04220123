import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.support.collect_failures import for_each
from tests.support.lists import BOUND, FULL, LISTS, conflict, names, new_list, path_of, read
from tests.support.lock_races import racing
from tests.support.replays import assert_replayed
from tests.support.stack import Stack, User
from tests.support.tasks import TIME, Json, errors

DEFAULTS: Json = {"description": "", "color": None, "archived_at": None}
MEMBERS = {*FULL, "id", "position", "created_at", "updated_at", "version"}
FILL = """
    insert into list (user_id, id, name)
    select %s, gen_random_uuid(), 'List ' || n from generate_series(1, %s) n"""


@pytest.mark.parametrize("members", [{}, FULL])
def test_a_list_is_created_and_answered_whole(either_api: httpx.Client, members: Json) -> None:
    answer = either_api.post(LISTS, json={"name": "Groceries"} | members)
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == path_of(made)
    assert answer.headers["ETag"] == '"1"'
    assert set(made) == MEMBERS
    assert made == made | DEFAULTS | {"name": "Groceries"} | members | {"version": 1}
    assert made["created_at"] == made["updated_at"]
    assert TIME.fullmatch(made["created_at"])
    found = either_api.get(answer.headers["Location"])
    assert (found.json(), found.headers["ETag"]) == (made, '"1"')


def test_a_new_list_comes_last(api: httpx.Client) -> None:
    for number in range(5):
        new_list(api, name=f"List {number}")
    assert names(api) == [f"List {number}" for number in range(5)]


def test_a_name_is_trimmed_and_kept(api: httpx.Client) -> None:
    assert new_list(api, name="\u3000 To  do\t\n")["name"] == "To  do"
    assert new_list(api, name=" " * 300 + "\N{GRINNING FACE}" * 200 + " ")["name"] == "\N{GRINNING FACE}" * 200
    assert new_list(api, description="\N{GRINNING FACE}" * 10_000)["description"] == "\N{GRINNING FACE}" * 10_000
    assert new_list(api)["name"] == new_list(api)["name"]  # a name may be there twice


MOMENTS: list[object] = [
    *("", "now", "2026-03-01", "2026-03-01T09:00:00", "2026-03-01T09:00:00+00:00", "2026-03-01T09:00:00z"),
    *("2026-03-01 09:00:00Z", "2026-03-01t09:00:00Z", "2026-03-01T09:00Z", "2026-02-30T09:00:00Z"),
    *("2026-03-01T24:00:00Z", "2026-03-01T09:00:60Z", "2026-03-01T09:00:00.Z", "2026-03-01T09:00:00.1234567Z"),
    *("1969-12-31T23:59:59Z", "2201-01-01T00:00:00Z", "2026-03-01T09:00:00Z\n", "\u0662026-03-01T09:00:00Z"),
    *(True, 1_772_355_600, {}),
]
WRONG: list[tuple[Json, list[str]]] = [
    ({"name": ""}, ["/name"]),
    ({"name": " \t"}, ["/name"]),
    ({"name": "x" * 201}, ["/name"]),
    ({"name": None}, ["/name"]),
    ({"name": 5}, ["/name"]),
    ({"name": "a\0b"}, ["/name"]),
    ({"description": "x" * 10_001}, ["/description"]),
    ({"description": None}, ["/description"]),
    *(
        ({"color": color}, ["/color"])
        for color in ("", "red", "#fff", "#1E90FF", "#1e90ff\n", " #1e90ff", "#1e90fg", 0)
    ),
    *(({"archived_at": moment}, ["/archived_at"]) for moment in MOMENTS),
    ({"position": "V", "version": 1, "open_tasks": 0, "id": "x"}, ["/id", "/open_tasks", "/position", "/version"]),
    ({"name": "", "color": "red", "archived_at": "x", "user_id": "x"}, ["/archived_at", "/color", "/name", "/user_id"]),
]


@for_each("members, named", WRONG)
def test_what_is_not_valid_is_named(api: httpx.Client, members: Json, named: list[str]) -> None:
    assert errors(api.post(LISTS, json={"name": "Groceries"} | members)) == named
    assert names(api) == []


def test_a_lone_surrogate_is_refused_however_escaped(api: httpx.Client) -> None:
    answer = api.post(LISTS, content=b'{"name": "a\\ud800"}', headers={"Content-Type": "application/json"})
    assert errors(answer) == ["/name"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00Z"),
        ("2026-03-01T23:59:59.5Z", "2026-03-01T23:59:59.500000Z"),
        ("1970-01-01T00:00:00.000001Z", "1970-01-01T00:00:00.000001Z"),
        ("2200-12-31T23:59:59.999999Z", "2200-12-31T23:59:59.999999Z"),
    ],
)
def test_archived_at_is_any_time_in_utc(api: httpx.Client, sent: str, kept: str) -> None:
    assert new_list(api, archived_at=sent)["archived_at"] == kept


def test_a_key_makes_one_list_of_many_requests(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k"}
    first = api.post(LISTS, json=FULL, headers=headers)
    assert first.status_code == 201
    assert_replayed(api.post(LISTS, json=FULL, headers=headers), first)
    assert names(api) == ["Groceries"]


def test_nothing_matches_a_tag_yet(api: httpx.Client) -> None:
    assert api.post(LISTS, json=FULL, headers={"If-Match": "*"}).status_code == 412
    assert api.post(LISTS, json=FULL, headers={"If-None-Match": "*"}).status_code == 201


def test_the_list_after_the_last_is_a_conflict_that_a_key_keeps(
    api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]
) -> None:
    admin.execute(FILL, [user.id, BOUND - 1])
    last = new_list(api, name="Last")
    refused = api.post(LISTS, json={"name": "Over"}, headers={"Idempotency-Key": "k"})
    assert conflict(refused) == ""
    assert api.delete(path_of(last)).status_code == 204
    assert_replayed(api.post(LISTS, json={"name": "Over"}, headers={"Idempotency-Key": "k"}), refused)
    assert read(api, new_list(api, name="Again"))["name"] == "Again"
    assert conflict(api.post(LISTS, json={"name": "Over"})) == ""
    assert len(names(api, limit=200)) == BOUND


@pytest.mark.parametrize("commit", [True, False])
def test_of_two_who_create_the_last_list_at_once_one_does(
    commit: bool, http_api: httpx.Client, user: User, stack: Stack, admin: psycopg.Connection[DictRow]
) -> None:
    admin.execute(FILL, [user.id, BOUND - 1])
    with racing(stack) as race:
        race.other.execute("select set_config('app.user_id', %s, true)", [user.id])
        race.other.execute(FILL, [user.id, 1])
        answer = race.start(lambda: http_api.post(LISTS, json={"name": "Last"}))
        race.end(commit=commit)
        assert answer.result().status_code == (409 if commit else 201)
    assert len(names(http_api, limit=200)) == BOUND


def test_what_others_have_does_not_count(api: httpx.Client, stranger: User, admin: psycopg.Connection[DictRow]) -> None:
    admin.execute(FILL, [stranger.id, BOUND])
    assert names(api) == []
    new_list(api)
