"""The trash: where every task goes that is deleted, however it is; and the way back.

Additive: the release before this one deletes as it did, and what it deletes is in the trash as well.
"""

from alembic import op

revision = "0006"
down_revision = "0005b"

COLUMNS = (
    "user_id, id, title, description, priority, due_date, due_time, due_timezone, completed_at, created_at, updated_at,"
    " version, list_id, parent_id, position, labels"
)
NEW = ", ".join(f"excluded.{name.strip()}" for name in COLUMNS.split(","))

TRASH = """
create table trash (
    user_id text collate "C" not null default app.user_id() check (user_id <> ''),
    id uuid not null,
    title text not null,
    description text not null,
    priority smallint not null,
    due_date date,
    due_time time,
    due_timezone text,
    completed_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null,
    list_id uuid,
    parent_id uuid,
    position text collate "C" not null,
    labels text[] not null default '{}',
    deleted_at timestamptz not null,
    primary key (user_id, id)
);

create index trash_user_deleted_at on trash (user_id, deleted_at, id);
create index trash_parent on trash (user_id, parent_id) where parent_id is not null;
create index trash_deleted_at on trash (deleted_at);
"""

# The texts are put together of constants above.
THROW = f"""
-- Whatever deletes tasks, by itself or by a foreign key, a release of before or by hand: they go to the trash. The
-- clock of the statement is one for all that it deletes, and for all that foreign keys delete along with that. An id
-- that was deleted before, and used again, leaves what it was then.
create function app.throw_away() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    as $$
begin
    insert into public.trash ({COLUMNS}, deleted_at) select {COLUMNS}, statement_timestamp() from gone
        on conflict (user_id, id) do update set ({COLUMNS}, deleted_at) = row ({NEW}, excluded.deleted_at);
    return null;
end
$$;

create trigger throw_away after delete on task referencing old table as gone
    for each statement execute function app.throw_away();
"""  # noqa: S608

RESTORE = f"""
-- One of the caller's entries, locked: the application's role has no right to update, which a lock asks for.
create function app.trashed(wanted uuid) returns setof public.trash
    language sql volatile security definer rows 1
    set search_path = pg_catalog, pg_temp
    begin atomic
        select * from public.trash where user_id = app.user_id() and id = wanted for update;
    end;

-- An entry and those below it that were deleted with it, level by level: not what had been deleted before.
-- Moments are compared in a form that no index serves: the one for the job would look the better one, and read all of a
-- deletion for each of its rows.
create function app.deleted_along(top uuid, moment timestamptz) returns setof uuid[]
    language plpgsql volatile
    as $$
declare
    level uuid[] := array[top];
begin
    for depth in 0 .. 5 loop
        return next level;
        level := array(
            select id from public.trash
            where user_id = app.user_id() and parent_id = any (level) and deleted_at is not distinct from moment
        );
        exit when level = '{{}}';
    end loop;
end
$$;

-- Take an entry, and what was deleted along with it, back as it was, `version` and all, which the application's role
-- may not write. What it hung on may be gone: then its list is the inbox, and it stands at the top of it; its place may
-- be taken: then it stands right behind; and a label may be spelled otherwise now. Only that counts as a change.
create function app.restore(top uuid) returns setof public.task
    language plpgsql volatile security definer rows 1
    set search_path = pg_catalog, pg_temp
    as $$
declare
    caller constant text := app.user_id();
    entry public.trash;
    to_list uuid;
    to_parent uuid;
    level uuid[];
    restored uuid[] := '{{}}';
    in_use boolean;
    twin record;
    made text;
begin
    select * into entry from app.trashed(top);
    if not found then
        return;
    end if;
    select id into to_list from public.list where user_id = caller and id = entry.list_id for key share;
    select id into to_parent from public.task
        where user_id = caller and id = entry.parent_id and list_id is not distinct from to_list for key share;
    for level in select app.deleted_along(top, entry.deleted_at) loop  -- each finds its parent there
        with gone as (
            delete from public.trash
            where user_id = caller and id = any (level) and deleted_at is not distinct from entry.deleted_at
            returning *
        ),
        back as (
            insert into public.task ({COLUMNS})
            select user_id, id, title, description, priority, due_date, due_time, due_timezone, completed_at,
                created_at, case when moved then greatest(clock_timestamp(), updated_at) else updated_at end,
                case when moved then version + 1 else version end, to_list, below, position, spelled
            from gone,
                lateral (select case when id = top then to_parent else parent_id end as below,
                    app.spelled(caller, labels) as spelled) place,
                lateral (select (to_list, below, spelled) is distinct from (list_id, parent_id, labels) as moved) change
            on conflict (user_id, id) do nothing
            returning id
        )
        select (select count(*) from gone) > (select count(*) from back) into in_use;
        if in_use then
            perform app.refuse('', 'an id is in use again');
        end if;
        restored := restored || level;
    end loop;
    for twin in
        select t.id, t.position from public.task t
        where t.user_id = caller and t.id = any (restored)
          and 1 < (select count(*) from public.task o where o.user_id = caller and o.position = t.position)
        order by t.position
    loop
        made := app.position_between(twin.position, (
            select min(position) from public.task where user_id = caller and position > twin.position));
        update public.task set position = made where user_id = caller and id = twin.id;
    end loop;
    return query select * from public.task where user_id = caller and id = top;
end
$$;
"""  # noqa: S608

ACCESS = """
revoke all on all functions in schema app from public;
grant execute on function app.trashed(uuid), app.deleted_along(uuid, timestamptz), app.restore(uuid) to task_app;

alter table trash enable row level security;
alter table trash force row level security;
create policy own_rows on trash to task_app
    using (user_id = (select app.user_id())) with check (user_id = (select app.user_id()));
create policy due_rows on trash to task_jobs
    using (deleted_at < now() - interval '30 days') with check (false);
grant select, delete on trash to task_app, task_jobs;
"""


def upgrade() -> None:
    """Build everything; the runner's transaction makes it all or nothing."""
    for part in (TRASH, THROW, RESTORE, ACCESS):
        op.execute(part)


def downgrade() -> None:
    """Drop what `upgrade` built, and what is in the trash with it."""
    op.execute("""
        drop trigger throw_away on task;
        drop function app.throw_away, app.restore, app.deleted_along, app.trashed;
        drop table trash""")
