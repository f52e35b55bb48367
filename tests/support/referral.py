"""A made-up referral. `dataclasses.replace` makes variants of it."""

from __future__ import annotations

from datetime import UTC, datetime

from rjsite.forms.referral import Answer, Referral

REFERRAL = Referral(
    key="a",
    form="Form A",
    reference="7K3M-X9QF",
    submission="ab" * 32,
    nonce="known to the page",
    sent_at=datetime(2026, 7, 1, 11, 30, tzinfo=UTC),
    before=(
        Answer("contact_by", "Contact by", ("phone",), ("Phone call",)),
        Answer("leave_message", "Leave a message", ("no",), ("No",)),
    ),
    flags=(),
    answers=(Answer("name", "What should we call you?", ("Anna",)), Answer("stage", "Where?", ())),
    privacy_version="1",
)
