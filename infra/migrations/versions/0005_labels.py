"""Labels: names that tasks carry, each once without case, in the spelling that was first.

Additive: what the release before this one sends goes on working, and its tasks carry none. A search
finds them from 0005b on.
"""

from alembic import op

revision = "0005"
down_revision = "0004b"

LABEL = """
-- By this two names are one: without case, however their accents are composed. Not strict: that would not be inlined.
create function app.label_key(name text) returns text
    language sql immutable parallel safe
    return normalize(casefold(normalize(name, nfc) collate pg_unicode_fast), nfc);

create table label (
    user_id text collate "C" not null default app.user_id() check (user_id <> ''),
    id uuid not null default uuidv7(),
    name text not null check (char_length(name) between 1 and 60),
    key text collate "C" not null generated always as (app.label_key(name)) stored,
    color text check (color ~ '^#[0-9a-f]{6}$'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    tasks bigint not null default 0,
    primary key (user_id, id)
);

-- Partial in form alone: by a whole one a foreign key could go, and so any update of a label, also of its counter,
-- would shut out whoever is just linking a task to it (where a trigger is, a generated column counts as changed).
create unique index label_name on label (user_id, key) where key is not null;

create trigger count_version before update on label for each row
    when ((old.name, old.color) is distinct from (new.name, new.color))
    execute function app.count_version();

alter table task add column labels text[] not null default '{}';
alter table task add constraint task_labels_check check (cardinality(labels) <= 50) not valid;

create or replace trigger count_version before update on task for each row
    when ((old.title, old.description, old.priority, old.due_date, old.due_time, old.due_timezone, old.completed_at,
           old.list_id, old.parent_id, old.position, old.labels)
          is distinct from
          (new.title, new.description, new.priority, new.due_date, new.due_time, new.due_timezone, new.completed_at,
           new.list_id, new.parent_id, new.position, new.labels))
    execute function app.count_version();

-- Which tasks carry a label, in the order of a list. It follows `task.labels` by a trigger, also where tasks go: a
-- foreign key to the task would look here for each that goes, though it carries none.
create table task_label (
    user_id text collate "C" not null default app.user_id() check (user_id <> ''),
    task_id uuid not null,
    label_id uuid not null,
    created_at timestamptz not null,
    primary key (user_id, task_id, label_id),
    constraint task_label_label foreign key (user_id, label_id) references label (user_id, id) on delete cascade
);

create index task_label_created_at on task_label (user_id, label_id, created_at, task_id);
"""

# All lock labels in one order, so that nobody waits in a circle.
COUNTED = """, held as (
            select l.user_id, l.id, c.tasks
            from change c join public.label l on l.user_id = c.user_id and l.id = c.label_id
            order by 1, 2 for no key update of l
        )
        update public.label l set tasks = l.tasks + held.tasks from held
            where l.user_id = held.user_id and l.id = held.id"""
