"""Every way to a page gives the page that a plain look at all rows gives, whichever of its parts has to find it."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import psycopg
import pytest

from functions.tasks.list import ORDERS, STATEMENTS
from shared.walks import MOST_DAYS, RELEVANCE, way_to
from tests.support.collect_failures import collect_failures
from tests.support.stack import APP, Stack
from tests.support.statements import enter

LIMIT = 23
USER = "walks"
PLACE = "00000000-0000-4000-8000-000000000001"
FILL_PLACES = f"""
    insert into list (user_id, id, name) values ('{USER}', '{PLACE}', 'A list'), ('walks-other', '{PLACE}', 'A list');
    insert into task (user_id, id, title) values ('{USER}', '{PLACE}', 'A parent'), ('walks-other', '{PLACE}', 'One')"""  # noqa: S608
FILL = """
    insert into task
        (user_id, id, title, description, priority, due_date, completed_at, created_at, updated_at, list_id, parent_id,
         labels)
    select case when n %% 4 = 0 then 'walks-other' else %(user)s end, gen_random_uuid(), word || ' ' || n %% 50,
           case when n %% 3 = 0 or n %% 5 = 0 then 'milk' when n between 100 and 130 then 'tea' else 'note' end, n %% 5,
           case when n %% 3 > 0 then date '2026-01-01' + n %% 90 end, case when n %% 2 = 0 then now() end,
           now() - make_interval(mins => n / 2), now() + make_interval(mins => n * 7 %% 100),
           case when n %% 7 < 3 then %(place)s end::uuid, case when n %% 7 > 4 then %(place)s end::uuid,
           case when n %% 6 = 1 then array['Errands'] when n %% 6 = 2 then array['Home', 'Errands'] else '{}' end
    from generate_series(1, 320) n, lateral (select (array['Milk', 'Salt', 'Rice'])[1 + n %% 3] as word) one
