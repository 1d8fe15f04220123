"""Keyset paging against a model, while another writer inserts, changes and deletes between the pages.

The model is Python's: what a query matches and in which order. A task that it finds in the same place through the
whole walk has to be seen exactly once, as it was; a task that never matches is never seen; and whatever is seen is in
order, over the ends of the pages too.
"""

import unicodedata
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from tests.conftest import BASE_URL
from tests.fuzz import examples
from tests.support.api_gateway import Gateway
from tests.support.stack import Stack
from tests.support.tasks import NOBODYS, Json, make, moment, page, path_of

GRIN = "\N{GRINNING FACE}"
PRIORITIES = ["none", "low", "medium", "high", "urgent"]
WORDS = ["a", "A", "ab", "aB", "B", "stra\u00dfe", "STRASSE", "\u00e9", "\u00c9a", "e", "\uffff", GRIN, "9", "10"]
MOMENTS = ["2026-01-01 00:00:00Z", "2026-01-01 00:00:00.000001Z", "2026-01-01 00:00:01Z"]
SORTS = ["created_at", "updated_at", "due", "priority", "title", "position"]

titles = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
dues = st.none() | st.sampled_from(
    [
        {"date": "2026-02-28"},
        {"date": "2026-03-01"},
        {"datetime": "2026-02-28T23:59:59"},
        {"datetime": "2026-03-01T00:00:00"},
        {"datetime": "2026-03-01T00:00:00", "timezone": "Asia/Tokyo"},
        {"datetime": "2026-03-01T09:00:00", "timezone": "Europe/Berlin"},
    ]
)
tasks = st.fixed_dictionaries({"title": titles, "priority": st.sampled_from(PRIORITIES), "due": dues})
patches = st.fixed_dictionaries(
    {}, optional={"title": titles, "priority": st.sampled_from(PRIORITIES), "due": dues, "description": titles}
)
FILTERS: dict[str, st.SearchStrategy[Any]] = {
    "completed": st.sampled_from(["true", "false"]),
    "priority": st.lists(st.sampled_from(PRIORITIES), min_size=1, max_size=4, unique=True),
    "due_from": st.sampled_from(["2026-02-28", "2026-03-01"]),
    "due_before": st.sampled_from(["2026-03-01", "2026-03-02"]),
    "list_id": st.just("inbox"),
    "label": st.just("nobody's"),
    "parent_id": st.sampled_from(["none", NOBODYS]),
    "q": st.sampled_from(["a", "AB", "stras", "b 9", "\u00e9", "E", GRIN]),
}
# None or one mostly: all at once leave little to page through.
filters = st.one_of(
    st.just({}),
    st.sampled_from(sorted(FILTERS)).flatmap(lambda name: st.fixed_dictionaries({name: FILTERS[name]})),
    st.fixed_dictionaries({}, optional=FILTERS),
)
sorts = st.sampled_from(SORTS + [f"-{sort}" for sort in SORTS])
writes = st.one_of(
    st.tuples(st.just("insert"), tasks),
    st.tuples(st.just("change"), patches),
    st.tuples(st.sampled_from(["complete", "reopen", "delete", "move"]), st.none()),
)


