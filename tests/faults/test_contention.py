"""The server answers, but not what was asked: locks, deadlocks, timeouts, limits, and a commit that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import StringIO
from uuid import uuid4

import pytest
from psycopg import sql

from infra.roles import LIMITS
from shared.problems import InternalError
from tests.faults.invariants import as_answered, as_returned, converges, in_time, recovers
from tests.faults.scene import Scene, held, short_queue, when_waiting
from tests.faults.writes import UPDATE, WRITES, Write
from tests.support.api_gateway import as_response, invoke, make_event
from tests.support.stack import APP, Stack, end_backends

KEYED = pytest.mark.parametrize("keyed", [False, True], ids=["unkeyed", "keyed"])


def new_key(keyed: bool) -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())} if keyed else {}


@contextmanager
def role_with(scene: Scene, stack: Stack, setting: str, value: str) -> Iterator[None]:
    """The application role has a setting of its own for a while, on new backends."""
    role, name = sql.Identifier(APP), sql.Identifier(setting)
    scene.admin.execute(sql.SQL("alter role {} set {} = {}").format(role, name, sql.Literal(value)))
    renew(scene, stack)
    try:
        yield
    finally:
        if setting in LIMITS:
            before = sql.Literal(LIMITS[setting])
            scene.admin.execute(sql.SQL("alter role {} set {} = {}").format(role, name, before))
        else:
            scene.admin.execute(sql.SQL("alter role {} reset {}").format(role, name))
        renew(scene, stack)


def renew(scene: Scene, stack: Stack) -> None:
    """Let every connection be a new one."""
    scene.proxy.cut()
    if stack.pooler:
        stack.pooler.command("reconnect")


@KEYED
def test_a_lock_that_is_not_given_in_time_is_503(keyed: bool, scene: Scene, stack: Stack) -> None:
    send, headers = scene.prepare(UPDATE), new_key(keyed)
    before = scene.tasks()
    setting = ("lock_timeout", "200ms") if keyed else ("timezone", "UTC")  # once with the timeout that is deployed
    with role_with(scene, stack, *setting), held(scene, stack):
        answer = in_time(lambda: send(headers))
        assert answer.status_code == 503
        as_answered(answer, before, scene.tasks())
        assert in_time(lambda: scene.api.get("/v1/tasks")).status_code == 200  # a read waits for nobody
    assert send(headers).status_code == 200


def test_a_statement_that_takes_too_long_is_503_and_the_connection_goes_on(scene: Scene, stack: Stack) -> None:
    send = scene.prepare(UPDATE)
    before = scene.tasks()
    with role_with(scene, stack, "statement_timeout", "200ms"), held(scene, stack):
        scene.api.get("/v1/tasks")
        scene.proxy.reset()
        answer = in_time(send)
        assert answer.status_code == 503
        as_answered(answer, before, scene.tasks())
        assert in_time(lambda: scene.api.get("/v1/tasks")).status_code == 200
        assert scene.proxy.connects == 0


def test_a_deadlock_is_run_again(scene: Scene, stack: Stack) -> None:
    send, key = scene.prepare(UPDATE), str(uuid4())
    before = scene.tasks()
    # Who looks for the deadlock is its victim, and each looks once: the handler, and not before there is one.
    with role_with(scene, stack, "deadlock_timeout", "2s"), held(scene, stack) as other:
        other.execute("set local deadlock_timeout = '1h'")

        def take_the_key_too() -> None:
            claim = "insert into idempotency_key (user_id, key, fingerprint) values (%s, %s, %s)"
            other.execute(claim, [scene.user.id, key, b"\0" * 32])
            other.rollback()

        with when_waiting(stack, take_the_key_too):
            answer = in_time(lambda: send({"Idempotency-Key": key}))
    assert answer.status_code == 200
    assert "Idempotency-Replayed" not in answer.headers
    as_answered(answer, before, scene.tasks())
    as_returned(scene.api, answer)


@KEYED
def test_what_can_not_be_serialized_is_run_again(keyed: bool, scene: Scene, stack: Stack) -> None:
    send, headers = scene.prepare(UPDATE), new_key(keyed)
    with (
        role_with(scene, stack, "default_transaction_isolation", "repeatable read"),
        held(scene, stack) as other,
    ):

        def change_it() -> None:
            other.execute("update task set priority = 4 where user_id = %s", [scene.user.id])
            other.commit()

        with when_waiting(stack, change_it):
            answer = in_time(lambda: send(headers))
    assert answer.status_code == 200
    assert (answer.json()["priority"], answer.json()["version"]) == ("urgent", 3)
    as_returned(scene.api, answer)


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_a_server_that_only_reads_answers_reads_and_refuses_writes(write: Write, scene: Scene, stack: Stack) -> None:
    send = scene.prepare(write)
    before = scene.tasks()
    with role_with(scene, stack, "default_transaction_read_only", "on"):
        for headers in ({}, {"Idempotency-Key": str(uuid4())}):
            assert in_time(partial(send, headers)).status_code == 503
        assert in_time(lambda: scene.api.get("/v1/tasks")).status_code == 200
        assert in_time(lambda: scene.api.get("/health/ready")).status_code == 200
        assert scene.tasks() == before
    assert in_time(send).status_code == write.status


def test_too_many_connections_are_503(scene: Scene, stack: Stack) -> None:
    send, headers = scene.prepare(UPDATE), new_key(keyed=True)
    before = scene.tasks()
    scene.admin.execute(f"alter role {APP} connection limit 0".encode())
    try:
        renew(scene, stack)
        end_backends(scene.admin)
        with short_queue(stack):
            assert in_time(lambda: scene.api.get("/v1/tasks")).status_code == 503
            assert in_time(lambda: send(headers)).status_code == 503
        assert scene.tasks() == before
    finally:
        scene.admin.execute(f"alter role {APP} connection limit -1".encode())
    as_answered(converges(send, headers), before, scene.tasks())
    recovers(scene.api)


@contextmanager
def commits_that_fail(scene: Scene, state: str) -> Iterator[None]:
    """Every commit that touches a task of the user's fails with the SQLSTATE `state`."""
    scene.admin.execute(
        sql.SQL("""
            create function public.fail() returns trigger language plpgsql as $$
            begin
                if coalesce(new.user_id, old.user_id) = {user} then
                    raise exception using errcode = {state}, message = 'select insert Buy milk';
                end if;
                return null;
            end $$;
            create constraint trigger fail after insert or update or delete on task
                deferrable initially deferred for each row execute function public.fail();
        """).format(user=sql.Literal(scene.user.id), state=sql.Literal(state))
    )
    try:
        yield
    finally:
        scene.admin.execute("drop trigger fail on task; drop function public.fail()")


