"""Each rule of the catalogue finds what it is there to find: something is added, found and rolled back.

`tests/rules/test_catalogue_mutants.py` changes what exists; this adds what should not exist.
"""

import pytest

from tests.isolation.inventory import CATALOGUES
from tests.rules.test_catalogue import LOGINS
from tests.support.catalogue_rules import RULES, Admin, the_roles_have_no_power
from tests.support.collect_failures import collect_failures
from tests.support.stack import APP, JOBS

PLAIN = "create table more (user_id text, id uuid)"
ROW_SECURITY = "; alter table more enable row level security; alter table more force row level security"
PARTITIONED = "create table more (user_id text) partition by list (user_id)"
FOREIGN = """
    create foreign data wrapper w; create server s foreign data wrapper w;
    create foreign table more (user_id text) server s"""
EVENT_TRIGGER = """
    create function more() returns event_trigger language plpgsql as 'begin end';
    create event trigger more on ddl_command_start execute function more()"""
SYSTEM_FUNCTION = """
    set local allow_system_table_mods = on;
    create function pg_catalog.more() returns int language sql return 1"""
SUBSCRIPTION = "create subscription more connection 'host=127.0.0.1' publication more with (connect = false)"
LABEL = "insert into pg_seclabel values ('task'::regclass, 'pg_class'::regclass, 0, 'more', 'secret')"
DEFINER = """
    create function app.more() returns int security definer set search_path = pg_catalog, pg_temp
    language sql return 1"""
IMMUTABLE = "create function app.more() returns text immutable language sql return "
FOREIGN_KEY = """
    alter table task add unique (id, user_id);
    alter table idempotency_key add id uuid, add foreign key (id, user_id) references task (id, user_id)"""
CROSSING_KEY = """
    alter table idempotency_key add id uuid, add other text, add foreign key (other, id) references task"""
NULLABLE = """
    alter table idempotency_key drop constraint idempotency_key_pkey;
    alter table idempotency_key alter user_id drop not null"""
DATABASE = "do $$ begin execute format('{} database %I {}', current_database()); end $$"
BYPASS = f"create role more bypassrls; grant more to {APP}"

