"""The day in the UK, which decides what is shown, wherever the server stands."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

UK = ZoneInfo("Europe/London")


def today() -> date:
    """Return the day that it is now in the UK."""
    return datetime.now(UK).date()
