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
from tests.support.large_dataset import BIG, DONE, LIST, PARENT, crowded
from tests.support.stack import APP, Stack
from tests.support.statements import ID, WRITTEN, Sent, enter, every_statement

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


def planned(app: App, text: str, values: dict[str, Any], *, reading: bool = True) -> tuple[list[Any], dict[str, Any]]:
    """Run a statement for the big user, and undo it: its rows, and what PostgreSQL did for them."""
    with app.transaction(force_rollback=True):
        enter(app, BIG, reading=reading)
        rows = app.execute(text.encode(), values).fetchall()
    with app.transaction(force_rollback=True):
        enter(app, BIG, reading=reading)
        row = app.execute(b"explain (analyze, format json) " + text.encode(), values).fetchone()
        assert row
        plan: dict[str, Any] = row[0][0]["Plan"]
        return rows, plan


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
    rows, plan = planned(app, text, values)
    yield plan
    assert rows
    for _ in range(3):
        if len(rows) <= LIMIT:
            return
        values |= {"after": rows[LIMIT - 1][-1], "after_id": rows[LIMIT - 1][1]}
        rows, plan = planned(app, text, values)
    yield plan


WALKS = {"walk", "by priority", "by day", "by label"}
CASES = [
    (sort, name)
    for sort in ORDERS
    for name, filters in FILTERS.items()
    if ("q" in filters if sort == RELEVANCE else "due_before" not in filters or sort in ORDERS_OF_A_WEEK)
    and (len(filters.keys() & set(LINKS)) < 2 or sort in BY_CREATION + BY_POSITION)
    and (sort, name) != ("-priority", "a list of many")  # which that order puts last
]


@pytest.mark.parametrize(("sort", "name"), CASES)
def test_a_page_goes_by_user_and_throws_little_away(sort: str, name: str, app: App, led: set[str]) -> None:
    most = REACH if "q" in FILTERS[name] else MOST_COMBINED if name in COMBINED else MOST
    assert [breach for plan in pages(app, sort, FILTERS[name]) for breach in waste(plan, led, most)] == []


WALKED = [(sort, name) for sort, name in CASES if way_to(sort, NO_FILTER | FILTERS[name]) in WALKS]


@pytest.mark.parametrize(("sort", "name"), WALKED)
def test_a_walk_sorts_no_more_than_what_it_merges(sort: str, name: str, app: App) -> None:
    """Also where PostgreSQL takes it to be dear to fetch one row after the other, as an index has them."""
    with app.transaction(force_rollback=True):
        app.execute("set local random_page_cost = 1000")
        plans = list(pages(app, sort, FILTERS[name]))
    for plan in plans:
        sorts = [node for node in nodes(plan) if node["Node Type"] == "Sort"]
        assert all(part["Actual Rows"] <= MOST_DAYS * (LIMIT + 1) for node in sorts for part in node["Plans"])


@pytest.mark.parametrize("sort", [sort for sort in ORDERS if sort != RELEVANCE])
def test_a_page_without_a_filter_reads_no_more_than_it_shows(sort: str, app: App, led: set[str]) -> None:
    for plan in pages(app, sort, {}):
        read = sum(node["Actual Rows"] for node in nodes(plan) if node.get("Index Name") in led)
        assert read <= LIMIT + 2


def test_a_page_of_the_trash_reads_no_more_than_it_shows(app: App, led: set[str]) -> None:
    first = {"after": None, "after_id": None, "limit": LIMIT + 1}
    rows, _ = planned(app, TRASH_LIST, first)
    for values in (first, first | {"after": rows[LIMIT - 1][-1], "after_id": rows[LIMIT - 1][1]}):
        _, plan = planned(app, TRASH_LIST, values)
        assert list(waste(plan, led)) == []
        assert sum(node["Actual Rows"] for node in nodes(plan) if node.get("Index Name") in led) <= LIMIT + 2


ONE_OBJECT = [sent for sent in every_statement() if "%(id)s" in sent.text or sent.name == "kept"]


@pytest.mark.parametrize("sent", ONE_OBJECT, ids=lambda sent: sent.name)
def test_a_statement_on_one_object_finds_it_by_its_key(sent: Sent, app: App, led: set[str]) -> None:
    _, plan = planned(app, sent.text, WRITTEN | {"list_id": LIST, "parent_id": None}, reading=False)
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


@pytest.mark.parametrize("call", CALLS)
def test_a_function_goes_by_user_as_well(call: str, stack: Stack, full: str, led: set[str]) -> None:
    """What PostgreSQL does inside a function is told by auto_explain alone, and to a superuser."""
    plans = []
    with psycopg.connect(stack.cluster.url(SUPERUSER), dbname=full) as admin:
        admin.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
        admin.execute("load 'auto_explain'")
        for name, value in {
            "auto_explain.log_nested_statements": "on",
            "auto_explain.log_min_duration": "0",
            "auto_explain.log_analyze": "on",
            "auto_explain.log_format": "json",
            "client_min_messages": "log",
            "app.user_id": BIG,
            "role": APP,
        }.items():
            admin.execute("select set_config(%s, %s, true)", [name, value])
        plans.clear()
        admin.execute(call.encode())
        admin.rollback()
    inner = [json.loads(plan[plan.index("{") :]) for plan in plans if "Relation Name" in plan]
    assert inner
    assert [breach for plan in inner for breach in waste(plan["Plan"], led)] == []
    for node in (node for plan in inner for node in nodes(plan["Plan"])):
        if (
            node.get("Index Name") == TERMS
        ):  # the words of others cost a search nothing: every fifth title of all has it
            assert 3000 < node["Actual Rows"] < 5000


BROKEN = {
    "reads all": (["enable_indexscan", "enable_bitmapscan"], "select user_id from task where length(title) > 3"),
    "throws": (
        ["enable_bitmapscan"],
        "select user_id from task where description = 'word1' order by created_at limit 20",
    ),
    "not by user": (["enable_seqscan"], "select user_id from idempotency_key where created_at < '2026-01-01'"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_waste_is_seen(what: str, app: App, led: set[str]) -> None:
    switches, text = BROKEN[what]
    with app.transaction(force_rollback=True):
        for switch in switches:
            app.execute("select set_config(%s, 'off', true)", [switch])
        _, plan = planned(app, text, {})
    assert any(what in breach for breach in waste(plan, led)), plan
