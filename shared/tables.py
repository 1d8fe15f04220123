"""The tables as SQLModel sees them: the source of the schema, for migrations, jobs, seeds and tests.

Never imported by an HTTP operation: those speak SQL text, which the statement test compares with these tables.
Policies, grants, functions and triggers stand in the migrations.
"""

from collections.abc import Iterator
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, TSVECTOR
from sqlmodel import Field, SQLModel

CALLER = text("app.user_id()")
NOW = text("now()")
END = text("app.new_position()")
FOLDED = "casefold(title collate pg_unicode_fast)"
DUE = """coalesce(
    due_date + coalesce(due_time, time '00:00')
    - case when due_time is null then interval '1 microsecond' else interval '0' end, '{none}')"""
BYTEWISE = Text(collation="C")


def _by(link: str, held: str, free: str) -> Iterator[Index]:
    """The indexes for what hangs on one object, and for what hangs on none: by position, and by creation."""
    for order in ("position", "created_at"):
        yield Index(f"task_{held}_{order}", "user_id", link, order, "id", postgresql_where=text(f"{link} is not null"))
        yield Index(f"task_{free}_{order}", "user_id", order, "id", postgresql_where=text(f"{link} is null"))


class List(SQLModel, table=True):
    """One list of tasks. `open_tasks` is counted by a trigger of the tasks."""

    __table_args__ = (
        CheckConstraint("user_id <> ''", name="list_user_id_check"),
        CheckConstraint("char_length(name) between 1 and 200", name="list_name_check"),
        CheckConstraint("char_length(description) <= 10000", name="list_description_check"),
        CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="list_color_check"),
        CheckConstraint("char_length(position) between 1 and 1000", name="list_position_check"),
        Index("list_position", "user_id", "position", "id"),
    )

    user_id: str = Field(primary_key=True, sa_type=BYTEWISE, sa_column_kwargs={"server_default": CALLER})
    id: UUID = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    description: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    color: str | None = Field(default=None, sa_type=Text)
    position: str = Field(sa_type=BYTEWISE, sa_column_kwargs={"server_default": END})
    archived_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": NOW})
    updated_at: datetime = Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": NOW})
    version: int = Field(default=1, sa_type=BigInteger, sa_column_kwargs={"server_default": text("1")})
    open_tasks: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})


class Label(SQLModel, table=True):
    """One label. `tasks` is counted by a trigger of the tasks; by `key` two names are one."""

    __table_args__ = (
        CheckConstraint("user_id <> ''", name="label_user_id_check"),
        CheckConstraint("char_length(name) between 1 and 60", name="label_name_check"),
        CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="label_color_check"),
        Index("label_name", "user_id", "key", unique=True, postgresql_where=text("key is not null")),
    )

    user_id: str = Field(primary_key=True, sa_type=BYTEWISE, sa_column_kwargs={"server_default": CALLER})
    id: UUID = Field(primary_key=True, sa_type=Uuid, sa_column_kwargs={"server_default": text("uuidv7()")})
    name: str = Field(sa_type=Text)
    key: str = Field(sa_type=BYTEWISE, sa_column_args=[Computed("app.label_key(name)", persisted=True)])
    color: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": NOW})
    updated_at: datetime = Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": NOW})
    version: int = Field(default=1, sa_type=BigInteger, sa_column_kwargs={"server_default": text("1")})
    tasks: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})