"""
NO_FILTER: dict[str, Any] = dict.fromkeys(
    ("completed", "priority", "due_from", "due_before", "q", "label", "list_id", "inbox", "parent_id", "top")
)
FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "priorities": {"priority": [1, 3]},
    "a week": {"due_from": "2026-02-01", "due_before": "2026-02-08"},
    "no day": {"due_from": "2026-02-08", "due_before": "2026-02-01"},
    "six weeks": {"due_from": "2026-02-01", "due_before": "2026-03-15"},
    "few days of many": {"due_from": "2026-03-30"},
    "before": {"due_before": "2026-01-20", "completed": True},
    "a frequent word": {"q": "milk"},
    "a word of old tasks": {"q": "tea"},
    "a rare word": {"q": "salt 4"},
    "a list": {"list_id": PLACE},
    "the inbox": {"inbox": True, "completed": False},
    "subtasks": {"parent_id": PLACE, "priority": [1, 3]},
    "the top of a list": {"list_id": PLACE, "top": True, "due_from": "2026-02-01"},
    "a word in a list": {"q": "milk", "list_id": PLACE},
    "open": {"completed": False},
    "open in a list": {"list_id": PLACE, "completed": False},
    "overdue": {"completed": False, "due_before": "2026-02-20"},
    "open and urgent": {"completed": False, "priority": [4]},
    "a label": {"label": "ERRANDS"},
    "a label in a list": {"label": "home", "list_id": PLACE},
    "a label and a word": {"label": "errands", "q": "milk"},
    "no label": {"label": "nobody's"},
    "no task": {"q": "nothing"},
    "no word": {"q": "!"},
    "all without": {"q": "-milk", "completed": False},
    "a phrase, filtered": {"q": '"salt 25" note -7', "priority": [0, 2, 4], "due_from": "2026-01-02"},
}
REACHES: dict[str, tuple[int, int]] = {"near": (1001, 1001), "hits": (4, 1001), "far": (4, 3), "one": (2, 2)}
"""How many rows are tried in the list's order at first, and how many hits of the filter's own index are taken."""
EXPECTED = """
    select id from task where user_id = %(user)s
      and (%(completed)s::boolean is null or (completed_at is not null) = %(completed)s)
      and (%(priority)s::smallint[] is null or priority = any (%(priority)s))
      and (%(due_from)s::date is null or due_date >= %(due_from)s)
      and (%(due_before)s::date is null or due_date < %(due_before)s)
      and (%(list_id)s::uuid is null or list_id = %(list_id)s)
      and (%(inbox)s::boolean is null or list_id is null)
      and (%(parent_id)s::uuid is null or parent_id = %(parent_id)s)
      and (%(top)s::boolean is null or parent_id is null)
      and (%(label)s::text is null or initcap(%(label)s) = any (labels))
      and coalesce(words @@ app.query(user_id, %(q)s), true)
    order by """


NEWEST = "created_at desc, id desc"


@pytest.fixture(scope="module")
def filler(stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(stack.admin_url, autocommit=True) as admin:
        admin.execute(FILL_PLACES.encode())
        admin.execute(FILL, {"user": USER, "place": PLACE})
        yield admin
        for table in ("task", "list", "label"):
            admin.execute(f"delete from {table} where user_id like 'walks%'".encode())  # noqa: S608


@pytest.fixture(scope="module")
def app(stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(stack.cluster.url(APP), autocommit=True, prepare_threshold=None) as connection:
        yield connection


def within(text: str, reach: str) -> str:
    """The statement with other bounds."""
    near, hits = REACHES[reach]
    text = re.sub(r"\b(10001|501)\b", str(near), text)
    return re.sub(r"\b3001\b", str(hits), text).replace("<= 3000", f"< {hits}")


def plain(filler: psycopg.Connection[Any], order: str, asked: dict[str, Any]) -> list[Any]:
    """The ids that a plain look at all rows finds."""
    rows = filler.execute((EXPECTED + order).encode(), NO_FILTER | asked | {"user": USER})
    return [row[0] for row in rows.fetchall()]


def walked(app: psycopg.Connection[Any], text: str, values: dict[str, Any]) -> list[Any]:
    """The ids of all pages."""
    found: list[Any] = []
    values = NO_FILTER | values | {"limit": LIMIT + 1, "after": None, "after_id": None}
    while True:
        with app.transaction(force_rollback=True):
            enter(app, USER)
            rows = app.execute(text.encode(), values).fetchall()
        assert {row[0] for row in rows} <= {USER}
        found += [row[1] for row in rows[:LIMIT]]
        assert len(found) == len(set(found)), "it goes round in circles"
        if len(rows) <= LIMIT:
            return found
        values |= {"after": rows[LIMIT - 1][-1], "after_id": rows[LIMIT - 1][1]}


def test_each_part_of_a_way_finds_the_same(filler: psycopg.Connection[Any], app: psycopg.Connection[Any]) -> None:
    with collect_failures() as check:
        for (name, asked), sort in product(FILTERS.items(), ORDERS):
            if sort == RELEVANCE:
                continue
            expected = plain(filler, ORDERS[sort].clauses()["order"], asked)
            text = STATEMENTS[way_to(sort, NO_FILTER | asked), sort]
            for bounded, reach in {within(text, reach): reach for reach in REACHES}.items():  # some have no bounds
                with check(name, sort, reach):
                    assert walked(app, bounded, asked) == expected


def test_ranked_or_not_a_search_finds_the_same(filler: psycopg.Connection[Any], app: psycopg.Connection[Any]) -> None:
    text = STATEMENTS["ranked", RELEVANCE]
    with collect_failures() as check:
        for name, asked in FILTERS.items():
            if "q" in asked:
                expected = plain(filler, NEWEST, asked)
                with check(name):
                    assert sorted(walked(app, text, asked)) == sorted(expected)
                    if len(expected) >= REACHES["far"][1]:
                        assert walked(app, within(text, "far"), asked) == expected


def test_the_frequent_are_not_ranked_among_many(filler: psycopg.Connection[Any], app: psycopg.Connection[Any]) -> None:
    """More than 50 of the newest, of a user with many tasks."""
    text = STATEMENTS["ranked", RELEVANCE]
    asked = {"q": "milk"}
    expected = plain(filler, NEWEST, asked)
    assert walked(app, text, asked) != expected
    assert walked(app, text.replace("20001", "200"), asked) == expected


def test_every_bound_is_in_the_statements() -> None:
    """Else `within` changes nothing."""
    by_word, by_filter = STATEMENTS["by word", "title"], STATEMENTS["by filter", "title"]
    assert by_word.count("10001") == 3
    assert by_filter.count("501") == 3
    for text, bounds in ((by_word, 2), (by_filter, 1), (STATEMENTS["ranked", RELEVANCE], 1)):
        assert (text.count("3001"), text.count("<= 3000")) == (bounds, 1)


JANUARY = {"due_from": "2026-01-01", "due_before": "2026-02-01"}
WAYS: list[tuple[str, dict[str, Any], str]] = [
    ("-created_at", {}, "walk"),
    ("created_at", {"completed": False}, "walk"),
    ("created_at", {"list_id": PLACE}, "walk"),
    ("created_at", {"list_id": PLACE, "completed": False}, "by filter"),
    ("-position", {"list_id": PLACE, "top": True}, "walk"),
    ("position", {"parent_id": PLACE, "priority": [1]}, "by filter"),
    ("position", {"completed": False}, "by filter"),
    ("updated_at", {}, "walk"),
    ("updated_at", {"inbox": True}, "by filter"),
    ("title", {"priority": [1]}, "by filter"),
    ("-priority", {"priority": [1]}, "walk"),
    ("priority", {"priority": [1], "completed": True}, "by filter"),
    ("-created_at", {"label": "errands"}, "by label"),
    ("title", {"label": "errands"}, "labelled"),
    ("created_at", {"priority": [1]}, "by priority"),
    ("created_at", {"priority": [1], "completed": True}, "by filter"),
    ("due", {"due_from": "2026-01-01"}, "walk"),
    ("-due", {"due_from": "2026-01-01", "due_before": "2026-01-08"}, "walk"),
    ("due", {"due_from": "2026-01-01", "completed": False}, "by filter"),
    ("-created_at", JANUARY, "by day"),
    ("-created_at", JANUARY | {"completed": False}, "by day"),
    ("-created_at", JANUARY | {"inbox": True}, "by filter"),
    ("-created_at", JANUARY | {"due_before": "2026-02-02"}, "by filter"),
    ("-created_at", {"due_before": "0001-01-01"}, "by filter"),
    ("title", {"due_from": "2026-01-01", "due_before": "2026-01-08"}, "by filter"),
    ("-title", {"q": "", "due_from": "2026-01-01", "priority": [2]}, "by word"),
    ("relevance", {"q": "x"}, "ranked"),
]


def test_the_way_is_the_filters_and_the_orders() -> None:
    assert MOST_DAYS == 31
    assert [(sort, asked, way_to(sort, NO_FILTER | asked)) for sort, asked, _ in WAYS] == WAYS
    assert {(way, sort) for sort, _, way in WAYS} <= STATEMENTS.keys()


def test_each_sort_of_a_list_has_every_way_that_may_be_asked_of_it() -> None:
    for sort in ORDERS:
        for asked in FILTERS.values():
            if sort != RELEVANCE or "q" in asked:
                assert (way_to(sort, NO_FILTER | asked), sort) in STATEMENTS
