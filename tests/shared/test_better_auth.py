"""A real Better Auth, as it comes with its jwt plugin: what it issues is accepted, and so is its next key.

The issuer is a Node process (tests/better_auth, `npm ci` there); without Node or its modules the tests are skipped,
in CI they fail.
"""

import asyncio
import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import httpx
import pytest

from shared.keys import KeyCache, UnknownKey
from shared.tokens import InvalidToken, subject

HERE = Path(__file__).resolve().parents[1] / "better_auth"
ALGORITHMS = ("EdDSA",)


class Issued(NamedTuple):
    issuer: str
    user: str
    token: str
    session: str

    @property
    def keys(self) -> str:
        """The default of AUTH_JWKS_URL."""
        return self.issuer + "/api/auth/jwks"


class BetterAuth:
    """The running issuer: `first` is its first token, `rotated()` one that a new key signed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin
        assert process.stdout
        self._input: IO[str] = process.stdin
        self._output: IO[str] = process.stdout
        self.first = self._next()

    def rotated(self) -> Issued:
        self._input.write("\n")
        self._input.flush()
        return self._next()

    def _next(self) -> Issued:
        line = self._output.readline()
        assert line, "the issuer ended; its reason is on standard error"
        return Issued(**json.loads(line))


@contextmanager
def better_auth() -> Iterator[BetterAuth]:
    node = shutil.which("node")
    missing = "" if node else "no node"
    if node and not (HERE / "node_modules").is_dir():
        missing = "tests/better_auth has no node_modules: npm ci there"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    command = [str(node), "issuer.mjs"]
    with subprocess.Popen(
        command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:  # our own script
        try:
            yield BetterAuth(process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def issuer() -> Iterator[BetterAuth]:
    with better_auth() as running:
        yield running


def part(token: str, index: int) -> Any:
    segment = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


async def who(token: str, cache: KeyCache, issued: Issued) -> str:
    return await subject(token, cache, issuer=issued.issuer, audience=issued.issuer, algorithms=ALGORITHMS)


def test_its_token_names_its_user(issuer: BetterAuth) -> None:
    issued = issuer.first
    assert asyncio.run(who(issued.token, KeyCache(issued.keys, ALGORITHMS), issued)) == issued.user


def test_what_the_strict_layer_and_the_test_signer_assume_of_it(issuer: BetterAuth) -> None:
    issued = issuer.first
    assert set(part(issued.token, 0)) == {"alg", "kid"}
    claims = part(issued.token, 1)
    assert claims["sub"] == issued.user
    assert claims["iss"] == claims["aud"] == issued.issuer
    assert claims["exp"] - claims["iat"] == 900
    members = httpx.get(issued.keys).json()["keys"]
    assert [set(member) for member in members] == [{"alg", "crv", "kty", "x", "kid"}]


def test_its_session_token_is_no_bearer_token(issuer: BetterAuth) -> None:
    issued = issuer.first
    with pytest.raises(InvalidToken):
        asyncio.run(who(issued.session, KeyCache(issued.keys, ALGORITHMS), issued))


def test_its_next_key_works_and_the_dropped_one_stops() -> None:
    now = 1_000_000.0
    with better_auth() as running:
        issued = running.first
        cache = KeyCache(issued.keys, ALGORITHMS, clock=lambda: now)
        assert asyncio.run(who(issued.token, cache, issued)) == issued.user
        after = running.rotated()
        now += 10
        assert asyncio.run(who(after.token, cache, issued)) == issued.user
        with pytest.raises(InvalidToken, match="no such key"):
            asyncio.run(who(issued.token, cache, issued))
        with pytest.raises(UnknownKey):
            asyncio.run(cache.key(part(issued.token, 0)["kid"]))
