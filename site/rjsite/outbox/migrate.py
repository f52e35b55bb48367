"""Bring a database up to the present shape; run at every start, under a lock."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

LOCK = 7_219_043_118  # any fixed number: PostgreSQL's advisory lock of this project


def migrate(engine: Engine) -> None:
    """Run the migrations that the database lacks. Several processes may start at once.

    SQLite's transaction begins with its write lock; PostgreSQL takes an advisory lock. A database that a
    later version of the site has changed is left as it is: each version works with the next one's shape, so
    that old and new may run at once.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        take_turns(connection)
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        present = MigrationContext.configure(connection).get_current_revision()
        if present is not None and present not in known:
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def take_turns(connection: Connection) -> None:
    """Let whoever else changes the shape of this database finish first, until this transaction ends."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        for limit in ("lock_timeout", "statement_timeout"):  # another's change may take long
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
