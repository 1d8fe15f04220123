"""Every statement finds its rows by an index that starts with `user_id`, also in a large table (large_dataset.py)."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from functions.tasks.list import ORDERS, STATEMENTS
from functions.trash.list import LIST as TRASH_LIST
from infra.local.postgres import SUPERUSER
from shared.walks import BY_CREATION, BY_POSITION, LINKS, MOST_DAYS, RELEVANCE, way_to
from tests.support.collect_failures import collect_failures
from tests.support.large_dataset import BIG, DONE, LIST, PARENT, crowded
from tests.support.stack import APP, Stack
from tests.support.statements import ID, WRITTEN, enter, every_statement

type App = psycopg.Connection[tuple[Any, ...]]

LIMIT = 50
CROWDED = {"task", "trash", "idempotency_key"}
MOST = 10 * LIMIT
"""Rows that a page may read and throw away."""
REACH = 10_001
"""Rows that a search may look through instead, before it goes by its own index (shared/walks.py)."""
TERMS = "task_terms"
"""The one index that does not start with `user_id`: its words start with the user's tag (app.tag)."""
NO_FILTER: dict[str, Any] = dict.fromkeys(
    ("completed", "priority", "due_from", "due_before", "q", "label", "list_id", "inbox", "parent_id", "top")
)
WEEK = {"due_from": "2026-06-01", "due_before": "2026-06-08"}
FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "open": {"completed": False},
    "completed": {"completed": True},
    "one priority": {"priority": [4]},
    "two priorities": {"priority": [3, 4]},
    "due from": {"due_from": "2026-06-01"},
    "a week": WEEK,
    "open, a week": {"completed": False} | WEEK,
    "open, of a list": {"completed": False, "list_id": LIST},
    "overdue": {"completed": False, "due_before": "2026-06-01"},
    "open, of one priority": {"completed": False, "priority": [4]},
    "few open of many": {"completed": False, "list_id": DONE},
    "few urgent of many": {"priority": [4], "list_id": DONE},
    "a word": {"q": "word7"},
    "a rare word": {"q": "word777"},
    "a phrase": {"q": '"word777" -buy'},
    "a list": {"list_id": LIST},
    "a list of many": {"list_id": DONE},
    "the inbox": {"inbox": True},
    "subtasks": {"parent_id": PARENT},
    "the top": {"top": True},
    "the top of a list": {"list_id": LIST, "top": True},
    "a label of few": {"label": "few"},
    "a label of many": {"label": "MANY"},
    "open, of a label": {"label": "many", "completed": False},
    "a month and a half": {"due_from": "2026-06-01", "due_before": "2026-07-15"},
}
COMBINED = {"open, of a list", "overdue", "open, of one priority", "few open of many", "few urgent of many"}
MOST_COMBINED = 10_000
"""Rows that filters with an index each, and none for all, may throw away: fewer than half of all."""
# A week holds few of all the tasks that a walk in another order would pass: tried where its own order, or the default.
ORDERS_OF_A_WEEK = ("due", "-due", "created_at", "-created_at")


@pytest.fixture(scope="module")
def full(stack: Stack) -> Iterator[str]:
    """The name of the crowded database."""
    with crowded(stack) as name:
        yield name


@pytest.fixture(scope="module")
def app(stack: Stack, full: str) -> Iterator[App]:
    with psycopg.connect(stack.cluster.url(APP), dbname=full, autocommit=True, prepare_threshold=None) as connection:
        yield connection


@pytest.fixture(scope="module")
def led(stack: Stack, full: str) -> set[str]:
    """The indexes whose first column is `user_id`."""
    with psycopg.connect(stack.cluster.url(SUPERUSER), dbname=full) as admin:
        rows = admin.execute("""
            select i.indexrelid::regclass::text from pg_index i
            join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] where a.attname = 'user_id'""")
        return {name for (name,) in rows}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def rows_of(app: App, text: str, values: dict[str, Any], *, reading: bool = True) -> list[Any]:
    """Run a statement for the big user, undo it, and return its rows."""
    with app.transaction(force_rollback=True):
        enter(app, BIG, reading=reading)
        return app.execute(text.encode(), values).fetchall()


def plan_of(app: App, text: str, values: dict[str, Any], *, reading: bool = True) -> dict[str, Any]:
    """Run a statement for the big user, undo it, and return what PostgreSQL did for it."""
    row = rows_of(app, f"explain (analyze, format json) {text}", values, reading=reading)[0]
    return dict(row[0][0]["Plan"])


def waste(plan: dict[str, Any], led: set[str], most: int = MOST) -> Iterator[str]:
    """What a plan does that it must not."""
    for node in nodes(plan):
        kind, index = node["Node Type"], node.get("Index Name")
        thrown = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        if kind == "Seq Scan" and node["Relation Name"] in CROWDED:
            yield f"reads all of {node['Relation Name']}"
        elif index and index != TERMS and (index not in led or "(user_id = " not in node.get("Index Cond", "")):
            yield f"goes by {index}, and not by user: {node.get('Index Cond')}"
        if thrown * node["Actual Loops"] > most:
            yield f"throws {thrown} rows away at {index or kind}"


