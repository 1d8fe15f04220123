"""`python -m infra.check_traceability`: every sentence of the traceability table names a test that exists.

Tests are found by the syntax tree, as pytest names them: `tests/test_x.py::test_y`. The table holds the sentences
themselves, so the check needs nothing from outside this repository.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.operations import ROOT

TABLE = ROOT / "specs/002-task-mgmt-api/traceability.md"
NOTHING = "–"  # noqa: RUF001 - as a writer writes it
"""Begins the cell of a row that has nothing to hold; the reason follows."""
_ROW = re.compile(r"\| (\d+) \| (.*) \| (.*) \|")
_TEST = re.compile(r"`([^`]*)`")


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence of the contract and what is named for it."""

    number: int
    sentence: str
    cell: str

    @property
    def tests(self) -> list[str]:
        """The tests that it names."""
        return _TEST.findall(self.cell)


def rows(text: str) -> list[Row]:
    """The rows of the table's text, their pipes no longer escaped."""
    found = (_ROW.fullmatch(line) for line in text.splitlines())
    return [Row(int(row[1]), row[2].replace("\\|", "|"), row[3]) for row in found if row]


def faults(table: list[Row], root: Path = ROOT) -> Iterator[str]:
    """What is wrong, one line each; nothing where all is well."""
    for at, row in enumerate(table, 1):
        if row.number != at:
            yield f"row {row.number} is the row number {at}"
        if not row.tests and not (row.cell.startswith(NOTHING) and len(row.cell) > len(NOTHING) + 1):
            yield f"row {row.number} names no test, and no reason why"
        for test in row.tests:
            file, _, name = test.partition("::")
            if name not in _tests(root / file):
                yield f"row {row.number} names {test}, which does not exist"


@cache
def _tests(file: Path) -> frozenset[str]:
    """The names of the tests of a file, with `Class::` before those in a class."""
    if not file.is_file():
        return frozenset()
    found = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        parts = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + part.name for part in parts if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)}
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


def main() -> int:
    """Print what is wrong; give the exit status."""
    found = list(faults(rows(TABLE.read_text("utf-8"))))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
