"""The main answers of every operation on tasks."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conformance.caller import Caller
from tests.support.collect_failures import for_each
from tests.support.tasks import CHANGES, DUES, NOBODYS, TASKS, TIME, WHOLE, change, path_of, read


def test_a_task_comes_back_as_it_was_created(caller: Caller) -> None:
    title, rest = caller.called("Ünï 例 \U0001f600"), {**WHOLE, "description": "first\nsecond"}
    answer = caller.api.post(TASKS, json={**rest, "title": f"  {title} "})
    task = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == path_of(task)
    assert answer.headers["etag"] == '"1"'
    assert {name: task[name] for name in WHOLE} == {**rest, "title": title}
    assert (task["version"], task["completed_at"]) == (1, None)
    assert TIME.fullmatch(task["created_at"])
    assert read(caller.api, task) == task


def test_what_is_left_out_has_its_default(caller: Caller) -> None:
    task = caller.make()
    assert (task["description"], task["priority"], task["due"]) == ("", "none", None)


@for_each("due", DUES.values(), DUES)
def test_a_due_stays_what_it_is(caller: Caller, due: dict[str, str] | None) -> None:
    assert read(caller.api, caller.make(due=due))["due"] == due


def test_a_read_answers_304_to_who_has_it(caller: Caller) -> None:
    task = caller.make()
    answer = caller.api.get(path_of(task), headers={"If-None-Match": '"1"'})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"1"')
    assert caller.api.get(path_of(task), headers={"If-None-Match": '"2"'}).status_code == 200


def test_a_patch_touches_its_members_and_nothing_else(caller: Caller) -> None:
    task = caller.make(due=DUES["day"])
    answer = caller.api.patch(path_of(task), json={"priority": "urgent", "due": None})
    changed = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert changed == task | {"priority": "urgent", "due": None, "version": 2, "updated_at": changed["updated_at"]}
    assert caller.api.patch(path_of(task), json={}).json() == changed


def test_a_put_makes_a_task_under_an_id_of_the_callers_and_replaces_it_whole(caller: Caller) -> None:
    path = path_of(str(uuid4()))
    made = caller.api.put(path, json=WHOLE | {"title": caller.called("Made")})
    assert (made.status_code, made.headers["location"]) == (201, path)
    replaced = caller.api.put(path, json={"title": caller.called("Bare")}, headers={"If-Match": '"1"'})
    assert replaced.status_code == 200
    assert [replaced.json()[name] for name in ("description", "priority", "due", "version")] == ["", "none", None, 2]


def test_complete_and_reopen_are_safe_to_repeat(caller: Caller) -> None:
    task = caller.make()
    done = change(caller.api, "complete", task).json()
    assert TIME.fullmatch(done["completed_at"])
    assert change(caller.api, "complete", task).json() == done
    reopened = change(caller.api, "reopen", task).json()
    assert (reopened["completed_at"], reopened["version"]) == (None, 3)
    assert change(caller.api, "reopen", task).json() == reopened


def test_what_is_deleted_is_gone(caller: Caller) -> None:
    task = caller.make()
    answer = caller.api.delete(path_of(task))
    assert (answer.status_code, answer.content) == (204, b"")
    assert caller.api.get(path_of(task)).status_code == 404
    assert caller.api.delete(path_of(task)).status_code == 404


def test_what_is_deleted_comes_back_as_it_was_or_goes_for_good(caller: Caller) -> None:
    task = caller.make()
    entry = f"/v1/trash/{task['id']}"
    assert caller.api.delete(path_of(task)).status_code == 204
    assert task["id"] in [item["id"] for item in caller.api.get("/v1/trash").json()["items"]]
    restored = caller.api.post(f"{path_of(task)}/restore")
    assert (restored.status_code, restored.json()) == (200, task)
    assert caller.api.delete(path_of(task)).status_code == 204
    assert [caller.api.delete(entry).status_code for _ in range(2)] == [204, 404]


@for_each("name", [name for name in CHANGES if name != "replace"])
def test_what_never_was_is_404(api: httpx.Client, name: str) -> None:
    for task in (NOBODYS, "1"):
        assert change(api, name, task).status_code == 404


PAGES: list[tuple[str, list[str]]] = [
    ("", ["c", "b", "a"]),
    ("sort=title", ["a", "b", "c"]),
    ("sort=-due", ["c", "a", "b"]),
    ("sort=priority&completed=false", ["b", "a"]),
    ("completed=true", ["c"]),
    ("priority=high&priority=urgent", ["c", "a"]),
    ("due_from=2026-03-01&due_before=2026-03-02", ["a"]),
]


@pytest.fixture
def three(caller: Caller) -> Any:
    """Three tasks, which are gone after the test."""
    made = [
        caller.make("a", priority="high", due={"date": "2026-03-01"}),
        caller.make("b"),
        caller.make("c", priority="urgent", due={"datetime": "2026-03-02T09:00:00"}),
    ]
    change(caller.api, "complete", made[2])
    yield made
    for task in made:
        caller.api.delete(path_of(task))


def test_a_list_is_filtered_and_sorted(caller: Caller, three: list[Any]) -> None:
    assert len(three) == 3
    for query, titles in PAGES:
        # Earlier tasks of this run have longer titles.
        assert [title for title in caller.titles(f"limit=200&{query}") if len(title) == 1] == titles, query


def test_pages_hold_every_task_once_and_link_to_the_next(caller: Caller) -> None:
    word = "".join(reversed(caller.word))
    ids = [caller.make(f"{word} {number}")["id"] for number in range(5)]
    seen, path = [], f"{TASKS}?q={word}&sort=created_at&limit=2"
    for count in (2, 2, 1):
        answer = caller.api.get(path)
        body = answer.json()
        assert (answer.status_code, len(body["items"])) == (200, count)
        seen += [item["id"] for item in body["items"]]
        if body["next_cursor"] is not None:
            path = answer.headers["link"].removeprefix("<").removesuffix('>; rel="next"')
            assert body["next_cursor"] in path
    assert (seen, body["next_cursor"]) == (ids, None)
