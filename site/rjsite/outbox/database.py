"""How the outbox's database is opened, so that a commit is on disk, and prepared once in each process."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, false, make_url, select, text, update
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

from rjsite.outbox.migrate import migrate
from rjsite.outbox.recovery import keep_aside
from rjsite.outbox.schema import metadata, outbox

# What a database that cannot be used raises; opening a damaged file raises an error of sqlite3 itself.
BROKEN = (SQLAlchemyError, sqlite3.Error, OSError)
WAIT_FOR_LOCK = 3  # seconds; after that a form is handed over directly, while its sender still waits
POSTGRESQL = {  # what libpq takes; each can be set in RJSITE_DATABASE_URL
    "connect_timeout": WAIT_FOR_LOCK,
    "tcp_user_timeout": WAIT_FOR_LOCK * 1000,
    "options": f"-c synchronous_commit=on -c lock_timeout={WAIT_FOR_LOCK}s -c statement_timeout=10s",
}
PREPARE_AGAIN = 1.0  # seconds after a failure; one form asks several times


class Database:
    """One database, used by any number of threads and processes.

    Nothing is opened before the first use. Then each process brings the database up to the present shape,
    once, and again after a fork, since a child must not use the connections of its parent.

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
        self._failed_at = -PREPARE_AGAIN  # when preparing it failed last, in seconds of `time.monotonic`

    @property
    def url(self) -> str:
        """The URL of the database, with its password."""
        return self._engine.url.render_as_string(hide_password=False)

    @property
    def engine(self) -> Engine:
        """The engine, prepared for this process.

        Raises:
            one of BROKEN: where the database cannot be used.
        """
        self.prepare()
        return self._engine

    @property
    def reading(self) -> Engine:
        """The engine for reads, which need not wait for SQLite's only writer.

        Raises:
            one of BROKEN: where the database cannot be used.
        """
        self.prepare()
        return self._autocommit

    def prepare(self) -> None:
        """Make the database usable in this process, unless that is done: keep a damaged file aside, migrate.

        Raises:
            one of BROKEN: where it cannot be used, or another thread is still preparing it.
        """
        if self._prepared and self._process == os.getpid():
            return
        if not self._preparing.acquire(timeout=WAIT_FOR_LOCK):
            raise TimeoutError("the outbox is being prepared")
        try:
            if time.monotonic() < self._failed_at + PREPARE_AGAIN:  # nobody waits twice for one failure
                raise TimeoutError("the outbox could not be prepared")
            self._prepare()
        finally:
            self._preparing.release()

    def _prepare(self) -> None:
        if self._process != os.getpid():  # forked from a process that goes on using its connections
            self._prepared = False
            self._engine.dispose(close=False)
            self._process = os.getpid()
        if not self._prepared:
            try:
                keep_aside(self.url)
                self.mend()
            except BROKEN:
                self._failed_at = time.monotonic()
                raise
            self._prepared = True

    def mend(self) -> None:
        """Give up connections that no longer work, and bring the database up to the present shape.

        Raises:
            one of BROKEN: where it still cannot be used.
        """
        self._engine.dispose()
        migrate(self._engine)

    def truncate_log(self) -> None:
        """Write SQLite's write-ahead log back and truncate it, because it keeps pages that were wiped.

        While somebody reads it cannot be truncated, and has to be tried again.
        """
        if self._engine.dialect.name == "sqlite":
            with self.reading.connect() as connection:
                busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).scalar()
            self.log_needs_truncating = bool(busy)

    def check(self) -> None:
        """Take the lock that writing needs and release it; read every column of every table.

        Raises:
            one of BROKEN: where nothing could be written.
        """
        with self.engine.connect() as connection:  # begins a transaction, which is rolled back at the end
            connection.execute(update(outbox).where(false()).values(lease=""))
            for table in metadata.sorted_tables:
                connection.execute(select(table).where(false()))


def open_database(url: str, *, synced: bool = True) -> Engine:
    """Return an engine whose commits are synced to disk. It connects when it is first used.

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
