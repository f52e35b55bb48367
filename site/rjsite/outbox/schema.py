"""The tables of the outbox. Times are seconds since 1970, UTC."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint

metadata = MetaData()

# This table has a row for each version of a form and each recipient.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Integer),  # the running number, which all recipients share; NULL for the daily count
    Column("reference", String(9), nullable=False),
    Column("submission", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("recipient", String(254), nullable=False),
    Column("sealed", LargeBinary),  # the encrypted body, NULL once it is wiped
    Column("made_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease", String(64), nullable=False, default=""),
    Column("offered_at", Float),  # when the last attempt sent the email, whether or not a reply came
    Column("accepted_at", Float),
    Column("refused_at", Float),
    Column("wiped_at", Float),
    Column("trouble", String(40), key="failure", nullable=False, default=""),  # the last failure
    UniqueConstraint("submission", "version", "recipient", name="outbox_one_of_each"),
    Index("outbox_due", "accepted_at", "due_at"),
    Index("outbox_reference", "reference"),
)

# The last running number, and the day of the last daily count. Both outlive the rows of the outbox.
counters = Table(
    "outbox_counters",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("value", Integer, nullable=False),
)

# The state of the gate (rjsite.mail.sign_in_gate) for each set of credentials.
mail_gate = Table(
    "mail_gate",
    metadata,
    Column("credentials", String(64), primary_key=True),  # a keyed digest of the credentials
    Column("refusals", Integer, nullable=False, default=0),  # consecutive failures
    Column("closed_until", Float, nullable=False, default=0.0),
    Column("failure", String(40), nullable=False, default=""),
    Column("next_mail_at", Float, nullable=False, default=0.0),
)
