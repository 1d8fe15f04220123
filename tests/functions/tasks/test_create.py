import re
import time
from uuid import UUID

import httpx
import pytest

from tests.support.collect_failures import for_each
from tests.support.tasks import DUES, TASKS, TIME, WHOLE, errors, make, path_of, read, titles, without_instance

MEMBERS = {"id", "title", "description", "priority", "due", "labels", "list_id", "parent_id", "position", "version"} | {
    *("completed_at", "created_at", "updated_at"),
}
CHARACTER = "\N{GRINNING FACE}"  # one character, four bytes of UTF-8, two units of UTF-16


def test_a_task_is_created_and_answered_whole(either_api: httpx.Client) -> None:
    answer = either_api.post(TASKS, json=WHOLE)
    task = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Location"] == path_of(task)
    assert answer.headers["ETag"] == '"1"'
    assert set(task) == MEMBERS
    assert task | WHOLE == task
    assert (task["version"], task["completed_at"]) == (1, None)
    assert task["created_at"] == task["updated_at"]
    assert TIME.fullmatch(task["created_at"])


def test_location_leads_to_what_was_answered(either_api: httpx.Client) -> None:
    created = either_api.post(TASKS, json=WHOLE)
    found = either_api.get(created.headers["Location"])
    assert found.json() == created.json()
    assert found.headers["ETag"] == created.headers["ETag"]


def test_what_is_absent_takes_its_default(api: httpx.Client) -> None:
    task = make(api, title="Buy milk")
    assert (task["description"], task["priority"], task["due"]) == ("", "none", None)
    assert (task["list_id"], task["parent_id"]) == (None, None)


