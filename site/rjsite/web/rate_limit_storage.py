"""Counts sent forms in a database that processes and machines can share. `limits` has no SQL storage."""

from __future__ import annotations

import os
import time
from typing import Any

from limits.storage import SlidingWindowCounterSupport, Storage
from sqlalchemy import Column, Engine, Float, Integer, MetaData, String, Table, text
from sqlalchemy.schema import CreateTable

from rjsite.outbox.database import DATABASE_ERRORS, open_database
from rjsite.outbox.migrate import lock_migrations

_metadata = MetaData()
_counts = Table(
    "rate_limit",
    _metadata,
    Column("key", String(200), primary_key=True),
    Column("win", Integer, nullable=False),  # the number of the window that `cur` counts
    Column("cur", Integer, nullable=False),
    Column("prev", Integer, nullable=False),  # the count of the window before that
    Column("ends", Float, nullable=False),  # when the row no longer matters, in seconds since 1970
)

# This statement both counts and decides, so that processes cannot exceed the limit together. It compares with
# the limit plus one, because `limits` rounds the weighted count down everywhere.
_BEFORE = (
    "CASE WHEN rate_limit.win=:w THEN rate_limit.prev WHEN rate_limit.win=:w-1 THEN rate_limit.cur ELSE 0 END"
)
_NOW = "CASE WHEN rate_limit.win=:w THEN rate_limit.cur ELSE 0 END"
_ACQUIRE = text(f"""
    INSERT INTO rate_limit(key, win, cur, prev, ends) VALUES(:k, :w, :a, 0, :ends)
    ON CONFLICT(key) DO UPDATE SET prev={_BEFORE}, cur=({_NOW})+:a, win=:w, ends=:ends
    WHERE ({_BEFORE})*CAST(:f AS double precision)+({_NOW})+:a < :lim + 1
    RETURNING cur
""")
FORGET_EVERY = 60.0  # seconds
_FORGET = text("DELETE FROM rate_limit WHERE ends < :now")


class SlidingWindows(Storage, SlidingWindowCounterSupport):
    """A storage for sliding windows, the only strategy of the site. Nothing calls the other methods."""

    base_exceptions = ()

    def _never_called(self, *_args: Any, **_options: Any) -> Any:
        raise NotImplementedError

    incr = get = get_expiry = check = clear = reset = clear_sliding_window = _never_called


class SQLStorage(SlidingWindows):
    """Counters in a database, for `limits`.

    Args:
        uri: `sqlalchemy+`, followed by the SQLAlchemy URL of a SQLite or PostgreSQL database.
    """

    STORAGE_SCHEME = ["sqlalchemy+sqlite", "sqlalchemy+postgresql", "sqlalchemy+postgresql+psycopg"]  # noqa: RUF012

    def __init__(self, uri: str, wrap_exceptions: bool = False, **_: Any) -> None:
        super().__init__(uri, wrap_exceptions)
        self._url = uri.removeprefix("sqlalchemy+")
        self._engine: Engine | None = None
        self._process = 0
        self._forgot = 0.0

    @property
    def engine(self) -> Engine:
        """Return the engine. It is created on first use, so that the site can start without the storage.

        A forked process creates its own engine and leaves the connections of its parent alone.
        """
        engine = self._engine
        if engine is not None and self._process == os.getpid():
            return engine
        if engine is not None:
            engine.dispose(close=False)
        engine = open_database(self._url, synced=False)  # a lost count costs less than a sync for each form
        with engine.begin() as connection:
            # PostgreSQL fails if two processes create the same table at the same time
            lock_migrations(connection)
            connection.execute(CreateTable(_counts, if_not_exists=True))
        self._engine, self._process = engine, os.getpid()
        return engine

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` if the limit allows this, and return whether it was counted."""
        if amount > limit:
            return False
        now = time.time()
        values = {"k": key, "w": int(now // expiry), "a": amount, "lim": limit, "ends": now + 2 * expiry}
        engine = self.engine
        try:
            with engine.begin() as connection:
                if abs(now - self._forgot) > FORGET_EVERY:
                    connection.execute(_FORGET, {"now": now})
                    self._forgot = now
                taken = connection.execute(_ACQUIRE, {**values, "f": 1 - now % expiry / expiry}).first()
        except DATABASE_ERRORS:
            engine.dispose()
            self._engine = None  # somebody may have deleted the table, which the next call then creates
            raise
        return taken is not None

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return the counts of the previous and current windows, with the seconds until each expires."""
        now = time.time()
        window, left = int(now // expiry), expiry - now % expiry
        with self.engine.connect() as connection:
            row = connection.execute(_counts.select().where(_counts.c.key == key)).first()
        if row is None or row.win < window - 1:
            return 0, 0.0, 0, left + expiry
        before, present = (row.prev, row.cur) if row.win == window else (row.cur, 0)
        return before, left if before else 0.0, present, left + expiry
