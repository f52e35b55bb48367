"""Creates the table of the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("reference", sa.String(9), nullable=False),
        sa.Column("submission", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("made_at", sa.Float, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease", sa.String(64), nullable=False),
        sa.Column("offered_at", sa.Float),
        sa.Column("accepted_at", sa.Float),
        sa.Column("refused_at", sa.Float),
        sa.Column("wiped_at", sa.Float),
        sa.Column("trouble", sa.String(40), nullable=False),
        sa.UniqueConstraint("submission", "version", "recipient", name="outbox_one_of_each"),
    )
    op.create_index("outbox_due", "outbox", ["accepted_at", "due_at"])
    op.create_index("outbox_reference", "outbox", ["reference"])