@KEYED
@pytest.mark.parametrize("state", ["53100", "40001"], ids=["disk full", "serialization"])
@pytest.mark.parametrize("write", WRITES, ids=str)
def test_a_commit_that_fails_is_never_answered_as_done(write: Write, state: str, keyed: bool, scene: Scene) -> None:
    send, headers = scene.prepare(write), new_key(keyed)
    before = scene.tasks()
    with commits_that_fail(scene, state):
        assert in_time(lambda: send(headers)).status_code == 503
        assert scene.tasks() == before
    answer = in_time(lambda: send(headers))
    assert answer.status_code == write.status
    assert "Idempotency-Replayed" not in answer.headers
    as_answered(answer, before, scene.tasks())


@KEYED
def test_a_commit_that_a_bug_fails_is_500_without_a_word_of_it(keyed: bool, scene: Scene, log: StringIO) -> None:
    headers = [*scene.user.headers.items(), *new_key(keyed).items(), ("Content-Type", "application/json")]
    event = make_event("POST", "/v1/tasks", headers=headers, body=b'{"title": "Buy milk"}')
    with commits_that_fail(scene, "23514"):
        answer = as_response(invoke("tasks_create", event))
        assert (answer.status_code, answer.json()["detail"]) == (500, InternalError.detail)
        assert "Buy milk" not in answer.text + log.getvalue()
        assert '"level":"ERROR"' in log.getvalue()
        assert scene.tasks() == {}
    log.truncate(0)
    answer = as_response(invoke("tasks_create", event))
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
