"""What callers send and get. Types are strict: nothing is coerced, nothing unknown is let in."""

import re
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

# Zones come from the pinned tzdata package alone: the same on a laptop, in CI and on Lambda.
zoneinfo.reset_tzpath(())

YEARS = range(1970, 2201)
PRIORITIES = ("none", "low", "medium", "high", "urgent")
"""In order; the database keeps the index."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# The hours too: newer releases of Python read 24:00:00 as the next day.
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}")
_DATETIME_JSON = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$"


def wrong(detail: str) -> PydanticCustomError:
    """The error of a value; the text is a constant, so that a value that came in is never shown again."""
    return PydanticCustomError("invalid", detail)


def _text(value: str) -> str:
    # PostgreSQL takes neither; Pydantic lets both pass.
    if _UNSTORABLE.search(value):
        raise wrong("NUL and lone surrogates are not allowed")
    return value


def _bounded(shortest: int, longest: int) -> AfterValidator:
    def check(value: str) -> str:
        if not shortest <= len(value) <= longest:
            raise wrong(f"must have {shortest} to {longest} characters")
        return value

    return AfterValidator(check)


def full_date(value: str) -> str:
    """Check an RFC 3339 full-date and give it back as it is."""
    if not _DATE.fullmatch(value):
        raise wrong("must be a date such as 2026-03-01")
    try:
        date.fromisoformat(value)
    except ValueError:
        raise wrong("is not a day of the calendar") from None
    return value


def _near(value: str) -> str:
    if int(value[:4]) not in YEARS:
        raise wrong("must be a year from 1970 to 2200")
    return value


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _zone(value: str) -> str:
    # The list, not the file: on a file system without case, a file would be found for any spelling.
    if value not in _zone_names():
        raise wrong("is not the name of an IANA time zone")
    return value


def _wall_datetime(value: str, info: ValidationInfo) -> str:
    if not _DATETIME.fullmatch(value):
        raise wrong("must be a wall-clock time in whole seconds without offset, such as 2026-03-01T09:00:00")
    try:
        wall = datetime.fromisoformat(value)
    except ValueError:
        raise wrong("is not a time of the calendar") from None
    _near(value)
    zone = info.data.get("timezone")
    if zone is not None:
        there = wall.replace(tzinfo=zoneinfo.ZoneInfo(zone))
        if there.astimezone(UTC).astimezone(there.tzinfo).replace(tzinfo=None) != wall:
            raise wrong("is skipped by the clock of that time zone")
    return value


def _unset() -> Any:
    """The default of a member that may be absent; as a factory it stays out of the JSON Schema."""
    return None


_DAY_JSON = {"type": "string", "format": "date"}
_TIME_JSON = {"type": "string", "pattern": _DATETIME_JSON}


def _kind(**properties: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


DUE_JSON = {
    "oneOf": [
        {"type": "null"},
        _kind(date=_DAY_JSON),
        _kind(datetime=_TIME_JSON),
        _kind(datetime=_TIME_JSON, timezone={"type": "string"}),
    ]
}

Text = Annotated[str, AfterValidator(_text)]
Title = Annotated[
    Text,
    AfterValidator(str.strip),
    _bounded(1, 500),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 500}),
]
Description = Annotated[Text, _bounded(0, 10_000), WithJsonSchema({"type": "string", "maxLength": 10_000})]
Priority = Literal["none", "low", "medium", "high", "urgent"]
Instant = Annotated[datetime, AfterValidator(lambda value: value.astimezone(UTC))]


class Strict(BaseModel):
    """A body: unknown members are refused, so are values of another type."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Due(Strict):
    """One of three kinds: a whole day, a wall-clock time, a wall-clock time in a zone. Never turned into each other."""

    date: Annotated[str, AfterValidator(full_date), AfterValidator(_near)] = Field(default_factory=_unset)
    timezone: Annotated[str, AfterValidator(_zone)] = Field(default_factory=_unset)
    # After the zone: whether a time exists depends on it. One that the clock shows twice is the first of the two.
    datetime: Annotated[str, AfterValidator(_wall_datetime)] = Field(default_factory=_unset)

    def model_post_init(self, _: Any) -> None:
        """Refuse what is none of the three kinds."""
        if self.model_fields_set not in ({"date"}, {"datetime"}, {"datetime", "timezone"}):
            raise wrong("must be a date, a datetime, or a datetime with a timezone")


DueOrNone = Annotated[Due | None, WithJsonSchema(DUE_JSON)]


def _due_columns(due: Due | None) -> dict[str, str | None]:
    if due is None:
        return {"due_date": None, "due_time": None, "due_timezone": None}
    day, _, clock = (due.date or due.datetime).partition("T")
    return {"due_date": day, "due_time": clock or None, "due_timezone": due.timezone}


class TaskCreate(Strict):
    """The writable members of a task; an absent one takes its default."""

    title: Title
    description: Description = ""
    priority: Priority = "none"
    due: DueOrNone = None

    def row(self) -> dict[str, Any]:
        """The columns that the body sets."""
        return {
            "title": self.title,
            "description": self.description,
            "priority": PRIORITIES.index(self.priority),
            **_due_columns(self.due),
        }


class TaskReplace(TaskCreate):
    """The whole of the writable members."""


class TaskPatch(Strict):
    """A merge patch (RFC 7396) of the writable members: what is absent is untouched; only `due` may be null."""

    title: Title = Field(default_factory=_unset)
    description: Description = Field(default_factory=_unset)
    priority: Priority = Field(default_factory=_unset)
    due: DueOrNone = Field(default_factory=_unset)

    def row(self) -> dict[str, Any]:
        """The columns to change, null for those to leave; `due_given` tells whether to change the three of `due`."""
        return {
            "title": self.title,
            "description": self.description,
            "priority": None if self.priority is None else PRIORITIES.index(self.priority),
            "due_given": "due" in self.model_fields_set,
            **_due_columns(self.due),
        }


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
    )

    id: UUID
    title: Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 500})]
    description: Annotated[str, WithJsonSchema({"type": "string", "maxLength": 10_000})]
    priority: Priority
    due: Annotated[dict[str, str] | None, WithJsonSchema(DUE_JSON)]
    completed_at: Instant | None
    created_at: Instant
    updated_at: Instant
    version: Annotated[int, Field(ge=1)]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the task that a row holds; the row may come from the table or, as JSON, from a kept answer."""
        due = None
        if row["due_time"] is not None:
            due = {"datetime": f"{row['due_date']}T{row['due_time']}"}
            if row["due_timezone"] is not None:
                due["timezone"] = row["due_timezone"]
        elif row["due_date"] is not None:
            due = {"date": str(row["due_date"])}
        return cls(**{**row, "priority": PRIORITIES[row["priority"]], "due": due})


class TaskPage(BaseModel):
    """A page of a list; `next_cursor` is null on the last one."""

    items: list[Task]
    next_cursor: str | None


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"]
