"""Encrypts each email that contains a form with S/MIME, if the team has certificates, before it is stored.

An envelope (RFC 8551) is encrypted with AES-256 for every certificate that has not expired. The server that
created it cannot open it. Only these headers stay outside: From, To, Subject with the reference, Date,
Message-ID and the two headers against automatic replies. The Reply-To header is removed, because it contains
the person's address.
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
    """Every certificate has expired. The mail waits for a new certificate and is never sent unencrypted."""


@dataclass(frozen=True, slots=True)
class TeamCertificate:
    """A certificate and the file that contains it."""

    file: Path
    certificate: x509.Certificate

    @property
    def ends(self) -> datetime:
        """Return when the certificate expires."""
        return self.certificate.not_valid_after_utc


def load_certificates(file: Path) -> list[TeamCertificate]:
    """Return the certificates in a PEM file.

    Raises:
        ValueError: if the file or a certificate cannot be used, with a message for the operator.
    """
    try:
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
    except OSError:
        raise ValueError("there is no such file, or it cannot be read") from None
    except ValueError:
        raise ValueError("this is not a PEM file with certificates") from None
    for certificate in certificates:
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size < SMALLEST_KEY:
            raise ValueError(f"the certificate's key has to be RSA with {SMALLEST_KEY} bits or more")
    return [TeamCertificate(file, certificate) for certificate in certificates]


def is_envelope(message: bytes) -> bool:
    """Return whether a message is an S/MIME envelope, according to its headers."""
    return _KIND in message.partition(b"\r\n\r\n")[0]


def checked_envelope(envelope: bytes, sender: str, identity: str) -> bytes:
    """Return a stored envelope with the current sender, if the headers are as this site writes them.

    Nothing in an envelope proves that this site created it. Its headers may therefore contain only what this
    site writes for the row with this identity, which stores the envelope.

    Raises:
        ValueError: if the headers contain anything else, or the body is not valid base64.
    """
    head, _, text = envelope.partition(b"\r\n\r\n")
    if not head.endswith(b"\r\n" + _WRAPPING):
        raise ValueError("not wrapped as an envelope of this site")
    headers = _headers(head.removesuffix(b"\r\n" + _WRAPPING))
    names = [header.partition(b":")[0].lower() for header in headers]
    values = [re.sub(rb"\r\n(?=[ \t])", b"", header).partition(b":")[2].strip() for header in headers]
    by_name = dict(zip(names, values, strict=True))
    subject = _SUBJECT.fullmatch(by_name.get(b"subject", b""))
    submission, version, recipient = identity.split("/", 2)
    begin = b"<%b.%b.%b" % (subject[1] if subject else b"", version.encode(), submission[:16].encode())
    if (
        len(by_name) != len(headers)
        or not _OUTSIDE.issuperset(by_name)
        or not all(re.fullmatch(rb"[ -~]+", value) for value in values)
        or by_name.get(b"to") != recipient.encode()
        or not by_name.get(b"message-id", b"").startswith(begin)
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
    """The certificates of the people who may read the mail.

    Args:
        files: PEM files. Without them, only TLS protects the mail.
        clock: returns seconds since 1970.
    """

    def __init__(self, files: Sequence[Path], clock: Callable[[], float] = time.time) -> None:
        self._all = [certificate for file in files for certificate in load_certificates(file)]
        self._clock = clock

    def encrypt(self, message: bytes) -> bytes:
        """Return a message as an envelope, or unchanged if it is one already or there are no certificates.

        Raises:
            NoCertificate: if every certificate has expired.
        """
        if not self._all or is_envelope(message):
            return message
        usable = [entry.certificate for entry in self._all if entry.ends > self._now()]
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
        encrypted = builder.encrypt(Encoding.DER, [PKCS7Options.Binary])
        return b"\r\n".join((*outer, _wrapped(encrypted)))

    def log_summary(self) -> None:
        """Log whether mail is encrypted and for how many certificates, because one setting decides this."""
        usable = sum(entry.ends > self._now() for entry in self._all)
        if usable:
            log.info("mail is encrypted for %d certificate%s", usable, "s" if usable > 1 else "")
        elif self._all:
            log.warning("mail is not sent: every certificate in RJSITE_TEAM_CERTIFICATES has expired")
        else:
            log.warning("mail servers can read mail to the team: set RJSITE_TEAM_CERTIFICATES")

    def warnings(self) -> list[str]:
        """Return a line for each certificate that expires within thirty days or has expired."""
        lines = []
        then = "make a new one, and restart the site"  # `rjsite doctor` looks for the last three words
        for entry in self._all:
            name, day = f"certificate {entry.file.name}", f"{entry.ends:%-d %B %Y}"
            left = entry.ends - self._now()
            if left.total_seconds() <= 0:
                lines.append(f"{name} expired on {day}: no mail is encrypted for it any more; {then}")
            elif left.days < WARN_DAYS:
                lines.append(f"{name} expires on {day}: {then}")
        return lines

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
