"""A request is found again by its ids, and its line tells what it has cost: itself, and no other beside it."""

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from shared.keys import GAP, KeyCache
from shared.logs import LOGGER
from shared.spans import Span, enter
from tests.faults.invariants import eventually
from tests.faults.writes import WRITES, prepare
from tests.support.api_gateway import as_response, invoke, make_event
from tests.support.api_server import Server
from tests.support.collect_failures import collect_failures
from tests.support.jwks_server import JwksServer
from tests.support.key_cache import Clock, outcome
from tests.support.openapi_validator import FAULT
from tests.support.postgres_proxy import CUT_AFTER, CUT_BEFORE, Proxy
from tests.support.stack import User

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"

type Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the handlers have written since it was asked the last time."""
    heard = StringIO()
    handler = logging.StreamHandler(heard)
    handler.setFormatter(LOGGER.registered_formatter)
    LOGGER.addHandler(handler)

    def since() -> list[dict[str, Any]]:
        text = heard.getvalue()
        heard.seek(0)
        heard.truncate()
        return [json.loads(line) for line in text.splitlines()]

    yield since
    LOGGER._logger.removeHandler(handler)


def the_request(lines: Lines) -> dict[str, Any]:
    (line,) = (line for line in lines() if line["message"] == "request")
    return line


def answer_to(gateway_id: object) -> httpx.Response:
    """The answer to a request without a token whose gateway gave it this id."""
    event = make_event("GET", "/v1/tasks")
    event["requestContext"]["requestId"] = gateway_id
    return as_response(invoke("tasks_list", event))


def test_the_gateways_id_is_in_answer_problem_and_line(lines: Lines) -> None:
    for gateway_id in ("JKJaXmPLvHcESHA=", "e2-k_gYjPHcEPTQ=", str(UUID(int=1)), "x" * 64):
        answer = answer_to(gateway_id)
        assert answer.status_code == 401
        told = [answer.headers["x-request-id"], answer.json()["instance"], the_request(lines)["request_id"]]
        assert told == [gateway_id] * 3


def test_an_id_of_another_form_is_replaced(lines: Lines) -> None:
    no_ids: list[object] = [None, 7, ["a"], {}]
    no_ids += ["", "x" * 65, "a b", "a\r\nSet-Cookie: b=c", "a\n", "é", "a\ud800", "//evil.example"]
    with collect_failures() as check:
        for gateway_id in no_ids:
            with check(ascii(gateway_id)):
                answer = answer_to(gateway_id)
                found = answer.headers["x-request-id"]
                assert UUID(found).version == 4
                assert [answer.json()["instance"], the_request(lines)["request_id"]] == [found] * 2


def test_whatever_a_request_leaves_in_the_log_has_its_id(
    api: httpx.Client, proxy: Proxy, admin: psycopg.Connection[DictRow], lines: Lines
) -> None:
    proxy.refuse()
    proxy.cut()
    try:
        ids = {api.get("/v1/tasks").headers["x-request-id"]}
    finally:
        proxy.listen()
    admin.execute("revoke select on task from task_app")
    try:
        ids.add(api.get("/v1/tasks", extensions=FAULT).headers["x-request-id"])
    finally:
        admin.execute("grant select on task to task_app")
    heard = lines()
    assert {line["level"] for line in heard} == {"INFO", "WARNING", "ERROR"}
    assert {line["request_id"] for line in heard} == ids


HANDED_ON = {
    TRACEPARENT: "01",
    TRACEPARENT[:-2] + "00": "00",
    TRACEPARENT[:-2] + "ff": "01",  # of flags that nobody knows yet, none is handed on
    "cc" + TRACEPARENT[2:]: "01",
    "cc" + TRACEPARENT[2:] + "-what-comes": "01",
}


def test_a_trace_goes_on() -> None:
    for given, flags in HANDED_ON.items():
        span = Span(traceparents=[given.encode()])
        assert span.trace_id == TRACE
        assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-{flags}", span.traceparent), given
        assert PARENT not in span.traceparent
        assert span.span_id in span.traceparent


NO_TRACES = [
    *([], [""], [TRACEPARENT, TRACEPARENT], [TRACEPARENT + "," + TRACEPARENT], [" " + TRACEPARENT]),
    *([TRACEPARENT + more] for more in ("-", "\n", "0")),
    *([TRACEPARENT.upper()], [TRACEPARENT[:-1]], ["ff" + TRACEPARENT[2:]], ["cc" + TRACEPARENT[2:] + "x"]),
    *([f"00-{'0' * 32}-{PARENT}-01"], [f"00-{TRACE}-{'0' * 16}-01"]),
    *([TRACEPARENT.replace("-", "_")], [TRACEPARENT.replace("4b", "4\xb2", 1)]),
]


def test_what_is_no_trace_is_left_alone() -> None:
    for given in NO_TRACES:
        span = Span(traceparents=[one.encode() for one in given])
        assert (span.trace_id, span.span_id, span.traceparent) == ("", "", ""), given


def test_a_trace_is_in_the_line(api: httpx.Client, lines: Lines) -> None:
    api.get("/v1/tasks", headers={"traceparent": TRACEPARENT, "tracestate": "vendor=value"})
    line = the_request(lines)
    assert line["trace_id"] == TRACE
    assert re.fullmatch("[0-9a-f]{16}", line["span_id"])
    api.get("/v1/tasks", headers={"traceparent": "nonsense"})
    assert "trace_id" not in the_request(lines)


def test_a_fetch_of_keys_is_counted_by_whom_it_is_made_for_and_goes_on_with_their_trace() -> None:
    with JwksServer() as issuer:
        clock = Clock()
        cache, kid = KeyCache(issuer.jwks_url, ("EdDSA",), clock=clock), issuer.signer().kid

        async def asking(span: Span, kid: str) -> str:
            enter(span)
            return await outcome(cache, kid)

        async def all_at_once(*kids: str) -> tuple[list[Span], list[str]]:
            spans = [Span(traceparents=[TRACEPARENT.encode()]) for _ in kids]
            return spans, await asyncio.gather(
                *(asyncio.create_task(asking(*one)) for one in zip(spans, kids, strict=True))
            )

        def told(*kids: str) -> tuple[list[Span], Counter[tuple[str, int, int]]]:
            spans, outcomes = asyncio.run(all_at_once(*kids))
            pairs = zip(spans, outcomes, strict=True)
            return spans, Counter((said, span.key_fetches, span.key_fetch_failures) for span, said in pairs)

        first, counted = told(kid, kid, kid)
        assert counted == {("held", 1, 0): 1, ("held", 0, 0): 2}
        assert issuer.traceparents == [span.traceparent for span in first if span.key_fetches]
        assert told(kid)[1] == {("held", 0, 0): 1}
        issuer.status = 500
        clock.now += GAP
        assert told("another", "another")[1] == {("unavailable", 1, 1): 1, ("unavailable", 0, 0): 1}
        assert len(issuer.requests) == 2


def test_a_line_counts_the_round_trips_that_a_proxy_sees(api: httpx.Client, proxy: Proxy, lines: Lines) -> None:
    with collect_failures() as check:
        for write in WRITES:
            send, headers = prepare(api, write), {"Idempotency-Key": str(uuid4())}
            for expected in (1, 2):  # the second is a replay
                proxy.reset()
                lines()
                with check(write, expected):
                    assert send(headers).status_code == write.status
                    line = the_request(lines)
                    assert line["round_trips"] == len(proxy.trips) == expected
                    assert line["retries"] == 0
    api.get("/health")
    assert the_request(lines)["round_trips"] == 0


def test_a_line_counts_what_was_done_once_more(api: httpx.Client, proxy: Proxy, lines: Lines) -> None:
    proxy.at_sync(CUT_AFTER)
    assert api.get("/v1/tasks").status_code == 200
    line = the_request(lines)
    assert (line["retries"], line["round_trips"], line["unavailable"]) == (1, 2, 0)
    proxy.at_sync(CUT_AFTER)
    assert api.post("/v1/tasks", json={"title": "x"}, headers={"Idempotency-Key": str(uuid4())}).status_code == 201
    line = the_request(lines)
    assert (line["retries"], line["round_trips"]) == (1, 3)  # once more, and then what was kept the first time
    proxy.at_sync(CUT_BEFORE, CUT_BEFORE)
    assert api.get("/v1/tasks").status_code == 503
    line = the_request(lines)
    assert (line["retries"], line["round_trips"], line["unavailable"], line["faults"]) == (1, 2, 1, 0)
    assert api.post("/v1/tasks", json={"title": "x"}).status_code == 201
    assert the_request(lines)["retries"] == 0


def test_a_line_tells_the_wait_for_a_connection(api: httpx.Client, proxy: Proxy, lines: Lines) -> None:
    for _ in range(2):
        assert api.get("/v1/tasks").status_code == 200
    warm = the_request(lambda: lines()[1:])
    proxy.cut()
    proxy.latency = 0.05  # of each step of a login
    assert api.get("/v1/tasks").status_code == 200
    cold = the_request(lines)
    assert warm["pool_wait_ms"] < cold["pool_wait_ms"] < cold["duration_ms"]
    assert cold["pool_wait_ms"] > 50
    proxy.refuse()
    proxy.cut()
    try:
        assert api.get("/v1/tasks").status_code == 503
    finally:
        proxy.listen()
    line = the_request(lines)
    assert (line["round_trips"], line["retries"], line["unavailable"]) == (0, 1, 1)
    assert line["pool_wait_ms"] > 0


def test_requests_at_once_count_for_themselves(server: Server, user: User) -> None:
    keys = [str(uuid4()) for _ in range(8)]
    before = len(server.log)
    with server.client(**user.headers) as api, ThreadPoolExecutor(16) as pool:
        create = {"title": "x"}
        for key in keys:
            api.post("/v1/tasks", json=create, headers={"Idempotency-Key": key})

        def one(number: int) -> tuple[str, int]:
            if number % 3 == 0:
                answer = api.post("/v1/tasks", json=create, headers={"Idempotency-Key": keys[number % len(keys)]})
                assert answer.headers["Idempotency-Replayed"] == "true"
                return answer.headers["X-Request-Id"], 2
            path, trips = ("/v1/tasks", 1) if number % 3 == 1 else ("/health", 0)
            return api.get(path).headers["X-Request-Id"], trips

        expected = dict(pool.map(one, range(90)))

    def counted() -> dict[str, int]:
        lines = [json.loads(text) for text in server.log[before:].rpartition("\n")[0].splitlines()]
        return {line["request_id"]: line["round_trips"] for line in lines if line["request_id"] in expected}

    eventually(lambda: len(counted()) == len(expected), "every line")  # it is written when the answer is out already
    assert counted() == expected
