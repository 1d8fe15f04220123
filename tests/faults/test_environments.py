"""Execution environments: frozen between requests, alone with a slow world; and one server with many users at once."""

import itertools
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg
import pytest

from infra.local.runtime_api import LambdaFunction, lambda_function
from infra.operations import ROOT
from tests.faults.invariants import LATEST_ANSWER, LEFT_OVER, eventually, in_time
from tests.faults.scene import Scene
from tests.support.api_gateway import as_response, make_event
from tests.support.api_server import Server
from tests.support.pgbouncer import Pooler
from tests.support.postgres_proxy import FREEZE
from tests.support.stack import APP, Stack, User, end_backends


@contextmanager
def environment(name: str, stack: Stack, **settings: str) -> Iterator[LambdaFunction]:
    """The operation `tasks_<name>` as deployed, in a process of its own."""
    known = {key: stack.environment[key] for key in ("DATABASE_URL", "AUTH_ISSUER")}
    env = {"PATH": os.environ["PATH"], **known, **settings}
    with lambda_function(f"tasks_{name}", f"functions/tasks/{name}.handler", env, ROOT) as function:
        yield function


def event(method: str, user: User, body: Any = None) -> dict[str, Any]:
    headers = [*user.headers.items(), ("Content-Type", "application/json")]
    content = b"" if body is None else json.dumps(body).encode()
    return make_event(method, "/v1/tasks", headers=headers, body=content)


@pytest.mark.parametrize("lost", ["backend", "connection"])
def test_a_frozen_environment_wakes_up_to_a_lost_connection(lost: str, scene: Scene, stack: Stack) -> None:
    body = {"title": "Before"}
    with environment("create", stack) as function:
        assert as_response(function.invoke(event("POST", scene.user, body))).status_code == 201
        process = psutil.Process(function._process.pid)
        process.suspend()
        if lost == "connection":
            scene.proxy.cut()
        end_backends(scene.admin)
        process.resume()
        assert as_response(function.invoke(event("POST", scene.user, body))).status_code == 201
    assert len(scene.tasks()) == 2


def test_silence_is_503_in_time_and_the_server_ends_the_half_sent_pipeline(scene: Scene, stack: Stack) -> None:
    """With the deployed limits: a write whose Sync never arrives, and beside it a cold start.

    The cold start has everything slow that can be: keys that take their time, then a database that never accepts.
    """
    path = scene.a_task()
    statuses: list[int] = []
    ended = threading.Event()
    stack.issuer.delay = 1.5

    def start_cold() -> None:
        with environment("list", stack) as function:
            statuses.append(in_time(lambda: as_response(function.invoke(event("GET", scene.user)))).status_code)
            stack.issuer.delay = 0
            ended.wait(LATEST_ANSWER)  # else the Sync, which the proxy still holds, would come in time after all
            scene.proxy.thaw()
            statuses.append(in_time(lambda: as_response(function.invoke(event("GET", scene.user)))).status_code)

    scene.proxy.at_sync(FREEZE)
    cold = threading.Thread(target=start_cold)
    try:
        with ThreadPoolExecutor(1) as seen:
            # Beside the request: once its pipeline hangs, the cold start meets the same silence.
            frozen = seen.submit(_start_when_frozen, stack, cold)
            assert in_time(lambda: scene.api.patch(path, json={"title": "Buy milk"})).status_code == 503
            assert frozen.result() == 1
        eventually(lambda: not scene.admin.execute(LEFT_OVER, [APP]).fetchall(), "no half-sent pipeline")
        ended.set()
        locked = "select from task where user_id = %s for update nowait"
        assert scene.admin.execute(locked, [scene.user.id]).rowcount == 1
        cold.join(2 * LATEST_ANSWER)
    finally:
        stack.issuer.delay = 0
    assert statuses == [503, 200]
    assert list(scene.tasks().values()) == [1]


def _start_when_frozen(stack: Stack, cold: threading.Thread) -> int:
    """Start the cold one when a pipeline hangs in the server; give how many do."""
    found: list[Any] = []
    with psycopg.connect(stack.admin_url, autocommit=True) as admin:

        def hanging() -> bool:
            found[:] = admin.execute(LEFT_OVER, [APP]).fetchall()
            return bool(found)

        eventually(hanging, "a pipeline that hangs")
    cold.start()
    return len(found)


def test_many_users_at_once_never_see_each_other(server: Server, stack: Stack) -> None:
    users = [stack.user() for _ in range(4)]
    rounds = range(6)

    def act(user: User, number: int) -> list[str]:
        """Write and read as `user`; give whose tasks were seen."""
        with server.client(**user.headers) as client:
            made = in_time(lambda: client.post("/v1/tasks", json={"title": f"{user.id} {number}"}))
            assert made.status_code == 201
            path = made.headers["Location"]
            patched = in_time(lambda: client.patch(path, json={"description": user.id}))
            found = in_time(lambda: client.get(path))
            listed = in_time(lambda: client.get("/v1/tasks", params={"limit": 200}))
            stranger = users[(users.index(user) + 1) % len(users)]
            foreign = in_time(lambda: client.get(path, headers=stranger.headers))
        assert foreign.status_code == 404
        assert [answer.status_code for answer in (patched, found, listed)] == [200] * 3
        shown = [made.json(), patched.json(), found.json(), *listed.json()["items"]]
        return [task["title"].split()[0] for task in shown]

    work = list(itertools.product(rounds, users))
    with ThreadPoolExecutor(16) as threads:
        seen = list(threads.map(lambda one: (one[1].id, act(one[1], one[0])), work))
    assert all(set(owners) == {user_id} for user_id, owners in seen)
    for user in users:
        with server.client(**user.headers) as client:
            assert len(client.get("/v1/tasks").json()["items"]) == len(rounds)


def test_the_server_comes_back_with_its_pooler(server: Server, stack: Stack, pooler: Pooler) -> None:
    user = stack.user()
    with server.client(**user.headers) as client:
        assert client.get("/v1/tasks").status_code == 200
        pooler.kill()
        try:
            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(lambda _: in_time(lambda: client.get("/v1/tasks")), range(16)))
            assert {answer.status_code for answer in answers} == {503}
        finally:
            pooler.start()
        eventually(lambda: in_time(lambda: client.get("/v1/tasks")).status_code == 200, "a list is answered")
