"""A real Better Auth as a Node process (issuer.mjs), and people who sign up there as a browser does.

It wants `npm ci` in this folder; without Node or the modules a test that asks for it is skipped, in CI it fails.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import IO, Any, Self
from uuid import uuid4

import httpx
import pytest

from tests.support.stack import STRICT

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.mjs"
DAY = 24 * 60 * 60
ROTATION, GRACE = 90 * DAY, DAY
"""For how long a key signs, and is shown after that: as settings.mjs has it."""


class Member:
    """Somebody who signed up, with a browser that holds the cookies of the session."""

    def __init__(self, issuer: str, **chosen: Any) -> None:
        self.browser = httpx.Client(base_url=f"{issuer}/api/auth", headers={"Origin": issuer})
        given = {"name": "Älice 例", "email": f"{uuid4()}@example.com", "password": str(uuid4())}
        answer = self.browser.post("/sign-up/email", json=given | chosen).raise_for_status().json()
        self.id: str = answer["user"]["id"]
        self.session: str = answer["token"]

    def token(self) -> str:
        """A new token."""
        token: str = self.browser.get("/token").raise_for_status().json()["token"]
        return token

    def sign_out(self) -> None:
        """End the session."""
        self.browser.post("/sign-out", json={}).raise_for_status()


class BetterAuth:
    """The running server at `url`: with the settings of settings.mjs, or, given no `settings`, the plugin's own."""

    def __init__(self, **settings: str) -> None:
        node = shutil.which("node")
        missing = "" if node else "no node"
        if node and not (HERE / "node_modules").is_dir():
            missing = "tests/better_auth has no node_modules: npm ci there"
        if missing:
            (pytest.fail if STRICT else pytest.skip)(missing)
        command = [str(node), "issuer.mjs", *([json.dumps(settings)] if settings else [])]
        self._process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._members: list[Member] = []
        self.url: str = self._read()

    def member(self, **chosen: Any) -> Member:
        """Somebody new; `chosen` goes into the sign-up."""
        self._members.append(Member(self.url, **chosen))
        return self._members[-1]

    def shown(self) -> list[dict[str, str]]:
        """The key set that it shows."""
        keys: list[dict[str, str]] = httpx.get(self.jwks_url).raise_for_status().json()["keys"]
        return keys

    @property
    def jwks_url(self) -> str:
        """The default of AUTH_JWKS_URL."""
        return f"{self.url}/api/auth/jwks"

    def age(self, seconds: int) -> None:
        """Let its keys be older."""
        self._ask(age=seconds)

    def token_of(self, member: Member, *, ago: int) -> str:
        """The token that a member would have been given so many seconds ago."""
        token: str = self._ask(sign=member.id, ago=ago)
        return token

    def _ask(self, **command: Any) -> Any:
        self._pipe(self._process.stdin).write(json.dumps(command) + "\n")
        self._pipe(self._process.stdin).flush()
        return self._read()

    def _read(self) -> Any:
        line = self._pipe(self._process.stdout).readline()
        assert line, "the issuer ended; its reason is on standard error"
        return json.loads(line)

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe
        return pipe

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members:
            member.browser.close()
        self._process.kill()
        self._process.communicate()
