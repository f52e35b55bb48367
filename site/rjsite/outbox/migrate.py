"""Bring a database up to the present shape; run at every start, under a lock."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select, text
from sqlalchemy.exc import InvalidRequestError

from rjsite.outbox.schema import metadata, outbox

LOCK = 7_219_043_118  # any fixed number: PostgreSQL's advisory lock of this project
NEWEST = "0003"  # of migrations/versions: the shape that `rjsite.outbox.schema` describes

_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def migrate(engine: Engine) -> None:
    """Bring a database to the present shape. Several processes may start at once.

    SQLite's transaction begins with its write lock; PostgreSQL takes an advisory lock. A database that a
    later version of the site has changed is left as it is: each version works with the next one's shape, so
    that old and new may run at once.
    """
    with engine.begin() as connection:
        take_turns(connection)
        if not inspect(connection).has_table(outbox.name):  # Alembic's cookbook: "from scratch"
            metadata.create_all(connection)
            _version.create(connection, checkfirst=True)
            connection.execute(_version.delete())  # of a database that was taken apart by hand
            connection.execute(_version.insert().values(version_num=NEWEST))
        elif connection.execute(select(_version)).scalar() != NEWEST:
            _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    """Run the migrations that the database lacks; none where it is of a later version."""
    from alembic import command  # it takes a fifth of a start, and is needed once
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    try:
        present = MigrationContext.configure(connection).get_current_revision()
        if present is None or present in known:
            command.upgrade(config, "head")
    except CommandError as error:
        raise InvalidRequestError(str(error)) from None


def take_turns(connection: Connection) -> None:
    """Let whoever else changes the shape of this database finish first, until this transaction ends."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        for limit in ("lock_timeout", "statement_timeout"):  # another's change may take long
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
