"""When a task is due, in three honest kinds."""

import re
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema

from shared.schemas.base import CLOCK, Strict, full_date, near, unset, wrong

# Zones come from the pinned tzdata package alone: the same on a laptop, in CI and on Lambda.
zoneinfo.reset_tzpath(())

_DATETIME = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{CLOCK}")
_DATETIME_JSON = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$"


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
    near(value)
    zone = info.data.get("timezone")
    if zone is not None:
        there = wall.replace(tzinfo=zoneinfo.ZoneInfo(zone))
        if there.astimezone(UTC).astimezone(there.tzinfo).replace(tzinfo=None) != wall:
            raise wrong("is skipped by the clock of that time zone")
    return value


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


class Due(Strict):
    """One of three kinds: a whole day, a wall-clock time, a wall-clock time in a zone. Never turned into each other."""

    date: Annotated[str, AfterValidator(full_date), AfterValidator(near)] = Field(default_factory=unset)
    timezone: Annotated[str, AfterValidator(_zone)] = Field(default_factory=unset)
    # After the zone: whether a time exists depends on it. One that the clock shows twice is the first of the two.
    datetime: Annotated[str, AfterValidator(_wall_datetime)] = Field(default_factory=unset)

    def model_post_init(self, _: Any) -> None:
        """Refuse what is none of the three kinds."""
        if self.model_fields_set not in ({"date"}, {"datetime"}, {"datetime", "timezone"}):
            raise wrong("must be a date, a datetime, or a datetime with a timezone")


DueOrNone = Annotated[Due | None, WithJsonSchema(DUE_JSON)]


def due_columns(due: Due | None) -> dict[str, str | None]:
    """The columns that keep a due."""
    if due is None:
        return {"due_date": None, "due_time": None, "due_timezone": None}
    day, _, clock = (due.date or due.datetime).partition("T")
    return {"due_date": day, "due_time": clock or None, "due_timezone": due.timezone}


def due_of(row: Mapping[str, Any]) -> dict[str, str] | None:
    """The due that a row holds, as it was sent."""
    if row["due_time"] is None:
        return None if row["due_date"] is None else {"date": str(row["due_date"])}
    due = {"datetime": f"{row['due_date']}T{row['due_time']}"}
    return due if row["due_timezone"] is None else due | {"timezone": row["due_timezone"]}
