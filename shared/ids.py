"""Identifiers of objects: UUIDs, version 7 where we make them (RFC 9562), any version where a caller does."""

import os
import time
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, WithJsonSchema


def uuid7() -> UUID:
    """A new UUID of version 7: 48 bits of milliseconds since 1970, then 74 random bits (RFC 9562 5.7)."""
    bits = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    bits = bits & ~(0xF << 76) | 0x7 << 76
    return UUID(int=bits & ~(0x3 << 62) | 0x2 << 62)


def _canonical(text: str) -> UUID | None:
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text else None


ObjectId = Annotated[UUID | None, BeforeValidator(_canonical), WithJsonSchema({"type": "string", "format": "uuid"})]
"""An id in a path. A malformed one (not canonical, so also one in upper case) is None: like NULL, it equals no id."""
