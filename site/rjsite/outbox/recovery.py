"""Moves a corrupt SQLite file aside and never deletes it, because it may contain unsent mail.

The site starts with a new file. `/readyz` and `rjsite outbox status` report the old file until somebody moves
it away.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from pathlib import Path

from sqlalchemy import make_url

from rjsite.content.lock import locked

MARK = ".damaged-"

log = logging.getLogger("rjsite.outbox")


def move_corrupt_file_aside(url: str) -> Path | None:
    """Move a corrupt SQLite file aside, with its log, and return its new path, or None if nothing is moved.

    A file that is only locked or cannot be opened is left alone. Only one process at a time checks and
    moves the file, so that a second process does not move the new file over the old one.
    """
    file = sqlite_file(url)
    if file is None or not file.is_file():
        return None
    with locked(file.parent):
        return _aside(file)


def _aside(file: Path) -> Path | None:
    if not file.is_file() or _is_intact(file):
        return None
    aside = file.with_name(f"{file.name}{MARK}{int(time.time())}")
    for ending in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            file.with_name(file.name + ending).rename(aside.with_name(aside.name + ending))
    log.error("the outbox was damaged: it was moved aside as %s, and a new one was made", aside.name)
    return aside


def corrupt_files(url: str) -> list[Path]:
    """Return the corrupt files that were moved aside and that somebody has to deal with."""
    file = sqlite_file(url)
    files = sorted(file.parent.glob(f"{file.name}{MARK}*")) if file else []
    return [path for path in files if not path.name.endswith(("-wal", "-shm"))]


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite database, or None for any other database."""
    parsed = make_url(url)
    name = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return Path(name) if name and name != ":memory:" else None


def _is_intact(file: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=5)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError:  # for example, the file is locked or the disk is full
        return True
    except sqlite3.DatabaseError:
        return False
