"""Replays of keyed requests in tests."""

from uuid import uuid4

import httpx

from tests.support.tasks import TASKS, WHOLE, without_instance

KEY = {"Idempotency-Key": "k"}
KEPT_KEYS = "select key, status from idempotency_key where user_id = %s"


def new_key(keyed: bool = True) -> dict[str, str]:
    """Return the headers of a request with an Idempotency-Key of its own, or without one."""
    return {"Idempotency-Key": str(uuid4())} if keyed else {}


def assert_replayed(again: httpx.Response, first: httpx.Response) -> None:
    """`again` is `first` once more: status, body, ETag and Location, with an instance of its own."""
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers.get("Idempotency-Replayed") == "true"
    assert again.status_code == first.status_code
    for name in ("ETag", "Location", "Content-Type", "Cache-Control"):
        assert again.headers.get(name) == first.headers.get(name)
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    if again.headers.get("Content-Type") == "application/problem+json":
        assert without_instance(again) == without_instance(first)
        assert again.text.replace(again.headers["X-Request-Id"], first.headers["X-Request-Id"]) == first.text
    else:
        assert again.content == first.content


def create(api: httpx.Client, title: str = "Buy milk", **headers: str) -> httpx.Response:
    return api.post(TASKS, json=WHOLE | {"title": title}, headers=KEY | headers)
