"""Migrations over tasks that are there already, and a migration that did not come to its end."""

from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from psycopg.rows import DictRow, dict_row
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from infra.local.postgres import OWNER, SUPERUSER, Cluster, throwaway
from infra.migrate import config, migrate

TASKS = """
    insert into task (user_id, id, title, created_at, updated_at)
    select 'user-' || n % 3, gen_random_uuid(), n::text, timestamptz '2026-01-01Z' + n * interval '1 microsecond',
           '2026-02-01Z'
    from generate_series(1, 6000) n"""
FORMER_SEARCH = """
    select count(*) as tasks from task
    where app.words(%(q)s::text) = '{}' or id = any (array (select app.search(%(q)s::text)))"""
LEFT = "select user_id, title, version, updated_at = '2026-02-01Z' as untouched from task order by position, id"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with throwaway() as cluster:
        to_the_newest(cluster)
        yield cluster


def to_the_newest(cluster: Cluster) -> None:
    urls = {"DATABASE_URL_UNPOOLED": cluster.url(OWNER), "DATABASE_URL": cluster.url("api")}
    migrate(urls, lambda _: None)


def back_to(cluster: Cluster, revision: str) -> None:
    with psycopg.connect(cluster.url(OWNER), autocommit=True) as owner:
        engine = create_engine("postgresql+psycopg://", creator=lambda: owner, poolclass=StaticPool)
        options = config()
        with engine.connect() as options.attributes["connection"]:
            command.downgrade(options, revision)


@pytest.fixture
def admin(cluster: Cluster) -> Iterator[psycopg.Connection[DictRow]]:
    """A superuser's connection to the newest schema without rows."""
    with psycopg.connect(cluster.url(SUPERUSER), autocommit=True, row_factory=dict_row) as admin:
        to_the_newest(cluster)
        admin.execute("truncate list, label, task_label, task, trash")
        yield admin


def test_tasks_from_before_stand_in_the_order_of_their_creation_and_are_not_changed(
    cluster: Cluster, admin: psycopg.Connection[DictRow]
) -> None:
    back_to(cluster, "0003")
    admin.execute(TASKS)
    to_the_newest(cluster)
    left = admin.execute(LEFT).fetchall()
    assert [int(row["title"]) for row in left] == list(range(1, 6001))
    assert {(row["version"], row["untouched"]) for row in left} == {(1, True)}
    admin.execute("update task set position = 'V' where title = '1'")
    assert admin.execute("select version from task where title = '1'").fetchone() == {"version": 2}


def test_tasks_from_before_are_found_as_the_new_ones_and_by_the_release_before(
    cluster: Cluster, admin: psycopg.Connection[DictRow]
) -> None:
    back_to(cluster, "0001")
    admin.execute(TASKS.replace("n::text", "'Caf\u00e9 ' || n"))
    to_the_newest(cluster)
    assert {(row["version"], row["untouched"]) for row in admin.execute(LEFT)} == {(1, True)}
    stale = "select count(*) as tasks from task where words <> app.word_index(user_id, title, description)"
    assert admin.execute(stale).fetchone() == {"tasks": 0}
    admin.execute("select set_config('app.user_id', 'user-1', false); set role api")
    for q, tasks in {"caf\u00e9": 2000, "cafe": 2000, "cafe 5998": 1, "!": 2000, "tea": 0}.items():
        row = admin.execute(FORMER_SEARCH, {"q": q}).fetchone()
        assert row == {"tasks": tasks}, q


def test_words_beside_symbols_are_found_in_tasks_from_before_which_are_not_changed(
    cluster: Cluster, admin: psycopg.Connection[DictRow]
) -> None:
    back_to(cluster, "0007")
    admin.execute(TASKS.replace("n::text", "'\U0001f389' || n"))
    admin.execute("update task set labels = array['\u2705done']")
    search = "select count(*) as tasks from app.search(%s, null)"
    admin.execute("select set_config('app.user_id', 'user-1', false)")
    for q in ("5998", "done"):
        assert admin.execute(search, [q]).fetchone() == {"tasks": 0}
    before = admin.execute(LEFT).fetchall()
    to_the_newest(cluster)
    assert admin.execute(LEFT).fetchall() == before
    # A task that is deleted between the two migrations.
    admin.execute("update task set words = '' where title like '%5995'; delete from task where title like '%5995'")
    back_to(cluster, "0008")
    to_the_newest(cluster)
    admin.execute("select app.restore(id) from trash")
    for q, tasks in {"5998": 1, "5995": 1, "done": 2000, "\u2705": 2000, "\U0001f389": 2000}.items():
        assert admin.execute(search, [q]).fetchone() == {"tasks": tasks}, q


def test_what_goes_on_beside_traffic_may_be_run_again(cluster: Cluster, admin: psycopg.Connection[DictRow]) -> None:
    described = "select indexdef from pg_indexes where tablename = 'task' order by 1"
    made = admin.execute(described).fetchall()
    for before, after, index in (("0002", "0002b", "task_terms"), ("0004", "0004b", "task_position")):
        back_to(cluster, after)
        admin.execute("update alembic_version set version_num = %s", [before])
        admin.execute("update pg_index set indisvalid = false where indexrelid = %s::regclass", [index])
        to_the_newest(cluster)
        assert admin.execute(described).fetchall() == made, index
        assert admin.execute("select from pg_index where not indisvalid").fetchall() == [], index
