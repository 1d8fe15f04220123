"""What members have in common: strictness, text, time, ids."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


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
Description = Annotated[Text, bounded(0, 10_000), WithJsonSchema({"type": "string", "maxLength": 10_000})]
Id = Annotated[str, AfterValidator(canonical), WithJsonSchema({"type": "string", "format": "uuid"})]
"""The id of another object, in a body: what is malformed there is 422, where in a path it is nothing."""
Instant = Annotated[datetime, AfterValidator(lambda value: value.astimezone(UTC))]


class Strict(BaseModel):
    """A body: unknown members are refused, so are values of another type."""

    model_config = ConfigDict(strict=True, extra="forbid")
