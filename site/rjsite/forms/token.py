"""The signed token of a form, which is in the page and not in a cookie.

If a token is too old, `rjsite/web/forms.py` shows the form again, with every answer in it.

Flask-WTF's own token needs a session cookie and, over HTTPS, a Referer. The site uses neither
(docs/decisions). The token also identifies the submission, so that a form sent twice is recognised even if a
new key signs tokens in the meantime.
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

MAX_AGE = 24 * 3600  # seconds
MAX_AHEAD = 300  # seconds by which another machine's clock may be fast
State = Literal["good", "old", "unreadable"]
REFERENCE_SYMBOLS = "2346789FHKMQRWXY"  # no vowels, no look-alikes, few sound-alikes


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was sent: what it contains, and whether it is still valid."""

    nonce: str
    state: State
    age: float = field(default=math.inf, compare=False)  # seconds since the empty form was opened

    @property
    def submission(self) -> str:
        """Return the identity of the opened form, in 64 hexadecimal digits."""
        return hashlib.sha256(b"submission:" + self.nonce.encode()).hexdigest()

    @property
    def reference(self) -> str:
        """Return the reference for people, such as 7K3M-X9QF. It reveals no date, order or form."""
        digest = hashlib.sha256(b"reference:" + self.nonce.encode()).digest()
        symbols = "".join(REFERENCE_SYMBOLS[byte % 16] for byte in digest[:8])
        return f"{symbols[:4]}-{symbols[4:]}"


class Signer:
    """Signs and loads the tokens of one form.

    Args:
        keys: the first key signs tokens, and every key verifies them.
        form: the key of the form. A token of another form is unreadable.
    """

    def __init__(self, keys: Sequence[str], form: str) -> None:
        self._serializer = URLSafeTimedSerializer(list(reversed(keys)), salt=f"form-token:{form}")

    def new_token(self) -> str:
        """Return a token for an empty form."""
        return self._serializer.dumps(secrets.token_urlsafe(12))

    def renew(self, nonce: str) -> str:
        """Return a new token for the same submission. A form sent with it never counts as sent too fast."""
        return self._serializer.dumps({"again": nonce})

    def load(self, text: str) -> Token:
        """Return the token that was sent with a form. An unreadable one gets a new nonce."""
        try:
            content, signed_at = self._serializer.loads(text, return_timestamp=True)
        except BadSignature:
            return Token(secrets.token_urlsafe(12), "unreadable")
        age = time.time() - signed_at.timestamp()
        state: State = "good" if -MAX_AHEAD <= age <= MAX_AGE else "old"
        return Token(content["again"], state) if isinstance(content, dict) else Token(content, state, age)
