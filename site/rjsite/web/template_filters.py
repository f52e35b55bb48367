"""Template filters for pages and paper forms."""

from __future__ import annotations

from datetime import date


def day(value: date) -> str:
    """Return a date as people write it, such as 3 March 2026."""
    return f"{value:%-d %B %Y}"
