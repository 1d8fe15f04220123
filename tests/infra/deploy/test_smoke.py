"""`make smoke` against a deployment: what it needs, what it leaves behind, and that it finds what is broken."""

import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from infra.operations import ROOT
from tests.support.api_server import Server
from tests.support.make_dev import MAKE, surroundings
from tests.support.stack import ORIGINS, User
from tests.support.tasks import TASKS
from tests.support.timeouts import PROCESS_TIMEOUT

VARIABLES = ("BASE_URL", "SMOKE_TOKEN", "SMOKE_TOKEN_2", "SMOKE_USERS", "DATABASE_URL", "DATABASE_URL_JOBS", "CI")


def smoke(url: str, *chosen: str, **env: str) -> tuple[int, str]:
    """The exit code and what it printed; `chosen` are arguments of pytest's."""
    ours = {name: value for name, value in surroundings().items() if name not in VARIABLES}
    ours |= env | {"BASE_URL": url, "ARGS": " ".join(["-q", "-p", "no:cacheprovider", *chosen])}
    command = [*MAKE, "smoke"]
    done = subprocess.run(
        command, cwd=ROOT, env=ours, capture_output=True, text=True, timeout=PROCESS_TIMEOUT, check=False
    )
    return done.returncode, done.stdout + done.stderr


def tasks_of(server: Server, *users: User) -> list[str]:
    with httpx.Client(base_url=server.url, timeout=PROCESS_TIMEOUT) as api:
        return [task["title"] for user in users for task in api.get(TASKS, headers=user.headers).json()["items"]]


def test_all_of_it_passes_with_two_users_and_leaves_no_task_behind(server: Server, user: User, stranger: User) -> None:
    tokens = {"SMOKE_TOKEN": user.token, "SMOKE_TOKEN_2": stranger.token, "CORS_ORIGINS": ", ".join(ORIGINS)}
    code, printed = smoke(server.url, **tokens)
    assert code == 0, printed
    assert "skipped" not in printed
    assert tasks_of(server, user, stranger) == []


def test_without_a_token_it_asks_the_rest_and_says_what_it_left_out(server: Server) -> None:
    code, printed = smoke(f"{server.url}/")
    assert code == 0, printed
    assert "no SMOKE_TOKEN, and no SMOKE_USERS to sign in: what takes a user is left out" in printed
    assert "passed" in printed


class Broken(ThreadingHTTPServer):
    """A deployment that does what it is asked, and then says of every PATCH that it did not."""

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = url


class _Handler(BaseHTTPRequestHandler):
    server: Broken

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        answer = httpx.request(
            self.command, self.server.url + self.path, headers=headers, content=body, timeout=PROCESS_TIMEOUT
        )
        self.send_response(500 if self.command == "PATCH" else answer.status_code)
        for name, value in answer.headers.items():
            if name not in {"date", "server"}:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - the names of the standard library

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def broken(server: Server) -> Iterator[str]:
    with Broken(server.url) as relay:
        threading.Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{relay.server_port}"
        relay.shutdown()


def test_a_deployment_that_is_broken_is_found_and_cleaned_up_all_the_same(
    server: Server, broken: str, user: User
) -> None:
    code, printed = smoke(broken, "-k 'patch_touches or stale or list_holds'", SMOKE_TOKEN=user.token)
    assert code != 0
    assert "no SMOKE_TOKEN_2, and no second of SMOKE_USERS: what takes two users is left out" in printed
    assert "FAILED tests/conformance/test_tasks.py::test_a_patch_touches_its_members_and_nothing_else" in printed
    assert tasks_of(server, user) == []


def test_without_a_url_one_line_says_so() -> None:
    code, printed = smoke("")
    assert code != 0
    ours = [line for line in printed.splitlines() if not line.startswith("make: ***")]
    assert ours == ["make smoke: BASE_URL is missing: make smoke BASE_URL=https://…"]
    assert "BASE_URL" not in os.environ
