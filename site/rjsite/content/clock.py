"""Today's date in the UK, which decides what the site shows, whatever the server's time zone."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

UK = ZoneInfo("Europe/London")


def today() -> date:
    """Return today's date in the UK."""
    return datetime.now(UK).date()
