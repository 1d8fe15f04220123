"""What members have in common: strictness, text, time, ids."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# The hours too: newer releases of Python read 24:00:00 as the next day.
CLOCK = "([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}"
_MOMENT = re.compile(rf"{_DATE.pattern}T{CLOCK}(\.[0-9]{{1,6}})?Z")
_COLOR = re.compile("#[0-9a-f]{6}")
YEARS = range(1970, 2201)
LONGEST_DESCRIPTION = 10_000


def wrong(detail: str) -> PydanticCustomError:
    """The error of a value; the text is a constant, so that a value that came in is never shown again."""
    return PydanticCustomError("invalid", detail)


def _text(value: str) -> str:
    # PostgreSQL takes neither; Pydantic lets both pass.
    if _UNSTORABLE.search(value):
        raise wrong("NUL and lone surrogates are not allowed")
    return value


def bounded(shortest: int, longest: int) -> AfterValidator:
    """A text of so many characters."""

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


def near(value: str) -> str:
    """Check the year of a date or time and give it back as it is."""
    if int(value[:4]) not in YEARS:
        raise wrong("must be a year from 1970 to 2200")
    return value


def _moment(value: str) -> str:
    if not _MOMENT.fullmatch(value):
        raise wrong("must be a time in UTC such as 2026-03-01T09:00:00Z")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise wrong("is not a time of the calendar") from None
    return near(value)


def _color(value: str) -> str:
    if not _COLOR.fullmatch(value):
        raise wrong("must be a color such as #1e90ff, in lower case")
    return value


def unset() -> Any:
    """The default of a member that may be absent; as a factory it stays out of the JSON Schema."""
    return None


def canonical(value: str) -> str:
    """Check a UUID in lower case and give it back as it is."""
    try:
        if str(UUID(value)) == value:
            return value
    except ValueError:
        pass
    raise wrong("must be a UUID in lower case")


Text = Annotated[str, AfterValidator(_text)]
Description = Annotated[
    Text, bounded(0, LONGEST_DESCRIPTION), WithJsonSchema({"type": "string", "maxLength": LONGEST_DESCRIPTION})
]
Color = Annotated[str, AfterValidator(_color), WithJsonSchema({"type": "string", "pattern": f"^{_COLOR.pattern}$"})]
Moment = Annotated[str, AfterValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time that a caller says, where `Instant` is one that we do."""
Id = Annotated[str, AfterValidator(canonical), WithJsonSchema({"type": "string", "format": "uuid"})]
"""The id of another object, in a body: what is malformed there is 422, where in a path it is nothing."""
Instant = Annotated[datetime, AfterValidator(lambda value: value.astimezone(UTC))]


class Strict(BaseModel):
    """A body: unknown members are refused, so are values of another type."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Move(Strict):
    """A neighbour to stand beside; without one, the end."""

    model_config = ConfigDict(
        json_schema_extra={"not": {"required": ["before", "after"], "properties": {"before": {}, "after": {}}}}
    )

    before: Id = Field(default_factory=unset)
    after: Id = Field(default_factory=unset)

    def model_post_init(self, _: Any) -> None:
        """Refuse two neighbours: what lies between them is the data's to say."""
        if self.before and self.after:
            raise wrong("before and after can't both be given")

    def row(self) -> dict[str, Any]:
        """The values of the move."""
        return {"before_id": self.before, "after_id": self.after}
