"""What a person told us, on its way to the team. Imports nothing of ours; prints none of it."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, as the team reads it."""

    name: str
    question: str
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Referral:
    """One sent form. `sent_at` carries its time zone."""

    form: str
    reference: str
    submission: str  # identity of this sending: 64 hexadecimal figures
    sent_at: datetime
    before: tuple[Answer, ...] = field(repr=False)  # what staff follow before any contact
    flags: tuple[str, ...] = field(repr=False)
    answers: tuple[Answer, ...] = field(repr=False)
    reply_to: str = field(default="", repr=False)
    possible_spam: bool = False
    privacy_version: str = ""

    def digest(self, key: bytes) -> str:
        """A keyed digest of the answers: tells whether two sendings say the same, and nothing else."""
        said = json.dumps([(answer.name, answer.words) for answer in self.answers])
        return hmac.new(key, said.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
