"""Ten thousand tasks in a list: a page and a move read what they read among ten, and what touches all is linear.

Counted are blocks that PostgreSQL reads, functions and triggers included: time would say what else this machine does.
"""

from itertools import product
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from functions.tasks import complete, move
from functions.tasks import list as lists
from tests.conftest import BASE_URL
from tests.support.api_gateway import Gateway
from tests.support.collect_failures import collect_failures
from tests.support.postgres_proxy import Proxy
from tests.support.stack import APP, Stack
from tests.support.statements import WRITTEN, enter

FEW, MANY = 100, 10_000
FILL = """
    insert into task (user_id, id, title, list_id, parent_id, position)
    select %(user)s, gen_random_uuid(), 'x', %(list)s, %(root)s, '1' || lpad(n::text, 6, '0') || 'V'
    from generate_series(1, %(count)s) n"""
NOTHING: dict[str, Any] = dict.fromkeys(
    ("completed", "priority", "due_from", "due_before", "q", "label", "inbox", "parent_id", "top", "after", "after_id")
)
HERE: dict[str, Any] = {"list_id": None, "list_given": False, "parent_id": None, "parent_given": False}
PLACES: dict[str, dict[str, Any]] = {
    "the end": {"before_id": None, "after_id": None},
    "behind the first": {"before_id": None, "after_id": "first"},
    "before the last": {"before_id": "last", "after_id": None},
}


class Full:
    """A user with `count` tasks under one, in a list; and a second list."""

    def __init__(self, stack: Stack, admin: psycopg.Connection[DictRow], count: int) -> None:
        self.stack, self.user = stack, stack.user()
        self.list, self.other, self.root = (str(uuid4()) for _ in range(3))
        for made in (self.list, self.other):
            admin.execute("insert into list (user_id, id, name) values (%s, %s, 'A list')", [self.user.id, made])
        root = "insert into task (user_id, id, title, list_id) values (%s, %s, 'Root', %s)"
        admin.execute(root, [self.user.id, self.root, self.list])
        with admin.transaction():  # which looks at each by itself
            admin.execute("alter table task disable trigger attach_new")
            admin.execute(FILL, {"user": self.user.id, "list": self.list, "root": self.root, "count": count})
            admin.execute("alter table task enable trigger attach_new")
        admin.execute("vacuum (analyze) task")
        found = admin.execute(
            "select id::text from task where parent_id = %s order by position", [self.root]
        ).fetchall()
        self.ids = [row["id"] for row in found]

    def blocks(self, text: str | None, values: dict[str, Any], *, reading: bool = False) -> int:
        """Blocks that a statement reads as this user."""
        assert text
        with psycopg.connect(self.stack.cluster.url(APP), prepare_threshold=None) as app:
            enter(app, self.user.id, reading=reading)
            row = app.execute(b"explain (analyze, buffers, format json) " + text.encode(), values).fetchone()
            app.rollback()
        assert row
        plan = row[0][0]["Plan"]
        assert plan["Actual Rows"] > 0
        return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])

    def moved(self, text: str, where: dict[str, Any]) -> int:
        named = {"first": self.ids[0], "last": self.ids[-1], None: None}
        beside = {name: named[whom] for name, whom in where.items()}
        return self.blocks(text, WRITTEN | HERE | beside | {"id": self.ids[len(self.ids) // 2]})

    def page(self, start: int) -> int:
        after = {"after": f"1{start:06}V", "after_id": self.ids[start - 1]} if start else {}
        text = lists.STATEMENTS["walk", "position"]
        return self.blocks(text, NOTHING | {"list_id": self.list, "limit": 51} | after, reading=True)


@pytest.fixture(scope="module")
def filled(stack: Stack) -> tuple[Full, Full]:
    stack.renew_database()  # what other tests left would be read, too
    with psycopg.connect(stack.admin_url, autocommit=True, row_factory=psycopg.rows.dict_row) as admin:
        return Full(stack, admin, FEW), Full(stack, admin, MANY)


@pytest.fixture
def both(filled: tuple[Full, Full], admin: psycopg.Connection[DictRow]) -> tuple[Full, Full]:
    """Both users, with nothing left of the rows that other tests wrote and rolled back."""
    admin.execute("vacuum (analyze) task")
    return filled


def test_a_move_reads_as_much_as_among_few(both: tuple[Full, Full]) -> None:
    texts = {"alone": move.MOVE.plain, "batch": move.MOVE.in_batch(matching=True, keyed=True)}
    with collect_failures() as check:
        for (way, text), (place, where) in product(texts.items(), PLACES.items()):
            with check(way, "|", place):
                few, many = (full.moved(text, where) for full in both)
                assert many < 2 * few + 50


def test_a_page_reads_as_much_as_among_few_wherever_it_is(both: tuple[Full, Full]) -> None:
    few, many = both
    assert max(many.page(start) for start in (0, MANY // 2, MANY - 60)) < 2 * few.page(0) + 50


def test_what_touches_the_whole_subtree_is_linear(both: tuple[Full, Full]) -> None:
    for text, values in (
        (move.MOVE.plain, HERE | PLACES["the end"] | {"list_given": True}),
        (complete.WITH_DESCENDANTS.plain, {}),
    ):
        few, many = (full.blocks(text, {**values, "list_id": full.other, "id": full.root}) for full in both)
        assert few > FEW
        assert many / MANY < 1.5 * few / FEW


def test_a_batch_of_moves_in_a_long_list_is_one_round_trip(both: tuple[Full, Full], proxy: Proxy) -> None:
    _, full = both
    operations = [
        {"method": "POST", "path": f"/v1/tasks/{one}/move", "body": {"after": full.ids[-1]}} for one in full.ids[:100]
    ]
    with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=full.user.headers) as api:
        api.get("/v1/limits")  # connected, and the keys fetched
        proxy.reset()
        answer = api.post("/v1/batch", json={"operations": operations})
        assert [result["status"] for result in answer.json()["results"]] == [200] * 100
        assert len(proxy.trips) == 1
        page = api.get(f"/v1/tasks?parent_id={full.root}&sort=-position&limit=101").json()["items"]
    assert [item["id"] for item in page] == [*full.ids[:100], full.ids[-1]]
