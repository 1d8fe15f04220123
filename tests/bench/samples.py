"""Milliseconds, kept by round, and what is said of them.

Rounds are interleaved: every subject takes its turn in each, so that a machine that slows down slows them all. A ratio
is that of two medians of one round; shown are the median of the rounds' ratios and, as its spread, the least and the
greatest of the middle half.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

COLD_SHARE = 0.01


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie, between its two neighbours in proportion."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def mixed(warm: Sequence[float], cold: Sequence[float], share: float) -> float:
    """The percentile of a mixture: a request is one of `cold` with the chance `COLD_SHARE`, else one of `warm`."""
    weighted = [(value, (1 - COLD_SHARE) / len(warm)) for value in warm]
    weighted += [(value, COLD_SHARE / len(cold)) for value in cold]
    passed = 0.0
    for value, weight in sorted(weighted):
        passed += weight
        if passed >= share:
            return value
    return max(value for value, _ in weighted)


class Samples:
    """The milliseconds of one row of one subject at one distance, by round."""

    def __init__(self) -> None:
        self.rounds: list[list[float]] = []
        self.cpu: list[float] = []

    def add(self, times: list[float], cpu: float) -> None:
        self.rounds.append(times)
        self.cpu.append(cpu)

    @property
    def all(self) -> list[float]:
        return [value for times in self.rounds for value in times]

    def at(self, share: float) -> float:
        return percentile(self.all, share)

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of the rounds' medians: its least and its greatest."""
        return _middle_half([median(times) for times in self.rounds])

    def ratio(self, other: "Samples") -> tuple[float, float, float]:
        """How many times `other`'s median ours is, round by round: the median of that, and the middle half's ends."""
        return ratio([median(times) for times in self.rounds], [median(times) for times in other.rounds])


def _middle_half(values: list[float]) -> tuple[float, float]:
    return percentile(values, 0.25), percentile(values, 0.75)


def ratio(ours: list[float], theirs: list[float]) -> tuple[float, float, float]:
    """How many times `theirs` each of `ours` is, round by round: the median, and the middle half's ends."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return median(ratios), *_middle_half(ratios)


def ratio_text(middle: float, low: float, high: float) -> str:
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


@dataclass(slots=True)
class Start:
    """The cold starts of one subject with one row, all in milliseconds; `loaded`: the packages it came to load."""

    imports: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)  # since the import began
    processes: list[float] = field(default_factory=list)  # since the process did
    modules: int = 0
    loaded: list[str] = field(default_factory=list)

    def add(self, answer: dict[str, Any]) -> None:
        self.imports.append(answer["import"])
        self.answers.append(answer["answer"])
        self.processes.append(answer["process"])
        self.modules, self.loaded = answer["modules"], answer["loaded"]
