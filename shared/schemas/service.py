"""What the service says of itself."""

from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"]
