"""Callers with a thousand to a million tasks, among 10,000 others, for the part *growth*."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlencode

import psycopg
from psycopg import sql

from infra.local.postgres import SUPERUSER
from tests.bench.laboratory import Laboratory
from tests.bench.process import Process
from tests.bench.requests import PAGE

SIZES, SIZES_QUICKLY = (1_000, 10_000, 100_000, 1_000_000), (300, 400, 500, 1_500)
OTHERS, OTHERS_QUICKLY = 10_000, 20
TASKS_OF_OTHERS = 10
TEN_THOUSANDTH = 9_999 * PAGE
LIST = "0199d3c8-7b1a-7c3e-9f0e-2b5d1c4a6e70"
"""The list that every 20th task of a caller is in: ids are unique per user, so it is the same for each."""
LABEL = "Errands"
"""The label of every 20th task of a caller who has a list, of others than are in it."""

COLUMNS = {"-due": ("due_last",), "due": ("due_first",), "title": ("title_head", "title_key")}
"""What a list is sorted by, where that is not the column of the sort's name."""

SEED = """
insert into task (user_id, id, title, description, priority, due_date, completed_at, created_at, updated_at,
    list_id, labels)
select {user}, uuidv7(at - now()), verb || ' ' || thing || ' ' || n,
    'w' || n::bigint * 7919 %% 5000 || case when n %% 100 = 50 then ' hundredth' else '' end
        || case when n %% 250 = 125 then ' seldom' else '' end
        || case when n %% 1000 = 500 then ' thousandth' else '' end
        || case when n = %(count)s::int / 2 then ' singular' else '' end,
    n * 31 %% 5, case when n %% 3 > 0 then date '2026-01-01' + n * 17 %% 700 end,
    case when n * 13 %% 10 < 6 then at end, at, now() - make_interval(secs => n::bigint * 7919 %% 1000000),
    case when n %% 20 = 7 then {list}::uuid end,
    case when n %% 20 = 9 and {list}::uuid is not null then array[{label}] else '{{}}' end
from generate_series(%(first)s::int, %(last)s::int) n,
    lateral (select now() - make_interval(mins => %(count)s::int - n + 1) as at,
        (array['Buy', 'Call', 'Write', 'Pay', 'Plan', 'Fix', 'Read', 'Send'])[1 + n / 8 %% 8] as verb,
        (array['milk', 'bread', 'tea', 'salt', 'rice', 'oil', 'figs', 'soap'])[1 + n %% 8] as thing)"""
INDEXES = """
    select indexname, indexdef from pg_indexes
    where tablename = 'task' and indexname <> 'task_pkey' and indexdef !~ 'UNIQUE'"""


class Place(NamedTuple):
    """A page to ask for: the query, and how many items it must have."""

    query: str
    items: int


class Crowd:
    """The callers, by the number of their tasks, in the laboratory's database."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        quick = laboratory.quick
        self.sizes, self.others = (SIZES_QUICKLY, OTHERS_QUICKLY) if quick else (SIZES, OTHERS)
        self._counts: dict[tuple[int, str], int] = {}
        self._admin = psycopg.connect(laboratory.cluster.url(SUPERUSER), autocommit=True)

    def name(self, size: int) -> str:
        """The caller with so many tasks."""
        return f"growth-{size}"

    def seed(self) -> None:
        """Write everyone's tasks; indexes are built afterwards, which takes a third of the time."""
        indexes = self._admin.execute(INDEXES).fetchall()
        for name, _ in indexes:
            self._admin.execute(sql.SQL("drop index {}").format(sql.Identifier(name)))
        for size in self.sizes:
            made = "insert into list (user_id, id, name) values (%s, %s, 'A list')"
            self._admin.execute(made, [self.name(size), LIST])
            made = "insert into label (user_id, name) values (%s, %s)"  # else the first use keeps the second waiting
            self._admin.execute(made, [self.name(size), LABEL])
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(self._insert, *work) for work in self._work()]:
                done.result()
        self._admin.execute("set maintenance_work_mem = '512MB'")
        for _, definition in indexes:
            self._admin.execute(definition.encode())
        self._admin.execute("vacuum analyze task, task_label, label")

    def _work(self) -> Iterator[tuple[Any, ...]]:
        """Who gets which tasks; a million in two halves, for two connections."""
        for size in reversed(self.sizes):
            who = sql.Literal(self.name(size)), sql.Literal(LIST)
            yield *who, size, 1, size // 2
            yield *who, size, size // 2 + 1, size
        count = self.others * TASKS_OF_OTHERS
        yield sql.SQL("'other-' || n %% {}").format(sql.Literal(self.others)), sql.NULL, count, 1, count

    def _insert(self, owner: sql.Composable, its_list: sql.Composable, count: int, first: int, last: int) -> None:
        with psycopg.connect(self._laboratory.cluster.url(SUPERUSER), autocommit=True) as connection:
            statement = sql.SQL(SEED).format(user=owner, list=its_list, label=sql.Literal(LABEL))
            connection.execute(statement, {"count": count, "first": first, "last": last})

    def ids(self, size: int) -> dict[str, list[str]]:
        """Tasks of a caller by what a request may ask of them: any, open or completed ones; none is in two lists."""
        query = "select id::text from task where user_id = %s and completed_at is {} order by md5(id::text) limit 150"
        found = {
            kind: [row[0] for row in self._admin.execute(query.format(state).encode(), [self.name(size)])]
            for kind, state in (("open", "null"), ("completed", "not null"))
        }
        return found | {"any": [found["completed"].pop() for _ in range(50)]}

    def first(self, size: int, query: list[tuple[str, str]], where: str) -> Place:
        return Place(urlencode(query), min(PAGE, self._count(size, where)))

    def deep(self, process: Process, size: int, query: list[tuple[str, str]], where: str) -> Place | None:
        """The ten-thousandth page of a list, or the last one where there are fewer; None where there is but one."""
        count = self._count(size, where)
        passed = min(TEN_THOUSANDTH, (count - 1) // PAGE * PAGE)
        if passed <= 0:
            return None
        sort = dict(query).get("sort", "-created_at")
        name, way = sort.removeprefix("-"), "desc" if sort.startswith("-") else "asc"
        columns = COLUMNS.get(sort) or COLUMNS.get(name) or (name,)
        order = ", ".join(f"{column} {way}" for column in (*columns, "id"))
        statement = (
            f"select {columns[-1]}::text, id::text from task where user_id = %(user)s and {where} "  # noqa: S608
            f"order by {order} offset {passed - 1} limit 1"
        )
        row = self._admin.execute(statement.encode(), {"user": self.name(size)}).fetchone()
        assert row
        cursor = process.ask("cursor", value=row[0], task_id=row[1], query=query)["cursor"]
        return Place(urlencode([*query, ("cursor", cursor)]), min(PAGE, count - passed))

    def _count(self, size: int, where: str) -> int:
        if (size, where) not in self._counts:
            query = f"select count(*) from task where user_id = %(user)s and {where}"  # noqa: S608
            row = self._admin.execute(query.encode(), {"user": self.name(size)}).fetchone()
            assert row
            self._counts[size, where] = row[0]
        return self._counts[size, where]

    def close(self) -> None:
        """Leave the database as it is, with everyone in it."""
        self._admin.close()
