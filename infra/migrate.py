"""python -m infra.migrate: bring the database up to date, on the owner's direct connection.

Alembic applies what is missing of `infra/migrations/versions`; then the login roles that DATABASE_URL and
DATABASE_URL_JOBS name get those URLs' passwords and the grants of their group. It may run twice, and two may run at
once: an advisory lock lets one after the other through.

`--check` changes nothing: it says what is missing, and fails if anything is. `--sql` prints what would be run, without
a database. `--to REVISION` goes, looks or prints no further than to there; it never goes back.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from infra.roles import APP, JOBS, Login, RoleError, check, make_groups, set_up
from shared.connection import verifying
from shared.settings import SettingsError, libpq_url

OLDEST = 18
LOCK = 2_002_026_001
PATIENCE = 600
"""Seconds to wait for another run to end."""

SESSION: tuple[LiteralString, ...] = (
    "set lock_timeout = '5s'",  # a migration that waits for a lock makes all later requests wait behind it
    "set statement_timeout = '15min'",
    "set client_min_messages = warning",
)


class MigrationError(Exception):
    """The database can't be brought up to date; the text is one line without a password."""


def migrate(env: Mapping[str, str], say: Callable[[str], None], *, to: str | None = None) -> None:
    """Apply the migrations, up to `to` or all, and set up the login roles; `say` is told what was done.

    Raises `SettingsError` for a variable, `RoleError` for a role, `MigrationError` for what else the server refuses.
    """
    wanted = _up_to(to)
    url = _owner(env)
    logins = [_login("DATABASE_URL", APP, env)]
    if env.get("DATABASE_URL_JOBS"):
        logins.append(_login("DATABASE_URL_JOBS", JOBS, env))
    with _connected(url) as connection:
        check(connection.info.user, logins)
        for statement in SESSION:
            connection.execute(statement)
        _lock(connection, say)
        applied = _applied(connection)
        if to and applied[len(wanted) :]:
            raise MigrationError(f"the database is at {applied[-1]}, beyond {to}: a migration never goes back")
        make_groups(connection)
        _upgrade(connection, say, wanted[-1].revision)
        for login in logins:
            set_up(connection, login)
            say(f"role {login.name} is ready, as a member of {login.group}")


def missing(env: Mapping[str, str], *, to: str | None = None) -> list[Script]:
    """Give the migrations, up to `to` or of all, that the database lacks; nothing is changed. Raises as `migrate`."""
    wanted = _up_to(to)
    with _connected(_owner(env)) as connection:
        applied = _applied(connection)
    return wanted[len(applied) :]


def config() -> Config:
    """Give the configuration of Alembic: where the migrations are."""
    options = Config()
    options.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return options


def _up_to(to: str | None) -> list[Script]:
    """Every migration in its order, as far as `to`."""
    known = list(ScriptDirectory.from_config(config()).walk_revisions())[::-1]
    names = [one.revision for one in known]
    if to and to not in names:
        raise MigrationError(f"there is no migration {to}: there are {', '.join(names)}")
    return known[: names.index(to) + 1] if to else known


def _applied(connection: Connection) -> list[str]:
    """The migrations that the database has. Raises `MigrationError` where it has one that a newer release brought."""
    if connection.execute("select to_regclass('public.alembic_version')").fetchone() == (None,):
        return []
    names = [one.revision for one in _up_to(None)]
    current = connection.execute("select version_num from public.alembic_version").fetchone()
    if current and current[0] not in names:
        raise MigrationError(f"the database is at {current[0]}, which this release does not know")
    return names[: names.index(current[0]) + 1] if current else []


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    """A connection to a server that is new enough; what the server refuses is a `MigrationError`."""
    try:
        with psycopg.connect(verifying(url), autocommit=True, connect_timeout=15) as connection:
            if connection.info.server_version < OLDEST * 10_000:
                version = connection.info.parameter_status("server_version")
                raise MigrationError(f"PostgreSQL {OLDEST} or newer is needed; this server is {version}")
            yield connection
    except psycopg.OperationalError as failure:
        raise MigrationError(f"DATABASE_URL_UNPOOLED: {_line(failure)}") from None
    except psycopg.Error as failure:
        raise MigrationError(_line(failure)) from None


