"""Synthetic users at the real Better Auth: how a smoke test and the canary's hook come to their tokens."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.synthetic import SignInError, sign_in, users
from tests.better_auth.issuer import BetterAuth
from tests.infra.deploy.test_smoke import smoke
from tests.support.api_server import Server
from tests.support.stack import Stack

PEOPLE = [{"email": f"smoke-{number}@example.com", "password": f"made-up-{number}-5f2c"} for number in (1, 2)]


@pytest.fixture(scope="module")
def issuer() -> Iterator[BetterAuth]:
    with BetterAuth(audience="https://api.example.com") as running:
        for person in PEOPLE:
            running.member(**person)
        yield running


def test_a_smoke_test_signs_both_its_users_in(issuer: BetterAuth, stack: Stack) -> None:
    with Server(stack, AUTH_ISSUER=issuer.url, AUTH_AUDIENCE="https://api.example.com") as server:
        code, printed = smoke(server.url, "-k isolation", SMOKE_USERS=json.dumps(PEOPLE), AUTH_ISSUER=f"{issuer.url}/")
    assert code == 0, printed
    assert "skipped" not in printed
    assert not [person for person in PEOPLE if person["password"] in printed]


def test_no_session_is_left_at_the_issuer(issuer: BetterAuth) -> None:
    member = issuer.member(email="sessions@example.com", password="made-up-3-5f2c")
    assert sign_in(issuer.url, "sessions@example.com", "made-up-3-5f2c").count(".") == 2
    sessions = member.browser.get("/list-sessions").raise_for_status().json()
    assert [session["token"] for session in sessions] == [member.session]


def test_a_wrong_password_is_told_without_it(issuer: BetterAuth) -> None:
    with pytest.raises(SignInError, match="sign-in/email answers 401") as raised:
        sign_in(issuer.url, PEOPLE[0]["email"], "made-up-9-5f2c")
    assert "made-up" not in str(raised.value)


class _NoPlugin(BaseHTTPRequestHandler):
    """A Better Auth without its jwt plugin that first takes nobody, as far as this goes."""

    refusals = 2

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def do_GET(self) -> None:
        refused = _NoPlugin.refusals > 0
        _NoPlugin.refusals -= refused
        self.send_response(429 if refused else 200)
        if refused:
            self.send_header("X-Retry-After", "0")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_an_issuer_without_tokens_and_users_that_are_none_are_told() -> None:
    with HTTPServer(("127.0.0.1", 0), _NoPlugin) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with pytest.raises(SignInError, match="gave no token: is its jwt plugin on"):
            sign_in(f"http://127.0.0.1:{server.server_port}", "a@example.com", "x")
        server.shutdown()
    assert _NoPlugin.refusals == 0, "it was asked again, as each hook of a release must"
    for text in ("", "{}x", '["a"]', '[{"email": "a@example.com"}]', "1"):
        with pytest.raises(SignInError, match="the users are no JSON like"):
            users(text)
    assert users(json.dumps(PEOPLE[:1])) == [(PEOPLE[0]["email"], PEOPLE[0]["password"])]
