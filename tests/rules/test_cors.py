"""CORS: the server of `make dev` answers it for the listed origins alone, as the gateway does when deployed."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from infra.local.app import EXPOSED_HEADERS, METHODS, REQUEST_HEADERS
from infra.operations import ROOT, operations
from tests.support.api_server import Server
from tests.support.collect_failures import collect_failures
from tests.support.stack import ORIGINS, Stack, User

TASKS = "/v1/tasks"
EXPOSED = {"etag", "location", "link", "retry-after", "x-request-id", "idempotency-replayed"}
SENT = {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"}
OTHERS_WITHOUT_SPACE = """
https://app.example.com.evil.example https://evil-app.example.com https://sub.app.example.com https://example.com
https://app.example.co http://app.example.com https://app.example.com:8443 https://app.example.com/
https://user@app.example.com https://app.example.com@evil.example https://app.example.com%60.evil.example
https://app.example.com_.evil.example https://app.example.com\\.evil.example https://app.example.com#evil.example
https://app.example.com?evil.example https://app.example.com. https://app.example.com:443 https://app.example.com:
https://appXexample.com https://xapp.example.com https://app.example.comx https://*.example.com https:app.example.com
wss://app.example.com file:// app.example.com HTTPS://APP.EXAMPLE.COM https://App.example.com https://localhost:3000
http://localhost:3000/ http://LOCALHOST:3000 http://localhost.:3000 http://localhost http://localhost:30001
http://127.0.0.1:3000 http://[::1]:3000 null Null undefined *
"""
OTHERS = [
    *OTHERS_WITHOUT_SPACE.split(),
    *("https://app.example.com, https://evil.example", "https://app.example.com https://evil.example", ""),
]


def words(value: str) -> set[str]:
    return {word.strip().lower() for word in value.split(",")}


def preflight(client: httpx.Client, origin: str, method: str = "PATCH", headers: str = "") -> httpx.Response:
    """What a browser asks before it sends: without a token."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return client.options(TASKS, headers=asked)


@pytest.fixture
def browser(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_preflight_of_a_listed_origin_is_let_through(origin: str, browser: httpx.Client) -> None:
    for method in {operation.method for operation in operations() if not operation.is_default}:
        answer = preflight(browser, origin, method, ",".join(SENT))
        assert answer.status_code in (200, 204)
        assert answer.headers["access-control-allow-origin"] == origin
        assert method.lower() in words(answer.headers["access-control-allow-methods"])
        assert words(answer.headers["access-control-allow-headers"]) >= SENT
        assert "access-control-allow-credentials" not in answer.headers
        assert "origin" in words(answer.headers["vary"])


def test_no_other_origin_is_let_through(browser: httpx.Client, user: User) -> None:
    with collect_failures() as check:
        for origin in OTHERS:
            with check(repr(origin)):
                assert "access-control-allow-origin" not in preflight(browser, origin).headers
                answer = browser.get(TASKS, headers=user.headers | {"Origin": origin})
                assert answer.status_code == 200  # only a browser holds it back
                assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_listed_origin_reads_every_answer_and_exactly_the_headers_of_the_contract(
    origin: str, browser: httpx.Client, user: User
) -> None:
    mine = user.headers | {"Origin": origin}
    answers = {
        201: browser.post(TASKS, json={"title": "x"}, headers=mine),
        200: browser.get(TASKS, headers=mine),
        401: browser.get(TASKS, headers={"Origin": origin}),
        404: browser.get(f"{TASKS}/x", headers=mine),
        405: browser.delete(TASKS, headers=mine),
        415: browser.post(TASKS, content=b"x", headers=mine),
        422: browser.post(TASKS, json={}, headers=mine),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == origin
        assert words(answer.headers["access-control-expose-headers"]) == EXPOSED
        assert "access-control-allow-credentials" not in answer.headers
        assert "origin" in words(answer.headers["vary"])
        assert answer.headers["x-request-id"]


def test_a_method_or_header_that_nothing_takes_is_refused_before_it_is_sent(browser: httpx.Client) -> None:
    assert preflight(browser, ORIGINS[0], "TRACE").status_code == 400
    assert preflight(browser, ORIGINS[0], "PATCH", "x-http-method-override").status_code == 400


def assert_no_cors(client: httpx.Client, user: User, origins: Iterable[str]) -> None:
    """Check that neither a preflight nor an answer says anything of CORS."""
    with collect_failures() as check:
        for origin in origins:
            with check(repr(origin)):
                asked = preflight(client, origin)
                answered = client.get(TASKS, headers=user.headers | {"Origin": origin})
                assert (asked.status_code, answered.status_code) == (405, 200)
                assert not [name for name in (*asked.headers, *answered.headers) if name.startswith("access-control-")]


def test_a_handler_says_nothing_of_cors_which_is_the_gateways(api: httpx.Client, user: User) -> None:
    assert_no_cors(api, user, [*ORIGINS, OTHERS[0], "null"])


def test_without_an_origin_nothing_is_said_of_cors(browser: httpx.Client, user: User) -> None:
    answer = browser.get(TASKS, headers=user.headers)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_without_a_list_no_origin_is_let_through(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: User
) -> None:
    monkeypatch.setitem(stack.environment, "CORS_ORIGINS", "")
    monkeypatch.setattr(stack, "folder", tmp_path)
    with Server(stack) as server, server.client() as client:
        assert_no_cors(client, user, [*ORIGINS, *OTHERS])


class Template(yaml.SafeLoader):
    """Reads the short tags of CloudFormation as what stands behind them."""


Template.add_multi_constructor(
    "!",
    lambda loader, _, node: (
        loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else node.value
    ),
)


def gateway_lists() -> dict[str, dict[str, Any]]:
    """CORS as the two deployment files have it, names in lower case."""
    osls = yaml.safe_load((ROOT / "serverless.yml").read_text("utf-8"))
    sam = yaml.load((ROOT / "infra/template.yaml").read_text("utf-8"), Template)  # noqa: S506 - a safe loader
    found = {
        "serverless.yml": osls["resources"]["extensions"]["HttpApi"]["Properties"]["CorsConfiguration"]["Fn::If"][1],
        "infra/template.yaml": sam["Resources"]["Api"]["Properties"]["CorsConfiguration"][1],
    }
    return {file: {name.lower(): value for name, value in lists.items()} for file, lists in found.items()}


@pytest.mark.parametrize(("file", "lists"), gateway_lists().items())
def test_the_gateway_says_the_same(file: str, lists: dict[str, Any]) -> None:
    assert "CORS_ORIGINS" in str(lists["alloworigins"]) or "CorsOrigins" in str(lists["alloworigins"]), file
    assert set(lists["allowmethods"]) == set(METHODS)
    assert {name.lower() for name in lists["allowheaders"]} == SENT == set(REQUEST_HEADERS)
    assert set(lists["exposeheaders"]) == set(EXPOSED_HEADERS)
    assert {name.lower() for name in lists["exposeheaders"]} == EXPOSED
    assert "allowcredentials" not in lists
