"""When the site may sign in to the mail server again, for all processes and after a restart.

A site of the version before this one can go on with the new shape: it does not use the table.
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


def downgrade() -> None:
    op.drop_table("mail_gate")
