"""Strictness against a model: whatever a body holds, it is stored as sent, or each member that is wrong is named."""

import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import examples

PRIORITIES = ("none", "low", "medium", "high", "urgent")
LARGEST = 262_144
LONGEST = {"title": 500, "description": 10_000}
texts = st.text(st.characters(exclude_categories=()), max_size=30)  # NUL and lone surrogates too
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
long = st.builds(
    lambda character, length, ends: ends + character * length + ends,
    st.characters(exclude_categories=()),
    st.sampled_from([0, 1, 499, 500, 501, 9_999, 10_000, 10_001]),
    st.sampled_from(["", " "]),
)
good = st.fixed_dictionaries(
    {"title": st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=500)},
    optional={
        "description": st.text(st.characters(exclude_characters="\0")),
        "priority": st.sampled_from(PRIORITIES),
        "due": st.none() | st.builds(lambda day: {"date": day.isoformat()}, st.dates()),
    },
)
names = st.sampled_from(["title", "description", "priority", "due", "version", "user_id", "id", "~", "a/b", ""])
bodies = st.builds(
    lambda *parts: parts[0] | parts[1], good, st.just({}) | st.dictionaries(names, values | long, max_size=3)
)


def is_text(value: Any) -> bool:
    """Whether it is a string that can be kept."""
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def fits(name: str, value: Any) -> bool:
    """Whether a new task may have this member."""
    if name in LONGEST:
        if not is_text(value):
            return False
        text = value.strip() if name == "title" else value
        return (text != "" or name == "description") and len(text) <= LONGEST[name]
    if name == "priority":
        return value in PRIORITIES if isinstance(value, str) else False
    if name != "due" or value is None:
        return name == "due"
    day = value.get("date") if isinstance(value, dict) and len(value) == 1 else None
    return isinstance(day, str) and len(day) == len("2026-03-01") and "1970" <= day < "2201"


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(body=bodies)
def test_a_body_is_stored_as_sent_or_what_is_wrong_is_named(api: httpx.Client, body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    answer = api.post("/v1/tasks", content=content, headers={"Content-Type": "application/json"})
    if len(content) > LARGEST:
        assert answer.status_code == 413
        return
    wrong = {name for name, value in body.items() if not fits(name, value)} | ({"title"} - body.keys())
    if wrong:
        assert answer.status_code == 422
        pointers = [error["pointer"].split("/")[1] for error in answer.json()["errors"]]
        assert {pointer.replace("~1", "/").replace("~0", "~") for pointer in pointers} == wrong
        return
    assert answer.status_code == 201
    sent = {"description": "", "priority": "none", "due": None} | body | {"title": body["title"].strip()}
    assert {name: answer.json()[name] for name in sent} == sent
