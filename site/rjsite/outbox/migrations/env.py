"""The entry point for Alembic. It uses the connection that `migrate` opened."""

from alembic import context

from rjsite.outbox.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