CARRIED = """
-- Labels of a user are held by whoever uses them, and by one alone who makes, renames or deletes any, until the
-- transaction ends: a name stays what it is while a task takes it, two names can't become one, and the bound holds.
create function app.hold_labels() returns trigger
    language plpgsql
    as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(app.user_id(), 2005));
    return null;
end
$$;

create trigger hold_renamed before update of name on label for each statement execute function app.hold_labels();
create trigger hold_deleted before delete on label for each statement execute function app.hold_labels();

-- A name that nobody has is a label from now on, and every name is spelled as it was first. It is looked for before
-- labels are held, since who holds them with others can't well wait to hold them alone. By its own name this comes
-- before the triggers that compare and index what is kept.
create function app.canonical_labels() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    as $$
declare
    held constant bigint := hashtextextended(new.user_id, 2005);
    known text[];
    complete boolean;
    sure boolean := false;
begin
    loop
        select array_agg(l.name order by given.place), bool_and(l.name is not null) into known, complete
            from (select app.label_key(name) as key, min(place) as place
                  from unnest(new.labels) with ordinality given (name, place) group by 1) given
            left join public.label l on l.user_id = new.user_id and l.key = given.key;
        exit when complete and sure;
        sure := true;
        if complete then
            perform pg_advisory_xact_lock_shared(held);
            continue;
        end if;
        perform pg_advisory_xact_lock(held);
        insert into public.label (user_id, name)
            select distinct on (app.label_key(name)) new.user_id, name
            from unnest(new.labels) with ordinality given (name, place)
            order by app.label_key(name), place
            on conflict (user_id, key) where key is not null do nothing;
        if (select count(*) from public.label where user_id = new.user_id) > 500 then
            perform app.refuse('labels', 'there are 500 labels, and no more can be');
        end if;
    end loop;
    new.labels := known;
    return new;
end
$$;

-- These names as they are spelled now; a name that nobody has stays as it is.
create function app.spelled(owner text, names text[]) returns text[]
    language sql stable
    begin atomic
        select coalesce(array_agg(coalesce(l.name, given.name) order by given.place), '{}')
        from unnest(names) with ordinality given (name, place)
        left join public.label l on l.user_id = owner and l.key = app.label_key(given.name);
    end;

create trigger canonical_labels_new before insert on task for each row
    when (new.labels <> '{}') execute function app.canonical_labels();
create trigger canonical_labels before update on task for each row
    when (old.labels is distinct from new.labels and new.labels <> '{}') execute function app.canonical_labels();

-- Which task carries which label, and how many carry it. Once for each statement: a counter that is written for each
-- row leaves so many dead versions of itself that the time grows with their square.
create function app.link_labels() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    as $$
begin
    if tg_op = 'INSERT' then
        if exists (select from added where labels <> '{}') then
            with made as (
                insert into public.task_label (user_id, label_id, created_at, task_id)
                select a.user_id, l.id, a.created_at, a.id
                from added a cross join unnest(a.labels) given
                join public.label l on l.user_id = a.user_id and l.key = app.label_key(given)
                returning user_id, label_id
            ), change as (
                select user_id, label_id, count(*) as tasks from made group by 1, 2
            ) <counted>;
        end if;
    elsif tg_op = 'DELETE' then
        if exists (select from gone where labels <> '{}') then
            with lost as (
                delete from public.task_label t using gone g
                where g.labels <> '{}' and t.user_id = g.user_id and t.task_id = g.id
                returning t.user_id, t.label_id
            ), change as (
                select user_id, label_id, -count(*) as tasks from lost group by 1, 2
            ) <counted>;
        end if;
    elsif exists (select user_id, id, labels from added except select user_id, id, labels from gone) then
        with was as (
            select g.user_id, g.id as task_id, l.id as label_id
            from gone g cross join unnest(g.labels) given
            join public.label l on l.user_id = g.user_id and l.key = app.label_key(given)
        ), now_is as (
            select a.user_id, a.id as task_id, l.id as label_id, a.created_at
            from added a cross join unnest(a.labels) given
            join public.label l on l.user_id = a.user_id and l.key = app.label_key(given)
        ), lost as (
            delete from public.task_label t using (
                select user_id, task_id, label_id from was except select user_id, task_id, label_id from now_is
            ) o
            where t.user_id = o.user_id and t.task_id = o.task_id and t.label_id = o.label_id
            returning t.user_id, t.label_id
        ), made as (
            insert into public.task_label (user_id, label_id, created_at, task_id)
            select user_id, label_id, created_at, task_id from now_is
            on conflict do nothing
            returning user_id, label_id
        ), change as (
            select user_id, label_id, sum(tasks) as tasks from (
                select user_id, label_id, 1 as tasks from made union all select user_id, label_id, -1 from lost
            ) one group by 1, 2 having sum(tasks) <> 0
        ) <counted>;
    end if;
    return null;
end
$$;

create trigger link_added after insert on task referencing new table as added
    for each statement execute function app.link_labels();
create trigger link_gone after delete on task referencing old table as gone
    for each statement execute function app.link_labels();
create trigger link_changed after update on task referencing old table as gone new table as added
    for each statement execute function app.link_labels();
""".replace("<counted>", COUNTED)

CHANGED = """
create function app.one_name() returns trigger
    language plpgsql
    as $$
begin
    if exists (select from public.label
               where user_id = new.user_id and key = app.label_key(new.name) and id <> new.id) then
        perform app.refuse('name', 'is the name of another label');
    end if;
    return new;
end
$$;

create trigger one_name before update on label for each row
    when (old.name is distinct from new.name) execute function app.one_name();

-- A label that is renamed or deleted is so in every task that carries it: their versions count it.
create function app.spread_label() returns trigger
    language plpgsql
    as $$
begin
    update public.task set labels = case
            when tg_op = 'UPDATE' then array_replace(labels, old.name, new.name) else array_remove(labels, old.name) end
        where user_id = old.user_id and id in (
            select task_id from public.task_label where user_id = old.user_id and label_id = old.id);
    return null;
end
$$;

create trigger spread_name after update on label for each row
    when (old.name is distinct from new.name) execute function app.spread_label();
-- Triggers fire in the order of their names: this one before the foreign key's own, RI_…, which forgets the tasks.
create trigger "Off_every_task" after delete on label for each row execute function app.spread_label();
"""

ACCESS = """
revoke all on all functions in schema app from public;
grant execute on function app.label_key(text) to task_app;
grant insert (labels), update (labels) on task to task_app;

alter table label enable row level security;
alter table label force row level security;
create policy own_rows on label to task_app
    using (user_id = (select app.user_id())) with check (user_id = (select app.user_id()));
grant select, delete on label to task_app;
grant update (name, color) on label to task_app;

alter table task_label enable row level security;
alter table task_label force row level security;
create policy own_rows on task_label to task_app
    using (user_id = (select app.user_id())) with check (user_id = (select app.user_id()));
grant select on task_label to task_app;
"""


def upgrade() -> None:
    """Build everything; the runner's transaction makes it all or nothing."""
    for part in (LABEL, CARRIED, CHANGED, ACCESS):
        op.execute(part)


def downgrade() -> None:
    """Drop what `upgrade` built, and the data with it."""
    op.execute("""
        create or replace trigger count_version before update on task for each row
            when ((old.title, old.description, old.priority, old.due_date, old.due_time, old.due_timezone,
                   old.completed_at, old.list_id, old.parent_id, old.position)
                  is distinct from
                  (new.title, new.description, new.priority, new.due_date, new.due_time, new.due_timezone,
                   new.completed_at, new.list_id, new.parent_id, new.position))
            execute function app.count_version();
        drop function app.link_labels, app.canonical_labels cascade;
        drop function app.spelled;
        drop table task_label, label;
        drop function app.one_name, app.spread_label, app.hold_labels, app.label_key;
        alter table task drop column labels""")
