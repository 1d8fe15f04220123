"""Backends, the pooler, the server and the network go away, and come back."""

import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import psycopg
import pytest

from tests.faults.invariants import as_answered, converges, eventually, in_time, recovers
from tests.faults.scene import KEYED, Scene, held, impatiently, short_queue, when_waiting
from tests.faults.stops import stop_fast
from tests.faults.writes import COMPLETE, CREATE, UPDATE
from tests.support.pgbouncer import POOL_SIZE, Pooler
from tests.support.replays import new_key
from tests.support.stack import APP, Stack, end_backends

pytestmark = pytest.mark.usefixtures("private_server")
BACKENDS = "select pid from pg_stat_activity where usename = %s and pid <> pg_backend_pid()"


def end_all_backends(scene: Scene) -> None:
    end_backends(scene.admin)
    eventually(lambda: not scene.admin.execute(BACKENDS, [APP]).fetchall(), "no backend")


def test_a_backend_that_ends_while_idle_is_not_noticed(scene: Scene) -> None:
    for read in ("/v1/tasks", "/health/ready"):
        scene.api.get(read)
        end_all_backends(scene)
        assert in_time(partial(scene.api.get, read)).status_code == 200
    for write in (CREATE, UPDATE, COMPLETE):
        send = scene.prepare(write)
        end_all_backends(scene)
        before = scene.tasks()
        answer = in_time(send)
        assert answer.status_code == write.status
        as_answered(answer, before, scene.tasks())


@KEYED
def test_a_backend_that_ends_in_the_middle_of_a_write(keyed: bool, scene: Scene, stack: Stack) -> None:
    send = scene.prepare(UPDATE)
    headers = new_key(keyed)
    before = scene.tasks()
    with held(scene) as other:

        def end_it() -> None:
            with psycopg.connect(stack.admin_url, autocommit=True) as admin:
                end_backends(admin)
            other.rollback()

        with when_waiting(stack, end_it):
            answer = in_time(lambda: send(headers))
    assert answer.status_code == (200 if keyed else 503)
    as_answered(answer, before, scene.tasks())
    if keyed:
        converges(send, headers)
    recovers(scene.api)


def test_the_pooler_crashes_and_comes_back(scene: Scene, pooler: Pooler) -> None:
    send, key = scene.prepare(UPDATE), new_key()
    before = scene.tasks()
    pooler.kill()
    try:
        for request in (lambda: scene.api.get("/v1/tasks"), lambda: send(key), lambda: scene.api.get("/health/ready")):
            assert in_time(request).status_code == 503
        assert in_time(lambda: scene.api.get("/health")).status_code == 200
        assert scene.tasks() == before
    finally:
        pooler.start()
    as_answered(converges(send, key), before, scene.tasks())
    recovers(scene.api)


def test_the_pooler_crashes_and_is_back_before_anyone_asks(scene: Scene, pooler: Pooler) -> None:
    send = scene.prepare(UPDATE)
    pooler.kill()
    pooler.start()
    assert in_time(send).status_code == 200  # the dead connection is seen without a round trip, so nothing is in doubt


def test_a_paused_pooler_delays(scene: Scene, pooler: Pooler) -> None:
    path = scene.a_task()
    pooler.command("pause")
    resumed = threading.Thread(target=_resume_when_somebody_waits, args=(pooler,))
    resumed.start()
    try:
        assert in_time(lambda: scene.api.patch(path, json={"title": "Now"})).status_code == 200
    finally:
        resumed.join()


def test_a_pooler_that_stays_paused_is_503(scene: Scene, pooler: Pooler) -> None:
    send, key = scene.prepare(UPDATE), new_key()
    before = scene.tasks()
    pooler.command("pause")
    try:
        assert impatiently(lambda: scene.api.get("/v1/tasks")).status_code == 503
        assert impatiently(lambda: send(key)).status_code == 503
        assert scene.tasks() == before
    finally:
        pooler.command("resume")
    as_answered(converges(send, key), before, scene.tasks())


def _resume_when_somebody_waits(pooler: Pooler) -> None:
    try:
        eventually(lambda: any(pool["cl_waiting"] for pool in pooler.command("show pools")), "a client that waits")
    finally:
        pooler.command("resume")


def test_a_pool_that_is_used_up_is_503(scene: Scene, stack: Stack, pooler: Pooler) -> None:
    send = scene.prepare(UPDATE)
    before = scene.tasks()
    with short_queue(stack), ExitStack() as kept:
        for _ in range(POOL_SIZE):
            connection = kept.enter_context(psycopg.connect(stack.cluster.url(APP, port=pooler.port)))
            connection.execute("set local idle_in_transaction_session_timeout = 0; set local transaction_timeout = 0")
        assert in_time(lambda: scene.api.get("/v1/tasks")).status_code == 503
        assert in_time(send).status_code == 503
        assert scene.tasks() == before
    recovers(scene.api)


@pytest.mark.parametrize("stop", ["fast", "immediate"])
def test_the_server_restarts(stop: str, scene: Scene, stack: Stack) -> None:
    send, key = scene.prepare(CREATE), new_key()
    # The server of the tests does not wait for its disk; what it has answered must be there all the same.
    scene.admin.execute("checkpoint")
    kept = scene.tasks()
    if stop == "fast":
        stop_fast(stack.cluster)
    else:
        stack.cluster.crash()
    try:
        with short_queue(stack):
            # After a crash a backend may answer once more before it sees that it is alone.
            eventually(lambda: in_time(lambda: scene.api.get("/v1/tasks")).status_code == 503, "no server")
            assert in_time(lambda: send(key)).status_code == 503
    finally:
        stack.cluster.start()
    with psycopg.connect(stack.admin_url, autocommit=True, row_factory=psycopg.rows.dict_row) as admin:
        back = replace(scene, admin=admin)
        answer = converges(send, key)
        assert answer.status_code == 201
        as_answered(answer, kept, back.tasks())
        recovers(scene.api)


def test_a_refused_connection_is_503(scene: Scene) -> None:
    scene.proxy.refuse()
    scene.proxy.cut()
    assert in_time(lambda: scene.api.get("/v1/tasks")).status_code == 503
    scene.proxy.listen()
    recovers(scene.api)


def test_a_connection_that_is_never_accepted_is_503(scene: Scene) -> None:
    scene.api.get("/v1/tasks")
    scene.proxy.cut()
    scene.proxy.freeze()
    assert impatiently(lambda: scene.api.get("/v1/tasks")).status_code == 503
    assert impatiently(lambda: scene.api.post("/v1/tasks", json={"title": "Buy milk"})).status_code == 503
    scene.proxy.thaw()
    recovers(scene.api)


def test_a_connection_that_broke_while_idle_is_replaced(scene: Scene) -> None:
    send = scene.prepare(UPDATE)
    scene.proxy.cut()
    assert in_time(send).status_code == 200


def test_latency_only_delays(scene: Scene) -> None:
    scene.proxy.latency = 0.1
    recovers(scene.api)
    send, key = scene.prepare(UPDATE), new_key()
    before = scene.tasks()
    as_answered(converges(send, key), before, scene.tasks())