def folded(text: str) -> list[str]:
    """Its words, without case and accents."""
    plain = (char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
    return "".join(plain).split()


def matches(query: Json, task: Json) -> bool:
    """Whether a list with that query holds the task."""
    day = next(iter(task["due"].values()))[:10] if task["due"] else None
    words = folded(f"{task['title']} {task['description']}")
    completed = "false" if task["completed_at"] is None else "true"
    return (
        completed == query.get("completed", completed)
        and task["priority"] in query.get("priority", PRIORITIES)
        and ("due_from" not in query or (day is not None and day >= query["due_from"]))
        and query.get("parent_id") != NOBODYS
        and "label" not in query
        and ("due_before" not in query or (day is not None and day < query["due_before"]))
        and all(any(word.startswith(wanted) for word in words) for wanted in folded(query.get("q", "")))
    )


def place(sort: str, task: Json) -> tuple[Any, ...]:
    """Where the task stands in that order: smaller comes first upwards, greater comes first downwards."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    value: Any = task[name]
    if name == "due":
        none_last = (value is None) != descending
        value = (none_last, value.get("datetime", value.get("date", "")) if value else "")
    elif name == "priority":
        value = PRIORITIES.index(value)
    elif name == "title":
        value = value.casefold()
    elif name != "position":
        value = moment(value)
    return value, task["id"]


@dataclass
class World:
    """The tasks of one user, by id, as the API has told; and those whose place or match did not stay."""

    api: httpx.Client
    query: Json
    tasks: dict[str, Json] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)

    def write(self, kind: str, body: Json | None, number: int) -> None:
        """Do one write as another client would, and note what it moved."""
        if kind == "insert":
            task = make(self.api, **(body or {}))
            self.tasks[task["id"]] = task
            self.moved.add(task["id"])
            return
        if not self.tasks:
            return
        before = self.tasks[sorted(self.tasks)[number % len(self.tasks)]]
        if kind == "delete":
            assert self.api.delete(path_of(before)).status_code == 204
            del self.tasks[before["id"]]
            self.moved.add(before["id"])
            return
        if kind == "change":
            answer = self.api.patch(path_of(before), json=body)
        else:
            answer = self.api.post(f"{path_of(before)}/{kind}", json={})
        assert answer.status_code == 200
        after = self.tasks[before["id"]] = answer.json()
        if self.standing(before) != self.standing(after):
            self.moved.add(before["id"])

    def standing(self, task: Json) -> object:
        """The task's place in the list; None where it is not in it."""
        return place(self.query["sort"], task) if matches(self.query, task) else None


@settings(
    max_examples=examples(70),
    phases=[Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    query=st.builds(lambda sort, chosen: {"sort": sort, **chosen}, sorts, filters),
    existing=st.lists(tasks, min_size=4, max_size=12),
    data=st.data(),
)
def test_what_stays_where_it_is_is_seen_exactly_once_and_in_order(
    stack: Stack, admin: psycopg.Connection[DictRow], query: Json, existing: list[Json], data: st.DataObject
) -> None:
    user = stack.user()
    with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers) as api:
        world = World(api, query)
        for number, members in enumerate(existing):
            world.write("insert", members, 0)
            # Ties, which the clock would hardly make.
            moment = data.draw(st.sampled_from(MOMENTS))
            sql = "update task set created_at = %(moment)s, updated_at = %(moment)s where id = %(id)s"
            admin.execute(sql, {"moment": moment, "id": list(world.tasks)[number]})
        world.tasks = {task_id: api.get(path_of(task_id)).json() for task_id in world.tasks}
        world.moved.clear()
        start = dict(world.tasks)

        seen: list[Json] = []
        asked = urlencode(query, doseq=True)
        cursor: str | None = ""
        while cursor is not None:
            limit = data.draw(st.integers(1, 3))
            answered = page(api, f"{asked}&limit={limit}{cursor and '&cursor='}{cursor}")
            items, cursor = answered["items"], answered["next_cursor"]
            assert len(items) <= limit
            assert all(item == world.tasks[item["id"]] and matches(query, item) for item in items)
            seen += items
            if cursor is not None:
                assert items
                for kind, body in data.draw(
                    st.lists(writes, min_size=1, max_size=3) if len(seen) < 40 else st.just([])
                ):
                    world.write(kind, body, data.draw(st.integers(0, 99)))

        places = [place(query["sort"], item) for item in seen]
        assert places == sorted(places, reverse=query["sort"].startswith("-"))
        assert len(set(places)) == len(places)
        counts = {task_id: sum(item["id"] == task_id for item in seen) for task_id in start}
        for task_id in start.keys() - world.moved:
            assert counts[task_id] == matches(query, start[task_id]), task_id
