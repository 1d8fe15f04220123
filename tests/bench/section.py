"""What a part of the benchmark hands in: tables, charts, targets, and figures that other parts compute with.

A part is a module of this package with

    def run(laboratory: Laboratory, progress: Progress) -> Section

`laboratory` is the machine (tests/bench/laboratory.py); `laboratory.quick` asks for the smallest form, a smoke. A part
calls `progress(0.4, "what it is doing")` with the share of its own work that is done, and prints nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

type Progress = Callable[[float, str], None]
type Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text, the first column to the left and the others to the right; `note` stands below it."""

    title: str
    head: Row
    rows: Sequence[Row]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: for each of `labels`, left to right, the value of every series there; None leaves a gap."""

    name: str  # of its file, without the ending
    title: str
    labels: list[str]
    series: dict[str, list[float | None]]
    kind: Literal["bars", "lines"] = "bars"
    logarithmic: bool = False
    unit: str = "ms"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its bound: at most that, or with `at_least` no less."""

    name: str
    figure: float
    bound: float
    unit: str = "x"
    at_least: bool = False
    low: float | None = None  # where the middle half of the measured ratios begins

    @property
    def met(self) -> bool:
        """Whether it holds. With `low`, it is missed only where the middle half lies wholly above the bound."""
        if self.at_least:
            return self.figure >= self.bound
        return (self.figure if self.low is None else self.low) <= self.bound

    @property
    def verdict(self) -> str:
        """In words, and by how much."""
        word = "met" if self.met else "MISSED"
        if self.low is not None and self.low <= self.bound < self.figure:
            return f"met: the middle half begins at {self.low:.2f}"
        if not self.bound:
            return word if self.met else f"{word} by {abs(self.figure):g}"
        return f"{word} by {abs(self.figure / self.bound - 1):.0%}"


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report; `text` says how it was measured. `figures` go into figures.json as they are."""

    title: str
    text: str
    tables: list[Table]
    charts: list[Chart] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
