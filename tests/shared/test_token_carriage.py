"""One good token, carried in every way: only the Authorization header counts, once, and it says nothing but Bearer.

Every way goes to one operation that reads and one that writes, and five ways to each other operation.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.api_server import Server
from tests.support.collect_failures import collect_failures
from tests.support.hostile_token_carriage import ACCEPTED, CARRIAGE
from tests.support.jwks_server import JwksServer, Signer
from tests.support.postgres_proxy import Proxy
from tests.support.stack import Stack
from tests.support.token_check import BODY, Door, opened, operations_by_row, refused


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, api: httpx.Client, issuer: JwksServer) -> Iterator[Door]:
    assert api.get("/v1/tasks").status_code == 200  # so that the connection that a new environment opens is there
    with opened(monkeypatch, issuer) as door:
        yield door


def test_a_good_token_carried_otherwise_is_the_one_401_everywhere(door: Door, signer: Signer, proxy: Proxy) -> None:
    with collect_failures() as check:
        for name, operations in operations_by_row(CARRIAGE, each=5).items():
            carried = CARRIAGE[name](signer.token())
            request: dict[str, Any] = {"query": carried.query, "body": carried.body, "members": carried.members}
            for operation in operations:
                with check(name, operation.name):
                    proxy.reset()
                    door.dialled.clear()
                    refused(door.answer(carried.headers, operation, **request), carried.challenge)
                    assert door.dialled == []
                    assert (proxy.connects, proxy.trips) == (0, [])


def test_names_of_schemes_and_headers_have_no_case(door: Door, signer: Signer) -> None:
    with collect_failures() as check:
        for name, operations in operations_by_row(ACCEPTED).items():
            headers = ACCEPTED[name](signer.token()).headers
            for operation in operations:
                with check(name, operation.name):
                    assert door.answer(headers, operation).status_code != 401


def test_over_http_it_is_the_same(stack: Stack, server: Server) -> None:
    token = stack.signer.token()
    with collect_failures() as check, server.client() as client:
        for name, carry in (CARRIAGE | ACCEPTED).items():
            carried = carry(token)
            if not carried.by_http:
                continue
            with check(name):
                answer = client.request(
                    "GET", "/v1/tasks", headers=carried.headers, params=carried.query or None, content=carried.body
                )
                if name in ACCEPTED:
                    assert answer.status_code == 200
                    continue
                assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, carried.challenge)
                assert answer.content == BODY % answer.headers["x-request-id"].encode()
