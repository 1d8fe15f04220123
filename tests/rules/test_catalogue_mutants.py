"""The fence, broken on purpose in every way we know: the catalogue's rules or what leaks must show each break.

A mutant lives in a transaction that is rolled back; those that need requests put things right again themselves.
"""

from contextlib import ExitStack

import httpx
import psycopg
import pytest

from shared import database
from tests.rules.test_catalogue import LOGINS
from tests.support.catalogue_rules import Admin, offences
from tests.support.collect_failures import collect_failures
from tests.support.database_leaks import leaks
from tests.support.openapi_validator import FAULT
from tests.support.pgbouncer import Pooler
from tests.support.stack import APP, Stack, User

pytestmark = pytest.mark.usefixtures("private_server")
EMPTY = b"truncate task, trash, idempotency_key"
"""What other tests left must neither count nor keep a mutant from being made."""
POOL = 3
"""Servers that PgBouncer keeps for a role (tests/support/pgbouncer.py)."""
CATALOGUE, BEHAVIOUR = "catalogue", "behaviour"
SEARCH = """
    create or replace function app.search(query text, most bigint) returns setof uuid language sql stable {security}
    {path} begin atomic
        select id from public.task where {fence} and words @@ app.query(user_id, query) limit most;
    end"""
POLICY = "drop policy own_rows on task; create policy own_rows on task {}"
FENCE = "user_id = (select app.user_id())"
COMMANDS = f"""
    drop policy own_rows on task;
    create policy reads on task for select to task_app using ({FENCE});
    create policy makes on task for insert to task_app with check ({FENCE});
    create policy changes on task for update to task_app using ({{update}});
    create policy deletes on task for delete to task_app using ({{delete}})"""
FOR_THE_CATALOGUE = {
    # Of a policy that checks nothing or has no check, the grants still keep the owner out of reach.
    "not forced": "alter table task no force row level security",
    "a policy that checks nothing": POLICY.format(f"to task_app using ({FENCE}) with check (true)"),
    "a policy without its check": POLICY.format(f"to task_app using ({FENCE})"),
    "a policy for anyone": POLICY.format(f"to public using ({FENCE}) with check ({FENCE})"),
    "a policy called for each row": POLICY.format("to task_app using (user_id = app.user_id()) with check (true)"),
    "tasks for the jobs": "grant select on task to task_jobs",
    "a leakproof function": "alter function app.words(text) leakproof",
    "a search with the caller's search_path": SEARCH.format(
        security="security definer", path="", fence="user_id = app.user_id()"
    ),
    "another function that runs as its owner": """
        create function app.all_tasks() returns setof task security definer language sql as 'table task';
        grant execute on function app.all_tasks() to task_app""",
    "a function for anyone": "grant execute on function app.search(text) to public",
    "the owner may be written": "grant insert (user_id) on task to task_app",
    "the owner may be changed": "grant update (user_id) on task to task_app",
    "a right that may be passed on": "grant select on task to task_app with grant option",
    "a right for anyone": "grant select on task to public",
    "rights by default": "alter default privileges in schema public grant select on tables to task_app",
    "the bookkeeping may be read": "grant select on alembic_version to task_app",
    "a table without a fence": "create table note (user_id text, id uuid); grant select on note to task_app",
    "a view that runs as its owner": "create view every_task as select * from task",
    "a materialized view": "create materialized view every_task as select id from task",
    "an index that tells": "create unique index telling on task (title, user_id)",
    "a plain foreign key": """
        create table parent (id uuid primary key, user_id text);
        alter table task add parent uuid references parent""",
    "a user without a name": "alter table task drop constraint task_user_id_check",
    "a login past all policies": f"alter role {APP} bypassrls",
    "a login that reads everything": f"grant pg_read_all_data to {APP}",
    "an application that does the jobs": f"grant task_jobs to {APP}",
    "an application that owns a table": f"alter table idempotency_key owner to {APP}",
    "a login without limits": f"alter role {APP} reset transaction_timeout",
}
"""Mutants that the rules of the catalogue see, and what leaks does not."""
FOR_BOTH = {
    "row level security off": "alter table task disable row level security",
    "row level security off for keys": "alter table idempotency_key disable row level security",
    "no policy": "drop policy own_rows on task",
    "a policy that lets all read": POLICY.format("to task_app using (true)"),
    "a policy for each command, of which UPDATE lets all through": COMMANDS.format(update="true", delete=FENCE),
    "a policy for each command, of which DELETE lets all through": COMMANDS.format(update=FENCE, delete="true"),
    "a policy for reading alone": POLICY.format(f"for select to task_app using ({FENCE})"),
    "a second policy": "create policy more on task for select to task_app using (completed_at is null)",
    "all keys for the jobs": "alter policy expired_rows on idempotency_key using (true)",
    "an empty user is a user": """
        create or replace function app.user_id() returns text stable return current_setting('app.user_id', true)""",
    "the caller is constant": "alter function app.user_id() immutable",
    "the version may be set": "grant update (version) on task to task_app",
    "times may be set": "grant update (created_at) on task to task_app",
    "truncate ignores policies": "grant truncate on task to task_app",
    "a foreign key sees what policies hide": """
        grant references on task to task_app; grant create on schema public to task_app""",
    "keys may be deleted": "grant delete on idempotency_key to task_app",
    "an id of one user is taken for all": "alter table task add unique (id)",
    "an owner that is not the scope's": "alter table task alter user_id set default current_user",
    "a version that misses a change": """
        drop trigger count_version on task;
        create trigger count_version before update on task for each row
        when (old.title is distinct from new.title) execute function app.count_version()""",
    "a trigger that sleeps": "alter table task disable trigger count_version",
    "a group past all policies": "alter role task_app bypassrls",
}
FOR_BEHAVIOUR = {
    "a search through all tasks": SEARCH.format(
        security="security definer", path="set search_path = pg_catalog, pg_temp", fence="true"
    ),
}
MUTANTS = [
    *((name, text, {CATALOGUE}) for name, text in FOR_THE_CATALOGUE.items()),
    *((name, text, {CATALOGUE, BEHAVIOUR}) for name, text in FOR_BOTH.items()),
    *((name, text, {BEHAVIOUR}) for name, text in FOR_BEHAVIOUR.items()),
]