pytestmark = pytest.mark.usefixtures("private_server")
PLANTED: dict[str, dict[str, str]] = {
    "everything_is_on_the_list": {
        "a table with row-level security": PLAIN + ROW_SECURITY,
        "a column": "alter table task add secret text",
        "a default": "alter table task alter title set default 'x'",
        "a check": "alter table task add constraint more check (true)",
        "an index": "create index more on task (id)",
        "an index that is gone": "drop index task_terms",
        "a check that is gone": "alter table task drop constraint task_title_check",
        "a view that asks as its reader": "create view more with (security_invoker = true) as table task",
        "a materialized view": "create materialized view more as table task",
        "a foreign table": FOREIGN,
        "a way to other servers": "create foreign data wrapper w",
        "a sequence": "create sequence more",
        "a serial id": "alter table task add number bigint generated always as identity",
        "a partitioned table": PARTITIONED,
        "a rule": "create rule more as on insert to task do also select 1",
        "a trigger": "create trigger more before insert on task for each row execute function app.count_version()",
        "a policy": "create policy more on task as restrictive to task_app using (true)",
        "a function": "create function app.more() returns int language sql return 1",
        "a procedure": "create procedure app.more() language sql begin atomic end",
        "an aggregate": "create aggregate app.more (int) (sfunc = int4pl, stype = int)",
        "a function among PostgreSQL's own": SYSTEM_FUNCTION,
        "an operator": "create operator <<>> (leftarg = text, rightarg = text, function = texteq)",
        "a cast": "create cast (text as uuid) with inout as implicit",
        "a collation": 'create collation more from "C"',
        "a language": "create language more handler plpgsql_call_handler",
        "a text search configuration": "create text search configuration more (copy = simple)",
        "a type": "create type more as (id uuid)",
        "an enum": "create type more as enum ('x')",
        "a domain": "create domain more as text",
        "a schema": "create schema more",
        "an extension": "create extension pg_trgm",
        "an event trigger": EVENT_TRIGGER,
        "a publication": "create publication more for table task",
        "a subscription": SUBSCRIPTION,
        "statistics of two columns": "create statistics more on title, description from task",
        "a large object": "select lo_create(0)",
        "rights by default": "alter default privileges grant select on tables to task_app",
        "a right to a setting": "grant set on parameter log_statement to task_app",
        "a security label": LABEL,
    },
    "every_table_is_fenced": {
        "a table": PLAIN,
        "a table in another schema": "create table app.more (user_id text)",
        "a table that its owner sees": PLAIN + ROW_SECURITY + "; alter table more no force row level security",
        "a table of nobody's": "create table more (id uuid)" + ROW_SECURITY,
        "a view": "create view more as table task",
        "a view that says so": "create view more with (security_invoker = false) as table task",
        "a materialized view": "create materialized view more as table task",
        "a foreign table": FOREIGN,
        "a partitioned table": PARTITIONED + ROW_SECURITY,
        "a child": "create table more () inherits (task)" + ROW_SECURITY,
        "a table that a crash empties": "alter table idempotency_key set unlogged",
    },
    "the_policies_are_the_canonical_ones": {
        "a restrictive policy": "create policy more on task as restrictive to task_app using (true)",
        "a policy by another name": "alter policy own_rows on task rename to more",
        "a policy for one more role": "alter policy own_rows on task to task_app, task_jobs",
        "all may read": "create policy more on task for select to task_app using (true)",
        "all may write": "create policy more on task for insert to task_app with check (true)",
        "all may change": "create policy more on task for update to task_app using (true)",
        "all may delete": "create policy more on task for delete to task_app using (true)",
    },
    "all_belongs_to_the_owner": {
        "a function that runs as a superuser": "alter function app.search(text) owner to postgres",
        "a table of a superuser's": "alter table task owner to postgres",
        "a schema of a superuser's": "alter schema app owner to postgres",
    },
    "grants_are_exactly_the_named_ones": {
        **{
            right: f"grant {right} on task to task_app"
            for right in ("truncate", "references", "trigger", "maintain", "insert", "update")
        },
        "a login's own right": f"grant select on task to {APP}",
        "a right for anyone, to a column": "grant select (title) on task to public",
        "a right that may be passed on": "grant delete on task to task_app with grant option",
        "a right that is gone": "revoke delete on task from task_app",
        "a right to make tables": "grant create on schema public to task_app",
        "a right to make schemas": DATABASE.format("grant create on", "to task_app"),
        "a right to a sequence": "create sequence more; grant usage on sequence more to task_app",
        "a function of PostgreSQL's": "grant execute on function pg_read_file(text) to task_app",
        "a table of PostgreSQL's": "grant select on pg_authid to task_app",
        "a column of PostgreSQL's": "grant select (rolpassword) on pg_authid to public",
        "rights by default": "alter default privileges grant select on tables to task_app",
    },
    "functions_are_safe": {
        "one that runs as its owner": DEFINER,
        "a procedure that does": "create procedure app.more() security definer language sql begin atomic end",
        "one that finds what the caller puts in its way": "alter function app.search(text) reset search_path",
        "one that is folded across users": IMMUTABLE + "current_setting('app.user_id', true)",
        "one that is, by way of another": IMMUTABLE + "app.user_id()",
        "one that is shown hidden rows": "create function app.more() returns int leakproof language sql return 1",
        "one for anyone": "create function app.more() returns int language sql return 1",
    },
    "keys_lead_with_the_user": {
        "a primary key": "create table more (user_id text, id uuid, primary key (id, user_id))",
        "a unique key": "alter table task add unique (id, user_id)",
        "a unique index on an expression": "create unique index more on task (lower(title), user_id)",
        "a unique index on some rows": "create unique index more on task (title) where completed_at is null",
        "a foreign key": FOREIGN_KEY,
        "a foreign key across users": CROSSING_KEY,
        "an exclusion": "alter table task add exclude using btree (user_id with =, title with =)",
    },
    "the_database_names_the_owner": {
        "one that may be missing": NULLABLE,
        "one that may be empty": "alter table task drop constraint task_user_id_check",
        "one that is sent": "alter table task alter user_id drop default",
    },
    "the_trigger_counts_every_change": {
        "a trigger that replicas alone fire": "alter table task enable replica trigger count_version",
        "a right to change what it does not see": "alter trigger count_version on task rename to more",
    },
    "the_roles_have_no_power": {
        "one more": "create role more",
        "a superuser": "create role more superuser login",
        "a superuser of ours": f"alter role {APP} superuser",
        "a member of one past all policies": BYPASS,
        "a member that must first become it": BYPASS + " with inherit false, set true",
        "a member at one remove": "create role more bypassrls; grant more to task_app",
        "a writer of everything": f"grant pg_write_all_data to {APP}",
        "a group for the other's login": f"grant task_app to {JOBS}",
        "no group": f"revoke task_app from {APP} granted by owner",
        "a group that logs in": "alter role task_app login",
        "a user for every role": "alter role all set app.user_id = 'alice'",
        "a user for the database": DATABASE.format("alter", "set app.user_id = alice"),
        "a user for the application": f"alter role {APP} set app.user_id = 'alice'",
        "a user for it, there": DATABASE.format(f"alter role {APP} in", "set app.user_id = alice"),
    },
}


def offences_of(rule: str, admin: Admin) -> list[str]:
    """The offences that the rule of that name finds."""
    if rule == the_roles_have_no_power.__name__:
        return list(the_roles_have_no_power(admin, LOGINS))
    return [offence for known in RULES if known.__name__ == rule for offence in known(admin)]


def test_every_rule_has_something_to_find() -> None:
    assert set(PLANTED) == {rule.__name__ for rule in RULES} | {the_roles_have_no_power.__name__}


def test_each_rule_finds_each_object_that_is_added(admin: Admin) -> None:
    added = [(rule, *one) for rule, objects in PLANTED.items() for one in objects.items()]
    with collect_failures() as check:
        for rule, name, statements in added:
            with check(rule, name):
                assert offences_of(rule, admin) == []
                with admin.transaction(force_rollback=True):
                    admin.execute("truncate task, trash, idempotency_key")  # rows of other tests refuse some statements
                    admin.execute(statements.encode())
                    found = offences_of(rule, admin)
                assert found


def test_every_catalogue_of_objects_is_read(admin: Admin) -> None:
    read = {row["name"] for row in admin.execute(CATALOGUES)}
    identified = admin.execute("""
        select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'oid'
        where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r'""")
    assert {row["name"] for row in identified} - read == {"pg_enum"}
    assert len(read) > 40
