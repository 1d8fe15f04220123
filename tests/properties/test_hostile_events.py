"""Whatever event arrives, a handler answers it: a payload-2.0 answer, a problem document, nothing stored, no exception.

The gateway would block some of these; a direct invocation does not. The table is tests/support/hostile_events.py.
"""

import json
import re
from importlib import import_module
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from infra.operations import Function, Operation, jobs, operations
from tests.fuzz import examples
from tests.support.api_gateway import invoke
from tests.support.collect_failures import collect_failures
from tests.support.hostile_events import CANARY, EVENT_BRIDGE, HOSTILE, event_of, replaced
from tests.support.stack import User

OPERATIONS = operations()
WHOLE = {"tasks_create", "tasks_list"}
"""The operations that get every hostile event."""
exploring = settings(
    max_examples=examples(500), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


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
    assert re.fullmatch("[A-Za-z0-9_=-]{1,64}", headers["x-request-id"])
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


def test_no_handler_fails_at_a_hostile_event(user: User, admin: psycopg.Connection[DictRow]) -> None:
    """Every event through one reading and one writing operation; through each other operation one of each family."""
    with collect_failures() as check:
        for n, operation in enumerate(OPERATIONS):
            for family in HOSTILE.values():
                names = [*family]
                for name in names if operation.name in WHOLE else [names[n % len(names)]]:
                    with check(operation.name, "|", name):
                        change, expected = family[name]
                        before = stored(admin)
                        status = assert_whole(invoke(operation.name, change(event_of(operation, user))))
                        assert operation.name != "tasks_create" or status == (expected or 201)
                        assert status < 400 or stored(admin) == before


@pytest.mark.parametrize("job", jobs(), ids=lambda job: job.name)
def test_a_job_heeds_nothing_of_its_event(job: Function, user: User) -> None:
    handler = import_module(job.module).handler
    handler({}, None)  # takes away what other tests have left
    for event in (None, [CANARY], CANARY, {}, EVENT_BRIDGE, event_of(OPERATIONS[0], user)):
        assert handler(event, None) == {"deleted": 0, "done": True}


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
