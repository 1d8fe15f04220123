"""Query parameters: one spelling for each value, all that is wrong named at once, none of it repeated."""

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.rules.test_strictness import CANARY, JSON, TASKS, offending
from tests.support.api_gateway import invoke, make_event
from tests.support.collect_failures import for_each
from tests.support.stack import User
from tests.support.tasks import NOBODYS

WRONG: dict[str, list[str]] = {
    "completed": ["", "1", "0", "True", "TRUE", "yes", "on", "null", " true", "true ", "t", CANARY],
    "priority": ["", "HIGH", "High", "high ", "1", "high,low", "none\0", CANARY],
    "due_from": [
        "",
        "2026-3-1",
        "20260301",
        "2026-02-30",
        "2026-13-01",
        "0000-01-01",
        "2026-W10-1",
        "2026-060",
        CANARY,
    ],
    "due_before": [
        "2026-03-01T00:00:00",
        "2026-03-01Z",
        " 2026-03-01",
        "+2026-03-01",
        "10000-01-01",
        "\u0662\u0660\u0662\u0666-\u0660\u0663-\u0660\u0661",
        "now",
    ],
    "label": ["", " ", "x" * 61, "a\0", f"{CANARY}\0", "\U0001f600" * 61],
    "q": ["x" * 151, "\0", f"{CANARY}\0", "\U0001f600" * 151],
    "list_id": ["", "none", "Inbox", "null", NOBODYS.upper(), NOBODYS[:-1], f"{NOBODYS}\0", f"{{{NOBODYS}}}", CANARY],
    "parent_id": ["", "inbox", "None", "null", NOBODYS.upper(), NOBODYS.replace("-", ""), f" {NOBODYS}", CANARY],
    "sort": ["", "id", "-id", "Title", "+title", "--title", "title,due", "title;", "user_id", CANARY],
    "limit": [
        "",
        "0",
        "-1",
        "201",
        "1.0",
        "1e2",
        "1_0",
        "+5",
        " 5",
        "5 ",
        "0x5",
        "08",
        "007",
        "\u0665",
        "\u00b2",
        "NaN",
        "9" * 5000,
        "true",
        CANARY,
    ],
}


@for_each("parameter", WRONG)
def test_a_bad_query_parameter_is_422_by_its_name(parameter: str, api: httpx.Client) -> None:
    for value in WRONG[parameter]:
        assert offending(api.get(TASKS, params={parameter: value})) == [parameter], repr(value)[:40]


@for_each("name", ["user_id", "Limit", "LIMIT", "offset", "limit[]", "priority[]", "", "é", "a\0", "due.date"])
def test_an_unknown_query_parameter_is_422_by_its_name(name: str, api: httpx.Client) -> None:
    assert offending(api.get(f"{TASKS}?{quote(name)}={CANARY}")) == [name]


@for_each("parameter", ["completed", "due_from", "due_before", "q", "label", "list_id", "parent_id", "sort", "limit"])
def test_a_single_value_given_twice_is_422(parameter: str, api: httpx.Client) -> None:
    good = {"completed": "true", "due_from": "2026-03-01", "due_before": "2026-03-01", "q": "a", "sort": "title"}
    good |= {"label": "home", "list_id": "inbox", "parent_id": "none"}
    value = good.get(parameter, "5")
    assert offending(api.get(f"{TASKS}?{parameter}={value}&{parameter}={value}")) == [parameter]


def test_priority_alone_may_be_given_more_than_once(api: httpx.Client) -> None:
    assert api.get(f"{TASKS}?priority=low&priority=high&priority=low").status_code == 200
    assert offending(api.get(f"{TASKS}?priority=low&priority={CANARY}&priority=HIGH")) == ["priority", "priority"]


def test_all_offending_parameters_are_named_at_once(either_api: httpx.Client) -> None:
    query = "&".join(f"{name}={quote(values[-1])}" for name, values in WRONG.items()) + f"&user_id={CANARY}&x/y~z=1"
    assert offending(either_api.get(f"{TASKS}?{query}")) == sorted([*WRONG, "user_id", "x/y~z"])


