"""A synthetic user: how the smoke test and the canary's hook come to a token, as a browser does at Better Auth.

The standard library alone: the hook's archive holds nothing else. The users are `[{"email": …, "password": …}, …]`, as
JSON, in the variable SMOKE_USERS or in the secret that the hook reads; the second is for what takes two.
"""

import json
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

TIMEOUT = 10


class SignInError(Exception):
    """There is no token; the text says why, and holds no password."""


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
    _ask(browser, issuer, "sign-in/email", {"email": email, "password": password})
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
        raise SignInError(f"{issuer}/api/auth/{path} answers {failure.code}") from None
    except (URLError, TimeoutError, ValueError) as failure:
        raise SignInError(f"{issuer}/api/auth/{path} can't be had: {failure}") from None
