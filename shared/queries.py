"""Query parameters, read as strictly as bodies: one spelling for each value."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from shared.schemas.base import canonical, full_date, wrong

_NUMBER = re.compile(r"[1-9][0-9]{0,2}")
MOST = 200
LONGEST_SEARCH = 150


def _flag(value: Any) -> Any:
    if value not in ("true", "false"):
        raise wrong("must be true or false")
    return value == "true"


def _limit(value: Any) -> Any:
    if isinstance(value, str) and not (_NUMBER.fullmatch(value) and int(value) <= MOST):
        raise wrong(f"must be a whole number from 1 to {MOST}")
    return int(value)


def _search(value: str) -> str:
    if len(value) > LONGEST_SEARCH:
        raise wrong(f"must have {LONGEST_SEARCH} characters at most")
    if "\0" in value:
        raise wrong("NUL is not allowed")
    return value


def _id_or(word: str) -> AfterValidator:
    return AfterValidator(lambda value: value if value == word else canonical(value))


def _or_id(word: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "string", "format": "uuid"}, {"type": "string", "const": word}]})


def hanging(list_id: str | None, parent_id: str | None, label: str | None) -> dict[str, Any]:
    """The values of the filters by what a task hangs on, and carries; all are null where none is asked for."""
    return {
        "list_id": None if list_id == INBOX else list_id,
        "inbox": True if list_id == INBOX else None,
        "parent_id": None if parent_id == TOP else parent_id,
        "top": True if parent_id == TOP else None,
        "label": label,
    }


INBOX, TOP = "inbox", "none"
InList = Annotated[str, _id_or(INBOX), _or_id(INBOX)]
UnderParent = Annotated[str, _id_or(TOP), _or_id(TOP)]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
FullDate = Annotated[str, AfterValidator(full_date), WithJsonSchema({"type": "string", "format": "date"})]
Search = Annotated[str, AfterValidator(_search), WithJsonSchema({"type": "string", "maxLength": LONGEST_SEARCH})]
Limit = Annotated[int, BeforeValidator(_limit), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST})]
