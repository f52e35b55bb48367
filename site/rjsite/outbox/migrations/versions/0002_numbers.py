"""Adds running numbers, so that the team notices if an email is missing.

The previous version of the site works with the changed table, because the new column may be empty.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("number", sa.Integer))
    op.create_table(
        "outbox_counters",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
