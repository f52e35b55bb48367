"""Opens the database of the outbox so that every commit is on disk, and prepares it once in each process."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, false, make_url, select, text, update
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

from rjsite.outbox.migrate import migrate
from rjsite.outbox.recovery import move_corrupt_file_aside
from rjsite.outbox.schema import metadata, outbox

# The errors of a database that cannot be used. SQLAlchemy does not wrap those raised when a corrupt file is
# opened.
DATABASE_ERRORS = (SQLAlchemyError, sqlite3.Error, OSError)
WAIT_FOR_LOCK = 3  # seconds; then the form is delivered directly while the person still waits for the page
POSTGRESQL = {  # libpq options; RJSITE_DATABASE_URL can override them
    "connect_timeout": WAIT_FOR_LOCK,
    "tcp_user_timeout": WAIT_FOR_LOCK * 1000,
    "options": f"-c synchronous_commit=on -c lock_timeout={WAIT_FOR_LOCK}s -c statement_timeout=10s",
}
PREPARE_AGAIN = 1.0  # seconds before another attempt; each form uses the database more than once


class Database:
    """One database, shared by any number of threads and processes.

    Each process opens and migrates the database on first use. A forked child process does so too, because it
    must not use the connections of its parent.

    Args:
        engine: from `open_database`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._process = os.getpid()
        self._prepared = False
        self._preparing = threading.Lock()
        self.log_needs_truncating = False
        self._failed_at = -PREPARE_AGAIN  # a value of `time.monotonic`

    @property
    def url(self) -> str:
        """Return the URL of the database, including the password."""
        return self._engine.url.render_as_string(hide_password=False)

    @property
    def engine(self) -> Engine:
        """Return the engine, prepared for this process.

        Raises:
            one of DATABASE_ERRORS: if the database cannot be used.
        """
        self.prepare()
        return self._engine

    @property
    def read_engine(self) -> Engine:
        """Return the engine for reads, which do not wait for the write lock of SQLite.

        Raises:
            one of DATABASE_ERRORS: if the database cannot be used.
        """
        self.prepare()
        return self._autocommit

    def prepare(self) -> None:
        """Move a corrupt file aside and migrate the database, unless this process has already done so.

        Raises:
            one of DATABASE_ERRORS: if the database cannot be used, another thread is still preparing it, or
                an attempt has just failed.
        """
        if self._prepared and self._process == os.getpid():
            return
        if not self._preparing.acquire(timeout=WAIT_FOR_LOCK):
            raise TimeoutError("the outbox is being prepared")
        try:
            if time.monotonic() < self._failed_at + PREPARE_AGAIN:  # no form waits twice for one failure
                raise TimeoutError("the outbox could not be prepared")
            self._prepare()
        finally:
            self._preparing.release()

    def _prepare(self) -> None:
        if self._process != os.getpid():  # this process is a fork, and its parent still uses the connections
            self._prepared = False
            self._engine.dispose(close=False)
            self._process = os.getpid()
        if not self._prepared:
            try:
                move_corrupt_file_aside(self.url)
                self.reconnect()
            except DATABASE_ERRORS:
                self._failed_at = time.monotonic()
                raise
            self._prepared = True

    def reconnect(self) -> None:
        """Close the connections, which may no longer work, and migrate the database.

        Raises:
            one of DATABASE_ERRORS: if the database still cannot be used.
        """
        self._engine.dispose()
        migrate(self._engine)

    def truncate_log(self) -> None:
        """Truncate the write-ahead log of SQLite, because the log may still contain data that was wiped.

        This is not possible while another connection reads. `log_needs_truncating` says whether to try again.
        """
        if self._engine.dialect.name == "sqlite":
            with self.read_engine.connect() as connection:
                busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).scalar()
            self.log_needs_truncating = bool(busy)

    def check(self) -> None:
        """Check that the database can be written to and has every column, without changing anything.

        Raises:
            one of DATABASE_ERRORS: if it cannot be written to, or lacks a table or column.
        """
        with self.engine.connect() as connection:  # takes the write lock, and is rolled back at the end
            connection.execute(update(outbox).where(false()).values(lease=""))
            for table in metadata.sorted_tables:
                connection.execute(select(table).where(false()))


def open_database(url: str, *, synced: bool = True) -> Engine:
    """Return an engine that connects when it is first used.

    PostgreSQL syncs each commit to disk, whatever its configuration says, unless the URL sets other options.
    No statement waits long for a lock.

    Args:
        url: an SQLAlchemy URL.
        synced: whether SQLite also syncs each commit to disk, so that it survives a power failure.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, "FULL" if synced else "OFF")
    arguments = {name: value for name, value in POSTGRESQL.items() if name not in parsed.query}
    return create_engine(parsed, pool_pre_ping=True, hide_parameters=True, connect_args=arguments)


def _open_sqlite(url: URL, synchronous: str) -> Engine:
    """Return an engine for an SQLite file with mode 0600 and a write-ahead log. Deleted data is overwritten.

    Transactions take the write lock when they begin. A connection is discarded if its file has been replaced,
    because nobody would read what it writes to the old file.
    """
    file = url.database
    engine = create_engine(url, connect_args={"timeout": WAIT_FOR_LOCK}, hide_parameters=True)

    def set_up(connection: sqlite3.Connection, record: Any) -> None:
        record.info["file"] = _file_id(file)
        _set_up_connection(connection, synchronous)

    def check_file(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] != _file_id(file):
            raise DisconnectionError("the database file was replaced")

    event.listen(engine, "do_connect", lambda *_: _make_private(file))
    event.listen(engine, "connect", set_up)
    event.listen(engine, "checkout", check_file)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up_connection(connection: sqlite3.Connection, synchronous: str) -> None:
    connection.isolation_level = None  # so that the driver does not begin transactions itself
    _use_write_ahead_log(connection)
    for pragma in (f"synchronous={synchronous}", "secure_delete=ON", "trusted_schema=OFF", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Any) -> None:
    """Take the write lock with the first statement, unless the connection is for reads."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _file_id(name: str | None) -> tuple[int, int] | None:
    """Return the device and inode of a file, or None if there is no such file."""
    try:
        status = Path(name or "").stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log, so that reads can run during a write.

    If several connections open a new file, SQLite fails here without waiting, so this function tries again.
    """
    end = time.monotonic() + WAIT_FOR_LOCK
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # not, for example, a full disk
            if not busy or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _make_private(name: str | None) -> None:
    """If the file does not exist, create it so that only this user can read or write it."""
    if name and name != ":memory:":
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
