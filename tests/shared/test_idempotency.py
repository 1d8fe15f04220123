"""`Idempotency-Key`: how it is spelled, what is replayed, and what another request with it gets."""

from uuid import uuid4

import httpx
import pytest

from shared.idempotency import key_of
from shared.problems import BadRequest
from tests.support.collect_failures import for_each
from tests.support.replays import KEY, assert_replayed, create, new_key
from tests.support.tasks import CHANGES, NOBODYS, TASKS, WHOLE, change, make, path_of, read, titles

SPELLINGS = [
    *(("abc", '"abc"'), ("a b", '"a b"'), ('a"b', '"a\\"b"'), ("a\\b", '"a\\\\b"'), ("~", '"~"')),
    *(("x" * 255, f'"{"x" * 255}"'), ("\\" * 255, f'"{"\\\\" * 255}"')),
    ("8e03978e-40d5-43dd-bc93-6894a57f9324", '"8e03978e-40d5-43dd-bc93-6894a57f9324"'),
]


@for_each("bare, quoted", SPELLINGS)
def test_bare_and_quoted_spell_the_same_key(either_api: httpx.Client, bare: str, quoted: str) -> None:
    first, again = (either_api.post(TASKS, json=WHOLE, headers={"Idempotency-Key": key}) for key in (bare, quoted))
    assert first.status_code == 201
    assert_replayed(again, first)


def test_every_printable_ascii_character_may_stand_in_a_key() -> None:
    for code in range(256):
        bare, quoted = f"x{chr(code)}x", f'"x{chr(code)}x"'
        if 0x20 <= code <= 0x7E:
            assert key_of([bare]) == bare
            assert key_of([f'"x\\{chr(code)}x"' if chr(code) in '"\\' else quoted]) == bare
        else:
            for text in (bare, quoted):
                with pytest.raises(BadRequest):
                    key_of([text])


