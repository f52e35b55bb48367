"""A referral: what a person sent to the team. The `repr` of these classes shows no answers."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

NOT_ANSWERED = "Not answered"
FAST = "fast"  # a sign of spam that people can cause too


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: what was typed, or the values and labels of the selected choices.

    If there are no values, the question was not answered. A caution tells the team what to keep in mind about
    the answer.
    """

    name: str
    question: str
    values: tuple[str, ...] = field(repr=False)
    labels: tuple[str, ...] = field(default=(), repr=False)
    caution: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """Return the answer as the team reads it."""
        return "; ".join(self.labels or self.values) or NOT_ANSWERED


@dataclass(frozen=True, slots=True)
class Referral:
    """A form that was sent. `sent_at` has a time zone."""

    key: str  # identifies the form, for programs
    form: str  # the name of the form, for people
    reference: str
    submission: str  # the identity of the opened form, in 64 hexadecimal digits
    nonce: str = field(repr=False)  # from the token in the page; it is not stored
    sent_at: datetime
    before: tuple[Answer, ...] = field(repr=False)  # what staff must know before they contact anyone
    flags: tuple[str, ...] = field(repr=False)
    answers: tuple[Answer, ...] = field(repr=False)
    reply_to: str = field(default="", repr=False)
    headlines: tuple[str, ...] = field(default=(), repr=False)  # lines at the top of the email
    cautions: tuple[str, ...] = field(default=(), repr=False)  # what to do or not to do, below the headlines
    # the name of each sign of spam, and a sentence about it
    spam: Mapping[str, str] = field(default_factory=dict)
    privacy_version: str = ""

    @property
    def digest(self) -> str:
        """Return a keyed digest of the answers, which shows whether a form was sent again unchanged."""
        text = json.dumps([(answer.name, answer.text) for answer in self.answers])
        return hmac.new(self.nonce.encode(), text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
