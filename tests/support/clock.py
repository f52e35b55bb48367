"""A clock that tests set to an hour and a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


def _november(day: int = 20, hour: int = 12) -> float:
    return datetime(2026, 11, day, hour, tzinfo=UTC).timestamp()


@dataclass
class Clock:
    """A clock that the test sets, in UK winter time. It starts at noon on 20 November 2026."""

    now: float = _november()

    def __call__(self) -> float:
        """Return the seconds since 1970."""
        return self.now

    def to(self, day: int, hour: int) -> None:
        """Set the clock to an hour on a day of November 2026."""
        self.now = _november(day, hour)
