"""A mixed load under random faults, some seconds long; afterwards every write is accounted for.

The faults come from a seed, which `FAULTS_SEED` sets: the order of the faults is the same again, the moments are not.
"""

import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.faults.invariants import converges, eventually, in_time
from tests.faults.scene import Scene
from tests.support.api_server import Server
from tests.support.pgbouncer import Pooler
from tests.support.postgres_proxy import CUT_AFTER, CUT_BEFORE, Proxy
from tests.support.stack import Stack, User, end_backends

SEED = int(os.environ.get("FAULTS_SEED", "20261122"))
SECONDS = 6
WORKERS = 3
PACE = 0.02


@dataclass
class Worker:
    """One user's load: what was sent under which key, and what came back at once."""

    user: User
    client: httpx.Client
    over: threading.Event
    keyed: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    unkeyed: dict[str, int] = field(default_factory=dict)
    task: str = ""
    statuses: list[int] = field(default_factory=list)
    failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.over.is_set():
                self.one()
                self.over.wait(PACE)
        except BaseException as failure:  # noqa: BLE001 - shown by the test's own thread
            self.failure = failure

    def one(self) -> None:
        title = f"{self.user.id} {uuid4()}"
        choice = len(self.statuses) % 4
        if choice == 0:
            answer = self.send("POST", "/v1/tasks", {"title": title}, str(uuid4()))
            if answer.status_code == 201:
                self.task = answer.headers["Location"]
        elif choice == 1 and self.task:
            answer = self.send("PATCH", self.task, {"title": title}, str(uuid4()))
        elif choice == 2:
            answer = in_time(lambda: self.client.post("/v1/tasks", json={"title": title}))
            self.unkeyed[title] = answer.status_code
        else:
            answer = in_time(lambda: self.client.get("/v1/tasks", params={"limit": 200}))
            if answer.status_code == 200:
                assert all(task["title"].startswith(self.user.id) for task in answer.json()["items"])
        self.statuses.append(answer.status_code)

    def send(self, method: str, path: str, body: dict[str, str], key: str) -> httpx.Response:
        self.keyed.append((method, path, body, key))
        return in_time(lambda: self.client.request(method, path, json=body, headers={"Idempotency-Key": key}))


def faults(stack: Stack, pooler: Pooler, proxy: Proxy, dice: random.Random) -> list[Callable[[], None]]:
    def end_all_backends() -> None:
        with psycopg.connect(stack.admin_url, autocommit=True) as admin:
            end_backends(admin)

    def for_a_moment(begin: Callable[[], object], end: Callable[[], object]) -> Callable[[], None]:
        def fault() -> None:
            begin()
            threading.Event().wait(dice.uniform(0.05, 0.4))
            end()

        return fault

    def slow() -> None:
        proxy.latency = 0.05

    def fast() -> None:
        proxy.latency = 0.0

    return [
        proxy.cut,
        lambda: proxy.at_sync(CUT_BEFORE, CUT_AFTER, None, CUT_AFTER),
        lambda: proxy.at_sync(CUT_AFTER),
        end_all_backends,
        for_a_moment(proxy.freeze, proxy.thaw),
        for_a_moment(proxy.refuse, proxy.listen),
        for_a_moment(lambda: pooler.command("pause"), lambda: pooler.command("resume")),
        for_a_moment(pooler.kill, pooler.start),
        for_a_moment(slow, fast),
    ]


def test_every_write_is_accounted_for(server: Server, stack: Stack, pooler: Pooler, proxy: Proxy, scene: Scene) -> None:
    dice, over = random.Random(SEED), threading.Event()  # noqa: S311 - nothing is secret here
    workers = []
    for _ in range(WORKERS):
        user = stack.user()
        workers.append(Worker(user, server.client(**user.headers), over))
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    plan = faults(stack, pooler, proxy, dice)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        dice.choice(plan)()
        over.wait(dice.uniform(0.05, 0.3))
    over.set()
    proxy.reset()
    for thread in threads:
        thread.join()
    for worker in workers:
        if worker.failure:
            pytest.fail(f"seed {SEED}: {worker.failure!r}")
        account_for(worker, scene)
        worker.client.close()
    statuses = [status for worker in workers for status in worker.statuses]
    assert statuses.count(503), "no fault hit anything"
    assert statuses.count(201) > WORKERS
    for user in (worker.user for worker in workers):
        assert user.token not in server.log
        assert user.id not in server.log


def account_for(worker: Worker, scene: Scene) -> None:
    """Every keyed write comes to one effect, as answered; every unkeyed one had one if 2xx, else one at most."""
    eventually(lambda: in_time(lambda: worker.client.get("/v1/tasks")).status_code == 200, "a list is answered")
    changes: dict[str, int] = {}
    for method, path, body, key in worker.keyed:

        def send(
            headers: dict[str, str] | None = None, method: str = method, path: str = path, body: dict[str, str] = body
        ) -> httpx.Response:
            return worker.client.request(method, path, json=body, headers=headers)

        answer = converges(send, {"Idempotency-Key": key})
        assert answer.status_code in {200, 201}, answer.text
        task = answer.json()
        assert task["title"] == body["title"]
        changes[task["id"]] = changes.get(task["id"], 0) + 1
    rows = scene.admin.execute("select id, title, version from task where user_id = %s", [worker.user.id]).fetchall()
    versions = {str(row["id"]): row["version"] for row in rows}
    assert {task: versions[task] for task in changes} == changes  # made once, and changed once by each change
    others = [row["title"] for row in rows if str(row["id"]) not in changes]
    assert len(others) == len(set(others))
    assert set(others) <= set(worker.unkeyed)
    assert {title for title, status in worker.unkeyed.items() if status == 201} <= set(others)