class TaskLabel(SQLModel, table=True):
    """That a task carries a label: kept by a trigger of the tasks, out of `Task.labels`, to find and to count by."""

    __tablename__ = "task_label"
    __table_args__ = (
        CheckConstraint("user_id <> ''", name="task_label_user_id_check"),
        ForeignKeyConstraint(
            ["user_id", "label_id"], ["label.user_id", "label.id"], "task_label_label", ondelete="CASCADE"
        ),
        Index("task_label_created_at", "user_id", "label_id", "created_at", "task_id"),
    )

    user_id: str = Field(primary_key=True, sa_type=BYTEWISE, sa_column_kwargs={"server_default": CALLER})
    task_id: UUID = Field(primary_key=True)
    label_id: UUID = Field(primary_key=True)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class Task(SQLModel, table=True):
    """One task. `title_key`, `title_head`, `due_first`, `due_last` and `words` exist to be sorted and searched by."""

    __table_args__ = (
        CheckConstraint("user_id <> ''", name="task_user_id_check"),
        CheckConstraint("char_length(title) between 1 and 500", name="task_title_check"),
        CheckConstraint("char_length(description) <= 10000", name="task_description_check"),
        CheckConstraint("priority between 0 and 4", name="task_priority_check"),
        CheckConstraint("due_time is null or due_date is not null", name="due_time_needs_date"),
        CheckConstraint("due_timezone is null or due_time is not null", name="due_timezone_needs_time"),
        CheckConstraint("char_length(position) between 1 and 1000", name="task_position_check"),
        CheckConstraint("parent_id <> id", name="task_parent_id_check"),
        CheckConstraint("cardinality(labels) <= 50", name="task_labels_check"),
        ForeignKeyConstraint(["user_id", "list_id"], ["list.user_id", "list.id"], "task_list", ondelete="CASCADE"),
        ForeignKeyConstraint(["user_id", "parent_id"], ["task.user_id", "task.id"], "task_parent", ondelete="CASCADE"),
        Index("task_position", "user_id", "position", "id"),
        *_by("list_id", "list", "inbox"),
        *_by("parent_id", "parent", "top"),
        Index("task_created_at", "user_id", "created_at", "id"),
        Index("task_updated_at", "user_id", "updated_at", "id"),
        Index("task_priority", "user_id", "priority", "id"),
        Index("task_due_first", "user_id", "due_first", "id"),
        Index("task_due_last", "user_id", "due_last", "id"),
        Index("task_title", "user_id", "title_head"),
        Index("task_open", "user_id", "created_at", "id", postgresql_where=text("completed_at is null")),
        Index("task_completed", "user_id", "created_at", "id", postgresql_where=text("completed_at is not null")),
        Index("task_priority_created_at", "user_id", "priority", "created_at", "id"),
        Index("task_day", "user_id", "due_date", "created_at", "id", postgresql_where=text("due_date is not null")),
        Index("task_terms", "words", postgresql_using="gin"),
    )

    user_id: str = Field(primary_key=True, sa_type=BYTEWISE, sa_column_kwargs={"server_default": CALLER})
    id: UUID = Field(primary_key=True)
    title: str = Field(sa_type=Text)
    description: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    priority: int = Field(default=0, sa_type=SmallInteger, sa_column_kwargs={"server_default": text("0")})
    due_date: date | None = None
    due_time: time | None = None
    due_timezone: str | None = Field(default=None, sa_type=Text)
    completed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": NOW})
    updated_at: datetime = Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": NOW})
    version: int = Field(default=1, sa_type=BigInteger, sa_column_kwargs={"server_default": text("1")})
    title_key: str = Field(sa_type=BYTEWISE, sa_column_args=[Computed(FOLDED, persisted=True)])
    title_head: str = Field(sa_type=BYTEWISE, sa_column_args=[Computed(f"left({FOLDED}, 64)", persisted=True)])
    due_first: datetime = Field(
        sa_type=TIMESTAMP, sa_column_args=[Computed(DUE.format(none="infinity"), persisted=True)]
    )
    due_last: datetime = Field(
        sa_type=TIMESTAMP, sa_column_args=[Computed(DUE.format(none="-infinity"), persisted=True)]
    )
    words: str = Field(sa_type=TSVECTOR)  # filled by a trigger
    list_id: UUID | None = None
    parent_id: UUID | None = None
    position: str = Field(sa_type=BYTEWISE, sa_column_kwargs={"server_default": END})
    labels: list[str] = Field(sa_type=ARRAY(Text), sa_column_kwargs={"server_default": text("'{}'")})


class Trash(SQLModel, table=True):
    """One task that was deleted, as it was, and when; a trigger of the tasks puts it here.

    Those that were deleted at once share the moment. What it hung on may be gone: no foreign keys.
    """

    __table_args__ = (
        CheckConstraint("user_id <> ''", name="trash_user_id_check"),
        Index("trash_user_deleted_at", "user_id", "deleted_at", "id"),
        Index("trash_parent", "user_id", "parent_id", postgresql_where=text("parent_id is not null")),
        Index("trash_deleted_at", "deleted_at"),
    )

    user_id: str = Field(primary_key=True, sa_type=BYTEWISE, sa_column_kwargs={"server_default": CALLER})
    id: UUID = Field(primary_key=True)
    title: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    priority: int = Field(sa_type=SmallInteger)
    due_date: date | None = None
    due_time: time | None = None
    due_timezone: str | None = Field(default=None, sa_type=Text)
    completed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))
    version: int = Field(sa_type=BigInteger)
    list_id: UUID | None = None
    parent_id: UUID | None = None
    position: str = Field(sa_type=BYTEWISE)
    labels: list[str] = Field(sa_type=ARRAY(Text), sa_column_kwargs={"server_default": text("'{}'")})
    deleted_at: datetime = Field(sa_type=DateTime(timezone=True))
    words: str | None = Field(default=None, sa_type=TSVECTOR)


class IdempotencyKey(SQLModel, table=True):
    """The answer to a write that carried an `Idempotency-Key`, kept for 24 hours.

    `answer` is the row the response was made of; `status` is null until the request's transaction has one.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (
        CheckConstraint("user_id <> ''", name="idempotency_key_user_id_check"),
        CheckConstraint("char_length(key) between 1 and 255", name="idempotency_key_key_check"),
        CheckConstraint("octet_length(fingerprint) = 32", name="idempotency_key_fingerprint_check"),
        Index("idempotency_key_created_at", "created_at"),
    )

    user_id: str = Field(primary_key=True, sa_type=BYTEWISE, sa_column_kwargs={"server_default": CALLER})
    key: str = Field(primary_key=True, sa_type=BYTEWISE)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    status: int | None = Field(default=None, sa_type=SmallInteger)
    answer: dict[str, object] | None = Field(default=None, sa_type=JSONB)
    created_at: datetime = Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": NOW})
