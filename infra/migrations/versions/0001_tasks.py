"""Tasks, kept answers, the functions they lean on, and who may do what.

The owner runs this on the direct endpoint. The group roles task_app and task_jobs exist by then (infra/migrate.py).
"""

from alembic import op

revision = "0001"
down_revision = None

FUNCTIONS = """
create extension if not exists btree_gin;

create schema app;

-- The caller of this transaction, or null. A setting that was ever set reads '' on a reused backend.
create function app.user_id() returns text
    language sql stable parallel safe
    return nullif(current_setting('app.user_id', true), '');

-- The distinct words of a text, case folded. Words are split at white space and punctuation (Unicode's, and ASCII's
-- symbols); 500 characters of a word are kept: 2,000 bytes, under the 2,046 that a lexeme may have.
create function app.words(value text) returns text[]
    language sql immutable strict parallel safe
    return array(
        select distinct left(word, 500)
        from regexp_split_to_table(
            casefold(value collate pg_unicode_fast), '[[:space:][:punct:][:cntrl:]$+<=>^`|~]+'
        ) word
        where word <> ''
    );
"""

TASK = """
create table task (
    user_id text collate "C" not null default app.user_id() check (user_id <> ''),
    id uuid not null,
    title text not null check (char_length(title) between 1 and 500),
    description text not null default '' check (char_length(description) <= 10000),
    priority smallint not null default 0 check (priority between 0 and 4),
    due_date date,
    due_time time,
    due_timezone text,
    completed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    title_key text collate "C" not null
        generated always as (casefold(title collate pg_unicode_fast)) stored,
    title_head text collate "C" not null
        generated always as (left(casefold(title collate pg_unicode_fast), 64)) stored,
    due_first timestamp not null generated always as (coalesce(
        due_date + coalesce(due_time, time '00:00')
        - case when due_time is null then interval '1 microsecond' else interval '0' end, 'infinity')) stored,
    due_last timestamp not null generated always as (coalesce(
        due_date + coalesce(due_time, time '00:00')
        - case when due_time is null then interval '1 microsecond' else interval '0' end, '-infinity')) stored,
    words tsvector not null
        generated always as (array_to_tsvector(app.words(title || ' ' || description))) stored,
    primary key (user_id, id),
    constraint due_time_needs_date check (due_time is null or due_date is not null),
    constraint due_timezone_needs_time check (due_timezone is null or due_time is not null)
);

create index task_created_at on task (user_id, created_at, id);
create index task_updated_at on task (user_id, updated_at, id);
create index task_priority on task (user_id, priority, id);
create index task_due_first on task (user_id, due_first, id);
create index task_due_last on task (user_id, due_last, id);
create index task_title on task (user_id, title_head);
create index task_open on task (user_id, created_at, id) where completed_at is null;
create index task_words on task using gin (user_id, words);

-- One place counts versions: a write that changes something adds one, any other leaves the row as it is.
create function app.count_version() returns trigger
    language plpgsql
    as $$
begin
    new.version := old.version + 1;
    new.updated_at := greatest(clock_timestamp(), old.updated_at);
    return new;
end
$$;

create trigger count_version before update on task for each row
    when ((old.title, old.description, old.priority, old.due_date, old.due_time, old.due_timezone, old.completed_at)
          is distinct from
          (new.title, new.description, new.priority, new.due_date, new.due_time, new.due_timezone, new.completed_at))
    execute function app.count_version();

-- The caller's tasks that hold, for every word of the query, a word that begins with it. Full text operators are not
-- leakproof, so under row level security they would never reach the index: this function runs as its owner and does
-- the filtering by user itself.
create function app.search(query text) returns setof uuid
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
    begin atomic
        select id from public.task
        where user_id = app.user_id()
          and words @@ (
              select string_agg(quote_literal(word) || ':*', ' & ')::tsquery from unnest(app.words(query)) word
          );
    end;
"""

IDEMPOTENCY_KEY = """
create table idempotency_key (
    user_id text collate "C" not null default app.user_id() check (user_id <> ''),
    key text collate "C" not null check (char_length(key) between 1 and 255),
    fingerprint bytea not null check (octet_length(fingerprint) = 32),
    status smallint,
    answer jsonb,
    created_at timestamptz not null default now(),
    primary key (user_id, key)
);

create index idempotency_key_created_at on idempotency_key (created_at);

-- Claim a key for this transaction. KEY01: it has an answer. KEY02: another transaction holds it and did not end
-- within two seconds. A row without an answer, or older than a day, is taken over.
create function app.claim(claimed_key text, request bytea) returns text
    language plpgsql
    set lock_timeout = '200ms'
    as $$
declare
    held public.idempotency_key;
    -- One wait is bounded by lock_timeout, but a holder that rolls back lets another one in: all waits together are
    -- bounded by this.
    patience constant timestamptz := clock_timestamp() + interval '1800 milliseconds';
begin
    loop
        begin
            insert into public.idempotency_key (key, fingerprint) values (claimed_key, request)
                on conflict (user_id, key) do nothing;
            if found then
                return app.user_id();
            end if;
            select * into held from public.idempotency_key where key = claimed_key for update;
            exit when found;
        exception when lock_not_available then
            if clock_timestamp() > patience then
                raise exception using errcode = 'KEY02', message = 'this idempotency key is in use';
            end if;
        end;
    end loop;
    if held.status is not null and held.created_at > now() - interval '24 hours' then
        raise exception using errcode = 'KEY01', message = 'this idempotency key has an answer';
    end if;
    update public.idempotency_key
        set fingerprint = request, created_at = now(), status = null, answer = null
        where key = claimed_key;
    return app.user_id();
end
$$;
"""

ACCESS = """
revoke all on schema app from public;
revoke all on all functions in schema app from public;
grant usage on schema app to task_app, task_jobs;
grant execute on function app.user_id() to task_app, task_jobs;
grant execute on function app.words(text), app.search(text), app.claim(text, bytea) to task_app;

alter table task enable row level security;
alter table task force row level security;
create policy own_rows on task to task_app
    using (user_id = (select app.user_id())) with check (user_id = (select app.user_id()));
grant select, delete on task to task_app;
grant insert (id, title, description, priority, due_date, due_time, due_timezone) on task to task_app;
grant update (title, description, priority, due_date, due_time, due_timezone, completed_at) on task to task_app;

alter table idempotency_key enable row level security;
alter table idempotency_key force row level security;
create policy own_rows on idempotency_key to task_app
    using (user_id = (select app.user_id())) with check (user_id = (select app.user_id()));
create policy expired_rows on idempotency_key to task_jobs
    using (created_at < now() - interval '24 hours') with check (false);
grant select on idempotency_key to task_app;
grant insert (key, fingerprint) on idempotency_key to task_app;
grant update (fingerprint, created_at, status, answer) on idempotency_key to task_app;
grant select, delete on idempotency_key to task_jobs;
"""


def upgrade() -> None:
    """Build everything; the runner's transaction makes it all or nothing."""
    for part in (FUNCTIONS, TASK, IDEMPOTENCY_KEY, ACCESS):
        op.execute(part)


def downgrade() -> None:
    """Drop everything that `upgrade` built, and the data with it."""
    op.execute("drop table idempotency_key; drop function app.search; drop table task; drop schema app cascade")
