"""What a person told us, on its way to the team. Imports nothing of ours; prints none of it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

NOT_ANSWERED = "Not answered"
FAST = "fast"  # the sign of spam that a person may give as well


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: what was typed, or the names of the choices with their labels; without values, none."""

    name: str
    question: str
    values: tuple[str, ...] = field(repr=False)
    labels: tuple[str, ...] = field(default=(), repr=False)

    @property
    def words(self) -> str:
        """The answer as the team reads it."""
        return "; ".join(self.labels or self.values) or NOT_ANSWERED


@dataclass(frozen=True, slots=True)
class Referral:
    """One sent form. `sent_at` carries its time zone."""

    key: str  # of the form, for machines
    form: str  # its name, for people
    reference: str
    submission: str  # identity of this sending: 64 hexadecimal figures
    nonce: str = field(repr=False)  # known to the page it was sent from, and kept nowhere
    sent_at: datetime
    before: tuple[Answer, ...] = field(repr=False)  # what staff follow before any contact
    flags: tuple[str, ...] = field(repr=False)
    answers: tuple[Answer, ...] = field(repr=False)
    reply_to: str = field(default="", repr=False)
    spam: Mapping[str, str] = field(default_factory=dict)  # signs that a program sent it: name, sentence
    privacy_version: str = ""

    @property
    def digest(self) -> str:
        """A keyed digest of the answers: tells whether two sendings say the same, and nothing else."""
        said = json.dumps([(answer.name, answer.words) for answer in self.answers])
        return hmac.new(self.nonce.encode(), said.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
