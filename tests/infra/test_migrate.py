"""`python -m infra.migrate`: as an owner like Neon's, twice, two at a time, and what it refuses."""

import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import DictRow

from infra.local.postgres import OWNER, ROOT, SUPERUSER, Cluster, throwaway
from infra.migrate import LOCK, main
from tests.support.collect_failures import collect_failures
from tests.support.postgres_proxy import Proxy
from tests.support.stack import APP, Stack

pytestmark = pytest.mark.usefixtures("private_server")
COMMAND = [sys.executable, "-m", "infra.migrate"]


@pytest.fixture
def empty() -> Iterator[Cluster]:
    """A cluster without a migration."""
    with throwaway() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def no_role_stays(admin: psycopg.Connection[DictRow]) -> Iterator[None]:
    """The roles of the shared server are as they were: the catalogue's rule of the roles knows them all."""
    query = "select rolname as name from pg_roles"
    before = {row["name"] for row in admin.execute(query)}
    yield
    for name in {row["name"] for row in admin.execute(query)} - before:
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def environment(cluster: Cluster, **urls: str) -> dict[str, str]:
    given = {"DATABASE_URL_UNPOOLED": cluster.url(OWNER), "DATABASE_URL": cluster.url(APP)}
    return {name: value for name, value in {**os.environ, **given, "DATABASE_URL_JOBS": "", **urls}.items() if value}


def in_process(arguments: str, env: dict[str, str]) -> tuple[int, str, str]:
    """Run the command in this process; return its exit status, and what it printed to each place."""
    printed, errors = StringIO(), StringIO()
    with redirect_stdout(printed), redirect_stderr(errors), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["migrate", *arguments.split()])
        patch.setattr("os.environ", env)
        try:
            code = main()
        except SystemExit as end:
            code = int(end.code or 0)
    return code, printed.getvalue(), errors.getvalue()


def run(cluster: Cluster, **urls: str) -> tuple[int, str]:
    """Migrate; return the exit status, and what was printed as an error."""
    code, _, error = in_process("", environment(cluster, **urls))
    return code, error


def url(cluster: Cluster, role: str, password: str) -> str:
    return f"postgresql://{role}:{password}@127.0.0.1:{cluster.port}/{cluster.database}"


