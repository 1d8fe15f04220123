"""A foreign value is like a random one, byte for byte: in every operation, in each place that takes a value.

A test runs all cells and reports each that failed.
"""

import logging
from collections.abc import Iterator
from itertools import combinations

import psycopg
import pytest
from psycopg.rows import dict_row

from infra.operations import operations
from shared import database
from tests.isolation.matrix import FOREIGN, INDISTINGUISHABLE, OWN, PLACES, RANDOM, ROWS, WHOSE, Row, applies, expected
from tests.isolation.matrix_world import World
from tests.support.calls import table_of
from tests.support.catalogue_rules import Admin
from tests.support.collect_failures import collect_failures
from tests.support.expected_catalogue import OWN as OWN_ROWS
from tests.support.openapi_validator import METHODS, component, document
from tests.support.stack import Stack

PATH = PLACES[0]
ANY_ENTRY = """
    create or replace function app.trashed(wanted uuid) returns setof public.trash
        language sql volatile security definer rows 1
        begin atomic
            select * from public.trash where id = wanted for update;
        end"""
"""The function that finds an entry of the trash for its owner, without the condition on the owner."""
CELLS = [(row, place) for row in ROWS for place in PLACES if applies(row, place)]
WITH_USER = [row for row in ROWS if not row.operation.anonymous]
"""Rows where a value can change something; the others get all values at once."""
PAIRS = [
    (row, *pair)
    for row in WITH_USER
    for pair in combinations(row.paired, 2)
    if all(applies(row, place) for place in pair)
]
CHOICES = {
    "priority": "one of five words",
    "descendants": "one of two",
    "color": "six digits of base 16",
    "archived_at": "a time",
}
"""Members and parameters that can't hold an id."""


@pytest.fixture(scope="module")
def world(stack: Stack) -> Iterator[World]:
    """A caller, an owner, and a connection that sees the rows of both."""
    log = logging.getLogger("task-api")
    with psycopg.connect(stack.admin_url, autocommit=True, row_factory=dict_row) as admin:
        made = World(stack, admin)
        log.addHandler(made.log)
        yield made
        log.removeHandler(made.log)


def test_no_cell_is_left_out() -> None:
    assert {row.operation for row in ROWS} == set(operations())
    assert len({str(row) for row in ROWS}) == len(ROWS)
    left_out = [(row, place) for row in ROWS for place in PLACES if not applies(row, place)]
    assert len(CELLS) + len(left_out) == len(ROWS) * len(PLACES)
    assert {place.part for _, place in left_out} == {"path", "item"}
    for part, there in (("path", "{"), ("item", "/v1/batch")):
        none = [row for row in ROWS if there not in row.operation.path.replace("$default", "{}")]
        assert [row for row, place in left_out if place.part == part] == none
    assert len(CELLS) * len(WHOSE) >= 6015  # more with every operation, never fewer
    assert len(PAIRS) >= 809


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


def test_each_row_sees_status_round_trips_log_line_headers_and_rows(world: World) -> None:
    """What the other tests compare is there: they would find nothing in empty values."""
    with collect_failures() as check:
        for row in ROWS:
            with check(row):
                seen = world.ask(row, {})
                assert seen.status == row.status
                assert len(seen.trips) == row.operation.database
                assert [(line["operation"], line["status"]) for line in seen.logged] == [
                    (row.operation.name, row.status)
                ]
                assert {"content-type", "x-request-id"} <= {name for name, _ in seen.headers} or not seen.body
                for kind in ("task", "list", "label"):
                    assert [table for table, _ in seen.left].count(kind) == 2 + created(row, kind)


def created(row: Row, kind: str) -> int:
    """How many rows of the table of that name the row's request creates; negative if it deletes them."""
    if kind == "task" and row.operation.name.startswith("trash_"):
        return -1  # the task was moved to the trash before the request
    return (row.status == 201) - (row.status == 204) if kind == table_of(row.operation) else 0


def test_foreign_is_like_random_in_every_cell(world: World) -> None:
    with collect_failures() as check:
        for row, place in CELLS:
            seen = {}
            for whose in WHOSE:
                with check(row, place, whose):
                    seen[whose] = world.ask(row, {place: whose})
                    assert seen[whose].status == expected(row, place, whose)
            for whose in INDISTINGUISHABLE:
                with check(row, place, whose, "beside random"):
                    assert not seen[whose].differences(seen[RANDOM])


def test_foreign_is_like_random_beside_another_foreign_value_or_an_own_one(world: World) -> None:
    with collect_failures() as check:
        for row, first, second in PAIRS:
            for own in ({}, {first: OWN}, {second: OWN}):
                if PATH in own:
                    continue  # a path without a value holds the caller's own id: the request of the single cell
                with check(row, first, second, *own.items()):
                    foreign, random = (
                        world.ask(row, {first: whose, second: whose} | own) for whose in (FOREIGN, RANDOM)
                    )
                    assert not foreign.differences(random)


def test_foreign_is_like_random_in_all_places_at_once(world: World) -> None:
    with collect_failures() as check:
        for row in ROWS:
            for places in (row.paired, PLACES):
                there = [place for place in places if applies(row, place)]
                with check(row, len(there), "places"):
                    foreign, random = (world.ask(row, dict.fromkeys(there, whose)) for whose in (FOREIGN, RANDOM))
                    assert not foreign.differences(random)


@pytest.mark.parametrize("table", ["task", "list", "label"])
def test_without_its_policy_a_foreign_row_is_seen_in_each_operation_on_it(
    table: str, stack: Stack, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matrix finds the row-level security policy that is missing, where the functions do not compare owners."""
    monkeypatch.setattr(database, "_own", lambda found, _: {name: found[name] for name in found if name != "user_id"})
    world = World(stack, admin)
    function = admin.execute("select pg_get_functiondef('app.trashed'::regproc) as text").fetchone()
    assert function
    try:
        admin.execute(f"alter policy own_rows on {table} using (true)".encode())
        admin.execute(ANY_ENTRY)
        with collect_failures() as check:
            for row in WITH_USER:
                if applies(row, PATH) and table_of(row.operation) == table:
                    with check(row), pytest.raises(AssertionError):
                        assert not world.ask(row, {PATH: FOREIGN}).differences(world.ask(row, {PATH: RANDOM}))
    finally:
        admin.execute(f"alter policy own_rows on {table} using {OWN_ROWS}".encode())
        admin.execute(function["text"].encode())
