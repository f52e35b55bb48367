"""Mail at rest is sealed with Fernet keys; the identity of its row is sealed in with it.

So two rows cannot be swapped, and a copy of the database tells nothing (cryptography, MultiFernet).
Where the readers' certificates are set, an S/MIME envelope is kept as it is: only its readers can open it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from rjsite.encryption.smime import checked_envelope, is_envelope


class CannotOpen(Exception):
    """No key opens it, it belongs to another row, or it is an envelope that this site would not send."""


class Seal:
    """Seals with the first key, opens with all.

    Args:
        keys: Fernet keys, url-safe base64.
        envelopes_from: who S/MIME envelopes are from, where certificates are set. Without it no row may hold
            an envelope: whoever can write to the database could send anything by one.
    """

    def __init__(self, keys: Sequence[str], envelopes_from: str = "") -> None:
        self._envelopes_from = envelopes_from
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def close(self, identity: str, body: bytes) -> bytes:
        """The body, sealed to the row it belongs to."""
        if self._envelopes_from and is_envelope(body):
            return body
        return self._fernet.encrypt(identity.encode() + b"\0" + body)

    def open(self, identity: str, sealed: bytes) -> bytes:
        """The body again.

        Raises:
            CannotOpen: where no key fits or the seal belongs to another row.
        """
        if self._envelopes_from and is_envelope(sealed):
            return self._checked(identity, sealed)
        try:
            text = self._fernet.decrypt(sealed)
        except InvalidToken:
            raise CannotOpen from None
        named, _, body = text.partition(b"\0")
        if named != identity.encode():
            raise CannotOpen
        return body

    def _checked(self, identity: str, envelope: bytes) -> bytes:
        submission, version, recipient = identity.split("/", 2)
        try:
            return checked_envelope(
                envelope,
                sender=self._envelopes_from,
                recipient=recipient,
                submission=submission,
                version=version,
            )
        except ValueError:
            raise CannotOpen from None

    def rotate(self, sealed: bytes) -> bytes:
        """The same, sealed with the first key.

        Raises:
            CannotOpen: where no key fits.
        """
        if self._envelopes_from and is_envelope(sealed):
            return sealed
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken:
            raise CannotOpen from None
