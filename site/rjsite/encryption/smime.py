"""S/MIME: with the readers' certificates set, a mail is closed to everyone but them before it is kept.

One envelope (RFC 8551), AES-256, every usable certificate a recipient. The server that made it cannot
open it. What stays outside is what a mail needs to travel: from, to, subject (the reference), date and
`Message-ID`. The address to reply to is the person's, so it goes nowhere but inside.
"""

from __future__ import annotations

import base64
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

SMALLEST_KEY = 2048
WARN_DAYS = 30
_KIND = b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data;"
_WRAPPING = b"\r\n".join(
    (
        b"MIME-Version: 1.0",
        _KIND + b' name="smime.p7m"',
        b'Content-Disposition: attachment; filename="smime.p7m"',
        b"Content-Transfer-Encoding: base64",
    )
)


_OUTSIDE = {
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"auto-submitted",
    b"x-auto-response-suppress",
}
_SUBJECT = re.compile(rb"Website form ([A-Z0-9]{4}-[A-Z0-9]{4})(?: \(possible spam\))?")

log = logging.getLogger("rjsite.sealing")


class NoCertificate(Exception):
    """Certificates are set and every one of them has ended: the mail is held, never sent open."""


@dataclass(frozen=True, slots=True)
class TeamCertificate:
    """A certificate, and the file it stands in."""

    file: Path
    certificate: x509.Certificate

    @property
    def ends(self) -> datetime:
        """When it ends."""
        return self.certificate.not_valid_after_utc


def load_certificates(file: Path) -> list[TeamCertificate]:
    """The certificates of a PEM file.

    Raises:
        ValueError: with what is wrong, in words for the operator.
    """
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except OSError:
        raise ValueError("there is no such file, or it cannot be read") from None
    except ValueError:
        raise ValueError("this is not a PEM file with certificates") from None
    for certificate in found:
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size < SMALLEST_KEY:
            raise ValueError(f"the certificate's key has to be RSA with {SMALLEST_KEY} bits or more")
    return [TeamCertificate(file, certificate) for certificate in found]


def is_envelope(message: bytes) -> bool:
    """Whether a composed message is closed already."""
    return _KIND in message.partition(b"\r\n\r\n")[0]


def checked_envelope(envelope: bytes, *, sender: str, recipient: str, submission: str, version: str) -> bytes:
    """Return a stored envelope as it may leave: from the present sender, to the recipient of its row.

    Nothing in an envelope proves that this site made it. So outside of what is encrypted it may say only
    what this site writes there, about the row it stands in.

    Raises:
        ValueError: where it says anything else.
    """
    head, _, text = envelope.partition(b"\r\n\r\n")
    if not head.endswith(b"\r\n" + _WRAPPING):
        raise ValueError("not wrapped as an envelope of this site")
    headers = _headers(head.removesuffix(b"\r\n" + _WRAPPING))
    names = [header.partition(b":")[0].lower() for header in headers]
    values = [re.sub(rb"\r\n(?=[ \t])", b"", header).partition(b":")[2].strip() for header in headers]
    said = dict(zip(names, values, strict=True))
    about = _SUBJECT.fullmatch(said.get(b"subject", b""))
    identity = b"<%b.%b.%b" % (about[1] if about else b"", version.encode(), submission[:16].encode())
    if (
        len(said) != len(headers)
        or not _OUTSIDE.issuperset(said)
        or not all(re.fullmatch(rb"[ -~]+", value) for value in values)
        or said.get(b"to") != recipient.encode()
        or not said.get(b"message-id", b"").startswith(identity)
    ):
        raise ValueError("headers that this site does not write")
    encrypted = base64.b64decode(text.replace(b"\r\n", b""), validate=True)
    kept = [header for name, header in zip(names, headers, strict=True) if name != b"from"]
    return b"\r\n".join((b"From: " + sender.encode(), *kept, _wrapped(encrypted)))


def _headers(head: bytes) -> list[bytes]:
    return re.split(rb"\r\n(?![ \t])", head)


def _wrapped(encrypted: bytes) -> bytes:
    return _WRAPPING + b"\r\n\r\n" + base64.encodebytes(encrypted).replace(b"\n", b"\r\n")


class TeamCertificates:
    """Those who may read the mail.

    Args:
        files: PEM files; none means that mail travels under TLS alone. clock: seconds since 1970.
    """

    def __init__(self, files: Sequence[Path], clock: Callable[[], float] = time.time) -> None:
        self._all = [reader for file in files for reader in load_certificates(file)]
        self._clock = clock

    def encrypt(self, message: bytes) -> bytes:
        """A composed message, closed; as it is where no certificate is set or it is closed already.

        Raises:
            NoCertificate: where every certificate has ended.
        """
        if not self._all or is_envelope(message):
            return message
        usable = [reader.certificate for reader in self._all if reader.ends > self._now()]
        if not usable:
            raise NoCertificate
        head, _, text = message.partition(b"\r\n\r\n")
        headers = _headers(head)
        inner = [header for header in headers if header.lower().startswith((b"content-", b"mime-version"))]
        left_out = (b"content-", b"mime-version", b"reply-to")
        outer = [header for header in headers if not header.lower().startswith(left_out)]
        builder = PKCS7EnvelopeBuilder().set_data(b"\r\n".join(inner) + b"\r\n\r\n" + text)
        builder = builder.set_content_encryption_algorithm(AES256)
        for certificate in usable:
            builder = builder.add_recipient(certificate)
        closed = builder.encrypt(Encoding.DER, [PKCS7Options.Binary])
        return b"\r\n".join((*outer, _wrapped(closed)))

    def log_summary(self) -> None:
        """Say in one line whether mail is sealed, and to how many readers: it depends on one setting."""
        usable = sum(reader.ends > self._now() for reader in self._all)
        if usable:
            log.info("mail is sealed to %d reader%s", usable, "s" if usable > 1 else "")
        elif self._all:
            log.warning("mail is held: every certificate in RJSITE_TEAM_CERTIFICATES has ended")
        else:
            log.warning("mail is open: without RJSITE_TEAM_CERTIFICATES, mail servers can read it")

    def warnings(self) -> list[str]:
        """A line for each certificate that ends within thirty days or has ended."""
        lines = []
        for reader in self._all:
            left = reader.ends - self._now()
            day = f"{reader.ends:%-d %B %Y}"
            if left.total_seconds() <= 0:
                lines.append(f"{reader.file.name} ended on {day}: no mail is closed to it any more")
            elif left.days < WARN_DAYS:
                lines.append(f"{reader.file.name} ends on {day}: make a new one now")
        return lines

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
