"""Mutants of lists, labels, subtasks, order and batches: who takes turns, what is refused, what goes along."""

from functools import partial

from tests.mutants.mutant import mutant
from tests.mutants.planting import Edit

lists = partial(Edit, "infra/migrations/versions/0003_lists.py")
subtasks = partial(Edit, "infra/migrations/versions/0004_subtasks.py")
labels = partial(Edit, "infra/migrations/versions/0005_labels.py")
batch_sql = partial(Edit, "infra/migrations/versions/0007_batch.py")
many = partial(Edit, "infra/migrations/versions/0008_many_at_once.py")
batches = partial(Edit, "shared/batches.py")
walks = partial(Edit, "shared/walks.py")
database = partial(Edit, "shared/database.py")

LOCK = "        select pg_advisory_xact_lock(hashtextextended(app.user_id(), 2002));\n"
ORDER = "tests/properties/test_order.py::"
MOVE = "tests/functions/tasks/test_move.py::"
TASKS_LABELS = "tests/functions/tasks/test_labels.py::"
BATCH = "tests/functions/batch/test_run.py::"
KEPT = "tests/functions/batch/test_run_kept.py::"
IN_ORDER = BATCH + "test_operations_run_in_order_and_answer_as_they_would_alone"
HUNDRED = BATCH + "test_a_hundred_operations_are_a_batch[{}]"
ANSWERED = "zip(self.parts, rows_of["
LAST_FIRST = "self.parts[-1:] + self.parts[:-1]"
WALKS = "tests/shared/test_walks.py::"

