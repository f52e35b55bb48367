"""The token of a form: signed, in the page, in no cookie.

Flask-WTF's own token needs a session cookie and, over https, a Referer; we send neither (docs/decisions).
The token also gives a sent form its identity: sending twice is recognised, whatever key signs by then.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from itsdangerous import BadSignature, URLSafeTimedSerializer

LIVES = 24 * 3600
AHEAD = 300  # two machines, or a corrected clock
State = Literal["good", "old", "unreadable"]
REFERENCE_SYMBOLS = "2346789FHKMQRWXY"  # no vowels, no look-alikes, few sound-alikes


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it came back: what it says, and whether it may still be used."""

    nonce: str
    state: State
    age: float = field(default=math.inf, compare=False)  # seconds since the page was opened without answers

    @property
    def submission(self) -> str:
        """The identity of what is sent with this token: 64 hexadecimal figures."""
        return hashlib.sha256(b"submission:" + self.nonce.encode()).hexdigest()

    @property
    def reference(self) -> str:
        """Eight symbols for people, such as 7K3M-X9QF; no date, order or side in them."""
        digest = hashlib.sha256(b"reference:" + self.nonce.encode()).digest()
        symbols = "".join(REFERENCE_SYMBOLS[byte % 16] for byte in digest[:8])
        return f"{symbols[:4]}-{symbols[4:]}"


class Signer:
    """Makes and opens the tokens of one form.

    Args:
        keys: the first signs, all open. form: tokens of one form do not fit another.
    """

    def __init__(self, keys: Sequence[str], form: str) -> None:
        self._serializer = URLSafeTimedSerializer(list(reversed(keys)), salt=f"form-token:{form}")

    def fresh(self) -> str:
        """A token for a page that is opened."""
        return self._serializer.dumps(secrets.token_urlsafe(12))

    def again(self, nonce: str) -> str:
        """A new token for the same submission: its page comes back with answers, and may be sent at once."""
        return self._serializer.dumps({"again": nonce})

    def open(self, text: str) -> Token:
        """Read a token that came back with a form."""
        try:
            said, signed_at = self._serializer.loads(text, return_timestamp=True)
        except BadSignature:
            return Token(secrets.token_urlsafe(12), "unreadable")
        age = time.time() - signed_at.timestamp()
        state: State = "good" if -AHEAD <= age <= LIVES else "old"
        return Token(said["again"], state) if isinstance(said, dict) else Token(said, state, age)
