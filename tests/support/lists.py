"""Lists in tests: making them, and looking at all of them."""

from collections.abc import Iterator

import httpx

from tests.support.tasks import Json

LISTS = "/v1/lists"
FULL: Json = {
    "name": "Groceries",
    "description": "For the week",
    "color": "#1e90ff",
    "archived_at": "2026-03-01T09:00:00.120000Z",
}
BOUND = 500


def path_of(found: Json | str) -> str:
    """The path of a list, or of an id."""
    return f"{LISTS}/{found if isinstance(found, str) else found['id']}"


def new_list(api: httpx.Client, **members: object) -> Json:
    """Create a list and give it as it was answered."""
    answer = api.post(LISTS, json={"name": "Groceries"} | members)
    assert answer.status_code == 201, answer.text
    created: Json = answer.json()
    return created


def read(api: httpx.Client, found: Json | str) -> Json:
    answer = api.get(path_of(found))
    assert answer.status_code == 200, answer.text
    read: Json = answer.json()
    return read


def pages(api: httpx.Client, path: str = LISTS, **params: object) -> Iterator[list[Json]]:
    """The items of each page, by their cursors."""
    cursor: dict[str, str] = {}
    while True:
        answer = api.get(path, params={name: str(value) for name, value in params.items()} | cursor)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert set(found) == {"items", "next_cursor"}
        yield found["items"]
        if found["next_cursor"] is None:
            return
        cursor = {"cursor": found["next_cursor"]}


def every(api: httpx.Client, path: str = LISTS, **params: object) -> list[Json]:
    return [item for page in pages(api, path, **params) for item in page]


def names(api: httpx.Client, path: str = LISTS, **params: object) -> list[str]:
    return [item["name"] for item in every(api, path, **params)]


def conflict(answer: httpx.Response) -> str:
    """What a 409 that the data decided names."""
    assert answer.status_code == 409, answer.text
    problem = answer.json()
    assert problem["type"] == "urn:problem:conflict"
    ((pointer, _),) = [(error["pointer"], error["detail"]) for error in problem["errors"]]
    return str(pointer)
