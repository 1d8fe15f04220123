"""The server answers, but not what was asked: locks, deadlocks, timeouts, limits, and a commit that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import StringIO
from itertools import product
from uuid import uuid4

from psycopg import sql

from infra.roles import LIMITS
from shared.problems import InternalError
from tests.faults.invariants import as_answered, as_returned, converges, in_time, recovers
from tests.faults.scene import KEYED, Scene, held, short_queue, when_waiting
from tests.faults.writes import UPDATE, WRITES
from tests.support.api_gateway import as_response, invoke, make_event
from tests.support.collect_failures import collect_failures
from tests.support.replays import new_key
from tests.support.stack import APP, Stack, end_backends


@contextmanager
def role_with(scene: Scene, setting: str, value: str) -> Iterator[None]:
    """The application role has a setting of its own for a while, on new backends."""
    scene.stack.set_role({setting: value})
    try:
        yield
    finally:
        if setting in LIMITS:
            scene.stack.set_role({setting: LIMITS[setting]})
        else:
            names = sql.Identifier(APP), sql.Identifier(setting)
            scene.admin.execute(sql.SQL("alter role {} reset {}").format(*names))
            renew(scene)


def renew(scene: Scene) -> None:
    """Let every connection be a new one."""
    scene.proxy.cut()
    if scene.stack.pooler:
        scene.stack.pooler.command("reconnect")


@KEYED
def test_a_lock_that_is_not_given_in_time_is_503(keyed: bool, scene: Scene) -> None:
    send, headers = scene.prepare(UPDATE), new_key(keyed)
    before = scene.tasks()
    setting = ("lock_timeout", "200ms") if keyed else ("timezone", "UTC")  # once with the timeout that is deployed
    with role_with(scene, *setting), held(scene):
        answer = in_time(lambda: send(headers))
        assert answer.status_code == 503
        as_answered(answer, before, scene.tasks())
        assert in_time(lambda: scene.api.get("/v1/tasks")).status_code == 200  # a read waits for nobody
    assert send(headers).status_code == 200


def test_a_statement_that_takes_too_long_is_503_and_the_connection_goes_on(scene: Scene) -> None:
    send = scene.prepare(UPDATE)
    before = scene.tasks()
    with role_with(scene, "statement_timeout", "200ms"), held(scene):
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
    with role_with(scene, "deadlock_timeout", "2s"), held(scene) as other:
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
    with role_with(scene, "default_transaction_isolation", "repeatable read"), held(scene) as other:

        def change_it() -> None:
            other.execute("update task set priority = 4 where user_id = %s", [scene.user.id])
            other.commit()

        with when_waiting(stack, change_it):
            answer = in_time(lambda: send(headers))
    assert answer.status_code == 200
    assert (answer.json()["priority"], answer.json()["version"]) == ("urgent", 3)
    as_returned(scene.api, answer)


def test_a_server_that_only_reads_answers_reads_and_refuses_writes(scene: Scene) -> None:
    sends = [(write, scene.prepare(write)) for write in WRITES]
    before = scene.tasks()
    with collect_failures() as check:
        with role_with(scene, "default_transaction_read_only", "on"):
            for (write, send), keyed in product(sends, (False, True)):
                with check(write, "keyed" if keyed else "unkeyed"):
                    assert in_time(partial(send, new_key(keyed))).status_code == 503
                    assert in_time(lambda: scene.api.get("/v1/tasks")).status_code == 200
                    assert in_time(lambda: scene.api.get("/health/ready")).status_code == 200
                    assert scene.tasks() == before
        for write, send in sends:
            with check(write, "afterwards"):
                assert in_time(send).status_code == write.status


def test_too_many_connections_are_503(scene: Scene, stack: Stack) -> None:
    send, headers = scene.prepare(UPDATE), new_key()
    before = scene.tasks()
    scene.admin.execute(f"alter role {APP} connection limit 0".encode())
    try:
        renew(scene)
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


def test_a_commit_that_fails_is_never_answered_as_done(scene: Scene) -> None:
    failing = {"disk full": "53100", "serialization": "40001"}
    with scene.cases() as case:
        for write, (name, state), keyed in product(WRITES, failing.items(), (False, True)):
            with case(write, name, "keyed" if keyed else "unkeyed"):
                send, headers = scene.prepare(write), new_key(keyed)
                before = scene.tasks()
                with commits_that_fail(scene, state):
                    assert in_time(partial(send, headers)).status_code == 503
                    assert scene.tasks() == before
                answer = in_time(partial(send, headers))
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
