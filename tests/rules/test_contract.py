"""The application's own document equals the contract, and every answer of the suite is held to it."""

import importlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from infra.operations import operations
from tests.support.collect_failures import collect_failures
from tests.support.openapi_validator import FAULT, METHODS, Breach, component, document, hold
from tests.support.stack import User

PROSE = {"title", "summary", "description", "examples", "example", "tags"}
ROUTED = [operation for operation in operations() if not operation.is_default]
SCHEMA_MAPS = {"properties", "$defs"}
SCHEMA_LISTS = {"anyOf", "oneOf", "allOf"}


def schema_of(node: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema without prose, its references resolved."""
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/components/schemas/")
        node = components[name] | {key: value for key, value in node.items() if key != "$ref"}
        return schema_of(node, components)
    shape: dict[str, Any] = {}
    for key, value in node.items():
        if key in SCHEMA_MAPS:
            shape[key] = {name: schema_of(part, components) for name, part in value.items()}
        elif key in SCHEMA_LISTS:
            shape[key] = [schema_of(part, components) for part in value]
        elif key == "items":
            shape[key] = schema_of(value, components)
        elif key == "required":
            shape[key] = sorted(value)
        elif key not in PROSE:
            shape[key] = value
    return shape


def optional(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that may be absent; FastAPI writes `anyOf null` for one, which no query can hold."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema | ({"anyOf": kinds} if kinds else {})


def content_of(content: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    return {name: schema_of(kind.get("schema", {}), components) for name, kind in content.items()}


def operation_of(operation: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """What a document says of one operation, prose apart. Header names have no case (RFC 9110 5.1)."""
    body = operation.get("requestBody")
    responses = {status: component(response) for status, response in operation["responses"].items()}
    return {
        "operationId": operation["operationId"],
        "security": operation["security"],
        "parameters": {
            (parameter["in"], parameter["name"].lower() if parameter["in"] == "header" else parameter["name"]): (
                parameter.get("required", False),
                optional(schema_of(parameter["schema"], components)),
            )
            for parameter in map(component, operation.get("parameters", []))
        },
        "body": body and (body.get("required", False), content_of(body["content"], components)),
        "responses": {
            status: (
                sorted(name.lower() for name in response.get("headers", {})),
                content_of(response.get("content", {}), components),
            )
            for status, response in responses.items()
        },
    }


def shape_of(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation of a document by method and path."""
    # The application names schemas that it does not carry (shared/answers.py): they are the contract's.
    components = document()["components"]["schemas"] | whole["components"]["schemas"]
    for path, item in whole["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method] | {
                    "parameters": [*item.get("parameters", []), *item[method].get("parameters", [])]
                }
                yield f"{method.upper()} {path}", operation_of(operation, components)


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    return dict(shape_of(document()))


def test_every_operation_is_in_the_contract_and_the_other_way_round(written: dict[str, Any]) -> None:
    assert sorted(written) == sorted(operation.route for operation in ROUTED)


def test_the_application_says_of_itself_what_the_contract_says(written: dict[str, Any]) -> None:
    app = FastAPI()
    for operation in operations():
        app.include_router(importlib.import_module(operation.module).router)
    built = dict(shape_of(get_openapi(title="", version="", routes=app.routes)))
    with collect_failures() as check:
        for operation in ROUTED:
            with check(operation.name):
                assert built[operation.route] == written[operation.route]


def test_the_base_path_is_v1_and_only_the_service_stands_beside_it() -> None:
    beside = {path for path in document()["paths"] if not path.startswith("/v1/")}
    assert beside == {"/health", "/health/ready", "/openapi.json", "/docs", "/docs/{asset}"}


def test_no_user_is_named_in_any_path_query_or_body() -> None:
    def names(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from node.get("properties", {})
            yield node["name"] if isinstance(node.get("name"), str) else ""
            for part in node.values():
                yield from names(part)
        elif isinstance(node, list):
            for part in node:
                yield from names(part)

    found = {*names(document()), *document()["paths"]}
    assert "title" in found
    assert not [name for name in found if "user" in name.lower() or "owner" in name.lower() or "tenant" in name.lower()]


TASK: dict[str, Any] = {"id": "0199d3c8-7b1a-7c3e-9f0e-2b5d1c4a6e70", "title": "Buy milk", "description": ""}
TASK |= {"priority": "none", "labels": ["errands"], "position": "V", "version": 1}
TASK |= dict.fromkeys(["due", "list_id", "parent_id", "completed_at"])
TASK |= dict.fromkeys(["created_at", "updated_at"], "2026-02-20T08:15:30.123456Z")
REQUEST_ID = "8e03978e-40d5-43dd-bc93-6894a57f9324"
OURS = {"x-request-id": REQUEST_ID, "cache-control": "no-store", "x-content-type-options": "nosniff"}
PLACE = "/v1/tasks/0199d3c8-7b1a-7c3e-9f0e-2b5d1c4a6e70"
GONE = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "Nothing.", "instance": REQUEST_ID}


def answer(status: int, body: Any = None, *, without: str = "", **headers: str) -> httpx.Response:
    kind = {"content-type": "application/problem+json" if status >= 400 else "application/json"} if body else {}
    sent = OURS | kind | {name.replace("_", "-"): value for name, value in headers.items()}
    sent.pop(without, None)
    return httpx.Response(status, headers=sent, **({"json": body} if body else {}))


def twice(response: httpx.Response, name: str) -> httpx.Response:
    response.headers = httpx.Headers([*response.headers.multi_items(), (name, response.headers[name])])
    return response


KEPT = {
    "a task": ("GET", PLACE, answer(200, TASK, etag='"1"')),
    "nothing new": ("GET", PLACE, answer(304, etag='"1"')),
    "no task": ("GET", PLACE, answer(404, GONE)),
    "no path": ("GET", "/v2", answer(404, GONE)),
    "another method": ("PUT", "/v1/tasks", answer(405, GONE | {"status": 405}, allow="GET, POST")),
}
BROKEN = {
    "a status that is not declared": ("GET", PLACE, answer(418, GONE | {"status": 418})),
    "a fault": ("GET", PLACE, answer(500, GONE | {"status": 500})),
    "a missing tag": ("GET", PLACE, answer(200, TASK)),
    "a header that is not declared": ("GET", PLACE, answer(200, TASK, etag='"1"', location="/")),
    "a header that tells what runs": ("GET", PLACE, answer(200, TASK, etag='"1"', x_powered_by="us")),
    "a tag that is there twice": ("GET", PLACE, twice(answer(200, TASK, etag='"1"'), "etag")),
    "no request id": ("GET", PLACE, answer(200, TASK, etag='"1"', without="x-request-id")),
    "a request id that is none": ("GET", PLACE, answer(200, TASK, etag='"1"', x_request_id="a b")),
    "an answer that may be stored": ("GET", PLACE, answer(200, TASK, etag='"1"', cache_control="public")),
    "a missing member": ("GET", PLACE, answer(200, {"id": TASK["id"]}, etag='"1"')),
    "a member of another type": ("GET", PLACE, answer(200, TASK | {"version": "1"}, etag='"1"')),
    "a date that is none": ("GET", PLACE, answer(200, TASK | {"due": {"date": "2026-02-30"}}, etag='"1"')),
    "a time that is none": ("GET", PLACE, answer(200, TASK | {"created_at": "yesterday"}, etag='"1"')),
    "an id that is no UUID": ("GET", PLACE, answer(200, TASK | {"id": "1"}, etag='"1"')),
    "a body without one": ("DELETE", PLACE, answer(204, TASK)),
    "a problem of another status": ("GET", PLACE, answer(404, GONE | {"status": 403})),
    "a problem of another request": ("GET", PLACE, answer(404, GONE | {"instance": str(TASK["id"])})),
    "a page without its link": ("GET", "/v1/tasks", answer(200, {"items": [], "next_cursor": "abc"})),
    "success where no route is": ("GET", "/v2", answer(200, TASK, etag='"1"')),
    "an incomplete Allow": ("PUT", "/v1/tasks", answer(405, GONE | {"status": 405}, allow="GET")),
}


def judge(method: str, path: str, response: httpx.Response, **extensions: Any) -> None:
    hold(httpx.Request(method, f"https://api.test{path}", extensions=extensions), response)


def test_an_answer_that_keeps_the_contract_is_let_through() -> None:
    with collect_failures() as check:
        for case, kept in KEPT.items():
            with check(case):
                judge(*kept)


def test_an_answer_that_breaks_the_contract_fails_the_test_that_sees_it() -> None:
    with collect_failures() as check:
        for case, broken in BROKEN.items():
            with check(case), pytest.raises(Breach):
                judge(*broken)


def test_a_fault_that_a_test_provokes_is_let_through() -> None:
    method, path, fault = BROKEN["a fault"]
    judge(method, path, fault, **FAULT)
    with pytest.raises(Breach):
        judge(method, path, BROKEN["a missing member"][2], **FAULT)


@pytest.mark.parametrize("way", ["lambda", "http"])
def test_the_clients_of_the_tests_hold_every_answer_to_the_contract(
    way: str, request: pytest.FixtureRequest, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = request.getfixturevalue("api" if way == "lambda" else "http_api")
    assert api.get("/v1/tasks", headers=user.headers).status_code == 200
    monkeypatch.setitem(document()["paths"]["/v1/tasks"]["get"]["responses"], "200", {"headers": {}, "content": {}})
    with pytest.raises(Breach):
        api.get("/v1/tasks")
