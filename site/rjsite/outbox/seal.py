"""Mail at rest is sealed with Fernet keys; the identity of its row is sealed in with it.

So two rows cannot be swapped, and a copy of the database tells nothing (cryptography, MultiFernet).
A mail that is an S/MIME envelope already is kept as it is: only its readers can open it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from rjsite.sealing import is_envelope


class CannotOpen(Exception):
    """No key opens it, or it belongs to another row."""


class Seal:
    """Seals with the first key, opens with all.

    Args:
        keys: Fernet keys, url-safe base64.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def close(self, identity: str, body: bytes) -> bytes:
        """The body, sealed to the row it belongs to."""
        if is_envelope(body):
            return body
        return self._fernet.encrypt(identity.encode() + b"\0" + body)

    def open(self, identity: str, sealed: bytes) -> bytes:
        """The body again.

        Raises:
            CannotOpen: where no key fits or the seal belongs to another row.
        """
        if is_envelope(sealed):
            return sealed
        try:
            text = self._fernet.decrypt(sealed)
        except InvalidToken:
            raise CannotOpen from None
        named, _, body = text.partition(b"\0")
        if named != identity.encode():
            raise CannotOpen
        return body

    def rotate(self, sealed: bytes) -> bytes:
        """The same, sealed with the first key.

        Raises:
            CannotOpen: where no key fits.
        """
        if is_envelope(sealed):
            return sealed
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken:
            raise CannotOpen from None
