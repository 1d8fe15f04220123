"""Events that no gateway would send, or that it would stop: what makes each hostile, and what it has to answer."""

import base64
import json
from collections.abc import Callable
from typing import Any

from infra.operations import ROOT, Operation
from tests.support.api_gateway import Event
from tests.support.output_leaks import note
from tests.support.stack import User

CANARY = "canary-5b1d"
note("something of a hostile event", CANARY)
SURROGATE = "\ud800"
DEEP = 100_000
GONE = object()
type Change = Callable[[Event], Any]


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
HOSTILE: dict[str, dict[str, tuple[Change, int | None]]] = {
    "event": {
        "None": (lambda _: None, 400),
        "a list": (lambda event: [event], 400),
        "a string": (lambda _: CANARY, 400),
        "an empty object": (lambda _: {}, 400),
        "a REST v1 event": (rest_v1, 400),
        "an EventBridge event": (lambda _: EVENT_BRIDGE, 400),
        "an SQS event": (lambda _: {"Records": [{"body": CANARY}]}, 400),
    },
    "context": {
        "no requestContext": (without("requestContext"), 400),
        "requestContext null": (replaced("requestContext", by=None), 400),
        "requestContext a list": (replaced("requestContext", by=[CANARY]), 400),
        "no http": (without("requestContext", "http"), 400),
        "http a string": (replaced("requestContext", "http", by=CANARY), 400),
    },
    "method": {
        "no method": (without("requestContext", "http", "method"), 400),
        "method a number": (replaced("requestContext", "http", "method", by=7), 400),
        "method in lower case": (replaced("requestContext", "http", "method", by="get"), 405),
        "method FOO": (replaced("requestContext", "http", "method", by="FOO"), 405),
        "method empty": (replaced("requestContext", "http", "method", by=""), 405),
        "method a surrogate": (replaced("requestContext", "http", "method", by=SURROGATE), 405),
    },
    "path": {
        "no rawPath": (without("rawPath"), None),
        "rawPath a number": (replaced("rawPath", by=5), None),
        "no path at all": (path(None), 400),
        "path empty": (path(""), 404),
        "path with a surrogate": (path(f"/v1/tasks/{SURROGATE}/complete/x"), 404),
        "path with a surrogate for an id": (path(f"/v1/tasks/{SURROGATE}"), 405),
        "path with NUL": (path("/v1/tasks/%00"), 405),
        "path with %2F": (path("/v1%2Ftask"), 404),
        "path with %ff": (path("/v1/tasks/%ff"), 405),
        "path with %ZZ": (path("/v1/tasks/%ZZ"), 405),
        "path with %252e": (path("/v1/%252e/tasks"), 404),
        "path with dots": (path("/v1/../v1/tasks"), 404),
        "path with a line break": (path("/v1/tasks%0A"), 404),
        "path of 100,000 characters": (path("/v1/tasks/" + "x" * 100_000), 405),
    },
    "headers": {
        "no headers": (without("headers"), 401),
        "headers null": (replaced("headers", by=None), 401),
        "headers a list": (replaced("headers", by=[["authorization", CANARY]]), 401),
        "headers a string": (replaced("headers", by=CANARY), 401),
    },
    "header": {
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
    },
    "header that is read": {
        "If-Match with a surrogate": (header("if-match", f'"{SURROGATE}"'), 400),
        "If-Match a list": (header("if-match", ['"1"']), 400),
        "Idempotency-Key a number": (header("idempotency-key", 5), 400),
        "Idempotency-Key with a line break": (header("idempotency-key", f"a\r\n{CANARY}"), 400),
        "Content-Type text/plain": (header("content-type", "text/plain"), 415),
        "Content-Type a list": (header("content-type", ["application/json"]), 415),
    },
    "cookies": {
        "cookies null": (replaced("cookies", by=None), None),
        "cookies numbers": (replaced("cookies", by=[1, None]), None),
        "cookies a string": (replaced("cookies", by=CANARY), None),
    },
    "query": {
        "no query": (without("rawQueryString"), None),
        "query null": (replaced("rawQueryString", by=None), None),
        "query a list": (replaced("rawQueryString", by=[CANARY]), None),
        "query %ff": (replaced("rawQueryString", by="q=%ff"), 422),
        "query with a surrogate": (replaced("rawQueryString", by=f"q={SURROGATE}"), 422),
        "query beyond ASCII": (replaced("rawQueryString", by="q=é"), 422),
        "query with a line break": (replaced("rawQueryString", by=f"x=\r\n{CANARY}"), 422),
        "query limit=1_000": (replaced("rawQueryString", by="limit=1_000"), 422),
        "query limit=1.0": (replaced("rawQueryString", by="limit=1.0"), 422),
        "query limit=2^63": (replaced("rawQueryString", by="limit=9223372036854775808"), 422),
        "query limit twice": (replaced("rawQueryString", by="limit=1&limit=1"), 422),
        "query of 5,000 digits": (replaced("rawQueryString", by="limit=" + "9" * 5000), 422),
        "query of 10,000 names": (replaced("rawQueryString", by="&".join(f"n{i}=1" for i in range(10_000))), 422),
        "queryStringParameters a string": (replaced("queryStringParameters", by=CANARY), None),
    },
    "version": {
        "version 1.0": (replaced("version", by="1.0"), None),
        "no version": (without("version"), None),
        "a context of another kind": (replaced("requestContext", "requestId", by=[CANARY]), None),
    },
    "body": {
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
    },
    "JSON": {
        "body with a surrogate": (body(f'{{"title": "{CANARY}{SURROGATE}"}}'), 400),
        "body with an escaped surrogate": (body('{"title": "\\ud800"}'), 422),
        "body with a name that is a surrogate": (body('{"title": "x", "\\ud800": 1}'), 422),
        "body with an escaped NUL": (body('{"title": "x\\u0000"}'), 422),
        "body with a raw NUL": (body('{"title": "x\0"}'), 400),
        "body with NaN": (body('{"title": NaN}'), 400),
        "body with Infinity": (body('{"title": "x", "due": -Infinity}'), 400),
        "body with 1e400": (body('{"title": 1e400}'), 400),
        "body with a name twice": (body('{"title": "x", "title": "y"}'), 400),
        "body with a name twice, once escaped": (body('{"title": "x", "\\u0074itle": "y"}'), 400),
        "body with a BOM": (body('\ufeff{"title": "x"}'), 400),
        "body in UTF-16": (body(base64.b64encode('{"title": "x"}'.encode("utf-16")).decode(), encoded=True), 400),
        "body with 2^63": (body('{"title": 9223372036854775808}'), 422),
        "body with 10^30": (body('{"title": "x", "version": 1000000000000000000000000000000}'), 422),
        "body with 1.0": (body('{"title": "x", "priority": 1.0}'), 422),
        "body with a text for a number": (body('{"title": "x", "version": "1"}'), 422),
        "body with true for a number": (body('{"title": "x", "version": true}'), 422),
    },
    "due": {
        "due in the year 0": (body('{"title": "x", "due": {"date": "0000-01-01"}}'), 422),
        "due in the year 10000": (body('{"title": "x", "due": {"date": "10000-01-01"}}'), 422),
        "due in the year 9999, with an offset": (
            body('{"title": "x", "due": {"datetime": "9999-12-31T23:59:59-23:59"}}'),
            422,
        ),
        "due in the year 1, with an offset": (
            body('{"title": "x", "due": {"datetime": "0001-01-01T00:00:00+23:59"}}'),
            422,
        ),
        "due in a leap second": (body('{"title": "x", "due": {"datetime": "2016-12-31T23:59:60"}}'), 422),
        "due 12": (body('{"title": "x", "due": "12"}'), 422),
        "due a number of seconds": (body('{"title": "x", "due": -99999999999}'), 422),
        "due 1e18": (body('{"title": "x", "due": {"date": 1e18}}'), 422),
    },
    "size": {
        "a list 100,000 deep": (body("[" * DEEP + "]" * DEEP), 400),
        "an object 100,000 deep": (body('{"due":' * (DEEP // 4) + "1" + "}" * (DEEP // 4)), 400),
        "a number of 5,000 digits": (body('{"title": ' + "9" * 5000 + "}"), 400),
        "body of a megabyte": (body(json.dumps({"title": CANARY * 100_000})), 413),
    },
}
