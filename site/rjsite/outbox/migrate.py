"""Migrates the database, under a lock, when a process first uses it or reconnects."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select, text
from sqlalchemy.exc import InvalidRequestError

from rjsite.outbox.schema import metadata, outbox

LOCK = 7_219_043_118  # an arbitrary fixed number for this project's advisory lock in PostgreSQL
_MIGRATIONS = Path(__file__).parent / "migrations"

_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def migrate(engine: Engine) -> None:
    """Create the tables or run the missing migrations. Several processes may call this at the same time.

    SQLite takes its write lock at the beginning of a transaction; PostgreSQL takes an advisory lock. A
    database that a later version of the site has migrated is not changed: each version works with the tables
    of the next one, so that both can run side by side.
    """
    with engine.begin() as connection:
        lock_migrations(connection)
        # as in "Building an Up to Date Database from Scratch" in the documentation of Alembic
        if not inspect(connection).has_table(outbox.name):
            metadata.create_all(connection)
            _version.create(connection, checkfirst=True)
            connection.execute(_version.delete())  # in case somebody has dropped the other tables by hand
            connection.execute(_version.insert().values(version_num=newest()))
        elif connection.execute(select(_version)).scalar() != newest():
            _upgrade(connection)


def newest() -> str:
    """Return the number of the newest migration, which leads to the tables of `rjsite.outbox.schema`."""
    return max(file.name[:4] for file in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _upgrade(connection: Connection) -> None:
    """Run the missing migrations, unless a later version has migrated the database."""
    from alembic import command  # slow to import, and few starts need it
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    try:
        present = MigrationContext.configure(connection).get_current_revision()
        if present is None or present in known:
            command.upgrade(config, "head")
    except CommandError as error:
        raise InvalidRequestError(str(error)) from None


def lock_migrations(connection: Connection) -> None:
    """Wait until no other process is migrating this database, and make others wait until the commit."""
    if connection.dialect.name == "postgresql":  # SQLite allows only one writer anyway
        for limit in ("lock_timeout", "statement_timeout"):  # another process may take a long time
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
