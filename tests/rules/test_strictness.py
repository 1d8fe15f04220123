"""What members may be, to the letter, and what is said of those that are not."""

import json
from itertools import product
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.collect_failures import collect_failures

CANARY = "canary-71c3"
LARGEST = 262_144
JSON = {"Content-Type": "application/json"}
MERGE = {"Content-Type": "application/merge-patch+json"}
TASKS = "/v1/tasks"
WRITES_WITH_BODY = ("POST", "PUT", "PATCH")
WRITES_WITHOUT = ("complete", "reopen", "delete")


@pytest.fixture
def task(api: httpx.Client) -> str:
    """The path of a task."""
    path: str = api.post(TASKS, json={"title": "there"}).headers["location"]
    return path


def send(api: httpx.Client, method: str, task: str, body: Any) -> httpx.Response:
    """Create, replace or update a task with this body, as JSON with its surrogates escaped."""
    path, headers = (TASKS, JSON) if method == "POST" else (task, JSON | {"If-Match": "*"})
    return api.request(method, path, content=json.dumps(body), headers=headers)


def without_body(api: httpx.Client, name: str, task: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
    """Complete, reopen or delete a task, with a body all the same."""
    method, path = ("DELETE", task) if name == "delete" else ("POST", f"{task}/{name}")
    return api.request(method, path, content=content, headers=headers)


def offending(response: httpx.Response) -> list[str]:
    """The pointers and parameters of a 422, in order; none of its texts repeats what was sent."""
    assert response.status_code == 422, response.text
    assert CANARY not in response.text
    problem = response.json()
    assert problem["type"] == "urn:problem:invalid-members"
    for error in problem["errors"]:
        assert set(error) in ({"pointer", "detail"}, {"parameter", "detail"})
        assert error["detail"]
    return sorted(error.get("pointer", error.get("parameter")) for error in problem["errors"])


WRONG: dict[str, list[Any]] = {
    "title": [5, 1.0, True, None, [], {}, "", " \t\n", "\u3000\u2003", "x" * 501, "a\0b", "\0", "\ud800", "\udfff a"],
    "description": [5, 0.5, False, None, [], {"a": 1}, "x" * 10_001, "\0", "a\udc00\ud800"],
    "priority": [0, 4, 1.0, True, None, [], {}, "", "HIGH", "high ", "asap", "\ud800", "none\0"],
    "due": [5, 1.5, True, "", "2026-03-01", "2026-03-01T09:00:00", [], ["2026-03-01"], {}],
}


def test_a_member_of_another_type_or_range_is_422_at_its_pointer(api: httpx.Client, task: str) -> None:
    with collect_failures() as check:
        for method, (member, values) in product(WRITES_WITH_BODY, WRONG.items()):
            for value in values:
                with check(method, member, ascii(value)[:50]):
                    assert offending(send(api, method, task, {"title": CANARY} | {member: value})) == [f"/{member}"]
    assert api.get(task).json()["title"] == "there"


READ_ONLY: dict[str, Any] = {"id": str(uuid4()), "position": "V", "completed_at": None, "version": 1}
READ_ONLY |= dict.fromkeys(["created_at", "updated_at"], "2026-03-01T09:00:00Z")
UNKNOWN = {"user_id": CANARY, "Title": CANARY, "a/b~c": 1, "~1": 1, "": 1, " ": 1, "é\0\n": 1, "0": 1, "__proto__": 1}
ESCAPED = {"a/b~c": "/a~1b~0c", "~1": "/~01"}


def test_all_offending_members_are_named_at_once(api: httpx.Client, task: str) -> None:
    body: dict[str, Any] = {"title": 5, "description": [CANARY], "priority": CANARY}
    body["due"] = {"date": CANARY, "x/y": 1, "timezone": None}
    named = ["/title", "/description", "/priority", "/due/date", "/due/x~1y", "/due/timezone"]
    named += [ESCAPED.get(name, f"/{name}") for name in READ_ONLY | UNKNOWN]
    with collect_failures() as check:
        for method in WRITES_WITH_BODY:
            with check(method):
                assert offending(send(api, method, task, body | READ_ONLY | UNKNOWN)) == sorted(named)
    assert api.get(task).json()["title"] == "there"


def test_a_read_only_member_is_422_even_with_the_value_that_is_there(api: httpx.Client, task: str) -> None:
    there = api.get(task).json()
    with collect_failures() as check:
        for method, member in product(WRITES_WITH_BODY, READ_ONLY):
            with check(method, member):
                assert offending(send(api, method, task, {"title": "x", member: there[member]})) == [f"/{member}"]


def test_a_body_that_is_no_object_is_422_as_a_whole(api: httpx.Client, task: str) -> None:
    with collect_failures() as check:
        for method, body in product(WRITES_WITH_BODY, [None, [], "x", 5, 0.5, True, [{"title": CANARY}]]):
            with check(method, body):
                assert offending(send(api, method, task, body)) == [""]


def test_a_title_is_needed_to_create_and_to_replace(api: httpx.Client, task: str) -> None:
    assert offending(send(api, "POST", task, {})) == ["/title"]
    assert offending(send(api, "PUT", task, {"no": 1})) == ["/no", "/title"]
    assert send(api, "PATCH", task, {}).status_code == 200


def test_a_name_with_a_lone_surrogate_is_refused_without_an_answer_that_is_no_utf_8(api: httpx.Client) -> None:
    answer = api.post(TASKS, content=b'{"title":"x","a\\ud800":1}', headers=JSON)
    assert offending(answer) == ["/a?"]


TRIMMED = {
    "  Buy milk\t\n": "Buy milk",
    "\u3000\u00a0x\u2028": "x",
    "a  b\u00a0c": "a  b\u00a0c",
    " " * 600 + "x" * 500 + " " * 600: "x" * 500,
    "\U0001f468\u200d\U0001f469" * 166: "\U0001f468\u200d\U0001f469" * 166,
    "\u200bx\u200b": "\u200bx\u200b",
    "e\u0301": "e\u0301",
    "\x01\x7f\ufeff\uffff": "\x01\x7f\ufeff\uffff",
}


def test_a_title_loses_white_space_at_its_ends_and_nothing_else(api: httpx.Client) -> None:
    with collect_failures() as check:
        for sent, kept in TRIMMED.items():
            with check(ascii(sent)[:50]):
                answer = api.post(TASKS, json={"title": sent, "description": f" {sent} "})
                assert answer.status_code == 201
                assert answer.json()["title"] == kept
                assert answer.json()["description"] == f" {sent} "


def test_lengths_count_characters(api: httpx.Client) -> None:
    longest = {"title": "\U0001f600" * 500, "description": "\U0001f600" * 10_000}
    assert api.post(TASKS, json=longest).status_code == 201
    longer = {name: text + "\U0001f600" for name, text in longest.items()}
    assert offending(api.post(TASKS, json=longer)) == ["/description", "/title"]


NOT_EMPTY: list[tuple[bytes, dict[str, str], int]] = [
    (b"{}", {}, 415),
    (b"x", {"Content-Type": "text/plain"}, 415),
    (b"{}", MERGE, 415),
    (b" " * (LARGEST + 1), JSON, 413),
    *((content, JSON, 400) for content in (b"x", b"{", b'{"a":1,"a":1}', b"\xef\xbb\xbf{}")),
    *((content, JSON, 422) for content in (b"[]", b"null", b"5")),
]


def test_an_operation_without_body_takes_nothing_but_an_empty_object(api: httpx.Client) -> None:
    with collect_failures() as check:
        for name in WRITES_WITHOUT:
            task = api.post(TASKS, json={"title": "there"}).headers["location"]
            for content, headers, status in NOT_EMPTY:
                with check(name, content[:20], headers):
                    assert without_body(api, name, task, content, headers).status_code == status
            with check(name):
                answer = without_body(api, name, task, b'{"title":"canary-71c3","a/b":{}}', JSON)
                assert offending(answer) == ["/a~1b", "/title"]
                assert api.get(task).json()["version"] == 1
                assert without_body(api, name, task, b" {} ", JSON).status_code in (200, 204)


def test_no_body_needs_no_media_type(either_api: httpx.Client) -> None:
    with collect_failures() as check:
        for name in WRITES_WITHOUT:
            with check(name):
                task = either_api.post(TASKS, json={"title": "there"}).headers["location"]
                answer = without_body(either_api, name, task, b"", {"Content-Type": "text/plain"})
                assert answer.status_code in (200, 204)


def test_as_many_members_as_fit_are_all_named_in_an_answer_that_lambda_can_send(api: httpx.Client) -> None:
    body = dict.fromkeys((f"{number:x}" for number in range(27_000)), 0)
    content = json.dumps(body, separators=(",", ":"))
    assert 200_000 < len(content) <= LARGEST
    answer = api.post(TASKS, content=content, headers=JSON)
    assert len(offending(answer)) == len(body) + 1  # and the title, which is missing
    assert len(json.dumps(answer.text)) < 6_000_000
