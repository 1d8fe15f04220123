"""Every statement finds its rows by an index that starts with `user_id`, however many tasks there are.

The data is the worst kind: one user with as many tasks as 200 others together, so that PostgreSQL, which can't see
whom a policy is about to name, takes that user for one of few tasks.
"""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from functions.tasks.list import ORDERS, STATEMENTS
from functions.trash.list import LIST as TRASH_LIST
from infra.local.postgres import DATABASE, OWNER, SUPERUSER
from infra.migrate import migrate
from shared.walks import BY_CREATION, BY_POSITION, LINKS, MOST_DAYS, RELEVANCE, way_to
from tests.stack import APP, Stack
from tests.statements import ID, WRITTEN, Sent, enter, every_statement

type App = psycopg.Connection[tuple[Any, ...]]

BIG, LIMIT = "big", 50
CROWDED = {"task", "trash", "idempotency_key"}
MOST = 10 * LIMIT
"""Rows that a page may read and throw away."""
REACH = 10_001
"""Rows that a search may look through instead, before it goes by its own index (shared/walks.py)."""
TERMS = "task_terms"
"""The one index that does not start with `user_id`: its words start with the user's tag (app.tag)."""
RANDOM = "abs(hashint4(n * 8 + {}))"
LIST, PARENT, OTHERS, DONE = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3, 4))
"""Few tasks are in the first list, in the inbox, under that parent or at the top; all others are elsewhere. Many are in
the last list, few of them open or urgent."""
FILL_LISTS = f"""
    insert into list (user_id, id, name) values ('big', '{LIST}', 'Few'), ('big', '{OTHERS}', 'The others'),
        ('big', '{DONE}', 'Nearly done');
    insert into task (user_id, id, title) values ('big', '{PARENT}', 'Few below'), ('big', '{OTHERS}', 'The others');
    alter table task disable trigger attach_new"""  # noqa: S608 - constants
DONE_ROWS = "n <= 20000 and n % 40 between 7 and 20 and n % 1000 > 20"
FILL = """
    insert into task (user_id, id, title, description, priority, due_date, due_time, completed_at, created_at,
                      updated_at, list_id, parent_id, labels)
    select case when n <= 20000 then 'big' else 'user-' || n % 200 end, gen_random_uuid(),
           (array['Buy', 'Call', 'Write', 'Pay', 'Plan'])[1 + {0} % 5] || ' ' || md5(n::text), 'word' || {1} % 1000,
           case when {done} then {2} % 4 else {2} % 5 end, case when {3} % 3 > 0 then date '2026-01-01' + {4} % 730 end,
           case when {3} % 3 = 1 then make_time({4} % 24, 0, 0) end, case when {done} or {5} % 10 < 6 then now() end,
           now() - make_interval(secs => {6} % 31536000), now() - make_interval(secs => {7} % 31536000),
           case when n > 20000 or n % 40 = 1 then null when n % 40 in (2, 3) then '{list}'
                when n % 40 between 7 and 20 then '{done_list}' else '{others}' end::uuid,
           case when n > 20000 or n % 40 in (3, 4) then null when n % 40 = 5 then '{parent}' else '{others}' end::uuid,
           case when n % 40 = 6 then array['Few', 'Many'] when n % 2 = 0 then array['Many'] else '{{}}' end
    from generate_series(1, 40000) n
"""
PLACES = {"list": LIST, "others": OTHERS, "parent": PARENT, "done_list": DONE, "done": DONE_ROWS}
FILL_AFTER = "alter table task enable trigger attach_new"
# As many deletions as tasks; every tenth hangs on the one before it, and went with it.
FILL_TRASH = """
    insert into trash (user_id, id, title, description, priority, created_at, updated_at, version, position, deleted_at,
                       parent_id)
    select case when n <= 20000 then 'big' else 'user-' || n % 200 end, md5(n::text)::uuid, 'Gone', '', 0, now(), now(),
           1, lpad(n::text, 14, '0') || 'V', now() - make_interval(mins => n / 10),
           case when n % 10 > 0 then md5((n - n % 10)::text)::uuid end
    from generate_series(1, 40000) n
"""
FILL_KEYS = """
    insert into idempotency_key (user_id, key, fingerprint, status, answer)
    select 'user-' || n % 100, 'key' || n, sha256(''), 204, '{}' from generate_series(1, 5000) n
"""
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
    """The name of a database like the others, full of tasks."""
    name = "crowded"
    with psycopg.connect(stack.admin_url, dbname="postgres", autocommit=True) as admin:
        admin.execute(f"create database {name} owner {OWNER}".encode())
        owner = stack.cluster.url(OWNER).replace(f"/{DATABASE}", f"/{name}")
        migrate(stack.environment | {"DATABASE_URL_UNPOOLED": owner}, lambda _: None)
        with psycopg.connect(stack.cluster.url(SUPERUSER), dbname=name, autocommit=True) as filler:
            fill = FILL.format(*(RANDOM.format(i) for i in range(8)), **PLACES)
            for statement in (FILL_LISTS, fill, FILL_AFTER, FILL_TRASH, FILL_KEYS, "vacuum analyze"):
                filler.execute(statement.encode())
        yield name
        admin.execute(f"drop database {name}".encode())


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
