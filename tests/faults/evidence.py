"""What the checker judges a row by, and what it finds."""

from dataclasses import dataclass, field

from tests.faults.audit import Truth
from tests.faults.history import Attempt, Person


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach of one of the invariants I1 to I9. `kind`: `lost`, `duplicated`, `leaked`, or `other`."""

    invariant: str
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.kind}: {self.what}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A row, after it: what was asked and answered, and what truly happened.

    `logs`: what each piece has logged meanwhile, by name; `secrets`: what must stand in no answer and in no log;
    `gateway`: what the gateway may answer by itself; `cleared`: when the fault was over.
    """

    people: list[Person]
    attempts: list[Attempt]
    truth: Truth
    cleared: float = 0.0
    gateway: tuple[str, ...] = ()
    secrets: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    left_over: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a person's: all attempts with one key, or the only one that has none."""

    attempts: list[Attempt]

    @property
    def first(self) -> Attempt:
        return self.attempts[0]

    @property
    def key(self) -> str | None:
        return self.first.key

    @property
    def kept(self) -> list[Attempt]:
        """The answers that say what became of it; they are kept with the key, so all are the same."""
        return [attempt for attempt in self.attempts if attempt.decided and attempt.status not in UNKEPT]

    @property
    def acknowledged(self) -> bool:
        """Whether it was said to be done."""
        return any(attempt.status in range(200, 300) for attempt in self.kept)

    @property
    def unknown(self) -> bool:
        """Whether it may or may not have been carried out."""
        return not self.kept and any(not attempt.decided for attempt in self.attempts)

    def __str__(self) -> str:
        return (
            f"{self.first.request.method} {self.first.request.url.path} key={self.key} "
            f"answered {[attempt.status for attempt in self.attempts]}"
        )


UNKEPT = (400, 401, 413, 415, 422)
"""A request that is refused for itself, before anything is looked up: its key is not claimed."""


def asked(attempts: list[Attempt]) -> list[Asked]:
    """The requests that were meant to change something."""
    found: dict[object, list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.started):
        if attempt.writes:
            found.setdefault((attempt.person, attempt.key) if attempt.key else id(attempt), []).append(attempt)
    return [Asked(together) for together in found.values()]
