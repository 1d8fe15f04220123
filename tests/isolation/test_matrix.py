"""Foreign is like random, byte for byte: in every operation, wherever an id, a cursor, a tag or a key can stand."""

import logging
from collections.abc import Iterator
from itertools import combinations

import psycopg
import pytest
from psycopg.rows import dict_row

from infra.operations import operations
from shared import database
from tests.isolation.matrix import (
    ABSENT,
    FOREIGN,
    NOBODYS,
    OWN,
    PLACES,
    RANDOM,
    ROWS,
    WHOSE,
    Place,
    Row,
    expected,
    why_not,
)
from tests.isolation.matrix_world import World
from tests.rules.test_every_operation import table_of
from tests.support.catalogue_rules import Admin
from tests.support.expected_catalogue import OWN as FENCE
from tests.support.openapi_validator import METHODS, component, document
from tests.support.stack import Stack

PATH = PLACES[0]
OPEN = """
    create or replace function app.trashed(wanted uuid) returns setof public.trash
        language sql volatile security definer rows 1
        begin atomic
            select * from public.trash where id = wanted for update;
        end"""
"""What is in the trash is fenced by this function: it does not see to whom an entry belongs."""
CELLS = [(row, place) for row in ROWS for place in PLACES if not why_not(row, place)]
HEEDING = [row for row in ROWS if not row.operation.anonymous]
"""Rows where a value can change anything; the others are asked with all of them at once."""
PAIRS = [
    (row, *pair) for row in HEEDING for pair in combinations(row.telling, 2) if not any(why_not(row, at) for at in pair)
]
CHOICES = {
    "priority": "one of five words",
    "descendants": "one of two",
    "color": "six digits of base 16",
    "archived_at": "a time",
}
"""Members and parameters in which no id can stand."""


@pytest.fixture(scope="module")
def world(stack: Stack) -> Iterator[World]:
    """A caller, an owner, and one connection to look behind."""
    log = logging.getLogger("task-api")
    with psycopg.connect(stack.admin_url, autocommit=True, row_factory=dict_row) as admin:
        made = World(stack, admin)
        log.addHandler(made.log)
        yield made
        log.removeHandler(made.log)


def test_no_cell_is_left_out() -> None:
    assert {row.operation for row in ROWS} == set(operations())
    left_out = [(row, place) for row in ROWS for place in PLACES if why_not(row, place)]
    assert len(CELLS) + len(left_out) == len(ROWS) * len(PLACES)
    for part, there in (("path", "{"), ("item", "/v1/batch")):
        none = [row for row in ROWS if there not in row.operation.path.replace("$default", "{}")]
        assert [row for row, place in left_out if place.part == part] == none
    assert {why_not(row, place) for row, place in left_out} == {ABSENT}
    assert len(CELLS) * len(WHOSE) >= 2125  # more with every operation, never fewer
    assert len(PAIRS) >= 259


def test_every_parameter_and_every_member_of_the_contract_is_a_place() -> None:
    places = {
        part: {place.name.partition("/")[0] for place in PLACES if place.part == part}
        for part in ("query", "header", "body")
    }
    for path in document()["paths"].values():
        for operation in (path, *(path[method] for method in METHODS if method in path)):
            for parameter in map(component, operation.get("parameters", [])):
                assert parameter["in"] == "path" or parameter["name"] in places[parameter["in"]] | CHOICES.keys()
    named = {"TaskCreate", "TaskReplace", "TaskPatch", "TaskMove", "ListCreate", "ListPatch", "ListMove", "LabelPatch"}
    for name in named:
        assert set(document()["components"]["schemas"][name]["properties"]) <= places["body"] | CHOICES.keys()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_is_compared_is_there(row: Row, world: World) -> None:
    seen = world.ask(row, {})
    assert seen.status == row.status
    assert len(seen.trips) == row.operation.database
    assert [(line["operation"], line["status"]) for line in seen.logged] == [(row.operation.name, row.status)]
    assert {"content-type", "x-request-id"} <= {name for name, _ in seen.headers} or not seen.body
    about = table_of(row.operation)
    for kind in ("task", "list", "label"):
        made = (row.status == 201) - (row.status == 204) if kind == about else 0
        if kind == "task" and row.operation.name.startswith("trash_"):
            made = -1
        assert [place for place, _ in seen.left].count(kind) == 2 + made


@pytest.mark.parametrize(("row", "place"), CELLS, ids=str)
def test_foreign_is_like_random_in_every_cell(row: Row, place: Place, world: World) -> None:
    seen = {whose: world.ask(row, {place: whose}) for whose in WHOSE}
    assert {whose: seen[whose].status for whose in WHOSE} == {whose: expected(row, place, whose) for whose in WHOSE}
    for whose in NOBODYS:
        assert seen[whose] == seen[RANDOM], whose


@pytest.mark.parametrize(("row", "first", "second"), PAIRS, ids=str)
def test_foreign_is_like_random_beside_another_foreign_value_or_an_own_one(
    row: Row, first: Place, second: Place, world: World
) -> None:
    for own in ({}, {first: OWN}, {second: OWN}):
        foreign, random = (world.ask(row, {first: whose, second: whose} | own) for whose in (FOREIGN, RANDOM))
        assert foreign == random


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_foreign_is_like_random_in_all_places_at_once(row: Row, world: World) -> None:
    for places in (row.telling, PLACES):
        there = [place for place in places if not why_not(row, place)]
        foreign, random = (world.ask(row, dict.fromkeys(there, whose)) for whose in (FOREIGN, RANDOM))
        assert foreign == random


@pytest.mark.parametrize("row", [row for row in HEEDING if not why_not(row, PATH)], ids=str)
def test_an_open_fence_is_seen(row: Row, stack: Stack, admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_own", lambda found, _: {name: found[name] for name in found if name != "user_id"})
    world = World(stack, admin)
    closed = admin.execute("select pg_get_functiondef('app.trashed'::regproc) as text").fetchone()
    assert closed
    table = table_of(row.operation)
    admin.execute(f"alter policy own_rows on {table} using (true)".encode())
    admin.execute(OPEN)
    try:
        with pytest.raises(AssertionError):
            assert world.ask(row, {PATH: FOREIGN}) == world.ask(row, {PATH: RANDOM})
    finally:
        admin.execute(f"alter policy own_rows on {table} using {FENCE}".encode())
        admin.execute(closed["text"].encode())
