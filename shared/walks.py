"""Ways to a page of tasks that take about as long however many tasks there are: indexes are walked in the list's order.

A way is one statement; PostgreSQL runs no part of it whose condition, decided first, is false. Filters, order and
columns are put into its gaps. See specs/adr/0009-a-page-is-walked-to.md.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from shared.paging import Order
from shared.schemas.task import Task
from shared.statements import listing

RELEVANCE: Final = "relevance"
BY_CREATION = ("created_at", "-created_at")
BY_POSITION = ("position", "-position")
LINKS = ("list_id", "inbox", "parent_id", "top")
"""Filters by what a task hangs on: for each, an index by creation and one by position."""
FILTERS = {"link": LINKS, "completed": ("completed",), "priority": ("priority",), "due": ("due_from", "due_before")}
ALONG: Final[Mapping[str, tuple[set[str], ...]]] = {
    "created_at": ({"completed"}, {"link"}),
    "position": ({"link"},),
    "due": ({"due"},),
    "priority": ({"priority"},),
}
"""Under which sort an index has its order for which filters."""

# PostgreSQL plans each statement with its values at hand, so a filter that is not asked for costs nothing. A whole day
# sorts a microsecond before its midnight (shared/tables.py), and so do the bounds.
REST = """(%(completed)s::boolean is null or (completed_at is not null) = %(completed)s::boolean)
  and (%(priority)s::smallint[] is null or priority = any (%(priority)s::smallint[]))
  and (%(label)s::text is null or exists (
      select from task_label where task_id = id and label_id = {that_label}))"""
THAT_LABEL = "(select label.id from label where key = app.label_key(%(label)s::text))"
DUE_RANGE = """(%(due_from)s::date is null or {due} >= %(due_from)s::date - interval '1 microsecond')
  and (%(due_before)s::date is null or {due} < %(due_before)s::date - interval '1 microsecond')
  and ((%(due_from)s::date is null and %(due_before)s::date is null) or ({due} > '-infinity' and {due} < 'infinity'))"""
HANGING = """(%(list_id)s::uuid is null or list_id = %(list_id)s::uuid)
  and (%(inbox)s::boolean is not true or list_id is null)
  and (%(parent_id)s::uuid is null or parent_id = %(parent_id)s::uuid)
  and (%(top)s::boolean is not true or parent_id is null)"""

MOST_DAYS = 31
"""A range of so many days is walked day by day."""

# In order, until the page is full: where all rows match, or an index holds in this order those that do.
WALK = (
    "select {task}, {sort_value} as sort_value from task where {filters} and {beyond} order by {order} limit %(limit)s"
)

# The row of an id, looked up by its key: PostgreSQL, which can't see whose rows a policy is about to name, might else
# read all of them. What is not used of the row is not read.
SHOWN = "lateral (select * from task where id = found offset 0) task"

# A walk for each of a few parts of the list, for which an index holds the part's column before the order.
MERGED = """
select {task}, {sort_value} as sort_value from (
    select walked.id as found from {parts} parts (part) cross join lateral (
        select id, {columns} from task where {column} = part and {filters} and {beyond} order by {order} limit %(limit)s
    ) walked order by {order} limit %(limit)s
) page, {shown} order by {order}"""

# A walk along the links of a label, which keep when their tasks were created.
LINKED = """
select {task}, {sort_value} as sort_value from (
    select id as found from (select task_id as id, created_at from task_label where label_id = {that_label}) link
    where {beyond} and exists (
        select from (select * from task where id = link.id offset 0) task where {filters}
    ) order by {order} limit %(limit)s
) page, {shown} order by {order}"""

# For filters that go by another index than the order does. First the next {reach} rows `along` the order, as what is
# frequent fills the page from those. Then the filters' own index, for 3,001 hits at most: where they are fewer, they
# are all there is, and get sorted. What is left is too frequent to sort and too rare to be near, and is walked to.
SOUGHT = """
with asked as materialized ({asked}),
near as materialized (
    select id from (
        select id, {columns}, {filters} as found from task where {along} and {beyond} order by {order} limit {reach}
    ) walked where found order by {order} limit %(limit)s
),
enough as (
    select (select count(*) from near) = %(limit)s or {reach} > (
        select count(*) from (select from task where {along} and {beyond} order by {order} limit {reach}) walked) as yes
),
hits as materialized ({hits} limit 3001),
few as (select (select indexed from asked) and (select count(*) from hits) <= 3000 as yes),
page (found) as (
    select id from near where (select yes from enough)
    union all
    (select id from (
        {among the hits} and (select not yes from enough) and (select yes from few) and {beyond} offset 0
    ) hit order by {order} limit %(limit)s)
    union all
    (select id from (
        select id, {columns}, {filters} as found from task
        where (select not yes from enough) and (select not yes from few) and {along} and {beyond}
        order by {order} offset 0
    ) walked where found order by {order} limit %(limit)s)
)
select {task}, {sort_value} as sort_value from page, {shown} order by {order}"""

# The best hits of a search first; the newest first where there are more than 3,000, or where it only excludes. The
# first page decides which of the two it is, and cursors keep to it: their rank is 0 in the second. A rank says first
# whether the title holds all that is asked for, or part of it; then how often and how closely it stands (ts_rank_cd).
RANKED = """
with asked as materialized ({asked}),
title as materialized (
    select app.query(app.user_id(), %(q)s::text, 'A') as all_of_it,
           app.query(app.user_id(), %(q)s::text, 'A', ' | ') as part
),
place as (
    select split_part(%(after)s::text, ' ', 1)::int as rank,
           substring(%(after)s::text from position(' ' in %(after)s::text))::timestamptz as moment
),
near as materialized (
    select count(*) filter (where found) > 50 as frequent from (
        select {filters} as found from task where (select indexed from asked) and %(after)s::text is null
        order by created_at desc, id desc limit 1000
    ) newest
),
broad as (
    select (select not indexed from asked) or coalesce((select rank from place) = 0, false)
        or (select frequent from near) and 20001 = (
            select count(*) from (select from task order by created_at desc, id desc limit 20001) newest) as yes
),
hits (found) as materialized (
    select id from app.search(%(q)s::text, case when %(after)s::text is null then 3001 end) id
    where (select not yes from broad)
),
few as (
    select (select not yes from broad) and (%(after)s::text is not null or (select count(*) from hits) <= 3000) as yes
),
page as (
    (select found, moment, rank from hits, lateral (
        select created_at as moment,
               1 + 1000000 * ((words @@ (select all_of_it from title))::int + (words @@ (select part from title))::int)
                   + least(999000, (1000 * ts_rank_cd(words, (select query from asked)))::int) as rank
        from task where id = found and {filters} offset 0
    ) ranked
    where (select yes from few) and (%(after_id)s::uuid is null
        or (rank, moment, found) < ((select rank from place), (select moment from place), %(after_id)s::uuid))
    order by rank desc, moment desc, found desc limit %(limit)s)
    union all
    (select id, created_at, 0 from task where (select not yes from few) and {filters}
        and (%(after_id)s::uuid is null or (created_at, id) < ((select moment from place), %(after_id)s::uuid))
    order by created_at desc, id desc limit %(limit)s)
)
select {task}, rank || ' ' || moment as sort_value from page, {shown}
order by rank desc, moment desc, found desc"""

QUERY = """
    select query, coalesce(querytree(query) not in ('', 'T'), false) as indexed
    from app.query(app.user_id(), %(q)s::text) query"""
MATCHING = "{rest} and {due_range} and coalesce(words @@ (select query from asked), true)"
DAYS = """(
    select day::date from generate_series(
        %(due_from)s::date::timestamp, %(due_before)s::date::timestamp - interval '1 day', interval '1 day') day)"""
AMONG_FOUND = "select task.* from hits, {shown} where {filters}"
WAYS = {
    "walk": (WALK, {"filters": "{rest} and {due_range}"}),
    "by priority": (
        MERGED,
        {"filters": "{rest} and {due_range}", "parts": "unnest(%(priority)s::smallint[])", "column": "priority"},
    ),
    "by day": (MERGED, {"filters": "({rest})", "parts": DAYS, "column": "due_date"}),
    "by filter": (
        SOUGHT,
        {
            "asked": "select true as indexed",
            "reach": "501",
            "hits": "select id from task where (select not yes from enough) and {filters}",
            "among the hits": "select id, {columns} from task where {filters}",
            "filters": "{rest} and {due_range}",
        },
    ),
    "by label": (LINKED, {"filters": "{rest} and {due_range}"}),
    "labelled": (
        SOUGHT,
        {
            "asked": "select true as indexed",
            "reach": "501",
            "hits": (
                "select task_id as found from task_label where (select not yes from enough) and label_id = {that_label}"
            ),
            "among the hits": AMONG_FOUND,
            "filters": "{rest} and {due_range}",
        },
    ),
    "by word": (
        SOUGHT,
        {
            "asked": QUERY,
            "reach": "10001",
            "hits": (
                "select found from app.search(%(q)s::text, 3001) found "
                "where (select not yes from enough) and (select indexed from asked)"
            ),
            "among the hits": AMONG_FOUND,
            "filters": MATCHING,
        },
    ),
    "ranked": (RANKED, {"asked": QUERY, "filters": MATCHING}),
}


def statements(orders: Mapping[str, Order]) -> dict[tuple[str, str], str]:
    """Every statement that a list may take, by its way and its sort."""
    texts = {}
    for name, (text, clauses) in WAYS.items():
        for sort, order in orders.items():
            if _leads(name, sort):
                along = HANGING if sort in BY_CREATION + BY_POSITION else DUE_RANGE if sort.endswith("due") else "true"
                texts[name, sort] = listing(
                    Task,
                    text,
                    **clauses,
                    along=along if name == "by filter" else "true",
                    rest=f"{HANGING} and {REST}",
                    due_range=DUE_RANGE,
                    that_label=THAT_LABEL,
                    due="due_last" if sort == "-due" else "due_first",
                    shown=SHOWN,
                    **order.clauses(),
                )
    return texts


def _leads(way: str, sort: str) -> bool:
    if sort == RELEVANCE or way == "ranked":
        return sort == RELEVANCE and way == "ranked"
    if way == "labelled":
        return sort not in BY_CREATION
    return way in {"walk", "by filter", "by word"} or sort in BY_CREATION


def way_to(sort: str, asked: Mapping[str, Any]) -> str:
    """The way to a page in this order, with these values of the filters."""
    if sort == RELEVANCE:
        return "ranked"
    if asked["q"] is not None:
        return "by word"
    if asked["label"] is not None:
        return "by label" if sort in BY_CREATION else "labelled"
    given = {kind for kind, names in FILTERS.items() if any(asked[name] is not None for name in names)}
    if sort in BY_CREATION and given == {"priority"}:
        return "by priority"
    if sort in BY_CREATION and "link" not in given and _few_days(asked["due_from"], asked["due_before"]):
        return "by day"
    return "walk" if any(given <= held for held in ALONG.get(sort.removeprefix("-"), (set(),))) else "by filter"


def _few_days(first: str | None, end: str | None) -> bool:
    return bool(first and end and (date.fromisoformat(end) - date.fromisoformat(first)).days <= MOST_DAYS)
