"""Alembic's entry: runs on the connection that `migrate` holds."""

from alembic import context

from rjsite.outbox.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