def rows(where: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(where, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def test_the_owner_is_like_neons(stack: Stack) -> None:
    query = f"select rolsuper, rolcreaterole, rolbypassrls from pg_roles where rolname = '{OWNER}'"  # noqa: S608
    assert rows(stack.admin_url, query) == [(False, True, True)]


def test_two_at_a_time_do_it_once(empty: Cluster) -> None:
    env = environment(empty, DATABASE_URL_JOBS=empty.url("jobs"))
    both = [subprocess.Popen(COMMAND, cwd=ROOT, env=env, stdout=-1, stderr=-2, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    assert sum("applied 0001" in text for text in printed) == 1
    assert rows(empty.url(APP), "select count(*) from task") == [(0,)]
    assert rows(empty.url("jobs"), "select count(*) from idempotency_key") == [(0,)]


def test_a_second_run_waits_for_the_first(stack: Stack, admin: psycopg.Connection[DictRow]) -> None:
    admin.execute("select pg_advisory_lock(%s)", [LOCK])
    command = [*COMMAND[:1], "-u", *COMMAND[1:]]
    waiting = subprocess.Popen(command, cwd=ROOT, env=environment(stack.cluster), stdout=-1, stderr=-2, text=True)
    assert waiting.stdout
    assert waiting.stdout.readline() == "migrate: waiting for another migration to end\n"
    admin.execute("select pg_advisory_unlock(%s)", [LOCK])
    assert waiting.communicate(timeout=60)[0] == f"migrate: role {APP} is ready, as a member of task_app\n"
    assert waiting.returncode == 0


def test_the_jobs_role_is_made_only_where_its_url_is_set(empty: Cluster) -> None:
    roles = "select rolname, rolcanlogin from pg_roles where rolname ~ '^(api|jobs|task_)'"
    assert run(empty)[0] == 0
    assert sorted(rows(empty.url(SUPERUSER), roles)) == [(APP, True), ("task_app", False), ("task_jobs", False)]
    assert run(empty, DATABASE_URL_JOBS=empty.url("jobs"))[0] == 0
    assert ("jobs", True) in rows(empty.url(SUPERUSER), roles)


def test_a_new_password_takes_effect(stack: Stack) -> None:
    old, new = url(stack.cluster, "rotating", "old%40%2F%3A"), url(stack.cluster, "rotating", "new%20p%C3%A4ss")
    assert run(stack.cluster, DATABASE_URL=old)[0] == 0
    assert rows(old, "select current_user") == [("rotating",)]
    assert run(stack.cluster, DATABASE_URL=new)[0] == 0
    assert rows(new, "select current_user") == [("rotating",)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        rows(old, "select 1")


def test_no_password_reaches_the_output_or_the_servers_log(empty: Cluster) -> None:
    with psycopg.connect(empty.url(SUPERUSER), autocommit=True) as connection:
        connection.execute("alter system set log_statement = 'all'")
        connection.execute("select pg_reload_conf()")
    env = environment(empty, DATABASE_URL=url(empty, "quiet", "canary-7b1f"))
    done = subprocess.run(COMMAND, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    log = empty.log.read_text("utf-8")
    assert 'alter role "quiet"' in log
    assert "canary-7b1f" not in log + done.stdout + done.stderr


class NeonControlPlane(Proxy):
    """Refuses a password that was hashed before, with Neon's words."""

    refusals = 0

    def passed_on(self, message: bytes) -> bytes:
        if b"SCRAM-SHA-256$" not in message:
            return message
        self.refusals += 1
        query = b"do 'begin raise exception ''Neon only supports being given plaintext passwords''; end'\0"
        return b"Q" + struct.pack(">i", len(query) + 4) + query


def test_the_password_itself_is_sent_where_neon_asks_for_it(stack: Stack) -> None:
    with NeonControlPlane(stack.cluster.port) as neon:
        direct = stack.cluster.url(OWNER, port=neon.port) + "?sslmode=disable"
        login = url(stack.cluster, "on_neon", "pass%27word")
        code, error = run(stack.cluster, DATABASE_URL_UNPOOLED=direct, DATABASE_URL=login)
        assert (code, neon.refusals) == (0, 1), error
    assert rows(login, "select current_user") == [("on_neon",)]


def test_a_login_role_is_bound_and_limited(stack: Stack) -> None:
    role = rows(
        stack.admin_url,
        "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit"  # noqa: S608
        f" from pg_roles where rolname = '{APP}'",
    )
    assert role == [(False, False, False, False, False, True)]
    settings = "select current_setting('transaction_timeout'), current_setting('statement_timeout'),"
    settings += " current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),"
    settings += " current_setting('timezone'), current_setting('search_path')"
    assert rows(stack.cluster.url(APP), settings) == [("8s", "5s", "4s", "5s", "UTC", "public")]


def test_powers_of_an_older_role_are_taken_away(stack: Stack) -> None:
    rows(stack.cluster.url(OWNER), "create role grown login bypassrls createrole in role task_jobs")
    assert run(stack.cluster, DATABASE_URL=url(stack.cluster, "grown", "x")) == (0, "")
    attributes = "select rolbypassrls, rolcreaterole, pg_has_role('grown', 'task_jobs', 'member'),"
    attributes += " pg_has_role('grown', 'task_app', 'usage') from pg_roles where rolname = 'grown'"
    assert rows(stack.admin_url, attributes) == [(False, False, False, True)]


def test_a_role_may_have_the_name_of_its_group(empty: Cluster) -> None:
    assert run(empty, DATABASE_URL=empty.url("task_app"))[0] == 0
    assert rows(empty.url("task_app"), "select count(*) from task") == [(0,)]


SERVER, POOLED = "postgresql://{}:secret@h/d", "postgresql://o:secret@ep-x-pooler.eu.aws.neon.tech/d"
OWN, CLOSED = "DATABASE_URL must name a role of its own", "postgresql://o:secret@127.0.0.1:1/d"
REFUSED = [
    ("DATABASE_URL_UNPOOLED", "", "DATABASE_URL_UNPOOLED is missing"),
    ("DATABASE_URL", "", "DATABASE_URL is missing"),
    ("DATABASE_URL", "mysql://api:secret@h/d", "DATABASE_URL is malformed"),
    ("DATABASE_URL", "postgresql://api:secret@h:port/d", "DATABASE_URL is malformed"),
    ("DATABASE_URL_JOBS", "postgresql://jobs:secret%@h/d", "DATABASE_URL_JOBS is malformed"),
    ("DATABASE_URL", "postgresql://api@h/d", "DATABASE_URL is malformed: it names no password"),
    ("DATABASE_URL_JOBS", "postgresql://h/d", "DATABASE_URL_JOBS is malformed: it names no user"),
    ("DATABASE_URL_UNPOOLED", POOLED, "DATABASE_URL_UNPOOLED is malformed"),
    ("DATABASE_URL", SERVER.format(OWNER), OWN),
    ("DATABASE_URL_JOBS", SERVER.format(APP), "DATABASE_URL_JOBS must name a role of"),
    ("DATABASE_URL", SERVER.format("task_jobs"), OWN),
    ("DATABASE_URL", SERVER.format(SUPERUSER), f"DATABASE_URL names {SUPERUSER}"),
    ("DATABASE_URL", SERVER.format("reader"), "DATABASE_URL names reader, a member of pg_r"),
    ("DATABASE_URL", SERVER.format("foreign_role"), "DATABASE_URL names foreign_role, a r"),
    ("DATABASE_URL_UNPOOLED", CLOSED, "DATABASE_URL_UNPOOLED: "),
]


def test_it_refuses_in_one_line_that_names_the_variable(stack: Stack, admin: psycopg.Connection[DictRow]) -> None:
    rows(stack.cluster.url(OWNER), "create role reader")
    admin.execute("grant pg_read_all_data to reader")
    admin.execute("create role foreign_role")
    with collect_failures() as check:
        for name, value, line in REFUSED:
            with check(name, value):
                code, printed, error = in_process("", environment(stack.cluster, **{name: value}))
                assert code == 1
                assert error.startswith(f"migrate: {line}")
                assert error.count("\n") == 1
                assert "secret" not in error + printed


def test_an_older_postgresql_is_refused() -> None:
    """The server is one that says it is 17.5, and no more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def say_hello() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(1024)
                version = b"server_version\x0017.5\x00"
                client.sendall(b"R" + struct.pack(">ii", 8, 0) + b"S" + struct.pack(">i", len(version) + 4) + version)
                client.sendall(b"Z" + struct.pack(">i", 5) + b"I")
                client.recv(1024)

        threading.Thread(target=say_hello, daemon=True).start()
        old = f"postgresql://o:x@127.0.0.1:{listener.getsockname()[1]}/d?sslmode=disable"
        env = {"PATH": os.environ["PATH"], "DATABASE_URL_UNPOOLED": old, "DATABASE_URL": "postgresql://a:b@h/d"}
        done = subprocess.run(COMMAND, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "migrate: PostgreSQL 18 or newer is needed; this server is 17.5\n"


def test_it_can_be_read_without_a_database() -> None:
    done = subprocess.run([*COMMAND, "--sql"], cwd=ROOT, env={}, capture_output=True, text=True, timeout=60, check=True)
    assert "create table task (" in done.stdout
    assert "force row level security" in done.stdout
