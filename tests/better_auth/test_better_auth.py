"""The real Better Auth, with the settings that operators are told to use, and its tokens at the API over HTTP."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx
import pytest

from infra.operations import ROOT
from shared.keys import KeyCache
from shared.tokens import LEEWAY, InvalidToken, subject
from tests.better_auth.issuer import GRACE, ROTATION, SETTINGS, BetterAuth
from tests.faults.invariants import eventually
from tests.support.api_server import Server
from tests.support.stack import Stack

AUDIENCE = "https://api.example.com"
LIFETIME = 900
WITHIN = 10
"""Seconds after which a rotated-in key works: the contract's."""
Call = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def issuer() -> Iterator[BetterAuth]:
    with BetterAuth(audience=AUDIENCE) as running:
        yield running


@pytest.fixture(scope="module")
def as_it_comes() -> Iterator[BetterAuth]:
    with BetterAuth() as running:
        yield running


@pytest.fixture(scope="module")
def call(issuer: BetterAuth, stack: Stack) -> Iterator[Call]:
    """Call the API that trusts `issuer`: token, method, path."""
    with Server(stack, AUTH_ISSUER=issuer.url, AUTH_AUDIENCE=AUDIENCE) as server, server.client() as client:
        yield caller(client)


def caller(client: httpx.Client) -> Call:
    def call(token: str, method: str = "GET", path: str = "/v1/tasks", **given: Any) -> httpx.Response:
        return client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **given)

    return call


def part(token: str, index: int) -> Any:
    segment = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = part(token, 1)
    return found


def user_of(token: str, issuer: BetterAuth) -> str:
    """Whom the token layer takes the token for, where `iss` and `aud` are as they come."""
    keys = KeyCache(issuer.jwks_url, ("EdDSA",))
    return asyncio.run(subject(token, keys, issuer=issuer.url, audience=issuer.url, algorithms=("EdDSA",)))


def test_two_users_who_signed_up_are_kept_apart(issuer: BetterAuth, call: Call) -> None:
    alice, bob = (issuer.member().token() for _ in range(2))
    paths = {}
    for token, title in ((alice, "Alice's"), (bob, "Bob's")):
        made = call(token, "POST", json={"title": title})
        assert made.status_code == 201
        paths[token] = made.headers["Location"]
    for token, title, other in ((alice, "Alice's", bob), (bob, "Bob's", alice)):
        assert [task["title"] for task in call(token).json()["items"]] == [title]
        assert call(token, path=paths[token]).json()["title"] == title
        for method, path, body in (
            ("GET", paths[other], None),
            ("PATCH", paths[other], {"title": "Mine"}),
            ("POST", paths[other] + "/complete", None),
            ("DELETE", paths[other], None),
        ):
            theirs = call(token, method, path, json=body)
            nobodys = call(token, method, path.replace(paths[other], f"/v1/tasks/{uuid4()}"), json=body)
            assert theirs.status_code == 404
            assert theirs.json() | {"instance": ""} == nobodys.json() | {"instance": ""}
    assert [call(token, path=paths[token]).json()["version"] for token in (alice, bob)] == [1, 1]


def test_a_token_of_a_user_who_signed_out_works_until_it_expires(issuer: BetterAuth, call: Call) -> None:
    member = issuer.member()
    cookies, token = dict(member.browser.cookies), member.token()
    assert call(token).status_code == 200
    member.sign_out()
    again = httpx.get(f"{issuer.url}/api/auth/token", cookies=cookies)
    assert again.status_code == 401, "a session that ended gives no more tokens"
    assert call(token).status_code == 200
    assert claims(token)["exp"] - claims(token)["iat"] == LIFETIME
    assert call(issuer.token_of(member, ago=LIFETIME - 60)).status_code == 200
    assert call(issuer.token_of(member, ago=LIFETIME + LEEWAY + 1)).status_code == 401


