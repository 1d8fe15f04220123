"""Lists, as callers send and get them."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema

from shared.schemas.base import (
    LONGEST_DESCRIPTION,
    Color,
    Description,
    Instant,
    Moment,
    Move,
    Strict,
    Text,
    bounded,
    unset,
)

LONGEST_NAME = 200

Name = Annotated[
    Text,
    AfterValidator(str.strip),
    bounded(1, LONGEST_NAME),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}),
]


class ListCreate(Strict):
    """The writable members of a list; an absent one takes its default."""

    name: Name
    description: Description = ""
    color: Color | None = None
    archived_at: Moment | None = None

    def row(self) -> dict[str, Any]:
        """The columns that the body sets."""
        return self.model_dump()


class ListPatch(Strict):
    """A merge patch (RFC 7396) of the writable members: what is absent is untouched, and null clears where it may."""

    name: Name = Field(default_factory=unset)
    description: Description = Field(default_factory=unset)
    color: Color | None = Field(default_factory=unset)
    archived_at: Moment | None = Field(default_factory=unset)

    def row(self) -> dict[str, Any]:
        """The columns to change, null for those to leave; `…_given` tells whether to change what null clears."""
        given = self.model_fields_set
        return self.model_dump() | {"color_given": "color" in given, "archived_given": "archived_at" in given}


class ListMove(Move):
    """A list to stand beside; without one, the end."""


class List(BaseModel):
    """A list as its owner sees it."""

    TABLE: ClassVar[str] = "list"
    COLUMNS: ClassVar[tuple[str, ...]] = (
        "user_id",
        "id",
        "name",
        "description",
        "color",
        "position",
        "archived_at",
        "created_at",
        "updated_at",
        "version",
    )

    id: UUID
    name: Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST_NAME})]
    description: Annotated[str, WithJsonSchema({"type": "string", "maxLength": LONGEST_DESCRIPTION})]
    color: str | None
    position: str
    archived_at: Instant | None
    created_at: Instant
    updated_at: Instant
    version: Annotated[int, Field(ge=1)]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the list that a row holds; the row may come from the table or, as JSON, from a kept answer."""
        return cls(**row)


class ListItem(List):
    """A list among others; `open_tasks` only where it is asked for."""

    open_tasks: Annotated[int, Field(ge=0, default_factory=unset)]


class ListPage(BaseModel):
    """A page of lists; `next_cursor` is null on the last one."""

    items: list[ListItem]
    next_cursor: str | None