def test_the_server_makes_ids_of_version_7(api: httpx.Client) -> None:
    before = time.time_ns() // 1_000_000
    ids = [make(api)["id"] for _ in range(20)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == 20
    for text in ids:
        value = UUID(text)
        assert str(value) == text
        assert (value.version, value.variant) == (7, "specified in RFC 4122")
        assert before <= value.int >> 80 <= after


def test_the_same_body_twice_makes_two_tasks(api: httpx.Client) -> None:
    assert make(api, title="Twin")["id"] != make(api, title="Twin")["id"]
    assert titles(api) == ["Twin", "Twin"]


@for_each("space", [" ", "\t", "\r\n", "\u00a0", "\u2003", "\u3000", " \t\u2028 "])
def test_white_space_at_both_ends_of_a_title_is_trimmed(api: httpx.Client, space: str) -> None:
    title = f"Buy{space}milk"
    assert make(api, title=f"{space}{title}{space}")["title"] == title


@pytest.mark.parametrize("title", ["", " ", "\t\n", "\u3000\u00a0\u2003"])
def test_a_title_of_white_space_is_refused(api: httpx.Client, title: str) -> None:
    assert errors(api.post(TASKS, json={"title": title})) == ["/title"]
    assert titles(api) == []


@for_each("text", ["x", CHARACTER, "\u00e9", '"', "\\", "\x01"])
@for_each("member, most", [("title", 500), ("description", 10_000)])
def test_lengths_count_characters_up_to_the_limit(api: httpx.Client, member: str, most: int, text: str) -> None:
    full = {"title": "Full", member: text * most}
    created = make(api, **full)
    assert created[member] == text * most
    assert read(api, created) == created
    assert errors(api.post(TASKS, json=full | {member: text * (most + 1)})) == [f"/{member}"]


def test_a_title_is_measured_after_trimming(api: httpx.Client) -> None:
    assert make(api, title=" " * 300 + "x" * 500 + " " * 300)["title"] == "x" * 500


@for_each(
    "text",
    [
        "e\u0301 and \u00e9 are not one",
        "\u200bzero\u200dwidth\ufeff",
        "line\r\nline\rline\n",
        "  spaces  stay  ",
        "\N{FAMILY}\u200d\N{GIRL} \u202eleft",
        "<script>alert('\"\\')</script> %s %(x)s {task} :* $1 --",
        "\x01\x1f\x7f\x80\uffff\U0010ffff",
    ],
)
def test_text_is_kept_to_the_character(either_api: httpx.Client, text: str) -> None:
    created = make(either_api, title=f"[{text}]", description=text)
    assert (created["title"], created["description"]) == (f"[{text}]", text)
    assert read(either_api, created) == created


@for_each("kind", DUES)
def test_each_kind_of_due_comes_back_as_it_was_sent(either_api: httpx.Client, kind: str) -> None:
    created = make(either_api, due=DUES[kind])
    assert created["due"] == DUES[kind]
    assert read(either_api, created)["due"] == DUES[kind]


@pytest.mark.parametrize("due", [{"date": "1970-01-01"}, {"datetime": "2200-12-31T23:59:59"}, {"date": "2028-02-29"}])
def test_a_due_at_the_ends_of_the_calendar_is_kept(api: httpx.Client, due: dict[str, str]) -> None:
    assert read(api, make(api, due=due))["due"] == due


@for_each("priority", ["none", "low", "medium", "high", "urgent"])
def test_each_priority_is_kept(api: httpx.Client, priority: str) -> None:
    assert read(api, make(api, priority=priority))["priority"] == priority


def test_every_offending_member_is_named_and_nothing_is_stored(api: httpx.Client) -> None:
    body = {
        "title": 1,
        "description": None,
        "priority": "HIGH",
        "due": {"date": "2026-02-30", "zone": "UTC"},
        "id": "0199d3c8-7b1a-7c3e-9f0e-2b5d1c4a6e70",
        "completed_at": None,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": None,
        "version": 1,
        "user_id": "somebody",
        "a/b~c": 1,
    }
    assert errors(api.post(TASKS, json=body)) == sorted(
        [f"/{name}" for name in body if name not in ("due", "a/b~c")] + ["/due/date", "/due/zone", "/a~1b~0c"]
    )
    assert titles(api) == []


def test_a_body_that_is_no_object_is_named_whole(api: httpx.Client) -> None:
    for body in ("[]", '"text"', "1", "null", "true"):
        assert errors(api.post(TASKS, content=body, headers={"Content-Type": "application/json"})) == [""]


def test_the_title_is_needed(api: httpx.Client) -> None:
    assert errors(api.post(TASKS, json={})) == ["/title"]


def test_a_query_parameter_is_not_known_here(api: httpx.Client) -> None:
    assert errors(api.post(f"{TASKS}?notify=true", json=WHOLE)) == ["notify"]
    assert titles(api) == []


@pytest.mark.parametrize("tag", ["*", '"1"', 'W/"1"', '"x", "y"'])
@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}], ids=["plain", "keyed"])
def test_nothing_exists_that_if_match_could_match(api: httpx.Client, tag: str, key: dict[str, str]) -> None:
    answer = api.post(TASKS, json=WHOLE, headers={"If-Match": tag} | key)
    assert answer.status_code == 412
    assert "current" not in without_instance(answer)
    assert "ETag" not in answer.headers
    assert titles(api) == []


@pytest.mark.parametrize("tag", ["*", '"1"'])
def test_if_none_match_always_holds(api: httpx.Client, tag: str) -> None:
    make(api)
    assert api.post(TASKS, json=WHOLE, headers={"If-None-Match": tag}).status_code == 201


def test_a_user_sees_only_what_that_user_created(api: httpx.Client, stranger_api: httpx.Client) -> None:
    mine = make(api, title="Mine")
    make(stranger_api, title="Theirs")
    assert titles(api) == ["Mine"]
    assert stranger_api.get(path_of(mine)).status_code == 404


def test_no_answer_names_the_user(api: httpx.Client) -> None:
    assert not re.search("user", api.post(TASKS, json=WHOLE).text)