def pages(app: App, sort: str, filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The plans of the first page and of the fourth, or the last before."""
    values = NO_FILTER | filters | {"after": None, "after_id": None} | {"limit": LIMIT + 1}
    text = STATEMENTS[way_to(sort, values), sort]
    yield plan_of(app, text, values)
    rows = rows_of(app, text, values | {"limit": 3 * LIMIT + 1})
    assert rows
    if before := (len(rows) - 1) // LIMIT * LIMIT:
        yield plan_of(app, text, values | {"after": rows[before - 1][-1], "after_id": rows[before - 1][1]})


WALKS = {"walk", "by priority", "by day", "by label"}
CASES = [
    (sort, name)
    for sort in ORDERS
    for name, filters in FILTERS.items()
    if ("q" in filters if sort == RELEVANCE else "due_before" not in filters or sort in ORDERS_OF_A_WEEK)
    and (len(filters.keys() & set(LINKS)) < 2 or sort in BY_CREATION + BY_POSITION)
    and (sort, name) != ("-priority", "a list of many")  # which that order puts last
]


def test_a_page_goes_by_user_and_throws_little_away(app: App, led: set[str]) -> None:
    with collect_failures() as check:
        for sort, name in CASES:
            with check(sort, "|", name):
                most = REACH if "q" in FILTERS[name] else MOST_COMBINED if name in COMBINED else MOST
                assert [breach for plan in pages(app, sort, FILTERS[name]) for breach in waste(plan, led, most)] == []


def test_a_walk_sorts_no_more_than_what_it_merges(app: App) -> None:
    """Also where PostgreSQL takes it to be dear to fetch one row after the other, as an index has them."""
    with collect_failures() as check:
        for sort, name in CASES:
            if way_to(sort, NO_FILTER | FILTERS[name]) not in WALKS:
                continue
            with check(sort, "|", name), app.transaction(force_rollback=True):
                app.execute("set local random_page_cost = 1000")
                for plan in pages(app, sort, FILTERS[name]):
                    sorts = [node for node in nodes(plan) if node["Node Type"] == "Sort"]
                    most = MOST_DAYS * (LIMIT + 1)
                    assert all(part["Actual Rows"] <= most for node in sorts for part in node["Plans"])


def test_a_page_without_a_filter_reads_no_more_than_it_shows(app: App, led: set[str]) -> None:
    with collect_failures() as check:
        for sort in ORDERS:
            if sort != RELEVANCE:
                with check(sort):
                    for plan in pages(app, sort, {}):
                        read = sum(node["Actual Rows"] for node in nodes(plan) if node.get("Index Name") in led)
                        assert read <= LIMIT + 2


def test_a_page_of_the_trash_reads_no_more_than_it_shows(app: App, led: set[str]) -> None:
    first = {"after": None, "after_id": None, "limit": LIMIT + 1}
    rows = rows_of(app, TRASH_LIST, first)
    for values in (first, first | {"after": rows[LIMIT - 1][-1], "after_id": rows[LIMIT - 1][1]}):
        plan = plan_of(app, TRASH_LIST, values)
        assert list(waste(plan, led)) == []
        assert sum(node["Actual Rows"] for node in nodes(plan) if node.get("Index Name") in led) <= LIMIT + 2


def test_a_statement_on_one_object_finds_it_by_its_key(app: App, led: set[str]) -> None:
    values = WRITTEN | {"list_id": LIST, "parent_id": None}
    with collect_failures() as check:
        for sent in every_statement():
            if "%(id)s" in sent.text or sent.name == "kept":
                with check(sent.name):
                    plan = plan_of(app, sent.text, values, reading=False)
                    assert list(waste(plan, led)) == []
                    assert sum(node.get("Actual Rows", 0) for node in nodes(plan) if node.get("Index Name")) <= 2


CALLS = [
    "select app.search('buy')",
    "select app.claim('key', sha256(''))",
    f"select app.trashed('{ID}')",
    "select app.restore(md5('1000')::uuid)",
    "select app.deleted_along(md5('1000')::uuid, (select deleted_at from trash where id = md5('1000')::uuid))",
    "delete from task where id = (select id from task order by created_at limit 1)",
]


EXPLAINED = {f"auto_explain.{name}": "on" for name in ("log_nested_statements", "log_analyze")}
EXPLAINED |= {"auto_explain.log_min_duration": "0", "auto_explain.log_format": "json", "client_min_messages": "log"}


def plans_inside(admin: psycopg.Connection[Any], call: str) -> list[dict[str, Any]]:
    """What PostgreSQL does inside a function is told by auto_explain alone, and to a superuser."""
    plans: list[str] = []
    admin.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
    for name, value in (EXPLAINED | {"app.user_id": BIG, "role": APP}).items():
        admin.execute("select set_config(%s, %s, true)", [name, value])
    plans.clear()
    admin.execute(call.encode())
    admin.rollback()
    return [json.loads(plan[plan.index("{") :])["Plan"] for plan in plans if "Relation Name" in plan]


def test_a_function_goes_by_user_as_well(stack: Stack, full: str, led: set[str]) -> None:
    with collect_failures() as check:
        for call in CALLS:
            with check(call), psycopg.connect(stack.cluster.url(SUPERUSER), dbname=full) as admin:
                admin.execute("load 'auto_explain'")
                inner = plans_inside(admin, call)
                assert inner
                assert [breach for plan in inner for breach in waste(plan, led)] == []
                for node in (node for plan in inner for node in nodes(plan)):
                    if node.get("Index Name") == TERMS:
                        # The words of others cost a search nothing: every fifth title of all has it.
                        assert 3000 < node["Actual Rows"] < 5000


BROKEN = {
    "reads all": ("indexscan bitmapscan", "select user_id from task where length(title) > 3"),
    "throws": ("bitmapscan", "select user_id from task where description = 'word1' order by created_at limit 20"),
    "not by user": ("seqscan", "select user_id from idempotency_key where created_at < '2026-01-01'"),
}


def test_waste_is_seen(app: App, led: set[str]) -> None:
    with collect_failures() as check:
        for what, (switches, text) in BROKEN.items():
            with check(what), app.transaction(force_rollback=True):
                for switch in switches.split():
                    app.execute("select set_config(%s, 'off', true)", [f"enable_{switch}"])
                plan = plan_of(app, text, {})
                assert any(what in breach for breach in waste(plan, led)), plan
