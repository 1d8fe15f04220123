"""Positions, and lists in an order of their owner's."""

from alembic import op

revision = "0003"
down_revision = "0002b"

POSITIONS = """
-- A position is a fraction in base 62 without its point, compared byte by byte. One made by the clock is 14 digits of
-- microseconds since 1970 in base 16, whose digits are in order here too, six of chance, and a digit that is not zero.
create function app.position_at(moment timestamptz) returns text
    language sql volatile
    return lpad(to_hex((extract(epoch from moment) * 1000000)::bigint), 14, '0')
        || lpad(to_hex(floor(random() * 16777216)::integer), 6, '0') || 'V';

create function app.new_position() returns text
    language sql volatile
    return app.position_at(clock_timestamp());

-- The shortest text between two; without an upper one, any above the lower. Never ends in zero, so there is room below.
create function app.midway(lower text, upper text) returns text
    language plpgsql immutable parallel safe
    as $$
declare
    digits constant text collate "C" := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    result text := '';
    above text collate "C" := upper;
    low integer;
    high integer;
begin
    if above <= lower then
        return lower || 'V';
    end if;
    for place in 1 .. length(lower) + coalesce(length(upper), 0) + 1 loop
        low := strpos(digits, substr(lower, place, 1)) - 1;
        low := greatest(low, 0);
        high := case when above is null then 62 else strpos(digits, substr(above, place, 1)) - 1 end;
        if high - low > 1 then
            return result || substr(digits, (low + high) / 2 + 1, 1);
        end if;
        if high > low and length(above) > place then
            return result || substr(digits, high + 1, 1);
        end if;
        result := result || substr(digits, low + 1, 1);
        if high > low then
            above := null;
        end if;
    end loop;
    return result || 'V';
end
$$;

-- The microseconds that a position begins with; what `filled` fills up is not the clock's.
create function app.moment_of(place text, filled text) returns bigint
    language sql immutable parallel safe
    return ('x' || lpad(rpad(substring(left(place, 14) from '^[0-9a-f]*'), 14, filled), 16, '0'))::bit(64)::bigint;

-- The place between two neighbours, either of which may be missing. At the ends there is room without end: only moves
-- into one and the same gap make positions longer. What comes after the last one stands right behind it, by a
-- microsecond: before what is being created just now, which nobody has seen. What stands there, at `mine`, stays there.
create function app.position_between(lower text, upper text, mine text default null) returns text
    language plpgsql volatile
    as $$
declare
    made text;
begin
    if mine is not null
        and (lower is null or lower < mine collate "C") and (upper is null or mine < upper collate "C") then
        return mine;
    elsif upper is null then
        return case when lower is null then app.new_position()
            else app.position_at(to_timestamp((app.moment_of(lower, 'f') + 1) / 1000000.0)) end;
    elsif lower is null and app.moment_of(upper, '0') > 1000000 then
        return app.position_at(to_timestamp(app.moment_of(upper, '0') / 1000000.0 - 1));
    end if;
    made := app.midway(coalesce(lower, ''), upper);
    if char_length(made) > 1000 then
        perform app.refuse('', 'too many moves went into this one gap: move a neighbour first');
    end if;
    return made;
end
$$;

-- Whoever changes the structure of a user's tasks does it alone until the transaction ends.
create function app.take_turn() returns text
    language sql volatile
    begin atomic
        select pg_advisory_xact_lock(hashtextextended(app.user_id(), 2002));
        select app.user_id();
    end;

-- What the data forbids: the request's answer is 409 with `told`, at the member `member`.
create function app.refuse(member text, told text) returns void
    language plpgsql stable
    as $$
begin
    raise exception using errcode = 'CONF1', message = told, column = member;
end
$$;
"""

LIST = """
create table list (
    user_id text collate "C" not null default app.user_id() check (user_id <> ''),
    id uuid not null,
    name text not null check (char_length(name) between 1 and 200),
    description text not null default '' check (char_length(description) <= 10000),
    color text check (color ~ '^#[0-9a-f]{6}$'),
    position text collate "C" not null default app.new_position()
        check (char_length(position) between 1 and 1000),
    archived_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    open_tasks bigint not null default 0,
    primary key (user_id, id)
);

create index list_position on list (user_id, position, id);

create trigger count_version before update on list for each row
    when ((old.name, old.description, old.color, old.position, old.archived_at)
          is distinct from (new.name, new.description, new.color, new.position, new.archived_at))
    execute function app.count_version();

create function app.bound_lists() returns trigger
    language plpgsql
    as $$
begin
    perform app.take_turn();
    -- But for itself: a create that is sent again, its fate unknown, has to find what it made.
    if (select count(*) from public.list where user_id = new.user_id and id <> new.id) >= 500 then
        perform app.refuse('', 'there are 500 lists, and no more can be');
    end if;
    return new;
end
$$;

create trigger bound_lists before insert on list for each row execute function app.bound_lists();

-- Where a list comes to stand: at the end, or right beside another. One that stands there already stays as it is.
create function app.place_list(moved uuid, before_id uuid, after_id uuid) returns text
    language plpgsql volatile
    as $$
declare
    mine constant text collate "C" := (select position from public.list where id = moved);
    lower text collate "C";
    upper text collate "C";
begin
    if before_id is null and after_id is null then
        select max(position) into lower from public.list where id <> moved;
    else
        select position into lower from public.list where id = coalesce(before_id, after_id) and id <> moved;
        if not found then
            perform app.refuse(case when before_id is null then 'after' else 'before' end, 'there is no such list');
        elsif before_id is not null then
            upper := lower;
            select max(position) into lower from public.list where position < upper and id <> moved;
        else
            select min(position) into upper from public.list where position > lower and id <> moved;
        end if;
    end if;
    return app.position_between(lower, upper, mine);
end
$$;
"""

ACCESS = """
revoke all on all functions in schema app from public;
grant execute on function
    app.position_at(timestamptz), app.new_position(), app.midway(text, text), app.moment_of(text, text),
    app.position_between(text, text, text), app.take_turn(), app.refuse(text, text),
    app.place_list(uuid, uuid, uuid) to task_app;

alter table list enable row level security;
alter table list force row level security;
create policy own_rows on list to task_app
    using (user_id = (select app.user_id())) with check (user_id = (select app.user_id()));
grant select, delete on list to task_app;
grant insert (id, name, description, color, archived_at) on list to task_app;
grant update (name, description, color, position, archived_at) on list to task_app;
"""


def upgrade() -> None:
    """Build everything; the runner's transaction makes it all or nothing."""
    for part in (POSITIONS, LIST, ACCESS):
        op.execute(part)


def downgrade() -> None:
    """Drop what `upgrade` built, and the data with it."""
    op.execute("""
        drop table list;
        drop function app.bound_lists, app.place_list, app.refuse, app.take_turn, app.position_between, app.moment_of,
            app.midway, app.new_position, app.position_at""")
