"""What Lambda tells a job of its time."""

from dataclasses import dataclass


@dataclass
class Time:
    """How long a handler may go on. Each question takes `step` of it."""

    left: int
    step: int = 0

    def get_remaining_time_in_millis(self) -> int:
        """What is left, as Lambda's context tells it."""
        self.left -= self.step
        return self.left


PLENTY = Time(60_000)
