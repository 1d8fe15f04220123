"""What a task hangs on: a list, a parent, a place in the order.

Additive: what the release before this one sends goes on working, and puts tasks into the inbox, at the end. What takes
long follows in 0004b, beside traffic.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

TASK = """
alter table task
    add column list_id uuid,
    add column parent_id uuid,
    add column position text collate "C";
alter table task alter column position set default app.new_position();
alter table task
    add constraint task_position_check check (char_length(position) between 1 and 1000) not valid,
    add constraint task_parent_id_check check (parent_id <> id) not valid,
    add constraint task_list foreign key (user_id, list_id)
        references list (user_id, id) on delete cascade not valid,
    add constraint task_parent foreign key (user_id, parent_id)
        references task (user_id, id) on delete cascade not valid;

-- A task from before there were positions is given one, by 0004b, without being changed.
create or replace trigger count_version before update on task for each row
    when ((old.title, old.description, old.priority, old.due_date, old.due_time, old.due_timezone, old.completed_at,
           old.list_id, old.parent_id, coalesce(old.position, new.position))
          is distinct from
          (new.title, new.description, new.priority, new.due_date, new.due_time, new.due_timezone, new.completed_at,
           new.list_id, new.parent_id, new.position))
    execute function app.count_version();

-- What a task hangs on exists, is in the same list, makes no circle, and hangs no deeper than five under a task without
-- parent. A list that is gone is found by the same look as one of somebody else's: not at all. Under a parent, no list
-- means the parent's. The trigger comes before the one that counts versions, by name.
create function app.attach() returns trigger
    language plpgsql
    as $$
declare
    above public.task;
    steps integer := 0;
    below integer := 0;
begin
    if tg_op = 'UPDATE' or new.parent_id is not null then
        perform app.take_turn();
    end if;
    if new.list_id is not null and not exists (
            select from public.list where user_id = new.user_id and id = new.list_id for key share) then
        perform app.refuse('list_id', 'there is no such list');
    end if;
    if new.parent_id is null then
        return new;
    end if;
    select * into above from public.task where user_id = new.user_id and id = new.parent_id;
    if not found then
        perform app.refuse('parent_id', 'there is no such task');
    end if;
    new.list_id := coalesce(new.list_id, above.list_id);
    if above.list_id is distinct from new.list_id then
        perform app.refuse('parent_id', 'is in another list');
    end if;
    loop
        steps := steps + 1;
        if above.id = new.id then
            perform app.refuse('parent_id', 'is a subtask of this task');
        end if;
        exit when above.parent_id is null;
        select * into above from public.task where user_id = new.user_id and id = above.parent_id;
    end loop;
    if tg_op = 'UPDATE' then  -- what is new has nothing below it yet
        with recursive subtree (id, depth) as (
            select new.id, 0
            union all select t.id, s.depth + 1 from public.task t join subtree s on t.parent_id = s.id
                where t.user_id = new.user_id and s.depth < 6
        )
        select max(depth) into below from subtree;
    end if;
    if steps + below > 5 then
        perform app.refuse('parent_id', 'subtasks hang five deep at most');
    end if;
    return new;
end
$$;

create trigger attach_new before insert on task for each row
    when (new.list_id is not null or new.parent_id is not null) execute function app.attach();
create trigger attach before update on task for each row
    when (pg_trigger_depth() = 0 and (old.list_id, old.parent_id) is distinct from (new.list_id, new.parent_id))
    execute function app.attach();

-- A subtree follows its task into another list, all at once: what follows is looked at no more, and has nothing more to
-- follow it.
create function app.follow() returns trigger
    language plpgsql
    as $$
begin
    with recursive subtree (id) as (
        select id from public.task where user_id = new.user_id and parent_id = new.id
        union all select t.id from public.task t join subtree s on t.parent_id = s.id where t.user_id = new.user_id
    )
    update public.task set list_id = new.list_id
        where user_id = new.user_id and id = any (array (select id from subtree));
    return null;
end
$$;

