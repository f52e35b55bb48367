"""A database file that SQLite cannot read is kept aside, never deleted: it may hold what was not sent.

The site starts with a new file. `/readyz` and `rjsite outbox status` tell until somebody has looked after
the old one and moved it away.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from pathlib import Path

from sqlalchemy import make_url

MARK = ".damaged-"

log = logging.getLogger("rjsite.outbox")


def keep_aside(url: str) -> Path | None:
    """Move a damaged SQLite file, with its log, out of the way; returns where it is now.

    A file that is only locked, or cannot be opened, is left alone. Processes that start at once take turns:
    the second finds the first one's new file and must not move that over the old one.
    """
    file = _file(url)
    if file is None or not file.is_file():
        return None
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        return _aside(file)
    finally:
        os.close(folder)


def _aside(file: Path) -> Path | None:
    if not file.is_file() or _whole(file):
        return None
    aside = file.with_name(f"{file.name}{MARK}{int(time.time())}")
    for ending in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            file.with_name(file.name + ending).rename(aside.with_name(aside.name + ending))
    log.error("the outbox was damaged: it is kept aside as %s, and a new one is begun", aside.name)
    return aside


def kept_aside(url: str) -> list[Path]:
    """Damaged files that somebody has to look after."""
    file = _file(url)
    found = sorted(file.parent.glob(f"{file.name}{MARK}*")) if file else []
    return [path for path in found if not path.name.endswith(("-wal", "-shm"))]


def _file(url: str) -> Path | None:
    parsed = make_url(url)
    name = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return Path(name) if name and name != ":memory:" else None


def _whole(file: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=5)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError:  # locked, read-only, no room: not damaged
        return True
    except sqlite3.DatabaseError:
        return False
