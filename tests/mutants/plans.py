"""Mutants of the plans that a connection keeps (ADR 12): what is planned for its values, and what once for all."""

from functools import partial

from tests.mutants.mutant import Mutant, mutant
from tests.mutants.planting import Edit

roles = partial(Edit, "infra/roles.py")
many = partial(Edit, "infra/migrations/versions/0008_many_at_once.py")
unknown = partial(Edit, "infra/migrations/versions/0009_unknown_users.py")

KEPT = "tests/rules/test_kept_plans.py::"
EACH_TIME = KEPT + "test_a_prepared_statement_is_planned_for_its_values_each_time"
BY_ROW = KEPT + "test_a_function_that_runs_for_every_row_keeps_its_plans[{}]"
CUSTOM = '"plan_cache_mode": "force_custom_plan"'
FUNCTIONS = '("spread_label()", "follow()")'


def planned_each_time(function: str, edit: Edit) -> Mutant:
    """The mutant in which a function's statements are planned anew at each call."""
    return mutant(f"plans: {function} is planned for each row", edit, BY_ROW.format(function))


PLANS = (
    mutant("plans: PostgreSQL chooses for a request", roles(CUSTOM, '"plan_cache_mode": "auto"'), EACH_TIME),
    mutant("plans: one for all requests", roles(CUSTOM, '"plan_cache_mode": "force_generic_plan"'), EACH_TIME),
    planned_each_time("index_words", many('"index_words()": KEPT[:1]', '"index_words()": ()')),
    planned_each_time("query", many('text)": KEPT[:1]', 'text)": ()')),
    planned_each_time("attach", many('"attach()": KEPT', '"attach()": KEPT[1:]')),
    planned_each_time(
        "canonical_labels", many('"canonical_labels()": ONE_BY_ONE', '"canonical_labels()": ONE_BY_ONE[1:]')
    ),
    planned_each_time("spelled", many('text[])": ONE_BY_ONE', 'text[])": ONE_BY_ONE[1:]')),
    planned_each_time("spread_label", unknown(FUNCTIONS, '("follow()",)')),
    planned_each_time("follow", unknown(FUNCTIONS, '("spread_label()",)')),
    planned_each_time("restore", unknown("'force_generic_plan', true);", "'auto', true);")),
    mutant(
        "plans: one for all that a restore takes out of the trash",
        unknown(FUNCTIONS, '("spread_label()", "follow()", "restore(uuid)")'),
        unknown("TOLD + FOR_ANY + in_two_steps()", "TOLD + in_two_steps() + FOR_ANY"),
        KEPT + "test_what_a_restore_takes_out_of_the_trash_is_planned_for_its_ids",
    ),
)
