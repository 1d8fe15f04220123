"""The contract as the judge of every answer: `hold` raises where an answer is not what the contract says.

The transports of the tests call it, so the whole suite holds the contract. A test that provokes a fault of ours says
so, `api.get(path, extensions=FAULT)`: then the answer may be a 500.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote

import httpx
from jsonschema_rs import Draft202012Validator

from infra.contract import contract
from tests.support.output_leaks import CANARIES

FAULT = {"fault": True}
METHODS = ("get", "put", "post", "patch", "delete")
PROBLEM = "application/problem+json"
PREFLIGHT = "access-control-request-method"
PLAIN = {
    *(
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "server",
        "transfer-encoding",
        "vary",
    ),
    "content-security-policy",  # of the page at /docs, for browsers (tests/functions/service/test_docs.py)
}
"""Headers of HTTP itself, and of CORS beside them: any other is sent only where the contract declares it, and once."""


class Breach(AssertionError):  # noqa: N818 - the contract's word for it
    """An answer that is not what the contract says."""


@cache
def document() -> dict[str, Any]:
    return contract()


def component(node: dict[str, Any]) -> dict[str, Any]:
    """The node itself, or what it refers to, with what stands beside the reference."""
    if "$ref" not in node:
        return node
    found: Any = document()
    for name in node["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return component(found) | {name: value for name, value in node.items() if name != "$ref"}


def hold(request: httpx.Request, response: httpx.Response) -> None:
    """Raise `Breach` unless status, headers and body are the contract's for that operation; note what was sent."""
    CANARIES.exchange(request, response)
    if PREFLIGHT in request.headers:
        return  # the gateway's own answer
    path = request.url.raw_path.decode("ascii").partition("?")[0]
    # Where a path is escaped, a route may be found by what is written or by what is meant.
    breaches = [list(_breaches(request, reading, response)) for reading in {path, unquote(path)}]
    if all(breaches):
        raise Breach(f"{request.method} {path} → {response.status_code}: {'; '.join(breaches[0])}")


def _breaches(request: httpx.Request, path: str, response: httpx.Response) -> Iterator[str]:
    operations = _operations(path)
    operation = operations.get(request.method)
    if operation is None:
        declared = _declared_unrouted(405 if operations else 404)
        allowed = set(filter(None, response.headers.get("allow", "").split(", ")))
        if response.status_code != (405 if operations else 404) or allowed != set(operations):
            yield f"no route matches; the methods of this path are {sorted(operations)}"
    elif response.status_code == 500 and "fault" in request.extensions:
        declared = _declared_unrouted(500)
    elif str(response.status_code) in operation["responses"]:
        declared = component(operation["responses"][str(response.status_code)])
    else:
        yield f"this status is not declared\n{response.text[:1000]}"
        return
    yield from _header_breaches(declared["headers"], response)
    if request.method != "HEAD" or response.content:
        yield from _body_breaches(declared.get("content", {}), response)


@cache
def _operations(path: str) -> dict[str, Any]:
    for template, item in document()["paths"].items():
        if re.fullmatch(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template)), path):
            return {method.upper(): item[method] for method in METHODS if method in item}
    return {}


def _declared_unrouted(status: int) -> dict[str, Any]:
    """A problem that no operation declares: it answers no operation, or is a fault of ours."""
    declared = component({"$ref": "#/components/responses/NotFound"})
    return declared | {"headers": declared["headers"] | ({"Allow": {"schema": {}}} if status == 405 else {})}


def _header_breaches(declared: dict[str, Any], response: httpx.Response) -> Iterator[str]:
    known = PLAIN | {name.lower() for name in declared}
    for name in response.headers:
        if name not in known and not name.startswith("access-control-"):
            yield f"{name} is not declared"
        elif len(response.headers.get_list(name)) > 1:
            yield f"{name} is there more than once"
    for name, header in declared.items():
        value = response.headers.get(name)
        if value is None:
            if not _optional(name, response):
                yield f"{name} is missing"
            continue
        schema = component(header)["schema"]
        number = schema.get("type") == "integer" and value.isdecimal()
        yield from (f"{name}: {message}" for message in _invalid(schema, int(value) if number else value))


def _optional(name: str, response: httpx.Response) -> bool:
    """Whether an answer may do without a declared header, for its cause is not there."""
    if name == "Link":
        return response.json()["next_cursor"] is None
    if name == "ETag" and response.status_code == 412:
        return "current" not in response.json()
    return name == "Idempotency-Replayed"


def _body_breaches(declared: dict[str, Any], response: httpx.Response) -> Iterator[str]:
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if not declared:
        if response.content:
            yield "there is a body"
    elif media_type not in declared:
        yield f"the media type {media_type!r} is not declared"
    elif "schema" in declared[media_type]:
        body = response.json()
        yield from _invalid(declared[media_type]["schema"], body)
        if media_type == PROBLEM and body.get("status") != response.status_code:
            yield "the problem names another status"
        if media_type == PROBLEM and body.get("instance") != response.headers.get("x-request-id"):
            yield "the problem's instance is not the request id"


def _invalid(schema: dict[str, Any], value: Any) -> Iterator[str]:
    for error in _validator(json.dumps(schema)).iter_errors(value):
        yield f"/{'/'.join(map(str, error.instance_path))} {error.message}"


@cache
def _validator(schema: str) -> Draft202012Validator:
    whole = json.loads(schema) | {"components": document()["components"]}
    return Draft202012Validator(whole, validate_formats=True)
