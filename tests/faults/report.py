"""The table of the fault runner: as it runs, at the end, and as markdown for the README."""

from collections.abc import Iterable
from pathlib import Path

from infra.operations import ROOT
from tests.faults.row import Row

FILE = ROOT / "build" / "faults.md"
MUST_BE_0 = ("lost", "duplicated", "leaked", "other")
COLUMNS = ("fault", "hits", "requests", "acknowledged", *MUST_BE_0, "worst answer", "recovery")
SHOWN = 8
"""Findings of a row that are printed in full."""


def cells(row: Row) -> list[str]:
    recovered = "never" if row.recovery is None else f"{row.recovery:.1f} s"
    return [
        f"{row.fault.number} {row.fault.name}",
        str(row.hits),
        str(row.requests),
        str(row.acknowledged),
        *(str(row.count(kind)) for kind in MUST_BE_0),
        f"{row.worst:.1f} s",
        recovered,
    ]


def progress(row: Row) -> str:
    """What is said as soon as a row is done."""
    statuses = " ".join(f"{status}:{number}" for status, number in row.statuses.items())
    lines = [f"{'FAILED' if row.failed else 'ok':6} {' · '.join(cells(row))} · {row.seconds:.0f} s · {statuses}"]
    lines += [f"       {finding}" for finding in row.findings[:SHOWN]]
    if len(row.findings) > SHOWN:
        lines.append(f"       … and {len(row.findings) - SHOWN} more")
    return "\n".join(lines)


def table(rows: Iterable[Row]) -> str:
    """All rows as a markdown table that is aligned for reading as it is."""
    lines = [list(COLUMNS), *(cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(COLUMNS))]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "".join(
        "| " + " | ".join(_align(cell, widths[place], place) for place, cell in enumerate(line)) + " |\n"
        for line in lines
    )


def write(rows: Iterable[Row], file: Path = FILE) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(table(rows), "utf-8")


def _align(cell: str, width: int, place: int) -> str:
    return cell.rjust(width) if place else cell.ljust(width)
