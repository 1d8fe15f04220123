"""`make dev` and `make token` in a copy of the checkout: what they print and answer. One server serves all tests."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.local.postgres import free_port
from tests.support.make_dev import Dev, check_greeting, copy, errors, make


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with copy(tmp_path_factory.mktemp("checkout")) as folder:
        yield folder


@pytest.fixture(scope="module")
def dev(checkout: Path) -> Iterator[Dev]:
    with Dev(checkout, CORS_ORIGINS="https://app.example.com") as running:
        yield running


def test_it_says_where_the_docs_are_and_a_curl_that_works(dev: Dev) -> None:
    check_greeting(dev)


def test_make_token_prints_a_token_that_it_accepts_and_nothing_else(checkout: Path, dev: Dev) -> None:
    done = make(checkout, "token", "USER_ID=alice")
    assert done.stdout.count("\n") == 1
    with dev.client(done.stdout.strip()) as alice:
        created = alice.post("/v1/tasks", json={"title": "By hand"})
        assert created.status_code == 201
        assert alice.get("/v1/tasks").status_code == 200
    with dev.client(make(checkout, "token", "USER_ID=bob o x").stdout.strip()) as stranger:
        assert stranger.get(created.headers["Location"]).status_code == 404


def test_make_token_needs_a_user(checkout: Path) -> None:
    done = make(checkout, "token", USER_ID="")
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith("USER_ID is missing or malformed: make token USER_ID=alice\n")


def test_it_answers_cors_from_the_list(dev: Dev) -> None:
    headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PATCH"}
    wanted = "authorization,content-type,idempotency-key,if-match,if-none-match"
    with dev.client() as client:
        asked = client.options("/v1/tasks", headers={**headers, "Access-Control-Request-Headers": wanted})
        answer = client.get("/health", headers=headers)
        other = client.get("/health", headers={"Origin": "https://app.example.com.evil.test"})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    exposed = "ETag, Location, Link, Retry-After, X-Request-Id, Idempotency-Replayed"
    assert answer.headers["Access-Control-Expose-Headers"] == exposed
    assert "Access-Control-Allow-Origin" not in other.headers


PING = '''"""GET /ping: answer."""

from shared.http import on_lambda
from shared.routing import anonymous

router = anonymous()


@router.get("/ping")
async def ping() -> dict[str, str]:
    """Answer."""
    return {"status": "ok"}


handler = on_lambda(router)
'''


def status(dev: Dev, path: str) -> int | None:
    """The status of the answer; None where a restart of the server cut the request off."""
    with dev.client() as client:
        try:
            return client.get(path).status_code
        except httpx.TransportError:
            return None


def test_a_new_file_is_served_without_a_restart_of_the_database(checkout: Path, dev: Dev) -> None:
    def postmaster() -> int:
        return next(process.pid for process in dev.processes() if process.name() == "postgres")

    before = postmaster()
    assert status(dev, "/ping") == 404
    (checkout / "ping").write_text(PING, "utf-8")
    ping = (checkout / "ping").rename(checkout / "functions/service/ping.py")  # whole from its first moment
    try:
        dev.until(lambda: status(dev, "/ping") == 200)
    finally:
        ping.unlink()
    dev.until(lambda: status(dev, "/ping") == 404)
    assert postmaster() == before
    assert status(dev, "/health/ready") == 200


def test_a_taken_port_is_said_in_one_line(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = make(checkout, "dev", f"PORT={port}")
    assert done.returncode != 0
    assert errors(done) == [f"make dev: port {port} can't be had (Address already in use): make dev PORT=8001"]
    assert done.stdout == ""


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("PORT", "70000"), ("CORS_ORIGINS", "*")])
def test_a_malformed_variable_is_said_in_one_line(checkout: Path, name: str, value: str) -> None:
    done = make(checkout, "dev", f"{name}={value}")
    assert done.returncode != 0
    (said,) = errors(done)
    assert said.startswith(f"make dev: {name} is malformed")


def test_a_second_server_on_the_same_data_is_refused_in_one_line(checkout: Path, dev: Dev) -> None:
    done = make(checkout, "dev", f"PORT={free_port()}")
    assert done.returncode != 0
    (said,) = errors(done)
    assert said.startswith("make dev: another server of this project is running on its data")
    assert status(dev, "/health/ready") == 200
