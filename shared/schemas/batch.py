"""Batches of operations, as callers send them and get their results."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from shared.schemas.base import Strict, unset

MOST = 100
"""Operations of a batch."""


class BatchOperation(Strict):
    """A write of this API. What its path, body and tags are worth is for the operation to say (shared/batches.py)."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"]
    path: str
    body: Any = Field(default_factory=unset)
    if_match: str = Field(default_factory=unset)


class Batch(Strict):
    """Operations in the order in which they are to happen: all or nothing, or each on its own."""

    operations: Annotated[list[BatchOperation], Field(min_length=1, max_length=MOST)]
    atomic: bool = True


class BatchResult(BaseModel):
    """What an operation has answered."""

    status: int
    headers: dict[str, str] = Field(default_factory=unset)
    body: Any = Field(default_factory=unset)


class BatchResults(BaseModel):
    """A result for each operation, in their order."""

    results: list[BatchResult]
