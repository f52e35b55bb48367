"""Encrypts the bodies in the outbox with Fernet. Each token also contains the identity of its row.

So a body cannot be moved to another row, and a copy of the database discloses no body. If the team has
certificates, a body that is already an S/MIME envelope is stored unchanged, because only the team can open
it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from rjsite.encryption.smime import checked_envelope, is_envelope


class CannotDecrypt(Exception):
    """No key fits, the body belongs to another row, or it is an envelope that this site would not send."""


class RowCipher:
    """Encrypts bodies with the first key and decrypts them with any key.

    Args:
        keys: Fernet keys in URL-safe base64.
        envelopes_from: the sender of S/MIME envelopes, or "" if the team has no certificates. In that case,
            no envelope is accepted, because anyone who can write to the database could send anything in one.
    """

    def __init__(self, keys: Sequence[str], envelopes_from: str = "") -> None:
        self._envelopes_from = envelopes_from
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, identity: str, body: bytes) -> bytes:
        """Return a body encrypted for the row with this identity, or an allowed envelope unchanged."""
        if self._may_stay(body):
            return body
        return self._fernet.encrypt(identity.encode() + b"\0" + body)

    def decrypt(self, identity: str, stored: bytes) -> bytes:
        """Return the decrypted body of a row.

        Raises:
            CannotDecrypt: if no key fits, the body belongs to another row, or the envelope is not valid.
        """
        if self._may_stay(stored):
            try:
                return checked_envelope(stored, self._envelopes_from, identity)
            except ValueError:
                raise CannotDecrypt from None
        try:
            text = self._fernet.decrypt(stored)
        except InvalidToken:
            raise CannotDecrypt from None
        own_identity, _, body = text.partition(b"\0")
        if own_identity != identity.encode():
            raise CannotDecrypt
        return body

    def rotate(self, stored: bytes) -> bytes:
        """Return a stored body encrypted with the first key, or an allowed envelope unchanged.

        Raises:
            CannotDecrypt: if no key fits.
        """
        if self._may_stay(stored):
            return stored
        try:
            return self._fernet.rotate(stored)
        except InvalidToken:
            raise CannotDecrypt from None

    def _may_stay(self, body: bytes) -> bool:
        """Return whether this is an envelope and rows may contain envelopes."""
        return bool(self._envelopes_from) and is_envelope(body)
