"""Tasks, as callers send and get them."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from shared.schemas.base import Description, Id, Instant, Strict, Text, bounded, unset, wrong
from shared.schemas.due import DUE_JSON, DueOrNone, due_columns, due_of

PRIORITIES = ("none", "low", "medium", "high", "urgent")
"""In order; the database keeps the index."""

Title = Annotated[
    Text,
    AfterValidator(str.strip),
    bounded(1, 500),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 500}),
]
Priority = Literal["none", "low", "medium", "high", "urgent"]


class TaskCreate(Strict):
    """The writable members of a task; an absent one takes its default."""

    title: Title
    description: Description = ""
    priority: Priority = "none"
    due: DueOrNone = None
    list_id: Id | None = None
    parent_id: Id | None = None

    def row(self) -> dict[str, Any]:
        """The columns that the body sets."""
        return {
            "title": self.title,
            "description": self.description,
            "priority": PRIORITIES.index(self.priority),
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
            "due_given": "due" in self.model_fields_set,
            **due_columns(self.due),
            **destination(self),
        }


class TaskMove(Strict):
    """Where to: a list, a parent, and a sibling there to stand beside; without one, the end."""

    list_id: Id | None = Field(default_factory=unset)
    parent_id: Id | None = Field(default_factory=unset)
    before: Id = Field(default_factory=unset)
    after: Id = Field(default_factory=unset)

    model_config = ConfigDict(
        json_schema_extra={"not": {"required": ["before", "after"], "properties": {"before": {}, "after": {}}}}
    )

    def model_post_init(self, _: Any) -> None:
        """Refuse two neighbours: what lies between them is the data's to say."""
        if self.before and self.after:
            raise wrong("before and after can't both be given")

    def row(self) -> dict[str, Any]:
        """The values of the move."""
        return {"before_id": self.before, "after_id": self.after, **destination(self)}


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
    )

    id: UUID
    title: Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 500})]
    description: Annotated[str, WithJsonSchema({"type": "string", "maxLength": 10_000})]
    priority: Priority
    due: Annotated[dict[str, str] | None, WithJsonSchema(DUE_JSON)]
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
        return cls(**{**row, "priority": PRIORITIES[row["priority"]], "due": due_of(row)})


class TaskPage(BaseModel):
    """A page of a list; `next_cursor` is null on the last one."""

    items: list[Task]
    next_cursor: str | None
