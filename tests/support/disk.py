"""Breaks the disk of the outbox under a running site, with errors that a kernel or SQLite really reports."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from support.site_process import Site

DATABASE = "outbox.sqlite3"


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Hold the write lock, as a hanging backup does."""
    with closing(sqlite3.connect(site.data_dir / DATABASE, isolation_level=None, timeout=20)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(site: Site) -> Iterator[None]:
    """Prevent files of the site's process from growing, as on a full disk."""
    resource.prlimit(site.process_id, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    yield
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(site.process_id, resource.RLIMIT_FSIZE, unlimited)


@contextmanager
def read_only(site: Site) -> Iterator[None]:
    """Remove write permission, and restart, because an open file stays writable."""
    site.terminate()
    for file in (site.data_dir, *site.data_dir.glob(f"{DATABASE}*")):
        file.chmod(file.stat().st_mode & ~0o222)
    if os.geteuid() == 0:
        site.before = ["setpriv", "--bounding-set=-all"]  # otherwise permissions do not apply to root
    site.start()
    yield
    site.terminate()
    for file in (site.data_dir, *site.data_dir.glob(f"{DATABASE}*")):
        file.chmod(file.stat().st_mode | 0o200)
    site.before = []
    site.start()


@contextmanager
def damaged(site: Site) -> Iterator[None]:
    """Corrupt the schema, which each connection reads first, so that its next statement fails."""
    with closing(sqlite3.connect(site.data_dir / DATABASE, isolation_level=None, timeout=20)) as other:
        _set_schema(other, "'CREATE TABLE ' || sql")
    yield
    site.restart()


def overwrite(site: Site) -> None:
    """Overwrite the database with random bytes, as a failing disk might, while the site is down."""
    site.kill()
    for file in site.data_dir.glob(f"{DATABASE}*"):
        file.write_bytes(os.urandom(8192))
    site.start()


def repair_corrupt_files(folder: Path) -> list[Path]:
    """Repair the files that were kept after `damaged`, make all their mail due, and return them."""
    files = [path for path in folder.glob(f"{DATABASE}.damaged-*") if path.name[-1].isdigit()]
    for file in files:
        with closing(sqlite3.connect(file, isolation_level=None)) as aside:
            aside.execute("PRAGMA writable_schema=ON")
            _set_schema(aside, "substr(sql, 14)")
        with closing(sqlite3.connect(file)) as aside:
            _end_waits(aside)
    return files


def outbox_rows_are_due(folder: Path) -> None:
    """Make all unsent mail due, as if hours had passed."""
    with closing(sqlite3.connect(folder / DATABASE, timeout=20)) as outbox:
        _end_waits(outbox)


def _end_waits(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE outbox SET due_at = 0 WHERE accepted_at IS NULL")
    connection.execute("DELETE FROM mail_gate")
    connection.commit()


def _set_schema(connection: sqlite3.Connection, sql: str) -> None:
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute(f"UPDATE sqlite_master SET sql = {sql} WHERE name = 'outbox'")
    (cookie,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute(f"PRAGMA schema_version={cookie + 1}")