@for_each("raw", ["q=%ff", "q=%C3%28", "q=%ED%A0%80", "%ff=1", "q=a%e2%82"])
def test_a_parameter_that_is_no_utf_8_is_422(raw: str, either_api: httpx.Client) -> None:
    assert len(offending(either_api.get(f"{TASKS}?{raw}"))) == 1


@for_each("raw", ["", "&", "&&", "limit=5&", "q=", "q=%2B%26%3D", "q=%", "q=%ZZ", "q=a+b"])
def test_a_query_of_odd_form_is_read_as_a_form_is(raw: str, api: httpx.Client) -> None:
    assert api.get(f"{TASKS}?{raw}").status_code == 200


@for_each(
    "method, path, body",
    [
        ("POST", TASKS, {"title": "x"}),
        ("GET", "{task}", None),
        ("PATCH", "{task}", {}),
        ("PUT", "{task}", {"title": "x"}),
        ("DELETE", "{task}", None),
        ("POST", "{task}/complete", None),
        ("POST", "{task}/reopen", None),
        ("GET", "/health", None),
        ("GET", "/health/ready", None),
        ("GET", "/openapi.json", None),
        ("GET", "/docs", None),
        ("GET", "/docs/page.js", None),
    ],
)
def test_an_operation_without_parameters_takes_none(method: str, path: str, body: Any, api: httpx.Client) -> None:
    task = api.post(TASKS, json={"title": "there"}).headers["location"]
    content = None if body is None else json.dumps(body)
    answer = api.request(method, path.format(task=task) + f"?limit=1&x={CANARY}", content=content, headers=JSON)
    assert offending(answer) == ["limit", "x"]
    assert api.get(task).json()["version"] == 1


@for_each("method", ["POST", "PATCH", "PUT"])
def test_members_and_parameters_are_named_in_one_answer(method: str, either_api: httpx.Client) -> None:
    path = TASKS if method == "POST" else f"{TASKS}/{uuid4()}"
    body = {"title": 5, "no": CANARY, "due": {"date": CANARY}}
    answer = either_api.request(method, f"{path}?x={CANARY}&y=1", json=body)
    assert offending(answer) == ["/due/date", "/no", "/title", "x", "y"]


@pytest.mark.parametrize("action", ["complete", "reopen"])
def test_a_body_that_is_not_wanted_is_named_beside_a_parameter(action: str, api: httpx.Client) -> None:
    assert offending(api.post(f"{TASKS}/{uuid4()}/{action}?x=1", json={"y": 1})) == ["/y", "x"]


def test_headers_that_would_change_method_path_or_host_are_ignored(either_api: httpx.Client) -> None:
    hostile = {
        "X-HTTP-Method-Override": "DELETE",
        "X-Original-URL": "/openapi.json",
        "X-Rewrite-URL": "/openapi.json",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "host=evil.example",
    }
    answer = either_api.post(TASKS, json={"title": "x"}, headers=hostile)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{TASKS}/{answer.json()['id']}"
    assert "evil" not in str(answer.headers) + answer.text


@for_each("path", ["/v1%2Ftasks", "/v1%2ftasks", "/health%2Fready", "/docs%2Fpage.js", "/v1/tasks%2F", "%2Fhealth"])
def test_an_encoded_slash_is_no_slash(path: str, either_api: httpx.Client) -> None:
    assert either_api.get(path).status_code == 404


def test_an_encoded_slash_reaches_no_task_through_its_own_handler(api: httpx.Client, user: User) -> None:
    task = api.post(TASKS, json={"title": "there"}).headers["location"]
    event = make_event("GET", task.replace("tasks/", "tasks%2F"), headers=list(user.headers.items()))
    assert invoke("tasks_get", event)["statusCode"] == 404


@for_each("query", ["q=\ud800", "q=a\udfff", "\ud83d=1", "q=\u00e9", "q=%ff"])
def test_a_query_that_no_client_could_send_is_422_and_not_another_query(query: str, user: User) -> None:
    answer = invoke(
        "tasks_list", make_event("GET", TASKS, headers=list(user.headers.items())) | {"rawQueryString": query}
    )
    assert answer["statusCode"] == 422
    assert len(json.loads(answer["body"])["errors"]) == 1