create trigger follow after update on task for each row
    when (pg_trigger_depth() = 0 and old.list_id is distinct from new.list_id) execute function app.follow();

-- How many open tasks a list has is counted as they change, once for each statement: counting at a read would take as
-- long as there are tasks.
create function app.count_open_tasks() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    as $$
begin
    if tg_op = 'INSERT' then
        update public.list l set open_tasks = l.open_tasks + n.tasks
            from (select user_id, list_id, count(*) as tasks from added
                  where list_id is not null and completed_at is null group by 1, 2) n
            where l.user_id = n.user_id and l.id = n.list_id;
    elsif tg_op = 'DELETE' then
        update public.list l set open_tasks = l.open_tasks - n.tasks
            from (select user_id, list_id, count(*) as tasks from gone
                  where list_id is not null and completed_at is null group by 1, 2) n
            where l.user_id = n.user_id and l.id = n.list_id;
    else
        update public.list l set open_tasks = l.open_tasks + n.tasks
            from (select user_id, list_id, sum(tasks) as tasks from (
                      select user_id, list_id, 1 as tasks from added where completed_at is null
                      union all select user_id, list_id, -1 from gone where completed_at is null
                  ) changes where list_id is not null group by 1, 2 having sum(tasks) <> 0) n
            where l.user_id = n.user_id and l.id = n.list_id;
    end if;
    return null;
end
$$;

create trigger count_added after insert on task referencing new table as added
    for each statement execute function app.count_open_tasks();
create trigger count_gone after delete on task referencing old table as gone
    for each statement execute function app.count_open_tasks();
create trigger count_changed after update on task referencing old table as gone new table as added
    for each statement execute function app.count_open_tasks();

-- Where a task comes to stand: at the end, or right beside a sibling at its destination, whose neighbour on that side
-- is looked for among all of the user's tasks, so that one order is the order of every list. Under a parent, no list
-- means the parent's. What stands there already stays as it is.
create function app.place_task(moved uuid, to_list uuid, to_parent uuid, before_id uuid, after_id uuid) returns text
    language plpgsql volatile
    as $$
declare
    mine constant text collate "C" := (select position from public.task where id = moved);
    lower text collate "C";
    upper text collate "C";
begin
    if before_id is null and after_id is null then
        select max(position) into lower from public.task where id <> moved;
    else
        select position into lower from public.task
            where id = coalesce(before_id, after_id) and id <> moved
              and parent_id is not distinct from to_parent
              and (to_parent is not null or list_id is not distinct from to_list);
        if not found then
            perform app.refuse(case when before_id is null then 'after' else 'before' end, 'is no sibling there');
        elsif before_id is not null then
            upper := lower;
            select max(position) into lower from public.task where position < upper and id <> moved;
        else
            select min(position) into upper from public.task where position > lower and id <> moved;
        end if;
    end if;
    return app.position_between(lower, upper, mine);
end
$$;
"""

ACCESS = """
revoke all on all functions in schema app from public;
grant execute on function app.place_task(uuid, uuid, uuid, uuid, uuid) to task_app;
grant insert (list_id, parent_id) on task to task_app;
grant update (list_id, parent_id, position) on task to task_app;
"""


def upgrade() -> None:
    """Build everything; the runner's transaction makes it all or nothing."""
    for part in (TASK, ACCESS):
        op.execute(part)


def downgrade() -> None:
    """Drop what `upgrade` built, and the data with it."""
    op.execute("""
        drop trigger count_version on task;
        drop function app.count_open_tasks, app.follow, app.attach cascade;
        alter table task drop column list_id, drop column parent_id, drop column position;
        drop function app.place_task;
        create trigger count_version before update on task for each row
            when ((old.title, old.description, old.priority, old.due_date, old.due_time, old.due_timezone,
                   old.completed_at)
                  is distinct from
                  (new.title, new.description, new.priority, new.due_date, new.due_time, new.due_timezone,
                   new.completed_at))
            execute function app.count_version()""")
