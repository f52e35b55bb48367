"""Bring a database up to the present shape; run at every start, under a lock."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

LOCK = 7_219_043_118  # any fixed number: PostgreSQL's advisory lock of this project


def migrate(engine: Engine) -> None:
    """Run the migrations that the database lacks. Several processes may start at once.

    SQLite's transaction begins with its write lock; PostgreSQL takes an advisory lock.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
