"""What is asked."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """An API at `url`, with tokens of two users, of one or of none, and the origins that it is to answer CORS for."""

    url: str
    tokens: list[str]
    origins: tuple[str, ...]
