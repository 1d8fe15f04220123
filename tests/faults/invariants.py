"""What must hold after every fault, whatever it was; each function names what it holds and fails with what it saw.

The overall bounds are guards against a hang, not claims about speed: the contract gives an answer 10 s.
"""

import time
from collections.abc import Callable
from typing import Any

import httpx
from psycopg import Connection
from psycopg.rows import DictRow

from tests.faults.writes import Send, Tasks, effects
from tests.support.pgbouncer import Pooler
from tests.support.stack import APP

PATIENCE = 15.0
LATEST_ANSWER = 10.0

# Waiting for a client in a transaction, or for the rest of a pipeline; either would hold locks.
LEFT_OVER = """
    select pid, state, wait_event, query from pg_stat_activity
    where usename = %s and (state like 'idle in transaction%%' or (state = 'active' and wait_event = 'ClientRead'))
"""
LOCKS = (
    "select count(*) from pg_locks join pg_stat_activity using (pid) where usename = %s and locktype <> 'virtualxid'"
)


def eventually(holds: Callable[[], bool], seen: object) -> None:
    """Wait until `holds`: it is asked again and again, no time is guessed. `seen` is shown if it never does."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"it never came to that: {seen}"
        time.sleep(0.02)


def in_time(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Every answer comes within the contract's bound, is none of 5xx but 503, and a 503 says when to come back."""
    started = time.monotonic()
    answer = send()
    assert time.monotonic() - started < LATEST_ANSWER
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    if answer.status_code == 503:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert int(answer.headers["Retry-After"]) > 0
    return answer


def as_answered(answer: httpx.Response, before: Tasks, after: Tasks) -> None:
    """2xx: exactly one effect; 4xx: none; 503: none or one. Versions never go back."""
    done = effects(before, after)
    allowed = {2: {1}, 4: {0}, 5: {0, 1}}[answer.status_code // 100]
    assert done in allowed, f"{answer.status_code} with {done} effects"
    assert all(after[task] >= version for task, version in before.items() if task in after)


def as_returned(api: httpx.Client, answer: httpx.Response) -> None:
    """A task that was answered is there, as it was answered."""
    if answer.status_code in {200, 201}:
        found = api.get(f"/v1/tasks/{answer.json()['id']}")
        assert found.status_code == 200
        assert found.json() == answer.json()
        assert found.headers["ETag"] == answer.headers["ETag"]


def converges(send: Send, headers: dict[str, str]) -> httpx.Response:
    """The same request with its key comes to an answer that stays the same, however often it is sent."""
    answers: list[httpx.Response] = []

    def answered() -> bool:
        answers[:] = [in_time(lambda: send(headers))]
        return answers[0].status_code not in {409, 503}

    eventually(answered, "the key has an answer")
    again = in_time(lambda: send(headers))
    assert again.headers["Idempotency-Replayed"] == "true"
    same_answer(answers[0], again)
    return again


def same_answer(first: httpx.Response, second: httpx.Response) -> None:
    """Status, body, ETag and Location are the first's."""
    assert (second.status_code, second.content) == (first.status_code, first.content)
    for name in ("ETag", "Location"):
        assert second.headers.get(name) == first.headers.get(name)


def recovers(api: httpx.Client) -> None:
    """Reads and writes work again, without a restart of ours."""
    eventually(lambda: in_time(lambda: api.get("/v1/tasks")).status_code == 200, "a list is answered")
    eventually(lambda: in_time(lambda: api.post("/v1/tasks", json={"title": "After"})).status_code == 201, "a create")


def nothing_left_over(admin: Connection[DictRow], pooler: Pooler | None) -> None:
    """No transaction is open, no lock held, no half-sent pipeline waits, nobody queues at the pooler."""
    seen: list[DictRow] = []

    def quiet() -> bool:
        seen[:] = admin.execute(LEFT_OVER, [APP]).fetchall()
        locks = admin.execute(LOCKS, [APP]).fetchone()
        return not seen and locks == {"count": 0}

    eventually(quiet, seen)
    if pooler:
        pools: list[dict[str, Any]] = []

        def at_rest() -> bool:
            pools[:] = [pool for pool in pooler.command("show pools") if pool["user"] == APP]
            return not any(pool["cl_waiting"] or pool["sv_active"] for pool in pools)

        eventually(at_rest, pools)
