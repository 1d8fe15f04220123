"""A mixed load: each of the people reads and writes their own tasks, as a client would that knows of keys and retries.

A request whose fate is unknown is sent again at once, or left for later: after the fault every one of them is replayed
until it is decided (`settle`).
"""

import random
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self
from uuid import uuid4

import httpx

from tests.faults.history import Attempt, History, Person, decides
from tests.support.tasks import TASKS

PACE, BACKOFF = 0.02, 0.15
"""Seconds between two requests of one person, and after one that failed."""
ENOUGH = 15
"""Tasks that a person keeps."""
KEYED = 0.85
PATIENCE = 20.0
SAMPLE = 5
WEIGHTS = {"create": 5, "update": 6, "replace": 3, "complete": 3, "reopen": 2, "delete": 2, "get": 4, "list": 2}
ANEW = {"authorization", "host", "content-length", "user-agent"}


class Worker:
    """One person's load: what they believe to have, and what they do next."""

    def __init__(self, person: Person, dice: random.Random) -> None:
        self._person, self._dice = person, dice
        self._tags: dict[str, str | None] = {}  # by path; None where it may have changed

    def step(self) -> int:
        """Do one thing, with a retry or two where its fate is unknown; give the status."""
        method, path, body, headers = self._choose()
        for _ in range(3):
            answer = self._person.api.request(method, path, json=body, headers=headers)
            if answer.status_code < 500 or "Idempotency-Key" not in headers or self._dice.random() < 0.5:
                break
            time.sleep(self._dice.uniform(0, BACKOFF))
        self._learn(path, answer)
        return answer.status_code

    def _choose(self) -> tuple[str, str, Any, dict[str, str]]:
        """What to ask next: method, path, body, headers."""
        act = self._dice.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        if not ENOUGH >= len(self._tags) > 0:
            act = "delete" if self._tags else "create"
        key = {"Idempotency-Key": str(uuid4())}
        maybe = key if self._dice.random() < KEYED else {}
        title = f"{self._person.canary} {uuid4().hex}"
        whole = {"title": title, "priority": self._dice.choice(["none", "low", "high"])}
        path = self._dice.choice([*self._tags]) if self._tags else f"{TASKS}/{uuid4()}"
        tag = self._tags.get(path)
        match = {"If-Match": tag} if tag else {}
        asked: dict[str, tuple[str, str, Any, dict[str, str]]] = {
            "list": ("GET", f"{TASKS}?limit=20", None, {}),
            "get": ("GET", path, None, {}),
            "create": ("POST", TASKS, whole, maybe),
            "update": ("PATCH", path, {"title": title}, maybe | match),
            "replace": ("PUT", path if tag else f"{TASKS}/{uuid4()}", whole, key | match),
            "complete": ("POST", f"{path}/complete", None, key),
            "reopen": ("POST", f"{path}/reopen", None, key),
            "delete": ("DELETE", path, None, key),
        }
        return asked[act]

    def _learn(self, asked: str, answer: httpx.Response) -> None:
        path = answer.headers.get("Location", asked.removesuffix("/complete").removesuffix("/reopen"))
        if path.startswith(f"{TASKS}/"):
            if answer.status_code in {204, 404}:
                self._tags.pop(path, None)
            else:
                self._tags[path] = answer.headers.get("ETag")


class Load:
    """All workers, each in a thread of its own, from entering until leaving. What they raise is raised then."""

    def __init__(self, people: Iterable[Person], dice: random.Random) -> None:
        self._over = threading.Event()
        self._workers = [Worker(person, random.Random(dice.random())) for person in people]  # noqa: S311 - no secrets
        self._threads = ThreadPoolExecutor(len(self._workers), thread_name_prefix="load")

    def _run(self, worker: Worker) -> None:
        while not self._over.is_set():
            failed = worker.step() >= 500
            self._over.wait(BACKOFF if failed else PACE)

    def __enter__(self) -> Self:
        self._running = [self._threads.submit(self._run, worker) for worker in self._workers]
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._threads.shutdown()
        for running in self._running:
            running.result()


def settle(people: Iterable[Person], history: History) -> None:
    """Replay every keyed request of unknown fate until it is decided, and once more; and some of the others."""
    before = list(history.attempts)

    def settle_one(person: Person) -> None:
        keyed: dict[Any, Attempt] = {}
        for attempt in before:
            if attempt.person == person.id and attempt.key and attempt.writes:
                known = keyed.setdefault((attempt.key, attempt.same), attempt)
                if attempt.decided and not known.decided:
                    keyed[attempt.key, attempt.same] = attempt
        for attempt in [attempt for attempt in keyed.values() if not attempt.decided]:
            end = time.monotonic() + PATIENCE
            while not decides(again(person, attempt).status_code) and time.monotonic() < end:
                time.sleep(BACKOFF)
            again(person, attempt)
        for attempt in [attempt for attempt in keyed.values() if attempt.decided][-SAMPLE:]:
            again(person, attempt)

    with ThreadPoolExecutor() as threads:
        list(threads.map(settle_one, people))


def again(person: Person, attempt: Attempt) -> httpx.Response:
    request = attempt.request
    headers = {name: value for name, value in request.headers.items() if name not in ANEW}
    return person.api.request(request.method, request.url, content=request.content, headers=headers)