def _owner(env: Mapping[str, str]) -> str:
    """DATABASE_URL_UNPOOLED, which names the direct endpoint."""
    owner = _parts("DATABASE_URL_UNPOOLED", "the libpq URL of the owner on the direct endpoint", env)
    if "-pooler." in owner.get("host", ""):
        raise SettingsError(
            "DATABASE_URL_UNPOOLED is malformed: it names a pooled endpoint (-pooler); name the direct one"
        )
    return env["DATABASE_URL_UNPOOLED"]


def _parts(variable: str, meaning: str, env: Mapping[str, str]) -> dict[str, str]:
    url = env.get(variable)
    if not url:
        raise SettingsError(f"{variable} is missing: {meaning}")
    return {name: str(value) for name, value in conninfo_to_dict(libpq_url(variable, url)).items()}


def _login(variable: str, group: str, env: Mapping[str, str]) -> Login:
    parts = _parts(variable, "the libpq URL of the role to set up", env)
    for part in ("user", "password"):
        if not parts.get(part):
            raise SettingsError(f"{variable} is malformed: it names no {part}")
    return Login(variable, parts["user"], parts["password"], group)


def _lock(connection: Connection, say: Callable[[str], None]) -> None:
    """Wait for the lock that the session then holds to its end."""
    deadline = time.monotonic() + PATIENCE
    waiting = False
    while connection.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() != (True,):
        if time.monotonic() > deadline:
            raise MigrationError(f"another migration has not ended within {PATIENCE} s")
        if not waiting:
            say("waiting for another migration to end")
        waiting = True
        time.sleep(0.2)


def _upgrade(connection: Connection, say: Callable[[str], None], to: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    options = config()
    options.attributes["say"] = say
    try:
        with engine.connect() as alembic:
            options.attributes["connection"] = alembic
            command.upgrade(options, to)
    except CommandError as failure:
        raise MigrationError(_line(failure)) from failure
    except DBAPIError as failure:
        raise MigrationError(f"a migration failed: {_line(failure.orig or failure)}") from failure
    finally:
        connection.autocommit = True


def _line(failure: BaseException) -> str:
    """Give the first line that says what went wrong, without the statement."""
    text = failure.diag.message_primary if isinstance(failure, psycopg.Error) else None
    state = failure.sqlstate if isinstance(failure, psycopg.Error) else None
    line = text or next(iter(str(failure).splitlines()), type(failure).__name__)
    return f"{line} ({state})" if state else line


def main() -> int:
    """Run for the environment of this process; give the exit status."""
    parser = argparse.ArgumentParser("python -m infra.migrate", description="Bring the database up to date.")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--check", action="store_true", help="only say what is missing, and fail if anything is")
    instead.add_argument("--sql", action="store_true", help="only print the SQL, without a database")
    parser.add_argument("--to", metavar="REVISION", help="go no further than this migration")
    given = parser.parse_args()
    try:
        if given.sql:
            wanted = _up_to(given.to)
            print(*SESSION, sep=";\n", end=";\n")
            command.upgrade(config(), wanted[-1].revision, sql=True)
        elif given.check:
            lacking = missing(os.environ, to=given.to)
            for one in lacking:
                print(f"migrate: missing {one.revision}: {one.doc}")
            print(f"migrate: {len(lacking) or 'nothing'} missing")
            return 1 if lacking else 0
        else:
            migrate(os.environ, lambda line: print(f"migrate: {line}", flush=True), to=given.to)
    except (SettingsError, RoleError, MigrationError) as failure:
        print(f"migrate: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
