"""The application on a host that is not Lambda."""

import socket
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.conftest import BASE_URL
from tests.faults.invariants import eventually
from tests.support.api_gateway import Gateway
from tests.support.api_server import Server
from tests.support.stack import Stack, User

HALF = (
    "POST /v1/tasks HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    'Content-Length: 100\r\n\r\n{{"title": "never'
)


def test_handlers_called_by_many_threads_take_turns_and_keep_users_apart(stack: Stack) -> None:
    users = [stack.user() for _ in range(4)]

    def work(number: int) -> tuple[int, str]:
        user = users[number % len(users)]
        with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers) as client:
            return client.post("/v1/tasks", json={"title": user.id}).status_code, user.id

    with ThreadPoolExecutor(8) as threads:
        assert {status for status, _ in threads.map(work, range(40))} == {201}
    for user in users:
        with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers) as client:
            assert [item["title"] for item in client.get("/v1/tasks").json()["items"]] == [user.id] * 10


def test_a_client_that_leaves_amid_its_body_changes_nothing_and_is_no_fault_of_ours(
    server: Server, user: User, http_api: httpx.Client
) -> None:
    before, address = len(server.log), httpx.URL(server.url)
    with socket.create_connection((address.host, address.port)) as plug:
        plug.sendall(HALF.format(token=user.token).encode())
    eventually(lambda: '"operation":"tasks_create"' in server.log[before:], "its line")
    assert '"operation":"tasks_create","status":400,' in server.log[before:]
    assert '"level":"ERROR"' not in server.log[before:]
    assert http_api.get("/v1/tasks").json()["items"] == []
