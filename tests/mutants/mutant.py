"""What a mutant is: the project with one thing broken, and the tests that must see the harm."""

from typing import NamedTuple

from tests.mutants.planting import Edit


class Mutant(NamedTuple):
    """`edits` break the project; each of `tests` must then fail, by an assertion.

    A test is a function's node id, with or without one of its parameters. `note` says what the name does not. A mutant
    that `lives` behaves like the project, for the reason in `note`: its tests must stay green.
    """

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    note: str = ""
    lives: bool = False


def mutant(name: str, *parts: Edit | str, note: str = "", lives: bool = False) -> Mutant:
    """Make a mutant of edits and tests, in any order."""
    edits = tuple(part for part in parts if isinstance(part, Edit))
    return Mutant(name, edits, tuple(part for part in parts if isinstance(part, str)), note, lives)
