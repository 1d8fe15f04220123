"""Labels, as callers send and get them: as names that a task carries, and as objects of their own."""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, ValidationError, WithJsonSchema

from shared.schemas.base import Color, Instant, Strict, Text, bounded, unset, wrong

LONGEST_NAME = 60
MOST = 50
"""Labels of one task."""

_NAME_JSON = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
LabelName = Annotated[Text, AfterValidator(str.strip), bounded(1, LONGEST_NAME), WithJsonSchema(_NAME_JSON)]


def _key(name: str) -> str:
    # As app.label_key of the database has it, which has the last word.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _few_and_unlike(names: list[str]) -> list[str]:
    if len(names) > MOST:
        raise wrong(f"must have {MOST} items at most")
    seen: set[str] = set()
    again = []
    for place, key in enumerate(map(_key, names)):
        if key in seen:
            again.append(place)
        seen.add(key)
    if again:
        told = wrong("is there already, but for case")
        raise ValidationError.from_exception_data(
            "labels", [{"type": told, "loc": (place,), "input": None} for place in again]
        )
    return names


Labels = Annotated[
    list[LabelName],
    AfterValidator(_few_and_unlike),
    WithJsonSchema({"type": "array", "maxItems": MOST, "uniqueItems": True, "items": _NAME_JSON}),
]
"""The names that a task carries, in the caller's order, each once."""


class LabelPatch(Strict):
    """A merge patch (RFC 7396) of the writable members: what is absent is untouched, and null clears the color."""

    name: LabelName = Field(default_factory=unset)
    color: Color | None = Field(default_factory=unset)

    def row(self) -> dict[str, Any]:
        """The columns to change, null for those to leave; `color_given` tells whether to change what null clears."""
        return self.model_dump() | {"color_given": "color" in self.model_fields_set}


class Label(BaseModel):
    """A label as its owner sees it."""

    TABLE: ClassVar[str] = "label"
    COLUMNS: ClassVar[tuple[str, ...]] = ("user_id", "id", "name", "color", "created_at", "updated_at", "version")

    id: UUID
    name: Annotated[str, WithJsonSchema(_NAME_JSON)]
    color: str | None
    created_at: Instant
    updated_at: Instant
    version: Annotated[int, Field(ge=1)]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the label that a row holds; the row may come from the table or, as JSON, from a kept answer."""
        return cls(**row)


class LabelItem(Label):
    """A label among others, and how many tasks carry it."""

    tasks: Annotated[int, Field(ge=0)]


class LabelPage(BaseModel):
    """A page of labels; `next_cursor` is null on the last one."""

    items: list[LabelItem]
    next_cursor: str | None
