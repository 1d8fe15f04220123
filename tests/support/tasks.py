"""Tasks in tests: making them, changing them in every way there is, and comparing answers."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx

type Json = dict[str, Any]

TASKS = "/v1/tasks"
NOBODYS = "0199d3c8-7b1a-7c3e-9f0e-2b5d1c4a6e70"
WHOLE: Json = {
    "title": "Buy milk",
    "description": "Two litres",
    "priority": "high",
    "due": {"datetime": "2026-03-01T09:00:00", "timezone": "Europe/Berlin"},
}
DUES: dict[str, Json | None] = {
    "none": None,
    "day": {"date": "2026-03-01"},
    "clock": {"datetime": "2026-03-01T09:00:00"},
    "zone": {"datetime": "2026-03-01T09:00:00", "timezone": "Europe/Berlin"},
}
CHANGES: dict[str, tuple[str, str, Json | None]] = {
    "update": ("PATCH", "", {"description": "Three litres"}),
    "replace": ("PUT", "", {"title": "Buy bread"}),
    "delete": ("DELETE", "", None),
    "complete": ("POST", "/complete", None),
    "reopen": ("POST", "/reopen", None),
}
"""Every write to a task that exists: its method, the end of its path, and a body that changes something."""
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")


def moment(told: str) -> datetime:
    """A time that was answered, to compare: one on the second has no fraction, and stands elsewhere as a text."""
    return datetime.fromisoformat(told)


def path_of(task: Json | str) -> str:
    """The path of a task, or of an id."""
    return f"{TASKS}/{task if isinstance(task, str) else task['id']}"


def make(api: httpx.Client, **members: Any) -> Json:
    """Create a task and give it as it was answered."""
    answer = api.post(TASKS, json={"title": "Buy milk"} | members)
    assert answer.status_code == 201, answer.text
    created: Json = answer.json()
    return created


def read(api: httpx.Client, task: Json | str) -> Json:
    answer = api.get(path_of(task))
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def change(
    api: httpx.Client, name: str, task: Json | str, headers: dict[str, str] | None = None, query: str = ""
) -> httpx.Response:
    method, suffix, body = CHANGES[name]
    return api.request(method, path_of(task) + suffix + query, json=body, headers=headers)


def titles(api: httpx.Client, query: str = "") -> list[str]:
    """The titles on the first page of a list."""
    return [item["title"] for item in page(api, query)["items"]]


def page(api: httpx.Client, query: str = "") -> Json:
    answer = api.get(f"{TASKS}?{query}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    assert set(found) == {"items", "next_cursor"}
    return found


def walk(api: httpx.Client, query: str) -> Iterator[list[Json]]:
    """The pages, by their cursors."""
    cursor = ""
    while cursor is not None:
        found = page(api, f"{query}{cursor and '&cursor='}{cursor}")
        yield found["items"]
        cursor = found["next_cursor"]


def ids(items: list[Json]) -> list[str]:
    return [item["id"] for item in items]


def without_instance(answer: httpx.Response) -> Json:
    """The problem that was answered, but for the id of the request."""
    problem: Json = answer.json()
    assert problem.pop("instance") == answer.headers["X-Request-Id"]
    return problem


def errors(answer: httpx.Response) -> list[str]:
    """The pointers and parameters that a 422 names, sorted."""
    assert answer.status_code == 422, answer.text
    return sorted(error.get("pointer", error.get("parameter")) for error in answer.json()["errors"])
