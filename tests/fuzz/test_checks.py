"""The checks that fuzzing adds: what they let pass, and what they catch."""

import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import BASE_URL
from tests.fuzz.checks import Replays, a_refusal_has_a_reason
from tests.fuzz.doors import Doors
from tests.fuzz.fitting import ours, unfit, whole
from tests.support.collect_failures import collect_failures
from tests.support.stack import Stack, User

TASK = "/v1/tasks/{task_id}"
WRITES = [("POST", "/v1/tasks"), ("PUT", TASK), ("PATCH", TASK), ("DELETE", TASK), ("POST", f"{TASK}/complete")]
CLOSED = SimpleNamespace(raw={"security": [{"bearer": []}]})


class Careless(Stack):
    """Says that somebody is new who is not."""

    def __init__(self, known: User) -> None:
        self.known = known

    def user(self, _: str | None = None) -> User:
        return self.known


def success(doors: Doors, user: User, method: str, path: str, body: bytes | None = None) -> tuple[Any, Any]:
    """A request of the user's that succeeded, as response and case of Schemathesis."""
    place, headers = path.replace("{task_id}", str(uuid4())), {**user.headers, "content-type": "application/json"}
    task = httpx.Request("PUT", BASE_URL + place.removesuffix("/complete"), headers=headers, content=b'{"title": "x"}')
    if path.startswith(TASK) and method != "PUT":
        doors.answer(task)
    body = body or (b'{"title": "x"}' if (method, path) in WRITES[:3] else b"")
    answer = doors.answer(httpx.Request(method, BASE_URL + place, headers=headers, content=body))
    assert answer.status_code < 300
    sent = SimpleNamespace(method=method, url=BASE_URL + place, headers=httpx.Headers(headers), body=body)
    response = SimpleNamespace(status_code=answer.status_code, json=answer.json, request=sent)
    return response, SimpleNamespace(operation=SimpleNamespace(label=path, path=path, definition=CLOSED))


def test_a_replay_tells_who_is_kept_out_from_who_gets_in(stack: Stack) -> None:
    with collect_failures() as check:
        for method, path in [("GET", "/v1/tasks"), ("GET", TASK), *WRITES]:
            with check(method, path):
                doors, user = Doors(), stack.user()
                Replays(stack, user, doors).nothing_is_anothers(None, *success(doors, user, method, path))
                success(doors, user, "POST", "/v1/tasks")  # so that there is something to see
                with pytest.raises(AssertionError):
                    Replays(Careless(user), user, doors).nothing_is_anothers(None, *success(doors, user, method, path))


def test_a_task_in_what_belongs_to_another_is_refused_or_told_on(stack: Stack, user: User, api: httpx.Client) -> None:
    doors = Doors()
    body = json.dumps({"title": "x", "list_id": ours(api, "list_id", "POST /v1/tasks")}).encode()
    request = success(doors, user, "POST", "/v1/tasks", body)
    Replays(stack, user, doors).nothing_is_anothers(None, *request)
    with pytest.raises(AssertionError, match="a stranger's write answers 201"):
        Replays(Careless(user), user, doors).nothing_is_anothers(None, *request)


def test_what_is_asked_for_is_there(api: httpx.Client) -> None:
    asked = [("GET", TASK, 200), ("DELETE", "/v1/trash/{task_id}", 204), ("POST", f"{TASK}/restore", 200)]
    asked += [("GET", "/v1/lists/{list_id}", 200), ("DELETE", "/v1/labels/{label_id}", 204)]
    with collect_failures() as check:
        for method, path, status in asked:
            name = path[path.index("{") + 1 : path.index("}")]
            for _ in range(2):  # the second time behind what the first has done
                with check(method, path):
                    there = ours(api, name, f"{method} {path}")
                    assert api.request(method, path.replace(f"{{{name}}}", there)).status_code == status


def test_what_is_too_long_stays_too_long_when_it_is_trimmed() -> None:
    for text, is_whole in {"": "", "\n ": "xx", "a b": "a b", " a": "xa", "\ta \n": "xaxx"}.items():
        assert whole(text) == is_whole
        case = SimpleNamespace(body={"name": text, "labels": [text, 1], "description": text}, query={"label": text})
        unfit(case)
        assert case.body == {"name": is_whole, "labels": [is_whole, 1], "description": text}
        assert case.query == {"label": is_whole}


def test_a_valid_request_is_refused_for_a_reason_alone() -> None:
    def passes(status: int, problem: Any, *, positive: bool) -> bool:
        mode = SimpleNamespace(is_positive=positive)
        case = SimpleNamespace(meta=SimpleNamespace(generation=SimpleNamespace(mode=mode)))
        try:
            a_refusal_has_a_reason(None, SimpleNamespace(status_code=status, content=json.dumps(problem)), case)
        except AssertionError:
            return False
        return True

    zone, parameter, priority = {"pointer": "/due/timezone"}, {"parameter": "q"}, {"pointer": "/priority"}
    allowed: list[tuple[int, Any]] = [(400, {"detail": "The cursor is malformed or was altered."}), (200, {})]
    allowed.append((422, {"detail": "", "errors": [zone, parameter]}))
    refused: list[tuple[int, Any]] = [(400, {"detail": "The body is not JSON."})]
    refused.append((422, {"detail": "", "errors": [zone, priority]}))
    assert [answer for answer in allowed if not passes(*answer, positive=True)] == []
    assert [answer for answer in refused if passes(*answer, positive=True)] == []
    assert [answer for answer in allowed + refused if not passes(*answer, positive=False)] == []
