"""Whatever event arrives, a handler answers it: a payload-2.0 answer, a problem document, nothing stored, no exception.

The gateway would block some of these; a direct invocation does not.
"""

import json
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from infra.operations import ROOT, Operation, operations
from tests.canaries import note
from tests.fuzz import examples
from tests.gateway import Event, invoke
from tests.stack import User

OPERATIONS = operations()
CANARY = "canary-5b1d"
note("something of a hostile event", CANARY)
SURROGATE = "\ud800"
DEEP = 100_000
GONE = object()
type Change = Callable[[Event], Any]

exploring = settings(
    max_examples=examples(500),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def event_of(operation: Operation, user: User) -> Event:
    """The event of infra/events/ for the operation, sent by `user`, without a key that would repeat an answer."""
    text = (ROOT / f"infra/events/{operation.name}.json").read_text("utf-8")
    event: Event = json.loads(text.replace("Bearer TOKEN", f"Bearer {user.token}"))
    event["headers"].pop("idempotency-key", None)
    return event


def replaced(*path: str, by: Any) -> Change:
    """The event with `by` at `path`."""

    def change(event: Event) -> Event:
        place: Any = event
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = by
        if by is GONE:
            del place[path[-1]]
        return event

    return change


def without(*path: str) -> Change:
    """The event with nothing at `path`."""
    return replaced(*path, by=GONE)


def body(text: Any, *, encoded: bool = False) -> Change:
    """The event with this body, as JSON."""

    def change(event: Event) -> Event:
        event["headers"]["content-type"] = "application/json"
        return {**event, "body": text, "isBase64Encoded": encoded}

    return change


def header(name: str, value: Any) -> Change:
    """The event with one more header."""
    return replaced("headers", name, by=value)


def path(text: Any) -> Change:
    """The event with this path, wherever it stands."""

    def change(event: Event) -> Event:
        event["requestContext"]["http"]["path"] = text
        return {**event, "rawPath": text}

    return change


def twice(event: Event) -> Event:
    """The token twice: the gateway joins the two with a comma."""
    event["headers"]["authorization"] = ",".join([event["headers"].get("authorization", f"Bearer {CANARY}")] * 2)
    return event


def rest_v1(event: Event) -> Event:
    """An event of a REST API (payload 1.0)."""
    return {
        "resource": "/v1/tasks",
        "path": "/v1/tasks",
        "httpMethod": "POST",
        "headers": event["headers"],
        "multiValueHeaders": {"authorization": [CANARY]},
        "requestContext": {"identity": {"sourceIp": "192.0.2.1"}},
        "body": json.dumps({"title": CANARY}),
        "isBase64Encoded": False,
    }


EVENT_BRIDGE = {"version": "0", "id": CANARY, "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
TITLE = json.dumps({"title": CANARY})

# What makes the event hostile, and what the operation with everything (create, which has a token, a body, a query and
# headers) answers; None where it may well do what it was asked.
HOSTILE: dict[str, tuple[Change, int | None]] = {
    "None": (lambda _: None, 400),
    "a list": (lambda event: [event], 400),
    "a string": (lambda _: CANARY, 400),
    "an empty object": (lambda _: {}, 400),
    "a REST v1 event": (rest_v1, 400),
    "an EventBridge event": (lambda _: EVENT_BRIDGE, 400),
    "an SQS event": (lambda _: {"Records": [{"body": CANARY}]}, 400),
    "no requestContext": (without("requestContext"), 400),
    "requestContext null": (replaced("requestContext", by=None), 400),
    "requestContext a list": (replaced("requestContext", by=[CANARY]), 400),
    "no http": (without("requestContext", "http"), 400),
    "http a string": (replaced("requestContext", "http", by=CANARY), 400),
    "no method": (without("requestContext", "http", "method"), 400),
    "method a number": (replaced("requestContext", "http", "method", by=7), 400),
    "method in lower case": (replaced("requestContext", "http", "method", by="get"), 405),
    "method FOO": (replaced("requestContext", "http", "method", by="FOO"), 405),
    "method empty": (replaced("requestContext", "http", "method", by=""), 405),
    "method a surrogate": (replaced("requestContext", "http", "method", by=SURROGATE), 405),
    "no rawPath": (without("rawPath"), None),
    "rawPath a number": (replaced("rawPath", by=5), None),
    "no path at all": (path(None), 400),
    "path empty": (path(""), 404),
    "path with a surrogate": (path(f"/v1/tasks/{SURROGATE}/complete/x"), 404),
    "path with NUL": (path("/v1/tasks/%00"), 405),
    "path with %2F": (path("/v1%2Ftask"), 404),
    "path with %ff": (path("/v1/tasks/%ff"), 405),
    "path with %ZZ": (path("/v1/tasks/%ZZ"), 405),
    "path with %252e": (path("/v1/%252e/tasks"), 404),
    "path with dots": (path("/v1/../v1/tasks"), 404),
    "path with a line break": (path("/v1/tasks%0A"), 404),
    "path of 100,000 characters": (path("/v1/tasks/" + "x" * 100_000), 405),
    "no headers": (without("headers"), 401),
    "headers null": (replaced("headers", by=None), 401),
    "headers a list": (replaced("headers", by=[["authorization", CANARY]]), 401),
    "headers a string": (replaced("headers", by=CANARY), 401),
    "a header that is null": (header("x-canary", None), None),
    "a header that is a number": (header("x-canary", 5), None),
    "a header that is an object": (header("x-canary", {CANARY: CANARY}), None),
    "the token a list": (header("authorization", [f"Bearer {CANARY}"]), 401),
    "the token with a surrogate": (header("authorization", f"Bearer {CANARY}{SURROGATE}"), 401),
    "the token with a line break": (header("authorization", f"Bearer {CANARY}\r\nx: y"), 401),
    "two tokens": (twice, 401),
    "a header with a line break": (header("x-canary", f"{CANARY}\r\nSet-Cookie: {CANARY}"), None),
    "a header name with a surrogate": (header(f"x-{SURROGATE}", CANARY), None),
    "a header name beyond ASCII": (header("x-é", CANARY), None),
    "a header name with a line break": (header(f"x\r\n{CANARY}", CANARY), None),
    "a header of 1,000,000 characters": (header("x-canary", CANARY * 90_000), None),
    "a port that is none": (header("x-forwarded-port", CANARY), None),
    "a scheme that is none": (header("x-forwarded-proto", f"{CANARY}\0"), None),
    "If-Match with a surrogate": (header("if-match", f'"{SURROGATE}"'), 400),
    "If-Match a list": (header("if-match", ['"1"']), 400),
    "Idempotency-Key a number": (header("idempotency-key", 5), 400),
    "Idempotency-Key with a line break": (header("idempotency-key", f"a\r\n{CANARY}"), 400),
    "Content-Type a list": (header("content-type", ["application/json"]), 415),
    "cookies null": (replaced("cookies", by=None), None),
    "cookies numbers": (replaced("cookies", by=[1, None]), None),
    "cookies a string": (replaced("cookies", by=CANARY), None),
    "no query": (without("rawQueryString"), None),
    "query null": (replaced("rawQueryString", by=None), None),
    "query a list": (replaced("rawQueryString", by=[CANARY]), None),
    "query %ff": (replaced("rawQueryString", by="q=%ff"), 422),
    "query with a surrogate": (replaced("rawQueryString", by=f"q={SURROGATE}"), 422),
    "query beyond ASCII": (replaced("rawQueryString", by="q=é"), 422),
    "query with a line break": (replaced("rawQueryString", by=f"x=\r\n{CANARY}"), 422),
    "query limit=1_000": (replaced("rawQueryString", by="limit=1_000"), 422),
    "query limit twice": (replaced("rawQueryString", by="limit=1&limit=1"), 422),
    "query of 5,000 digits": (replaced("rawQueryString", by="limit=" + "9" * 5000), 422),
    "query of 10,000 names": (replaced("rawQueryString", by="&".join(f"n{i}=1" for i in range(10_000))), 422),
    "queryStringParameters a string": (replaced("queryStringParameters", by=CANARY), None),
    "version 1.0": (replaced("version", by="1.0"), None),
    "no version": (without("version"), None),
    "a context of another kind": (replaced("requestContext", "requestId", by=[CANARY]), None),
    "no body": (without("body"), 400),
    "body null": (body(None), 400),
    "body an object": (body({"title": CANARY}), 400),
    "body a number": (body(5), 400),
    "body a list": (body([CANARY]), 400),
    "body bad base64": (body("%eyJ0aXRsZSI6IngifQ==", encoded=True), 400),
    "body base64 cut short": (body("eyJ0aXRsZSI6IngifQ", encoded=True), 400),
    "body base64 with a surrogate": (body(SURROGATE, encoded=True), 400),
    "body base64 of no UTF-8": (body("/w==", encoded=True), 400),
    "isBase64Encoded a string": (replaced("isBase64Encoded", by="false"), 400),
    "isBase64Encoded null": (replaced("isBase64Encoded", by=None), None),
    "body with a surrogate": (body(f'{{"title": "{CANARY}{SURROGATE}"}}'), 400),
    "body with an escaped surrogate": (body('{"title": "\\ud800"}'), 422),
    "body with a name that is a surrogate": (body('{"title": "x", "\\ud800": 1}'), 422),
    "body with an escaped NUL": (body('{"title": "x\\u0000"}'), 422),
    "body with a raw NUL": (body('{"title": "x\0"}'), 400),
    "a list 100,000 deep": (body("[" * DEEP + "]" * DEEP), 400),
    "an object 100,000 deep": (body('{"due":' * (DEEP // 4) + "1" + "}" * (DEEP // 4)), 400),
    "a number of 5,000 digits": (body('{"title": ' + "9" * 5000 + "}"), 400),
    "body of a megabyte": (body(json.dumps({"title": CANARY * 100_000})), 413),
}


def assert_whole(answer: dict[str, Any]) -> int:
    """Check the shape of an answer, and that it is no fault of ours and gives nothing away; return its status."""
    text = json.dumps(answer, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert CANARY not in text
    status, headers = answer["statusCode"], answer["headers"]
    assert isinstance(status, int)
    assert status < 500, answer
    assert isinstance(answer["body"], str)
    assert isinstance(answer["isBase64Encoded"], bool)
    assert all(isinstance(value, str) and "\r" not in value and "\n" not in value for value in headers.values())
    assert headers["x-content-type-options"] == "nosniff"
    assert uuid.UUID(headers["x-request-id"])
    if status >= 400:
        assert headers["content-type"] == "application/problem+json"
        assert headers["cache-control"] == "no-store"
        problem = json.loads(answer["body"])
        assert {"type", "title", "status", "detail", "instance"} <= problem.keys()
        assert problem["status"] == status
        assert problem["instance"] == headers["x-request-id"]
    return status


def stored(admin: psycopg.Connection[DictRow]) -> DictRow | None:
    """How much there is, of all users."""
    return admin.execute(
        "select (select count(*) from task) tasks, (select sum(version) from task) versions,"
        " (select count(*) from idempotency_key) keys"
    ).fetchone()


@pytest.mark.parametrize("family", HOSTILE)
def test_no_handler_fails_at_a_hostile_event(family: str, user: User, admin: psycopg.Connection[DictRow]) -> None:
    change, expected = HOSTILE[family]
    for operation in OPERATIONS:
        before = stored(admin)
        status = assert_whole(invoke(operation.name, change(event_of(operation, user))))
        if operation.name == "tasks_create":
            assert status == (expected or 201)
        if status >= 400:
            assert stored(admin) == before, operation.name


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(st.characters(exclude_categories=()), max_size=20)  # surrogates too
    | st.sampled_from([f"x={CANARY}", "", "Bearer", "application/json", "*", "/v1/tasks", "GET", "%ff", "é\ud800"])
)
JSON_LIKE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
PLACES = [
    ("version",),
    ("rawPath",),
    ("rawQueryString",),
    ("headers",),
    *(("headers", name) for name in ("authorization", "content-type", "content-encoding", "if-match", "if-none-match")),
    *(("headers", name) for name in ("idempotency-key", "x-forwarded-port", "x-forwarded-proto", "accept-encoding")),
    ("cookies",),
    ("requestContext",),
    ("requestContext", "http"),
    *(("requestContext", "http", name) for name in ("method", "path", "sourceIp")),
    ("body",),
    ("isBase64Encoded",),
]


ANY_OPERATION = st.sampled_from(OPERATIONS)


@exploring
@given(operation=ANY_OPERATION, data=st.data())
def test_a_handler_takes_its_event_with_anything_anywhere(
    operation: Operation, user: User, data: st.DataObject
) -> None:
    event = event_of(operation, user)
    places = data.draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True))
    for place in sorted(places, key=len, reverse=True):
        event = replaced(*place, by=data.draw(JSON_LIKE))(event)
    assert_whole(invoke(operation.name, event))


@exploring
@given(operation=ANY_OPERATION, event=JSON_LIKE)
def test_a_handler_takes_anything_for_an_event(operation: Operation, event: Any) -> None:
    assert assert_whole(invoke(operation.name, event)) == 400
