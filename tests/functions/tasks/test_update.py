from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from tests.support.collect_failures import for_each
from tests.support.tasks import DUES, NOBODYS, WHOLE, Json, change, errors, make, moment, path_of, read

MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "title": TEXTS.filter(str.strip),
    "description": st.just("") | TEXTS,
    "priority": st.sampled_from(["none", "low", "medium", "high", "urgent"]),
    "due": st.sampled_from(list(DUES.values())),
}


def patch(api: httpx.Client, task: Json, body: object, **headers: str) -> httpx.Response:
    return api.patch(path_of(task), json=body, headers=headers)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.fixed_dictionaries(MEMBERS), body=st.fixed_dictionaries({}, optional=MEMBERS))
def test_a_patch_touches_its_members_and_nothing_else(api: httpx.Client, before: Json, body: Json) -> None:
    task = make(api, **before)
    answer = patch(api, task, body)
    written = answer.json()
    said = body | ({"title": body["title"].strip()} if "title" in body else {})
    changes = any(task[name] != value for name, value in said.items())
    assert answer.status_code == 200
    assert written == task | said | {"version": 1 + changes, "updated_at": written["updated_at"]}
    assert (moment(written["updated_at"]) > moment(task["updated_at"])) == changes
    assert written == read(api, task)


@pytest.mark.parametrize("headers", [MERGE_PATCH, {"Content-Type": "application/json; charset=utf-8"}])
def test_both_media_types_say_the_same(either_api: httpx.Client, headers: dict[str, str]) -> None:
    task = make(either_api, **WHOLE)
    answer = patch(either_api, task, {"due": None, "title": " Buy bread "}, **headers)
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    assert answer.json() == task | {
        "title": "Buy bread",
        "due": None,
        "version": 2,
        "updated_at": answer.json()["updated_at"],
    }


@for_each(
    "body",
    [
        {},
        {"title": WHOLE["title"]},
        {"title": f"  {WHOLE['title']}\n"},
        {"due": WHOLE["due"]},
        {"due": dict(reversed(WHOLE["due"].items()))},
        WHOLE,
    ],
)
def test_a_patch_that_changes_nothing_keeps_version_and_updated_at(either_api: httpx.Client, body: Json) -> None:
    task = make(either_api, **WHOLE)
    answer = patch(either_api, task, body)
    assert (answer.status_code, answer.json(), answer.headers["ETag"]) == (200, task, '"1"')
    assert read(either_api, task) == task


@for_each("after", DUES)
@for_each("before", DUES)
def test_due_is_replaced_as_a_whole(api: httpx.Client, before: str, after: str) -> None:
    task = make(api, due=DUES[before])
    written = patch(api, task, {"due": DUES[after]}).json()
    assert written["due"] == DUES[after]
    assert written["version"] == 1 + (before != after)


@pytest.mark.parametrize("member", ["title", "description", "priority"])
def test_null_is_refused_but_for_due(api: httpx.Client, member: str) -> None:
    task = make(api, **WHOLE)
    assert errors(patch(api, task, {member: None, "due": None})) == [f"/{member}"]
    assert read(api, task) == task


def test_a_member_of_due_alone_is_no_due(api: httpx.Client) -> None:
    task = make(api, **WHOLE)
    for due, pointer in [
        ({"timezone": "UTC"}, "/due"),
        ({}, "/due"),
        ({"datetime": "2026-03-01T09:00:00", "timezone": None}, "/due/timezone"),
    ]:
        assert errors(patch(api, task, {"due": due})) == [pointer]
    assert read(api, task) == task


@for_each("member", ["id", "completed_at", "created_at", "updated_at", "version"])
def test_a_read_only_member_is_refused_even_with_its_own_value(api: httpx.Client, member: str) -> None:
    task = make(api)
    assert errors(patch(api, task, {member: task[member], "title": "New"})) == [f"/{member}"]
    assert read(api, task) == task


@pytest.mark.parametrize(("member", "most"), [("title", 500), ("description", 10_000)])
def test_the_limits_of_create_hold(api: httpx.Client, member: str, most: int) -> None:
    task = make(api)
    full = "\N{GRINNING FACE}" * most
    assert patch(api, task, {member: full}).json()[member] == full
    assert errors(patch(api, task, {member: full + "x"})) == [f"/{member}"]
    assert read(api, task)[member] == full


def test_a_description_may_be_emptied_and_a_priority_taken_back(api: httpx.Client) -> None:
    task = make(api, **WHOLE)
    written = patch(api, task, {"description": "", "priority": "none"}).json()
    assert (written["description"], written["priority"], written["title"]) == ("", "none", WHOLE["title"])


def test_each_change_adds_one_to_the_version(api: httpx.Client) -> None:
    task = make(api)
    versions, moments = [], [moment(task["updated_at"])]
    for n in range(5):
        answer = patch(api, task, {"title": f"Title {n}"})
        versions.append((answer.json()["version"], answer.headers["ETag"]))
        moments.append(moment(answer.json()["updated_at"]))
        assert answer.json()["created_at"] == task["created_at"]
    assert versions == [(n, f'"{n}"') for n in range(2, 7)]
    assert moments == sorted(set(moments))


def test_updated_at_never_goes_back(api: httpx.Client, admin: psycopg.Connection[DictRow]) -> None:
    task = make(api, title="Ahead")
    ahead = (
        "update task set updated_at = '2199-01-01T00:00:00Z' where id = %s"  # written by a server whose clock is off
    )
    admin.execute(ahead, [task["id"]])
    changed = patch(api, task, {"title": "Now"}).json()
    assert (changed["version"], changed["updated_at"]) == (2, "2199-01-01T00:00:00Z")


def test_a_change_of_one_character_is_a_change(api: httpx.Client) -> None:
    """Neither case nor canonical equivalence makes two texts one."""
    task = make(api, title="Caf\u00e9")
    for version, title in enumerate(["caf\u00e9", "cafe\u0301", "Caf\u00e9"], start=2):
        written = patch(api, task, {"title": title}).json()
        assert (written["title"], written["version"]) == (title, version)


def test_a_completed_task_stays_completed(api: httpx.Client) -> None:
    task = make(api)
    completed = change(api, "complete", task).json()
    assert patch(api, task, {"title": "New"}).json()["completed_at"] == completed["completed_at"]


def test_what_does_not_exist_or_is_not_ours_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = make(stranger_api)
    for task in (NOBODYS, theirs["id"], theirs["id"].upper(), "1"):
        assert api.patch(path_of(task), json={"title": "Taken"}).status_code == 404
    assert read(stranger_api, theirs) == theirs


def test_a_stale_tag_is_412_with_the_task_as_it_truly_is(either_api: httpx.Client) -> None:
    task = make(either_api)
    current = patch(either_api, task, {"title": "Newer"}).json()
    answer = patch(either_api, task, {"title": "Mine"}, **{"If-Match": '"1"'})
    assert answer.status_code == 412
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["ETag"] == '"2"'
    assert answer.json()["current"] == current == read(either_api, task)
