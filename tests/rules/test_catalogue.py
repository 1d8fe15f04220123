"""The database as the migrations leave it: fenced by row level security, minimal in its grants, equal to the tables."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

import shared.tables
from infra.local.postgres import OWNER
from infra.migrate import config
from infra.roles import APP as APP_GROUP
from infra.roles import JOBS as JOBS_GROUP
from tests.support.catalogue_rules import OLDEST, RULES, Admin, the_roles_have_no_power
from tests.support.collect_failures import collect_failures
from tests.support.expected_catalogue import GRANTS
from tests.support.stack import APP, JOBS, Stack

pytestmark = pytest.mark.usefixtures("private_server")
LOGINS = {APP: APP_GROUP, JOBS: JOBS_GROUP}
COLUMNS = """
    select table_name, ordinal_position, column_name, data_type, udt_name, collation_name, is_nullable, column_default,
           is_generated, generation_expression
    from information_schema.columns where table_schema = 'public' and table_name <> 'alembic_version' order by 1, 2
"""
DEFAULTS = ["app.user_id", "app.position_at", "app.new_position", "app.label_key"]
"""Functions that tables are made with."""
CONSTRAINTS = """
    select conrelid::regclass::text as place, pg_get_constraintdef(oid) as text, conname::text as name
    from pg_constraint
    where connamespace = 'public'::regnamespace and conrelid::regclass::text <> 'alembic_version' order by 1, 2
"""
INDEXES = """
    select tablename, indexname, indexdef from pg_indexes
    where schemaname = 'public' and tablename <> 'alembic_version' order by 1, 2
"""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_database_keeps_the_rule(rule: Callable[[Admin], Iterator[str]], admin: Admin) -> None:
    assert list(rule(admin)) == []


def test_the_roles_of_the_urls_have_no_power_of_their_own(admin: Admin) -> None:
    assert list(the_roles_have_no_power(admin, LOGINS)) == []


def test_postgresql_is_18_or_newer(admin: Admin) -> None:
    assert admin.info.server_version >= OLDEST


def test_the_application_may_write_neither_owner_nor_what_the_server_sets(admin: Admin) -> None:
    set_by_the_server = {"user_id", "version", "created_at", "updated_at"}
    assert not GRANTS[APP_GROUP, "public.task", "INSERT"] & (set_by_the_server | {"completed_at"})
    assert not GRANTS[APP_GROUP, "public.task", "UPDATE"] & (set_by_the_server | {"id"})
    for column in set_by_the_server:
        for privilege in ("insert", "update"):
            row = admin.execute("select has_column_privilege(%s, 'task', %s, %s) as may", [APP, column, privilege])
            assert row.fetchone() == {"may": False}, f"{privilege} {column}"


@pytest.fixture
def from_the_tables(stack: Stack) -> Iterator[Admin]:
    """A new database, for the tables that SQLModel makes."""
    database = f"{stack.cluster.database}_from_tables"
    name = sql.Identifier(database)
    with psycopg.connect(stack.admin_url, dbname="postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template template0").format(name))
        with psycopg.connect(stack.admin_url, dbname=database, autocommit=True, row_factory=dict_row) as made:
            yield made
        admin.execute(sql.SQL("drop database {}").format(name))


def test_the_migrations_make_the_tables_of_sqlmodel(admin: Admin, from_the_tables: Admin) -> None:
    assert shared.tables.Task.metadata is SQLModel.metadata
    _make_tables(admin, from_the_tables)
    with collect_failures() as check:
        for query in (COLUMNS, CONSTRAINTS, INDEXES):
            with check(query):
                assert _rows(admin, query) == _rows(from_the_tables, query)


def _rows(database: Admin, query: str) -> list[dict[str, Any]]:
    return database.execute(query.encode()).fetchall()


def _make_tables(admin: Admin, database: Admin) -> None:
    """Make the tables as SQLModel has them, beside the functions that the migrations made."""
    needed = admin.execute(
        "select pg_get_functiondef(oid) as text from pg_proc where oid = any (%s::regproc[])", [DEFAULTS]
    ).fetchall()
    for text in ("create extension btree_gin", "create schema app", *(row["text"] for row in needed)):
        database.execute(text.encode())
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(make_conninfo(database.info.dsn, password=database.info.password)),
    )
    SQLModel.metadata.create_all(engine)
    engine.dispose()


# Alembic compares the texts of generated columns, which PostgreSQL spells its own way; above it is PostgreSQL's.
@pytest.mark.filterwarnings("ignore:Computed default:UserWarning")
def test_alembic_finds_nothing_to_migrate(stack: Stack) -> None:
    with psycopg.connect(stack.cluster.url(OWNER)) as connection:
        engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
        options = config()
        with engine.connect() as alembic:
            options.attributes["connection"] = alembic
            assert command.check(options) is None  # type: ignore[func-returns-value]  # it raises what is missing
