"""The outbox's tables, and how a database is opened so that a commit is on disk."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

# what a database that cannot be used raises; SQLite's own error comes from opening a damaged file
BROKEN = (SQLAlchemyError, sqlite3.Error, OSError)
WAIT_FOR_LOCK = 3  # seconds; then a form is handed over directly while its sender still waits
POSTGRESQL = {  # what libpq takes; each can be set in RJSITE_DATABASE_URL
    "connect_timeout": WAIT_FOR_LOCK,
    "tcp_user_timeout": WAIT_FOR_LOCK * 1000,
    "options": f"-c synchronous_commit=on -c lock_timeout={WAIT_FOR_LOCK}s -c statement_timeout=10s",
}

metadata = MetaData()

# One row for each version of a form and each recipient. Times are seconds since 1970, UTC.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Integer),  # the same for every recipient; none for what is no form
    Column("reference", String(9), nullable=False),
    Column("submission", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("recipient", String(254), nullable=False),
    Column("sealed", LargeBinary),  # empty once wiped
    Column("made_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease", String(64), nullable=False, default=""),
    Column("offered_at", Float),  # the mail server was given it and has not answered
    Column("accepted_at", Float),
    Column("refused_at", Float),
    Column("wiped_at", Float),
    Column("trouble", String(40), nullable=False, default=""),
    UniqueConstraint("submission", "version", "recipient", name="outbox_one_of_each"),
    Index("outbox_due", "accepted_at", "due_at"),
    Index("outbox_reference", "reference"),
)

# What outlives the rows: the last running number given, the last day that was counted.
counters = Table(
    "outbox_counters",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("value", Integer, nullable=False),
)

# Until when nobody signs in to the mail server (rjsite.mail.sign_in); a row for each set of credentials.
mail_gate = Table(
    "mail_gate",
    metadata,
    Column("credentials", String(64), primary_key=True),  # a keyed digest
    Column("refusals", Integer, nullable=False, default=0),  # in a row
    Column("closed_until", Float, nullable=False, default=0.0),
    Column("failure", String(40), nullable=False, default=""),
    Column("next_mail_at", Float, nullable=False, default=0.0),
)


def open_database(url: str, *, synced: bool = True) -> Engine:
    """An engine whose commits are synced to disk; connects when first used.

    SQLite: WAL with `synchronous=FULL`, write locks taken at once, wiped pages overwritten, file mode
    0600; a connection to a file that was moved away is not used again, for nobody would read what it
    writes. PostgreSQL: syncs even where its own setting is not to, and nobody waits long for it.

    Args:
        synced: whether what SQLite commits has to outlast a loss of power.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        patient = {name: value for name, value in POSTGRESQL.items() if name not in parsed.query}
        return create_engine(parsed, pool_pre_ping=True, hide_parameters=True, connect_args=patient)
    engine = create_engine(parsed, connect_args={"timeout": WAIT_FOR_LOCK}, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def _private(*_: Any) -> None:
        _make_private(parsed.database)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, record: Any) -> None:
        record.info["file"] = _file(parsed.database)
        connection.isolation_level = None  # we say BEGIN ourselves
        _write_ahead(connection)
        sync = f"synchronous={'FULL' if synced else 'OFF'}"
        for pragma in (sync, "secure_delete=ON", "trusted_schema=OFF", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "checkout")
    def _same_file(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] != _file(parsed.database):
            raise DisconnectionError("another file stands in its place")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":  # a read
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _file(name: str | None) -> tuple[int, int] | None:
    """Which file stands under a name; None where there is none."""
    try:
        found = Path(name or "").stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers and a writer work at once. Where several open a new file together, SQLite does not wait
    for the others by itself."""
    end = time.monotonic() + WAIT_FOR_LOCK
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            taken = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # not a disk that is full
            if not taken or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _make_private(name: str | None) -> None:
    if name and name != ":memory:":
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
