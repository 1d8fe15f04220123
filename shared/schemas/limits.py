"""What is limited, and how much of it is used."""

from pydantic import BaseModel


class Limit(BaseModel):
    """One limit by its name; `used` is null where nothing adds up."""

    name: str
    limit: int
    unit: str
    used: int | None


class Limits(BaseModel):
    """All of them."""

    limits: list[Limit]
