"""A progress bar on standard error, with a guess at how long it still takes."""

import sys
import time

WIDTH = 30


class Bar:
    """One bar for parts that take about `weights` seconds each; a terminal sees it move, a file gets a line a part."""

    def __init__(self, weights: dict[str, float]) -> None:
        self._weights, self._part, self._done = weights, "", 0.0
        self._start = time.monotonic()

    def begin(self, part: str) -> None:
        """The next part begins; the one before is done."""
        self._done += self._weights.get(self._part, 0.0)
        self._part = part
        if not sys.stderr.isatty():
            self._write(f"{part}\n")

    def __call__(self, share: float, what: str) -> None:
        """So much of the part is done."""
        if not sys.stderr.isatty():
            return
        whole = (self._done + share * self._weights[self._part]) / sum(self._weights.values())
        elapsed = time.monotonic() - self._start
        # At the beginning the weights know better than the clock how long it takes.
        left = (1 - whole) * (sum(self._weights.values()) if whole < 0.05 else elapsed / whole)
        bar = "#" * round(WIDTH * whole)
        self._write(
            f"\r[{bar:<{WIDTH}}] {whole:4.0%}, {left / 60:.0f}:{left % 60:02.0f} left  {self._part}: {what:<40}"
        )

    def end(self) -> None:
        if sys.stderr.isatty():
            self._write(f"\r{'':<110}\r")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
