"""Query parameters: one spelling for each value, all that is wrong named at once, none of it repeated."""

import json
from urllib.parse import quote
from uuid import uuid4

import httpx

from tests.rules.test_strictness import CANARY, TASKS, offending
from tests.support.api_gateway import invoke, make_event
from tests.support.calls import OPERATIONS, call, make_target
from tests.support.collect_failures import collect_failures
from tests.support.stack import User
from tests.support.tasks import NOBODYS

WRONG = {
    "completed": ["", "1", "0", "True", "TRUE", "yes", "on", "null", " true", "true ", "t", CANARY],
    "priority": ["", "HIGH", "High", "high ", "1", "high,low", "none\0", CANARY],
    "due_from": [
        *("", "2026-3-1", "20260301", "2026-02-30", "2026-13-01", "0000-01-01", "2026-W10-1", "2026-060", CANARY),
    ],
    "due_before": [
        *("now", "2026-03-01T00:00:00", "2026-03-01Z", " 2026-03-01", "+2026-03-01", "10000-01-01"),
        "\u0662\u0660\u0662\u0666-\u0660\u0663-\u0660\u0661",
    ],
    "label": ["", " ", "x" * 61, "a\0", f"{CANARY}\0", "\U0001f600" * 61],
    "q": ["x" * 151, "\0", f"{CANARY}\0", "\U0001f600" * 151],
    "list_id": ["", "none", "Inbox", "null", NOBODYS.upper(), NOBODYS[:-1], f"{NOBODYS}\0", f"{{{NOBODYS}}}", CANARY],
    "parent_id": ["", "inbox", "None", "null", NOBODYS.upper(), NOBODYS.replace("-", ""), f" {NOBODYS}", CANARY],
    "sort": ["", "id", "-id", "Title", "+title", "--title", "title,due", "title;", "user_id", CANARY],
    "limit": [
        *("", "x", "0", "-1", "201", "1.0", "1e2", "1e1", "1_0", "+5", " 5", "5 ", "0x5", "0x10", "08", "007"),
        *("\u0663", "\u0665", "\u00b2", "NaN", "9" * 30, "9" * 5000, "true", "null", CANARY),
    ],
}


def test_a_bad_query_parameter_is_422_by_its_name(api: httpx.Client) -> None:
    with collect_failures() as check:
        for parameter, values in WRONG.items():
            for value in values:
                with check(parameter, repr(value)[:40]):
                    assert offending(api.get(TASKS, params={parameter: value})) == [parameter]


def test_an_unknown_query_parameter_is_422_by_its_name(api: httpx.Client) -> None:
    for name in ("user_id", "Limit", "LIMIT", "offset", "limit[]", "priority[]", "", "é", "a\0", "due.date"):
        assert offending(api.get(f"{TASKS}?{quote(name)}={CANARY}")) == [name]


def test_a_single_value_given_twice_is_422(api: httpx.Client) -> None:
    good = {"completed": "true", "due_from": "2026-03-01", "due_before": "2026-03-01", "q": "a", "sort": "title"}
    good |= {"label": "home", "list_id": "inbox", "parent_id": "none", "limit": "5"}
    assert good.keys() == WRONG.keys() - {"priority"}
    for name, value in good.items():
        assert offending(api.get(f"{TASKS}?{name}={value}&{name}={value}")) == [name]


def test_priority_alone_may_be_given_more_than_once(api: httpx.Client) -> None:
    assert api.get(f"{TASKS}?priority=low&priority=high&priority=low").status_code == 200
    assert offending(api.get(f"{TASKS}?priority=low&priority={CANARY}&priority=HIGH")) == ["priority", "priority"]


def test_all_offending_parameters_are_named_at_once(either_api: httpx.Client) -> None:
    query = "&".join(f"{name}={quote(values[-1])}" for name, values in WRONG.items()) + f"&user_id={CANARY}&x/y~z=1"
    assert offending(either_api.get(f"{TASKS}?{query}")) == sorted([*WRONG, "user_id", "x/y~z"])


def test_a_parameter_that_is_no_utf_8_is_422(either_api: httpx.Client) -> None:
    for raw in ("q=%ff", "q=%C3%28", "q=%ED%A0%80", "%ff=1", "q=a%e2%82"):
        assert len(offending(either_api.get(f"{TASKS}?{raw}"))) == 1, raw


def test_a_query_of_odd_form_is_read_as_a_form_is(api: httpx.Client) -> None:
    for raw in ("", "&", "&&", "limit=5&", "q=", "q=%2B%26%3D", "q=%", "q=%ZZ", "q=a+b"):
        assert api.get(f"{TASKS}?{raw}").status_code == 200, raw


def test_an_operation_without_parameters_takes_none(api: httpx.Client) -> None:
    with collect_failures() as check:
        for operation in OPERATIONS:
            with check(operation.name):
                answer = call(api, operation, make_target(api, operation), params={"limit": "1", "x": CANARY})
                assert offending(answer) == (["x"] if operation.name.endswith("_list") else ["limit", "x"])
    assert {item["version"] for item in api.get(TASKS).json()["items"]} == {1}


def test_members_and_parameters_are_named_in_one_answer(either_api: httpx.Client) -> None:
    body = {"title": 5, "no": CANARY, "due": {"date": CANARY}}
    for method, path in {"POST": TASKS, "PATCH": f"{TASKS}/{uuid4()}", "PUT": f"{TASKS}/{uuid4()}"}.items():
        answer = either_api.request(method, f"{path}?x={CANARY}&y=1", json=body)
        assert offending(answer) == ["/due/date", "/no", "/title", "x", "y"], method


def test_a_body_that_is_not_wanted_is_named_beside_a_parameter(api: httpx.Client) -> None:
    for action in ("complete", "reopen"):
        assert offending(api.post(f"{TASKS}/{uuid4()}/{action}?x=1", json={"y": 1})) == ["/y", "x"], action


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


def test_an_encoded_slash_is_no_slash(either_api: httpx.Client) -> None:
    for path in ("/v1%2Ftasks", "/v1%2ftasks", "/health%2Fready", "/docs%2Fpage.js", "/v1/tasks%2F", "%2Fhealth"):
        assert either_api.get(path).status_code == 404, path


def test_an_encoded_slash_reaches_no_task_through_its_own_handler(api: httpx.Client, user: User) -> None:
    task = api.post(TASKS, json={"title": "there"}).headers["location"]
    event = make_event("GET", task.replace("tasks/", "tasks%2F"), headers=list(user.headers.items()))
    assert invoke("tasks_get", event)["statusCode"] == 404


def test_a_query_that_no_client_could_send_is_422_and_not_another_query(user: User) -> None:
    event = make_event("GET", TASKS, headers=list(user.headers.items()))
    for query in ("q=\ud800", "q=a\udfff", "\ud83d=1", "q=\u00e9", "q=%ff"):
        answer = invoke("tasks_list", event | {"rawQueryString": query})
        assert answer["statusCode"] == 422, ascii(query)
        assert len(json.loads(answer["body"])["errors"]) == 1
