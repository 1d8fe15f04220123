"""What is in the trash, as callers get it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from shared.schemas.base import Instant
from shared.schemas.task import Task


class TrashedTask(Task):
    """A deleted task as its owner sees it: what it was, and when it was deleted."""

    TABLE: ClassVar[str] = "trash"
    COLUMNS: ClassVar[tuple[str, ...]] = (*Task.COLUMNS, "deleted_at")

    deleted_at: Instant


class TrashPage(BaseModel):
    """A page of the trash; `next_cursor` is null on the last one."""

    items: list[TrashedTask]
    next_cursor: str | None


class Emptied(BaseModel):
    """What is left to show of the trash as a whole, once it is emptied: nothing."""

    TABLE: ClassVar[str] = "trash"
    COLUMNS: ClassVar[tuple[str, ...]] = ("user_id",)

    version: int = 0

    @classmethod
    def from_row(cls, _: Mapping[str, Any]) -> Self:
        """Nothing, whatever the row says."""
        return cls()