@for_each(
    "key", ["", " ", '""', "x" * 256, f'"{"x" * 256}"', '"', '"a', '"a"b', '"a\\b"', '"a"; p=1', '"a", "b"', "a\tb"]
)
def test_a_malformed_key_is_400_and_nothing_happens(api: httpx.Client, key: str) -> None:
    answer = api.post(TASKS, json=WHOLE, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert titles(api) == []


@for_each("name", CHANGES)
def test_a_malformed_key_is_400_on_every_write(api: httpx.Client, name: str) -> None:
    task = make(api)
    assert change(api, name, task, {"Idempotency-Key": '"'}).status_code == 400
    assert read(api, task) == task


def test_keys_differ_by_case_and_inner_space(api: httpx.Client) -> None:
    for key in ("key", "Key", "k ey", "k  ey"):
        assert api.post(TASKS, json=WHOLE, headers={"Idempotency-Key": key}).status_code == 201
    assert len(titles(api)) == 4


def test_a_create_is_replayed_and_happens_once(either_api: httpx.Client) -> None:
    first, *others = (create(either_api) for _ in range(3))
    assert first.status_code == 201
    for again in others:
        assert_replayed(again, first)
    assert len(titles(either_api)) == 1


@for_each("name", CHANGES)
def test_every_write_is_replayed_and_happens_once(either_api: httpx.Client, name: str) -> None:
    task = make(either_api, **WHOLE)
    if name == "reopen":
        task = change(either_api, "complete", task).json()
    headers = new_key() | {"If-Match": f'"{task["version"]}"'}
    first, again = (change(either_api, name, task, headers) for _ in range(2))
    assert first.status_code == (204 if name == "delete" else 200)
    assert_replayed(again, first)
    if name != "delete":
        assert first.json()["version"] == task["version"] + 1
        assert read(either_api, task) == first.json()


def test_a_put_that_created_is_replayed_with_its_location(either_api: httpx.Client) -> None:
    task_id = str(uuid4())
    first, again = (change(either_api, "replace", task_id, KEY) for _ in range(2))
    assert (first.status_code, first.headers["Location"]) == (201, path_of(task_id))
    assert_replayed(again, first)


@for_each("undo", CHANGES)
def test_the_first_answer_is_replayed_whatever_became_of_the_task(api: httpx.Client, undo: str) -> None:
    key = new_key()
    first = create(api, **key)
    task = first.json()
    change(api, undo, task, {"If-Match": "*"})
    assert_replayed(create(api, **key), first)
    assert api.get(path_of(task)).status_code == (404 if undo == "delete" else 200)


def test_a_replayed_patch_does_not_undo_what_came_after(api: httpx.Client) -> None:
    task = make(api)
    first = change(api, "update", task, KEY)
    newer = api.patch(path_of(task), json={"description": "Newer"}).json()
    assert_replayed(change(api, "update", task, KEY), first)
    assert read(api, task) == newer


def test_a_replayed_delete_does_not_delete_what_was_made_anew(api: httpx.Client) -> None:
    task = make(api)
    first = change(api, "delete", task, KEY)
    anew = api.put(path_of(task), json=WHOLE).json()
    assert_replayed(change(api, "delete", task, KEY), first)
    assert read(api, task) == anew


def test_text_of_every_kind_is_replayed_to_the_byte(either_api: httpx.Client) -> None:
    body = {"title": '"\\\N{GRINNING FACE}e\u0301\u2028', "description": "\x01\x7f\\u0000 </>&\r\n\t" * 50}
    first, again = (either_api.post(TASKS, json=body, headers=KEY) for _ in range(2))
    assert first.status_code == 201
    assert_replayed(again, first)


@for_each("due", [{"date": "1970-01-01"}, {"datetime": "2200-12-31T00:00:00"}, WHOLE["due"], None])
def test_each_kind_of_due_is_replayed(api: httpx.Client, due: dict[str, str] | None) -> None:
    key = new_key()
    first, again = (api.post(TASKS, json={"title": "x", "due": due}, headers=key) for _ in range(2))
    assert first.json()["due"] == due
    assert_replayed(again, first)


def test_a_replay_is_the_same_to_the_lambda_and_the_server(api: httpx.Client, http_api: httpx.Client) -> None:
    first = create(api)
    assert_replayed(create(http_api, **{"User-Agent": "another", "Accept": "*/*"}), first)


def test_a_read_heeds_no_key(api: httpx.Client) -> None:
    task = make(api)
    for path in (TASKS, path_of(task)):
        for key in ("k", '"'):
            answer = api.get(path, headers={"Idempotency-Key": key})
            assert answer.status_code == 200
            assert "Idempotency-Replayed" not in answer.headers


def test_another_request_with_the_key_is_422_and_nothing_happens(either_api: httpx.Client) -> None:
    task = make(either_api)
    path, body = path_of(task), {"title": "Keyed"}
    first = either_api.patch(path, json=body, headers=KEY | {"If-Match": '"1"', "If-None-Match": '"9"'})
    assert first.status_code == 200
    text = '{"title":"Keyed"}'
    conditions = {"If-Match": '"1"', "If-None-Match": '"9"'}
    others = {
        "method": ("PUT", path, text, conditions),
        "path": ("PATCH", path_of(NOBODYS), text, conditions),
        "another operation": ("POST", TASKS, text, conditions),
        "no body": ("POST", f"{path}/complete", "", conditions),
        "body": ("PATCH", path, '{"title":"keyed"}', conditions),
        "body bytes": ("PATCH", path, '{"title": "Keyed"}', conditions),
        "body's escapes": ("PATCH", path, '{"title":"\\u004beyed"}', conditions),
        "If-Match": ("PATCH", path, text, conditions | {"If-Match": '"2"'}),
        "If-Match, spelled otherwise": ("PATCH", path, text, conditions | {"If-Match": '"1",'}),
        "no If-Match": ("PATCH", path, text, {"If-None-Match": '"9"'}),
        "If-None-Match": ("PATCH", path, text, conditions | {"If-None-Match": '"8"'}),
        "no If-None-Match": ("PATCH", path, text, {"If-Match": '"1"'}),
        "the two exchanged": ("PATCH", path, text, {"If-Match": '"9"', "If-None-Match": '"1"'}),
    }
    before = read(either_api, task)
    for what, (method, where, content, headers) in others.items():
        answer = either_api.request(
            method, where, content=content, headers=KEY | headers | {"Content-Type": "application/json"}
        )
        assert answer.status_code == 422, what
        assert answer.json()["type"] == "urn:problem:idempotency-key-reused"
        assert [error["parameter"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
        assert "Idempotency-Replayed" not in answer.headers
    assert read(either_api, task) == before
    assert len(titles(either_api)) == 1
    again = either_api.patch(path, content=text, headers=KEY | conditions | {"Content-Type": "application/json"})
    assert_replayed(again, first)


def test_another_query_is_another_request(api: httpx.Client) -> None:
    """No write knows a parameter, so what a query could differ by is refused before the key is looked at."""
    first = create(api)
    answer = api.post(f"{TASKS}?x=1", json=WHOLE, headers=KEY)
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "x")
    assert_replayed(create(api), first)


def test_two_users_may_use_one_key(api: httpx.Client, stranger_api: httpx.Client) -> None:
    mine, theirs = create(api, "Mine"), create(stranger_api, "Theirs")
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert_replayed(create(api, "Mine"), mine)
    assert_replayed(create(stranger_api, "Theirs"), theirs)
    assert (titles(api), titles(stranger_api)) == (["Mine"], ["Theirs"])