def test_the_next_key_works_in_time_and_one_that_is_shown_no_more_stops(issuer: BetterAuth, call: Call) -> None:
    member = issuer.member()
    old = member.token()
    assert call(old).status_code == 200
    issuer.age(ROTATION)
    new = member.token()
    kids = [part(token, 0)["kid"] for token in (old, new)]
    assert [key["kid"] for key in issuer.shown()] == kids, "the key before is shown beside the new one"
    issuer.age(GRACE)
    assert [key["kid"] for key in issuer.shown()] == kids[1:]
    deadline = time.monotonic() + WITHIN
    while call(new).status_code == 401:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert call(new).status_code == 200
    assert call(old).status_code == 401


def test_es256_works_where_it_is_allowed_and_nowhere_else(stack: Stack) -> None:
    with ExitStack() as exits:
        issuer = exits.enter_context(BetterAuth(alg="ES256"))
        token = issuer.member().token()
        assert part(token, 0)["alg"] == "ES256"
        answers = {}
        for allowed in ("ES256", ""):
            server = exits.enter_context(Server(stack, AUTH_ISSUER=issuer.url, AUTH_ALGORITHMS=allowed))
            answers[allowed] = caller(exits.enter_context(server.client()))(token).status_code
        assert answers == {"ES256": 200, "": 401}
        eventually(lambda: '"refusal":"alg: not allowed"' in server.log, "the line that follows the answer")


def test_a_token_holds_no_more_than_the_api_reads(issuer: BetterAuth) -> None:
    member = issuer.member()
    token = member.token()
    assert set(part(token, 0)) == {"alg", "kid"}
    now = claims(token)["iat"]
    assert claims(token) == {"sub": member.id, "iss": issuer.url, "aud": AUDIENCE, "iat": now, "exp": now + LIFETIME}


def test_a_user_chooses_claims_only_where_the_payload_is_the_whole_user(
    issuer: BetterAuth, as_it_comes: BetterAuth
) -> None:
    chosen = {"exp": int(time.time()) + 12 * 60 * 60, "aud": "https://other.example.com"}
    assert chosen.items() <= claims(as_it_comes.member(**chosen).token()).items()
    assert not chosen.items() & claims(issuer.member(**chosen).token()).items()


def test_the_plugin_as_it_comes_is_understood_too_and_looks_as_the_tests_own_issuer_does(
    as_it_comes: BetterAuth,
) -> None:
    member = as_it_comes.member()
    token = member.token()
    assert user_of(token, as_it_comes) == member.id
    assert set(part(token, 0)) == {"alg", "kid"}
    assert claims(token)["exp"] - claims(token)["iat"] == LIFETIME
    assert {"name", "email", "id"} <= set(claims(token))
    assert [set(key) for key in as_it_comes.shown()] == [{"alg", "crv", "kty", "x", "kid"}]


def test_nothing_else_that_it_hands_out_is_a_token(issuer: BetterAuth, as_it_comes: BetterAuth, call: Call) -> None:
    member = issuer.member()
    for secret in (member.session, *member.browser.cookies.values()):
        assert call(secret).status_code == 401
    # With a cache in a cookie there is a second kind of JWT, signed by the very same keys.
    other = as_it_comes.member()
    cookie = other.browser.cookies["better-auth.session_data"]
    assert part(cookie, 0)["kid"] == part(other.token(), 0)["kid"]
    with pytest.raises(InvalidToken, match="typ: another kind of token"):
        user_of(cookie, as_it_comes)


def test_a_session_cached_in_a_cookie_gives_tokens_after_its_end(as_it_comes: BetterAuth) -> None:
    member = as_it_comes.member()
    cookies = dict(member.browser.cookies)
    member.sign_out()
    assert httpx.get(f"{as_it_comes.url}/api/auth/token", cookies=cookies).status_code == 200


def test_operators_are_shown_the_settings_that_these_tests_run() -> None:
    guide = (ROOT / "infra/README.md").read_text("utf-8")
    assert f"```js\n{SETTINGS.read_text('utf-8')}```\n" in guide
