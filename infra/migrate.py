"""python -m infra.migrate: bring the database up to date, on the owner's direct connection.

Alembic applies what is missing of `infra/migrations/versions`; then the login roles that DATABASE_URL and
DATABASE_URL_JOBS name get those URLs' passwords and the grants of their group. It may run twice, and two may run at
once: an advisory lock lets one after the other through.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import LiteralString

import psycopg
from alembic import command
from alembic.config import Config
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


def migrate(env: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Apply the migrations and set up the login roles; `say` is told what was done.

    Raises `SettingsError` for a variable, `RoleError` for a role, `MigrationError` for what else the server refuses.
    """
    owner = _parts("DATABASE_URL_UNPOOLED", "the libpq URL of the owner on the direct endpoint", env)
    if "-pooler." in owner.get("host", ""):
        raise SettingsError(
            "DATABASE_URL_UNPOOLED is malformed: it names a pooled endpoint (-pooler); name the direct one"
        )
    logins = [_login("DATABASE_URL", APP, env)]
    if env.get("DATABASE_URL_JOBS"):
        logins.append(_login("DATABASE_URL_JOBS", JOBS, env))
    url = verifying(env["DATABASE_URL_UNPOOLED"])
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=15) as connection:
            if connection.info.server_version < OLDEST * 10_000:
                version = connection.info.parameter_status("server_version")
                raise MigrationError(f"PostgreSQL {OLDEST} or newer is needed; this server is {version}")
            check(connection.info.user, logins)
            for statement in SESSION:
                connection.execute(statement)
            _lock(connection, say)
            make_groups(connection)
            _upgrade(connection, say)
            for login in logins:
                set_up(connection, login)
                say(f"role {login.name} is ready, as a member of {login.group}")
    except psycopg.OperationalError as failure:
        raise MigrationError(f"DATABASE_URL_UNPOOLED: {_line(failure)}") from None
    except psycopg.Error as failure:
        raise MigrationError(_line(failure)) from None


def config() -> Config:
    """Give the configuration of Alembic: where the migrations are."""
    options = Config()
    options.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return options


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


def _upgrade(connection: Connection, say: Callable[[str], None]) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    options = config()
    options.attributes["say"] = say
    try:
        with engine.connect() as alembic:
            options.attributes["connection"] = alembic
            command.upgrade(options, "head")
    except CommandError as failure:  # such as a revision of a newer release
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
    if sys.argv[1:] == ["--sql"]:  # for reading and for a linter: nothing is run
        print(*SESSION, sep=";\n", end=";\n")
        command.upgrade(config(), "head", sql=True)
        return 0
    try:
        migrate(os.environ, lambda line: print(f"migrate: {line}", flush=True))
    except (SettingsError, RoleError, MigrationError) as failure:
        print(f"migrate: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
