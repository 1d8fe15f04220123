"""A synthetic user: how the smoke test and the canary's hook come to a token, as a browser does at Better Auth.

The standard library alone: the hook's archive holds nothing else. The users are `[{"email": …, "password": …}, …]`, as
JSON, in the variable SMOKE_USERS or in the secret that the hook reads; the second is for what takes two.
"""

import json
import time
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

TIMEOUT = 10
TOO_MANY, LONGEST = 429, 10
PATIENCE = 12
"""How often a sign-in is tried: Better Auth takes three in 10 s, and each function of a release has a hook."""


class SignInError(Exception):
    """There is no token; the text says why, and holds no password."""


class TooManyError(SignInError):
    """The issuer takes no more for `seconds`."""

    def __init__(self, url: str, seconds: str) -> None:
        super().__init__(f"{url} answers {TOO_MANY}")
        self.seconds = min(int(seconds), LONGEST) if seconds.isdecimal() else LONGEST


def users(text: str) -> list[tuple[str, str]]:
    """Give the e-mail and the password of each user; raise `SignInError` where it is not the JSON of above."""
    try:
        return [(str(user["email"]), str(user["password"])) for user in json.loads(text)]
    except (ValueError, TypeError, KeyError):
        raise SignInError('the users are no JSON like [{"email": "…", "password": "…"}]') from None


def sign_in(issuer: str, email: str, password: str) -> str:
    """Sign in at the issuer, fetch a token, sign out again and give the token, which lives on for minutes.

    Raises `SignInError`.
    """
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    for left in reversed(range(PATIENCE)):
        try:
            _ask(browser, issuer, "sign-in/email", {"email": email, "password": password})
            break
        except TooManyError as refusal:
            if not left:
                raise
            time.sleep(refusal.seconds)
    token = _ask(browser, issuer, "token").get("token")
    _ask(browser, issuer, "sign-out", {})
    if not isinstance(token, str):
        raise SignInError(f"{issuer} gave no token: is its jwt plugin on?")
    return token


def _ask(browser: OpenerDirector, issuer: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Origin": issuer}
    request = Request(f"{issuer}/api/auth/{path}", data, headers)  # noqa: S310 - the operator's own issuer
    try:
        with browser.open(request, timeout=TIMEOUT) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except HTTPError as failure:
        failure.close()
        if failure.code == TOO_MANY:
            raise TooManyError(f"{issuer}/api/auth/{path}", failure.headers.get("X-Retry-After", "")) from None
        raise SignInError(f"{issuer}/api/auth/{path} answers {failure.code}") from None
    except (URLError, TimeoutError, ValueError) as failure:
        raise SignInError(f"{issuer}/api/auth/{path} can't be had: {failure}") from None
