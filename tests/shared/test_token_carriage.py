"""One good token, carried in every way: only the Authorization header counts, once, and it says nothing but Bearer."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.api_server import Server
from tests.support.collect_failures import for_each
from tests.support.hostile_token_carriage import ACCEPTED, CARRIAGE, Carry
from tests.support.jwks_server import JwksServer, Signer
from tests.support.postgres_proxy import Proxy
from tests.support.stack import Stack
from tests.support.token_check import BODY, Door, opened, refused

BY_HTTP = {name: carry for name, carry in (CARRIAGE | ACCEPTED).items() if carry("token").by_http}


@pytest.fixture(scope="module")
def issuer() -> Iterator[JwksServer]:
    with JwksServer() as server:
        yield server


@pytest.fixture(scope="module")
def signer(issuer: JwksServer) -> Signer:
    return issuer.signer()


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, api: httpx.Client, issuer: JwksServer) -> Iterator[Door]:
    assert api.get("/v1/tasks").status_code == 200  # so that the connection that a new environment opens is there
    with opened(monkeypatch, issuer) as door:
        yield door


@for_each("carry", CARRIAGE.values(), CARRIAGE)
def test_a_good_token_carried_otherwise_is_the_one_401_everywhere(
    door: Door, signer: Signer, proxy: Proxy, carry: Carry
) -> None:
    carried = carry(signer.token())
    answers = door.knock(carried.headers, query=carried.query, body=carried.body, members=carried.members)
    for answer in answers:
        refused(answer, carried.challenge)
    assert door.dialled == []
    assert (proxy.connects, proxy.trips) == (0, [])


@for_each("carry", ACCEPTED.values(), ACCEPTED)
def test_names_of_schemes_and_headers_have_no_case(door: Door, signer: Signer, carry: Carry) -> None:
    for answer in door.knock(carry(signer.token()).headers):
        assert answer.status_code != 401


@for_each("carry", BY_HTTP.values(), BY_HTTP)
def test_over_http_it_is_the_same(stack: Stack, server: Server, carry: Carry) -> None:
    carried = carry(stack.signer.token())
    with server.client() as client:
        answer = client.request(
            "GET", "/v1/tasks", headers=carried.headers, params=carried.query or None, content=carried.body
        )
    if carry in ACCEPTED.values():
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, carried.challenge)
    assert answer.content == BODY % answer.headers["x-request-id"].encode()
