"""The plans that a connection keeps: none of a request's statements, and one of each that runs for every row (ADR 12).

PostgreSQL counts the plans of prepared statements. The plans of functions show in its memory: each that is kept has a
context, which is named after the statement.
"""

import psycopg
import pytest

from infra.roles import LIMITS
from tests.support.stack import APP, Stack
from tests.support.statements import enter, every_statement

COUNTED = "select statement, generic_plans + custom_plans as plans, generic_plans from pg_prepared_statements"
ROUNDS = 7
"""PostgreSQL considers a plan for all values from the sixth on."""
READS = [sent for sent in every_statement() if sent.name.startswith(("tasks_get", "tasks_list"))]

CONTEXTS = "select ident from pg_backend_memory_contexts where name = 'CachedPlan'"
NAMELESS = ""
"""The context of a statement in a function whose language is SQL."""
THERE = """
    insert into list (id, name) values ('00000000-0000-4000-8000-000000000001', 'Groceries');
    insert into task (id, title, labels) values ('00000000-0000-4000-8000-000000000001', 'Buy milk', '{errands}');
    insert into task (id, title, parent_id) values (uuidv7(), 'Call', '00000000-0000-4000-8000-000000000001');
"""
FUNCTIONS = {
    "index_words": ("", "insert into task (id, title) values (uuidv7(), 'Buy milk')", NAMELESS),
    "query": ("", "select app.query(name, name) from (values ('milk')) given (name)", NAMELESS),
    "spelled": ("", "select app.spelled(name, array[name]) from (values ('milk')) given (name)", NAMELESS),
    "canonical_labels": (
        "",
        "insert into task (id, title, labels) values (uuidv7(), 'Buy milk', '{errands}')",
        "insert into public.label (user_id, name)",
    ),
    "attach": (
        THERE,
        "insert into task (id, title, list_id) values (uuidv7(), 'Buy', '00000000-0000-4000-8000-000000000001')",
        "select from public.list where user_id = new.user_id and id = new.list_id",
    ),
    "follow": (
        THERE,
        "update task set list_id = id where user_id = app.user_id() and parent_id is null",
        "with recursive subtree (id) as",
    ),
    "spread_label": (
        THERE,
        "update label set name = 'Errands' where user_id = app.user_id()",
        "update public.task set labels = case",
    ),
    "restore": (
        f"{THERE} delete from task where user_id = app.user_id()",  # noqa: S608 - of a constant
        "select app.restore('00000000-0000-4000-8000-000000000001')",
        "with back as ( insert into public.task",
    ),
}
"""What is there before, what calls the function, and which of its statements has a plan that is kept."""


def test_a_prepared_statement_is_planned_for_its_values_each_time(stack: Stack) -> None:
    with psycopg.connect(stack.cluster.url(APP), prepare_threshold=0) as app:
        enter(app, "alice")
        for sent in READS * ROUNDS:
            app.execute(sent.text.encode(), sent.values)
        plans = [row for row in app.execute(COUNTED) if "from task" in row[0]]
    assert {count for _, count, _ in plans} == {ROUNDS}
    assert [statement for statement, _, for_all_values in plans if for_all_values] == []


def kept(stack: Stack, before: str, call: str) -> list[str]:
    """The statements whose plans a new connection keeps after one call, under the limits of a request."""
    user = stack.user().id
    for text in (before, call):
        with psycopg.connect(stack.admin_url, prepare_threshold=None) as admin:
            enter(admin, user, reading=False)
            admin.execute("select set_config('plan_cache_mode', %s, true)", [LIMITS["plan_cache_mode"]])
            admin.execute(text.encode())
            found = [" ".join(name.split()) for (name,) in admin.execute(CONTEXTS)]
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_runs_for_every_row_keeps_its_plans(name: str, stack: Stack) -> None:
    before, call, statement = FUNCTIONS[name]
    assert [text for text in kept(stack, before, call) if (statement in text if statement else not text)]


def test_what_a_restore_takes_out_of_the_trash_is_planned_for_its_ids(stack: Stack) -> None:
    before, call, statement = FUNCTIONS["restore"]
    found = [text for text in kept(stack, before, call) if text.startswith("with ")]
    assert any(text.startswith(statement) for text in found)
    assert not [text for text in found if "delete from public.trash" in text]
