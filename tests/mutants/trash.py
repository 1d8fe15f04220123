"""Mutants of the trash: its fence, what comes back and how, and on what it decides."""

from functools import partial

from tests.mutants.mutant import mutant
from tests.mutants.planting import Edit

migration = partial(Edit, "infra/migrations/versions/0006_trash.py")
delete = partial(Edit, "functions/trash/delete.py")
empty = partial(Edit, "functions/trash/empty.py")
purge = partial(Edit, "functions/jobs/purge_trash.py")

LOCKED = "select * from public.trash where user_id = app.user_id() and id = wanted for update;"
OWN = (
    "create policy own_rows on trash to task_app\n"
    "    using (user_id = (select app.user_id())) with check (user_id = (select app.user_id()));"
)
DUE = "using (deleted_at < now() - interval '30 days') with check (false);"
SAME_DELETION = "and deleted_at is not distinct from moment\n"
SAME_ENTRY = "and deleted_at is not distinct from entry.deleted_at\n"
LIST_THERE = "where user_id = caller and id = entry.list_id for key share;"
TWIN = "1 < (select count(*) from public.task o where o.user_id = caller and o.position = t.position)"
LEAKS = "tests/rules/test_catalogue_mutants.py::test_nothing_leaks"
POLICIES = "tests/rules/test_catalogue.py::test_the_database_keeps_the_rule[the_policies_are_the_canonical_ones]"
RACES = "tests/properties/test_trash_races.py::"
RESTORE = "tests/functions/tasks/test_restore.py::"
PROPERTY = "tests/properties/test_restore.py::test_what_is_restored_is_as_before"
PURGE = "tests/functions/jobs/test_purge_trash.py::"

TRASH = (
    mutant("trash: `using (true)`", migration(OWN, "create policy own_rows on trash using (true);"), LEAKS, POLICIES),
    mutant(
        "trash: entries of anybody",
        migration(LOCKED, "select * from public.trash where id = wanted for update;"),
        LEAKS,
    ),
    mutant(
        "trash: the job sees all of it",
        migration(DUE, "using (true) with check (false);"),
        purge('"30 days"', '"29 days"'),
        *(LEAKS, PURGE + "test_what_was_deleted_over_30_days_ago_goes_and_nothing_else"),
    ),
    mutant(
        "trash: an entry that is not locked",
        migration(LOCKED, LOCKED.replace(" for update", "")),
        RACES + "test_a_tag_is_compared_with_what_was_deleted_meanwhile",
    ),
    mutant(
        "trash: nothing that is deleted comes there",
        migration(
            "for each statement execute function app.throw_away();",
            "for each statement when (false) execute function app.throw_away();",
        ),
        RESTORE + "test_what_the_release_before_deletes_can_be_restored",
    ),
    mutant(
        "trash: what had been deleted before comes back as well",
        migration(SAME_DELETION, "\n"),
        migration(SAME_ENTRY, "\n"),
        *(PROPERTY, RESTORE + "test_a_subtree_comes_back_but_for_what_had_been_deleted_before"),
    ),
    mutant(
        "trash: all of a transaction is one deletion",
        migration("statement_timestamp() from gone", "now() from gone"),
        RESTORE + "test_of_two_deletions_in_one_transaction_each_comes_back_by_itself",
    ),
    mutant(
        "trash: each level of a subtree has a moment of its own",
        migration("statement_timestamp() from gone", "clock_timestamp() from gone"),
        RACES + "test_a_subtask_that_is_being_made_goes_along_with_its_task",
    ),
    mutant(
        "trash: a restore counts as a change",
        migration("case when moved then version + 1 else version end", "version + 1"),
        RESTORE + "test_a_restored_task_is_as_it_was",
    ),
    mutant(
        "trash: a restore that moves does not count",
        migration("case when moved then version + 1 else version end", "version"),
        RESTORE + "test_where_the_list_is_gone_all_come_back_into_the_inbox",
    ),
    mutant(
        "trash: a parent in another list",
        migration(" and list_id is not distinct from to_list for key share", " for key share"),
        RESTORE + "test_where_the_parent_is_in_another_list_it_comes_back_to_the_top_of_its_own",
    ),
    mutant(
        "trash: a list that is not waited for",
        migration(LIST_THERE, LIST_THERE.replace(" for key share", "")),
        RACES + "test_a_restore_waits_for_who_deletes_what_it_hung_on",
        note="the trigger looks again, and refuses",
    ),
    mutant(
        "trash: an id in use is passed over",
        migration("if in_use then", "if false then"),
        RESTORE + "test_an_id_that_is_in_use_again_is_409_and_all_stays",
    ),
    mutant(
        "trash: two at one place",
        migration(TWIN, "false"),
        RESTORE + "test_where_the_place_is_taken_it_stands_right_behind",
    ),
    mutant(
        "trash: a deletion for good that leaves subtasks",
        delete(
            "id = any (array (select unnest(app.deleted_along(id, deleted_at)) from target))",
            "id = (select id from target)",
        ),
        "tests/functions/trash/test_delete.py::test_the_subtree_that_was_deleted_along_with_it_goes_as_well",
    ),
    mutant(
        "trash: emptied in spite of a condition",
        empty("delete from trash where (select holds from asked)", "delete from trash"),
        "tests/functions/trash/test_empty.py::test_the_trash_has_no_tag_that_could_match",
    ),
)
