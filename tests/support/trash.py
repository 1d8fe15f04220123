"""The trash in tests: looking into it, and taking things out of it."""

import httpx

from tests.support.tasks import Json, path_of

TRASH = "/v1/trash"


def trash(api: httpx.Client) -> list[Json]:
    """What is in the trash, from the first page on."""
    items: list[Json] = []
    target: str | None = f"{TRASH}?limit=200"
    while target:
        answer = api.get(target)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        target = answer.links["next"]["url"] if answer.links else None
    return items


def restore(api: httpx.Client, task: Json | str, headers: dict[str, str] | None = None) -> httpx.Response:
    return api.post(f"{path_of(task)}/restore", headers=headers)
