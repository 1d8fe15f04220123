"""Naughty strings through every place that takes text: kept to the character, or refused; never a fault.

Where they come from: tests/support/text_corpora.py.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
import pytest

from tests.support.text_corpora import OWN, big_list, naughty

TASKS = "/v1/tasks"
WORDS = {  # what each parameter takes, of all that is in the corpora
    "completed": {"true", "false"},
    "priority": {"none"},
    "due_from": set[str](),
    "due_before": set[str](),
    "sort": set[str](),
    "limit": {"1", "2", "3", "123"},
}
UNREAD = (
    b"accept accept-language cookie forwarded from if-modified-since if-range if-unmodified-since origin range referer"
    b" user-agent via x-amzn-trace-id x-api-key x-canary x-correlation-id x-forwarded-for x-forwarded-host"
    b" x-forwarded-port x-forwarded-proto x-http-method-override x-original-url x-request-id x-rewrite-url x-user-id"
).split()
"""Headers that nothing of ours reads."""


SAMPLE = 5
"""Of the Big List, where what reads the text is shared with a test that sends all of it: every fifth string."""


def test_the_big_list_is_whole() -> None:
    assert len(big_list()) == 485
    assert {*big_list(), *(text for texts in OWN.values() for text in texts)} == {*naughty()}


def walk(api: httpx.Client, path: str) -> Iterator[dict[str, Any]]:
    """All items of a list, page by page."""
    asked: str | None = path
    while asked:
        page = api.get(asked)
        assert page.status_code == 200
        yield from page.json()["items"]
        asked = page.links.get("next", {}).get("url")


@pytest.mark.parametrize(("way", "step"), [("api", 1), ("http_api", SAMPLE)])
def test_text_is_kept_to_the_character(way: str, step: int, request: pytest.FixtureRequest) -> None:
    api, sent = request.getfixturevalue(way), {}
    for text in naughty(step):
        answer = api.post(TASKS, json={"title": f"|{text[:498]}|", "description": text})
        assert answer.status_code == 201, ascii(text)
        sent[answer.json()["id"]] = (f"|{text[:498]}|", text)
    # By title, so that every text is the place where a page ends.
    items = walk(api, f"{TASKS}?sort=title&limit=3")
    seen = [(item["id"], (item["title"], item["description"])) for item in items]
    assert len(seen) == len(sent)
    assert dict(seen) == sent


def test_text_is_kept_by_every_other_write(api: httpx.Client) -> None:
    for text in naughty(SAMPLE):
        place = f"{TASKS}/{uuid4()}"
        put = api.put(place, json={"title": f"|{text[:498]}|", "description": text})
        assert (put.status_code, put.json()["description"]) == (201, text), ascii(text)
        patched = api.patch(place, json={"title": f"<{text[:498]}>", "description": f" {text}\n"})
        assert patched.status_code == 200
        assert (patched.json()["title"], patched.json()["description"]) == (f"<{text[:498]}>", f" {text}\n")


def test_a_bare_title_is_kept_or_refused_and_a_search_for_it_finds_its_task(api: httpx.Client) -> None:
    """Hyphens left out: at the beginning of a word they exclude it."""
    api.post(TASKS, json={"title": "other", "description": "words"})
    for text in naughty():
        created = api.post(TASKS, json={"title": text})
        if not text.strip():
            assert created.status_code == 422
            continue
        assert (created.status_code, created.json()["title"]) == (201, text.strip()), ascii(text)
        answer = api.get(TASKS, params={"q": text.replace("-", " "), "limit": 20})
        if len(text) > 150:
            assert answer.status_code == 422
            continue
        assert answer.status_code == 200, ascii(text)
        assert created.json()["id"] in [item["id"] for item in answer.json()["items"]], ascii(text)


def test_any_text_in_the_query_is_refused_by_name_and_not_repeated(api: httpx.Client) -> None:
    for text in naughty(SAMPLE):
        assert api.get(f"{TASKS}?{urlencode({'cursor': text})}").status_code == 400, ascii(text)
        wrong = [name for name, words in WORDS.items() if text not in words] + [f"x{text}"]
        answer = api.get(f"{TASKS}?{urlencode({**dict.fromkeys(WORDS, text), f'x{text}': text})}")
        assert answer.status_code == 422
        errors = answer.json()["errors"]
        assert sorted(error["parameter"] for error in errors) == sorted(wrong), ascii(text)
        assert len(text) < 12 or not any(text in error["detail"] for error in errors)


def test_any_text_as_another_member_is_refused_at_its_pointer(api: httpx.Client) -> None:
    for text in naughty(SAMPLE):
        name = "/_" + text.replace("~", "~0").replace("/", "~1")
        priority = ["/priority"] if text != "none" else []
        bodies: list[tuple[dict[str, Any], list[str]]] = [
            ({"due": {"date": text}, "priority": text, f"_{text}": text}, ["/due/date", *priority, name]),
            (
                {"due": {"datetime": text, "timezone": text}, "version": text},
                ["/due/datetime", "/due/timezone", "/version"],
            ),
            ({"due": {"datetime": "2026-03-01T09:00:00", "timezone": text}, "id": text}, ["/due/timezone", "/id"]),
            ({"due": text}, ["/due"]),
        ]
        for body, pointers in bodies:
            answer = api.post(TASKS, json={"title": "x", **body})
            assert answer.status_code == 422
            errors = answer.json()["errors"]
            assert sorted(error["pointer"] for error in errors) == sorted(pointers), ascii(text)
            assert len(text) < 12 or not any(text in error["detail"] for error in errors)


def test_any_text_as_an_id_names_nothing(api: httpx.Client) -> None:
    for text in naughty(SAMPLE):
        sent = quote(text, safe="")
        if sent in (".", ".."):
            continue  # a client folds these segments away before it sends
        for answer in (api.put(f"{TASKS}/{sent}", json={"title": "x"}), api.post(f"{TASKS}/{sent}/complete")):
            assert answer.status_code == 404, ascii(text)
            assert len(text) < 12 or text not in answer.text
    assert api.get(TASKS).json()["items"] == []


def line(text: str) -> bytes:
    """The text as a header may hold it: on one line, without NUL."""
    return re.sub(r"[\r\n\0]", " ", text).encode()


def test_any_text_as_a_precondition_or_key_is_taken_or_refused(api: httpx.Client) -> None:
    created = api.post(TASKS, json={"title": "x"})
    task, there = created.headers["location"], created.json()
    for text in naughty(SAMPLE):
        value = line(text)
        stars = value.strip(b" \t") == b"*"
        if_match = api.patch(task, json={}, headers={b"if-match": value})
        assert if_match.status_code in ({200} if stars else {400, 412}), ascii(text)
        if_none_match = api.get(task, headers={b"if-none-match": value})
        assert if_none_match.status_code in ({304} if stars else {200, 400}), ascii(text)
        keyed = [api.patch(task, json={}, headers={b"idempotency-key": value}) for _ in range(2)]
        assert [answer.status_code for answer in keyed] in ([200, 200], [400, 400]), ascii(text)
        assert ("idempotency-replayed" in keyed[1].headers) == (keyed[1].status_code == 200)
        for answer in (if_match, *keyed):
            assert len(text) < 12 or answer.status_code < 400 or text not in answer.text
    assert api.get(task).json() == there


def test_any_text_as_credentials_or_media_type_is_refused(api: httpx.Client) -> None:
    bodies = set()
    for text in naughty(SAMPLE):
        value = line(text)
        for credentials in (value, b"Bearer " + value):
            answer = api.get(TASKS, headers={b"authorization": credentials})
            bodies.add((answer.status_code, answer.text.replace(answer.headers["x-request-id"], "")))
        for name in (b"content-type", b"content-encoding"):
            refused = api.post(
                TASKS, content=b'{"title": "x"}', headers={b"content-type": b"application/json"} | {name: value}
            )
            untyped = name == b"content-encoding" and not value.strip()
            assert refused.status_code == (201 if untyped else 415), (name, ascii(text))
    assert len(bodies) == 1
    assert bodies.pop()[0] == 401


def test_any_text_in_a_header_that_nothing_reads_changes_nothing(api: httpx.Client) -> None:
    task = api.post(TASKS, json={"title": "x"}).headers["location"]
    there = api.get(task)
    for text in naughty(SAMPLE):
        answer = api.get(task, headers=dict.fromkeys(UNREAD, line(text)))
        assert (answer.status_code, answer.content) == (200, there.content), ascii(text)
        assert {*answer.headers} == {*there.headers}
        assert len(text) < 4 or text not in str(answer.headers)
