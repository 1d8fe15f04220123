"""Mutants of the fence in the database: policies, grants, keys, functions and roles."""

from functools import partial

from infra.operations import ROOT
from tests.mutants.mutant import mutant
from tests.mutants.planting import Edit

migration = partial(Edit, "infra/migrations/versions/0001_tasks.py")
searching = partial(Edit, "infra/migrations/versions/0002_search_and_growth.py")
roles = partial(Edit, "infra/roles.py")

OWN = "user_id = (select app.user_id())"
POLICY = f"create policy own_rows on {{}} to task_app\n    using ({OWN}) with check ({OWN});"
TASK, KEY = POLICY.format("task"), POLICY.format("idempotency_key")
COMMANDS = """
create policy reads on task for select to task_app using ({select});
create policy makes on task for insert to task_app with check ({insert});
create policy changes on task for update to task_app using ({update});
create policy deletes on task for delete to task_app using ({delete});"""
MAY_INSERT = migration("grant insert (id, title", "grant insert (user_id, id, title")
MAY_UPDATE = migration("grant update (title", "grant update (user_id, title")
UNCHECKED = migration(TASK, TASK.replace(f"with check ({OWN})", "with check (true)"))
EXPIRED = (
    "create policy expired_rows on idempotency_key to task_jobs\n    using (created_at < now() - interval '24 hours')"
)
UNIQUE = "primary key (user_id, id)"
TASK_OWNER = """create table task (
    user_id text collate "C" not null default app.user_id() check (user_id <> '')"""
CALLER = "language sql stable parallel safe\n    return nullif(current_setting('app.user_id', true), '');"
REVOKE = "revoke all on all functions in schema app from public;"
# Each migration that makes functions says so again, and the last one would be enough.
REVOKED = [
    Edit(str(file.relative_to(ROOT)), REVOKE, "")
    for file in sorted((ROOT / "infra/migrations/versions").glob("*.py"))
    if REVOKE in file.read_text("utf-8")
]
SEARCH_PATH = "    set search_path = pg_catalog, pg_temp\n"
FINDING = "    begin atomic\n        select id from (\n"
NOTES = "create table note (user_id text, task_id uuid references task (id));"

LEAKS = "tests/rules/test_catalogue_mutants.py::test_nothing_leaks"
RULE = "tests/rules/test_catalogue.py::test_the_database_keeps_the_rule[{}]"
POLICIES = RULE.format("the_policies_are_the_canonical_ones")
FENCED = RULE.format("every_table_is_fenced")
GRANTS = RULE.format("grants_are_exactly_the_named_ones")
FUNCTIONS = RULE.format("functions_are_safe")
LOGINS = "tests/rules/test_catalogue.py::test_the_roles_of_the_urls_have_no_power_of_their_own"
LED = RULE.format("keys_lead_with_the_user")
OWNERS = RULE.format("the_database_names_the_owner")
FOREIGN_READ = "tests/functions/tasks/test_get.py::test_another_users_task_is_404_like_one_that_does_not_exist"
FOREIGN_DELETE = "tests/functions/tasks/test_delete.py::test_what_never_existed_or_is_not_ours_is_404"
FOREIGN_LIST = "tests/functions/tasks/test_list.py::test_a_list_holds_nothing_of_others"
FOREIGN_ID = "tests/functions/tasks/test_replace.py::test_an_id_that_another_user_has_is_free"
CREATES = "tests/functions/tasks/test_create.py::test_a_task_is_created_and_answered_whole"
ONE_KEY = "tests/shared/test_idempotency.py::test_two_users_may_use_one_key"
REPLAYS = "tests/shared/test_idempotency.py::test_a_create_is_replayed_and_happens_once[lambda]"
SCOPE_ENDS = "tests/rules/test_catalogue_mutants.py::test_a_scope_ends_with_its_transaction"
JOB = "tests/functions/jobs/test_delete_expired_keys.py::"
JOB_DELETES = JOB + "test_keys_of_over_24_hours_are_deleted_and_no_others"
JOB_SEES = JOB + "test_its_role_sees_only_what_is_due_for_deletion"


def open_for(command: str) -> Edit:
    """One policy for each command, of which one lets everyone through."""
    conditions = dict.fromkeys(("select", "insert", "update", "delete"), OWN)
    return migration(TASK, COMMANDS.format(**conditions | {command: "true"}))


def added(before: str, more: str) -> Edit:
    """Something more in the migration, behind what is there."""
    return migration(before, before + more)


