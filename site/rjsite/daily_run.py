"""How the last daily run on this machine (deploy/daily.sh) ended."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

RESULT = "daily-run"  # in the data folder
OVERDUE = 26 * 60 * 60  # seconds


def warning(data_dir: Path) -> str | None:
    """Return a line where the last daily run failed or is overdue; None also where there is no daily run."""
    file = data_dir / RESULT
    try:
        ended, at = file.read_text(errors="replace").strip(), file.stat().st_mtime
    except FileNotFoundError:
        return None
    what = "the daily run, which publishes the pages and backs up the outbox,"
    when = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    if ended != "ok":
        return f"{what} failed at {when}; journalctl -u rjsite-daily says why"
    if time.time() - at > OVERDUE:
        return f"{what} was last done at {when}; systemctl list-timers rjsite-daily.timer says when it is due"
    return None
