"""Adds the table that says when the site may next sign in to the mail server and send mail.

All processes share the table, and the times survive restarts. The previous version of the site works with the
new schema, because that version does not use this table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "mail_gate",
        sa.Column("credentials", sa.String(64), primary_key=True),
        sa.Column("refusals", sa.Integer, nullable=False),
        sa.Column("closed_until", sa.Float, nullable=False),
        sa.Column("failure", sa.String(40), nullable=False),
        sa.Column("next_mail_at", sa.Float, nullable=False),
    )
