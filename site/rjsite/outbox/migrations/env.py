"""The entry point for Alembic, which uses the connection of `migrate`."""

from alembic import context

from rjsite.outbox.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