def test_nothing_leaks(admin: Admin) -> None:
    with admin.transaction(force_rollback=True):
        admin.execute(EMPTY)
        assert list(leaks(admin)) == []
        assert offences(admin, LOGINS) == []


def test_a_broken_fence_is_seen(admin: Admin) -> None:
    with collect_failures() as check:
        for name, statements, killers in MUTANTS:
            with check(name):
                with admin.transaction(force_rollback=True):
                    admin.execute(EMPTY)
                    admin.execute(statements.encode())
                    found = {CATALOGUE: offences(admin, LOGINS), BEHAVIOUR: list(leaks(admin))}
                assert {killer for killer in found if found[killer]} == killers, found


def left_behind(stack: Stack) -> set[str | None]:
    """Whom PgBouncer's servers take a client without a scope for: one client at each of them, all at once."""
    with ExitStack() as exits:
        found = set()
        for _ in range(POOL):
            client = exits.enter_context(psycopg.connect(stack.url(APP), prepare_threshold=None))
            row = client.execute("select app.user_id()").fetchone()
            assert row
            found.add(row[0])
        return found


def test_a_scope_ends_with_its_transaction(
    api: httpx.Client, user: User, stack: Stack, pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.post("/v1/tasks", json={"title": "x"}).status_code == 201
    assert left_behind(stack) == {None}
    monkeypatch.setattr(database, "SCOPE", database.SCOPE.replace("$1, true", "$1, false"))
    try:
        assert api.post("/v1/tasks", json={"title": "x"}).status_code == 201
        assert left_behind(stack) == {None, user.id}
    finally:
        pooler.command("reconnect")


def test_a_policy_broken_for_reading_is_a_500_and_never_a_leak(
    api: httpx.Client, stranger_api: httpx.Client, admin: Admin, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = stranger_api.post("/v1/tasks", json={"title": "canary"}).json()["id"]
    admin.execute("create policy broken on task for select to task_app using (true)")
    try:
        answers = [api.get(path, extensions=FAULT) for path in ("/v1/tasks", f"/v1/tasks/{foreign}")]
    finally:
        admin.execute("drop policy broken on task")
    assert [answer.status_code for answer in answers] == [500, 500]
    assert not any("canary" in answer.text or foreign in answer.text for answer in answers)
    assert [record.levelname for record in caplog.records].count("CRITICAL") == 2
    assert api.get(f"/v1/tasks/{foreign}").status_code == 404
