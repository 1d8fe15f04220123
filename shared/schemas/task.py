"""Tasks, as callers send and get them."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema

from shared.schemas.base import LONGEST_DESCRIPTION, Description, Id, Instant, Move, Strict, Text, bounded, unset
from shared.schemas.due import DUE_JSON, DueOrNone, due_columns, due_of
from shared.schemas.label import Labels

PRIORITIES = ("none", "low", "medium", "high", "urgent")
"""In order; the database keeps the index."""
LONGEST_TITLE = 500

Title = Annotated[
    Text,
    AfterValidator(str.strip),
    bounded(1, LONGEST_TITLE),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST_TITLE}),
]
Priority = Literal["none", "low", "medium", "high", "urgent"]


class TaskCreate(Strict):
    """The writable members of a task; an absent one takes its default."""

    title: Title
    description: Description = ""
    priority: Priority = "none"
    due: DueOrNone = None
    labels: Labels = Field(default_factory=list)
    list_id: Id | None = None
    parent_id: Id | None = None

    def row(self) -> dict[str, Any]:
        """The columns that the body sets."""
        return {
            "title": self.title,
            "description": self.description,
            "priority": PRIORITIES.index(self.priority),
            "labels": self.labels,
            "list_id": self.list_id,
            "parent_id": self.parent_id,
            **due_columns(self.due),
        }


class TaskReplace(TaskCreate):
    """The whole of the writable members."""


def destination(body: "TaskPatch | TaskMove") -> dict[str, Any]:
    """Where a task goes: `list_given` and `parent_given` tell a null that was sent from what was not."""
    given = body.model_fields_set
    return {
        "list_id": body.list_id,
        "list_given": "list_id" in given,
        "parent_id": body.parent_id,
        "parent_given": "parent_id" in given,
    }


class TaskPatch(Strict):
    """A merge patch (RFC 7396) of the writable members: what is absent is untouched, and null clears where it may."""

    title: Title = Field(default_factory=unset)
    description: Description = Field(default_factory=unset)
    priority: Priority = Field(default_factory=unset)
    due: DueOrNone = Field(default_factory=unset)
    labels: Labels = Field(default_factory=unset)
    list_id: Id | None = Field(default_factory=unset)
    parent_id: Id | None = Field(default_factory=unset)

    @property
    def moves(self) -> bool:
        """Whether it may change what the task hangs on."""
        return not self.model_fields_set.isdisjoint({"list_id", "parent_id"})

    def row(self) -> dict[str, Any]:
        """The columns to change, null for those to leave; `…_given` tells whether to change what null clears."""
        return {
            "title": self.title,
            "description": self.description,
            "priority": None if self.priority is None else PRIORITIES.index(self.priority),
            "labels": self.labels,
            "due_given": "due" in self.model_fields_set,
            **due_columns(self.due),
            **destination(self),
        }


class TaskMove(Move):
    """Where to: a list, a parent, and a sibling there to stand beside; without one, the end."""

    list_id: Id | None = Field(default_factory=unset)
    parent_id: Id | None = Field(default_factory=unset)

    def row(self) -> dict[str, Any]:
        """The values of the move."""
        return super().row() | destination(self)


SINCE: dict[str, Any] = {"labels": [], "list_id": None, "parent_id": None, "position": ""}
"""What an answer lacks that a release from before these members has kept; it is replayed for a day."""


class Task(BaseModel):
    """A task as its owner sees it."""

    TABLE: ClassVar[str] = "task"
    COLUMNS: ClassVar[tuple[str, ...]] = (
        "user_id",
        "id",
        "title",
        "description",
        "priority",
        "due_date",
        "due_time",
        "due_timezone",
        "completed_at",
        "created_at",
        "updated_at",
        "version",
        "list_id",
        "parent_id",
        "position",
        "labels",
    )

    id: UUID
    title: Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST_TITLE})]
    description: Annotated[str, WithJsonSchema({"type": "string", "maxLength": LONGEST_DESCRIPTION})]
    priority: Priority
    due: Annotated[dict[str, str] | None, WithJsonSchema(DUE_JSON)]
    labels: list[str]
    list_id: UUID | None
    parent_id: UUID | None
    position: str
    completed_at: Instant | None
    created_at: Instant
    updated_at: Instant
    version: Annotated[int, Field(ge=1)]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the task that a row holds; the row may come from the table or, as JSON, from a kept answer."""
        return cls(**{**SINCE, **row, "priority": PRIORITIES[row["priority"]], "due": due_of(row)})


class TaskPage(BaseModel):
    """A page of a list; `next_cursor` is null on the last one."""

    items: list[Task]
    next_cursor: str | None