FENCE = (
    mutant("no policy on tasks", migration(TASK, ""), CREATES, LEAKS, POLICIES),
    mutant("no policy on keys", migration(KEY, ""), REPLAYS, LEAKS, POLICIES),
    mutant("no policy for the jobs", migration(f"{EXPIRED} with check (false);", ""), JOB_DELETES, LEAKS, POLICIES),
    mutant(
        "no row level security on tasks",
        migration("alter table task enable row level security;", ""),
        *(FOREIGN_READ, FOREIGN_LIST, FOREIGN_DELETE, LEAKS, FENCED),
    ),
    mutant(
        "no row level security on keys",
        migration("alter table idempotency_key enable row level security;", ""),
        *(ONE_KEY, LEAKS, FENCED),
    ),
    mutant(
        "no FORCE",
        migration("alter table task force row level security;", ""),
        FENCED,
        note="behaves alike until the application owns the table",
    ),
    mutant("`using (true)` for SELECT", open_for("select"), FOREIGN_READ, FOREIGN_LIST, LEAKS, POLICIES),
    mutant(
        "`using (true)` for INSERT",
        open_for("insert"),
        POLICIES,
        note="the check, as an INSERT has no `using`; behaves alike, as the grants leave the owner out",
    ),
    mutant("`using (true)` for INSERT, and a grant on user_id", open_for("insert"), MAY_INSERT, LEAKS, POLICIES),
    mutant("`using (true)` for UPDATE", open_for("update"), LEAKS, POLICIES),
    mutant("`using (true)` for DELETE", open_for("delete"), LEAKS, POLICIES),
    mutant("`using (true)` for all", migration(TASK, TASK.replace(OWN, "true")), FOREIGN_READ, FOREIGN_DELETE, LEAKS),
    mutant("`using (true)` for keys", migration(KEY, KEY.replace(OWN, "true")), ONE_KEY, LEAKS, POLICIES),
    mutant(
        "`using (true)` for the jobs",
        migration(EXPIRED, "create policy expired_rows on idempotency_key to task_jobs using (true)"),
        *(JOB_SEES, LEAKS, POLICIES),
    ),
    mutant(
        "no `with check`",
        migration(TASK, TASK.replace(f" with check ({OWN})", "")),
        POLICIES,
        note="behaves alike: PostgreSQL checks by `using` then",
    ),
    mutant("`with check (true)`", UNCHECKED, POLICIES, note="behaves alike: the grants leave the owner out"),
    mutant("`with check (true)`, and INSERT grant on user_id", UNCHECKED, MAY_INSERT, LEAKS, POLICIES, GRANTS),
    mutant("`with check (true)`, and UPDATE grant on user_id", UNCHECKED, MAY_UPDATE, LEAKS, POLICIES, GRANTS),
    mutant("INSERT grant on user_id", MAY_INSERT, GRANTS, note="behaves alike: the policy checks the owner"),
    mutant("UPDATE grant on user_id", MAY_UPDATE, GRANTS, note="behaves alike: the policy checks the owner"),
    mutant(
        "a policy called for each row",
        migration(TASK, TASK.replace("(select app.user_id())", "app.user_id()")),
        POLICIES,
        note="behaves alike, but slowly",
    ),
    mutant(
        "no `nullif`",
        migration(CALLER, CALLER.replace("nullif(", "").replace(", '')", "")),
        *(LEAKS, SCOPE_ENDS, FUNCTIONS),
    ),
    mutant(
        "the setting cached in an IMMUTABLE function",
        migration(CALLER, CALLER.replace("stable", "immutable")),
        *(LEAKS, FUNCTIONS),
    ),
    mutant(
        "a user without a name",
        migration(TASK_OWNER, TASK_OWNER.replace(" check (user_id <> '')", "")),
        OWNERS,
        note="behaves alike while `nullif` stands",
    ),
    mutant(
        "an owner that is not the scope's",
        migration(TASK_OWNER, TASK_OWNER.replace("app.user_id()", "current_user")),
        *(CREATES, LEAKS, OWNERS),
    ),
    mutant("a unique key without user_id", added(UNIQUE, ",\n    unique (id)"), FOREIGN_ID, LEAKS, LED),
    mutant(
        "a unique key that does not lead with user_id",
        added(UNIQUE, ",\n    unique (id, user_id)"),
        LED,
        note="behaves alike: both columns are in it",
    ),
    mutant("a key claimed without its user", added("primary key (user_id, key)", ",\n    unique (key)"), ONE_KEY, LED),
    mutant(
        "a plain foreign key",
        added(UNIQUE, ",\n    unique (id)"),
        migration("create index task_created_at", f"{NOTES}\ncreate index task_created_at"),
        LED,
        note="no operation writes through it",
    ),
    mutant(
        "a search without its filter",
        searching(") found where user_id = app.user_id() limit most;", ") found limit most;"),
        LEAKS,
        note="the list's own policy still hides what the search finds",
    ),
    mutant("a search_path of the caller's", searching(f"{SEARCH_PATH}{FINDING}", FINDING), FUNCTIONS),
    mutant("functions for anyone", *REVOKED, FUNCTIONS, GRANTS),
    mutant(
        "all rights on keys",
        migration("grant select on idempotency_key to task_app;", "grant all on idempotency_key to task_app;"),
        *(LEAKS, GRANTS),
    ),
    mutant(
        "an application past all policies",
        roles("login inherit password", "login inherit bypassrls password"),
        *(FOREIGN_READ, FOREIGN_DELETE, LOGINS),
    ),
)
