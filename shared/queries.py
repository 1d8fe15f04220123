"""Query parameters, read as strictly as bodies: one spelling for each value."""

import re
from typing import Annotated, Any

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from shared.schemas import full_date, wrong

_NUMBER = re.compile(r"[0-9]{1,9}")
LONGEST_SEARCH = 150


def _flag(value: Any) -> Any:
    if value not in ("true", "false"):
        raise wrong("must be true or false")
    return value == "true"


def _number(value: Any) -> Any:
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            raise wrong("must be a whole number in digits")
        return int(value)
    return value


def _search(value: str) -> str:
    if len(value) > LONGEST_SEARCH:
        raise wrong(f"must have {LONGEST_SEARCH} characters at most")
    if "\0" in value:
        raise wrong("NUL is not allowed")
    return value


Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
FullDate = Annotated[str, AfterValidator(full_date), WithJsonSchema({"type": "string", "format": "date"})]
Search = Annotated[str, AfterValidator(_search), WithJsonSchema({"type": "string", "maxLength": LONGEST_SEARCH})]
Limit = Annotated[int, BeforeValidator(_number), Field(ge=1, le=200), Query()]