STRUCTURE = (
    mutant(
        "turns: nobody waits for anybody",
        lists(LOCK, ""),
        ORDER + "test_who_changes_the_structure_waits_for_the_turn_and_decides_on_the_truth",
    ),
    mutant(
        "turns: everyone waits for everyone",
        lists("hashtextextended(app.user_id(), 2002)", "2002"),
        ORDER + "test_nobody_waits_for_the_turn_of_another_user",
    ),
    mutant(
        "lists: one more than may be",
        lists(">= 500 then", "> 500 then"),
        "tests/functions/lists/test_create.py::test_the_list_after_the_last_is_a_conflict_that_a_key_keeps",
    ),
    mutant("subtasks: six deep", subtasks("> 5 then", "> 6 then"), MOVE + "test_subtasks_hang_five_deep_at_most"),
    mutant(
        "subtasks: in a circle",
        subtasks("if above.id = new.id then", "if false then"),
        subtasks("exit when above.parent_id is null;", "exit when above.parent_id is null or steps > 4;"),
        MOVE + "test_a_circle_is_refused",
    ),
    mutant(
        "subtasks: a subtree that stays in its list",
        subtasks("pg_trigger_depth() = 0 and old.list_id is distinct", "false and old.list_id is distinct"),
        MOVE + "test_a_subtree_follows_its_task",
    ),
    mutant(
        "subtasks: a parent in another list",
        subtasks("if above.list_id is distinct from new.list_id then", "if false then"),
        MOVE + "test_what_does_not_exist_is_named",
    ),
    mutant(
        "order: beside what is no sibling",
        subtasks("              and parent_id is not distinct from to_parent\n", ""),
        MOVE + "test_a_neighbour_must_be_a_sibling_at_the_destination",
    ),
    mutant(
        "order: before is behind",
        subtasks("elsif before_id is not null then", "elsif after_id is not null then"),
        *(
            ORDER + "test_any_sequence_of_moves_is_a_list_in_memory",
            MOVE + "test_a_new_task_comes_last_and_a_moved_one_where_it_is_put",
        ),
    ),
    mutant(
        "order: a gap without a bound",
        lists("if char_length(made) > 1000 then", "if false then"),
        ORDER + "test_a_gap_holds_thousands_of_moves_and_then_says_so",
    ),
    mutant(
        "labels: two that differ by case",
        labels("normalize(casefold(normalize(name, nfc) collate pg_unicode_fast), nfc)", "normalize(name, nfc)"),
        TASKS_LABELS + "test_labels_are_kept_in_the_callers_order_in_the_spelling_that_was_first",
    ),
    mutant(
        "labels: one more than may be",
        labels("where user_id = new.user_id) > 500 then", "where user_id = new.user_id) > 501 then"),
        TASKS_LABELS + "test_a_label_too_many_is_a_conflict_and_leaves_nothing",
    ),
    mutant(
        "labels: a rename that stays with the label",
        labels(
            "for each row\n    when (old.name is distinct from new.name) execute function app.spread_label();",
            "for each row\n    when (false) execute function app.spread_label();",
        ),
        "tests/functions/labels/test_update.py::test_a_rename_shows_in_every_task_and_raises_their_versions",
    ),
    mutant(
        "batches: a failure that ends nothing",
        batch_sql("if current_setting('app.failed') <> '' then", "if false then"),
        *(BATCH + "test_where_an_operation_fails_nothing_has_happened", BATCH + "test_the_first_failure_is_the_answer"),
    ),
    mutant(
        "batches: run in reverse order",
        batches("for item in self.parts for one in", "for item in self.parts[::-1] for one in"),
        batches(ANSWERED, ANSWERED.replace("self.parts", "self.parts[::-1]")),
        *(IN_ORDER, HUNDRED.format(True)),
    ),
    mutant(
        "batches: the last operation runs first",
        batches("for item in self.parts for one in", f"for item in {LAST_FIRST} for one in"),
        batches(ANSWERED, ANSWERED.replace("self.parts", f"({LAST_FIRST})")),
        *(IN_ORDER, HUNDRED.format(True)),
    ),
    mutant(
        "batches: one by one in reverse order",
        batches(
            "[await item.result() for item in self.parts]", "[await one.result() for one in self.parts[::-1]][::-1]"
        ),
        *(BATCH + "test_one_by_one_each_happens_or_fails_on_its_own", HUNDRED.format(False)),
    ),
    mutant(
        "batches: each operation gets the answer of another",
        batches(ANSWERED, ANSWERED.replace("self.parts", "self.parts[::-1]")),
        *(IN_ORDER, HUNDRED.format(True)),
    ),
    mutant(
        "batches: answered in reverse order",
        batches('b",".join(texts)', 'b",".join(texts[::-1])'),
        *(IN_ORDER, HUNDRED.format(True), HUNDRED.format(False)),
    ),
    mutant(
        "batches: no turn",
        batches(
            "[(CLAIM, self.own), (TURN, {})] if self.key else [(TURN, {})]", "[(CLAIM, self.own)] if self.key else []"
        ),
        KEPT + "test_batches_that_touch_the_same_rows_in_other_orders_all_happen",
    ),
    mutant(
        "batches: another one under the same key",
        batches('own["fingerprint"] != self.own["fingerprint"]', "False"),
        KEPT + "test_a_key_belongs_to_one_request",
    ),
    mutant(
        "batches: the index of another operation",
        batches("(len(halt.before) - len(first)) // 2", "(len(halt.before) - len(first)) // 2 - 1"),
        BATCH + "test_the_first_failure_is_the_answer",
    ),
    mutant(
        "batches: a stale tag is answered with what was undone",
        batches(
            'if index and (seen := problem.members.pop("current", None))',
            'if False and (seen := problem.members.pop("current", None))',
        ),
        BATCH + "test_a_stale_tag_is_answered_with_what_there_is_not_with_what_was_undone",
    ),
    mutant(
        "words: a symbol is a part of one",
        many(
            "op.execute(reading(SEARCH.MARKS + DIRECTIONS, WORD_OR_SYMBOL))",
            "op.execute(reading(SEARCH.MARKS + DIRECTIONS, WORD))",
        ),
        "tests/functions/tasks/test_list_symbols.py::test_a_word_is_found_whatever_symbol_it_touches",
    ),
    mutant(
        "walks: few hits of the filters alone, not of the page",
        walks("and (select yes from few) and {beyond} offset 0", "and (select yes from few) offset 0"),
        WALKS + "test_each_part_of_a_way_finds_the_same",
    ),
    mutant(
        "walks: all of a list in memory",
        database("\"set_config('enable_sort', 'off', true), ", '"'),
        "tests/shared/test_scope.py::test_a_read_sorts_nothing_that_an_index_holds_and_compiles_nothing",
        "tests/rules/test_plans.py::test_a_walk_sorts_no_more_than_what_it_merges",
    ),
    mutant(
        "pipelines: what the socket does not take is left",
        database("while self.pgconn.flush():", "while self.pgconn.flush() and False:"),
        "tests/shared/test_database.py::test_what_the_socket_does_not_take_at_once_is_sent_all_the_same",
    ),
)
