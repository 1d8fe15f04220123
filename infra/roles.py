"""The roles of the application: two groups that own the grants, and the login roles that the URLs name.

Group roles go to the policies; who logs in, and with which password, is configuration and stands outside Alembic.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psycopg
from psycopg import Connection, sql
from psycopg.errors import DuplicateObject, InsufficientPrivilege, InternalError_, UniqueViolation

APP, JOBS = "task_app", "task_jobs"

# The ends that no request may outlive. transaction_timeout is the only one that ends a pipeline without its Sync.
LIMITS = {
    "statement_timeout": "5s",
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "5s",
    "transaction_timeout": "8s",
    "timezone": "UTC",
    "search_path": "public",
    "plan_cache_mode": "force_custom_plan",  # a list's filters fold only with their values at hand
}
ATTRIBUTES = """
    select rolsuper as superuser, rolbypassrls as bypassrls, rolcreaterole as createrole, rolcreatedb as createdb,
           rolreplication as replication
    from pg_roles where rolname = %s
"""
REMOVE = {name: sql.SQL(f"no{name}") for name in ("bypassrls", "createrole", "createdb", "replication")}
UNBOUND = """
    select rolname from pg_roles
    where rolname <> %(role)s and pg_has_role(%(role)s, oid, 'member')
      and (rolsuper or rolbypassrls or rolname in ('pg_read_all_data', 'pg_write_all_data', current_user))
"""


class RoleError(Exception):
    """A role can't be what it must be; the text is one line without a password."""


@dataclass(frozen=True, slots=True)
class Login:
    """A login role, as the URL in `variable` names it, and the group whose grants it gets."""

    variable: str
    name: str
    password: str
    group: str


def check(owner: str, logins: list[Login]) -> None:
    """Raise `RoleError` unless every login role is one of its own."""
    taken = {owner: "the owner", APP: f"the group of {APP}", JOBS: f"the group of {JOBS}"}
    for login in logins:
        if login.name in taken and login.name != login.group:
            raise RoleError(f"{login.variable} must name a role of its own: {login.name} is {taken[login.name]}")
        taken[login.name] = f"the role of {login.variable}"


def make_groups(connection: Connection) -> None:
    """Make the group roles, which the policies and grants of the migrations go to."""
    for group in (APP, JOBS):
        _alone(connection, partial(_ensure, connection, group))


def set_up(connection: Connection, login: Login) -> None:
    """Create or update a login role: its password, its limits, the grants of its group, and no power beyond.

    Raises `RoleError` where it has powers that the owner can't take away, `psycopg.Error` for what the server refuses.
    """
    user, password = login.name.encode(), login.password.encode()
    verifier = connection.pgconn.encrypt_password(password, user, b"scram-sha-256").decode("ascii")
    try:
        # The verifier keeps the password itself out of the server's log.
        _alone(connection, partial(_shape, connection, login, verifier))
    except InsufficientPrivilege as failure:
        raise RoleError(f"{login.variable} names {login.name}, a role that the owner may not change") from failure
    except psycopg.Error as failure:
        if "plaintext password" not in str(failure):
            raise
        # Neon's control plane, asked at the commit, takes nothing but the password.
        _alone(connection, partial(_shape, connection, login, login.password))


def _alone(connection: Connection, work: Callable[[], None]) -> None:
    """Run `work` in a transaction; again when a run on another database of the server touched the same roles."""
    for rest in reversed(range(10)):
        try:
            with connection.transaction():
                work()
        except (DuplicateObject, InternalError_, UniqueViolation):
            if not rest:
                raise
            time.sleep(0.1)
        else:
            return


def _ensure(connection: Connection, name: str) -> None:
    if connection.execute("select from pg_roles where rolname = %s", [name]).fetchone() is None:
        connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))


def _shape(connection: Connection, login: Login, password: str) -> None:
    _ensure(connection, login.name)
    role = sql.Identifier(login.name)
    # Only what has to go is named: an owner may not even say `nosuperuser`, nor `nocreatedb` without that right.
    options = [sql.SQL("login inherit password"), sql.Literal(password)]
    cursor = connection.execute(ATTRIBUTES, [login.name])
    for column, has in zip(cursor.description or (), cursor.fetchone() or (), strict=True):
        if has and column.name == "superuser":
            raise RoleError(
                f"{login.variable} names {login.name}, a superuser, whom no policy binds: name another role"
            )
        if has:
            options.append(REMOVE[column.name])
    connection.execute(sql.SQL("alter role {} {}").format(role, sql.SQL(" ").join(options)))
    for name, value in LIMITS.items():
        connection.execute(sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(name), sql.Literal(value)))
    if login.name != login.group:
        connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(login.group), role))
    other = JOBS if login.group == APP else APP
    if connection.execute("select pg_has_role(%s, %s, 'member')", [login.name, other]).fetchone() == (True,):
        connection.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(other), role))
    if (unbound := connection.execute(UNBOUND, {"role": login.name}).fetchone()) is not None:
        raise RoleError(
            f"{login.variable} names {login.name}, a member of {unbound[0]}, whom no policy binds: name another role"
        )
