"""A handler on a host that is not Lambda."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.conftest import BASE_URL
from tests.gateway import Gateway
from tests.stack import Stack


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
