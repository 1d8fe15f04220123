"""What truly happened: the database itself writes down every change, in the transaction that makes it.

A change bears the Idempotency-Key that was claimed in its transaction, so it can be told which request made it.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import DictRow

INSTALL = """
    create schema audit;
    create table audit.change (
        seq bigint generated always as identity, xid xid8 not null default pg_current_xact_id(),
        user_id text not null, kind text not null, id uuid not null, version bigint not null,
        title text not null, description text not null, completed boolean not null
    );
    create table audit.claim (xid xid8 not null default pg_current_xact_id(), user_id text not null, key text not null);
    create index on audit.change (user_id);
    create index on audit.claim (user_id);
    create function audit.note_change() returns trigger language plpgsql security definer as $$
    declare
        is_now public.task;
    begin
        if tg_op = 'UPDATE' and old is not distinct from new then return null; end if;
        if tg_op = 'DELETE' then is_now := old; else is_now := new; end if;
        insert into audit.change (user_id, kind, id, version, title, description, completed) values (
            is_now.user_id, tg_op, is_now.id, is_now.version, is_now.title, is_now.description,
            is_now.completed_at is not null
        );
        return null;
    end $$;
    create function audit.note_claim() returns trigger language plpgsql security definer as $$
    begin
        insert into audit.claim (user_id, key) values (new.user_id, new.key);
        return null;
    end $$;
    create trigger audit after insert or update or delete on task for each row execute function audit.note_change();
    create trigger audit after insert on idempotency_key for each row execute function audit.note_claim();
"""
CHANGES = """
    select change.user_id as person, kind, id, version, title, description, completed, key
    from audit.change left join audit.claim using (xid, user_id)
    where user_id = any (%s) order by seq
"""
TASKS = "select user_id, id, version, title from task where user_id = any (%s)"
STUCK = "select key from idempotency_key where user_id = any (%s) and status is null"


@dataclass(frozen=True, slots=True)
class Change:
    """A task as one committed change left it; for `DELETE`, as it was last. `key` is None where none was claimed."""

    person: str
    kind: str
    id: UUID
    version: int
    title: str
    description: str = ""
    completed: bool = False
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """What is in the database after a row: the changes in their order, the tasks there are, keys without an answer."""

    changes: list[Change]
    tasks: list[dict[str, Any]]
    stuck: list[str]


def truth(admin: Connection[DictRow], people: list[str]) -> Truth:
    """Read it, for the given users."""
    changes = [Change(**row) for row in admin.execute(CHANGES, [people])]
    stuck = [row["key"] for row in admin.execute(STUCK, [people])]
    return Truth(changes, admin.execute(TASKS, [people]).fetchall(), stuck)
