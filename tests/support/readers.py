"""People who read the team's mail, each with a key and a certificate as PEM files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = 86400


@dataclass(frozen=True)
class CertificateFiles:
    """The files of a person's certificate and key."""

    certificate: Path
    key: Path


def make_reader(folder: Path, name: str, *, days: int = 400, kind: str = "rsa") -> CertificateFiles:
    """Make a key and a certificate that expires in `days` days; `kind` is rsa, small (RSA) or ec."""
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "ec":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(65537, 1024 if kind == "small" else 2048)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=500))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .sign(key, hashes.SHA256())
    )
    reader = CertificateFiles(folder / f"{name}.pem", folder / f"{name}.key")
    reader.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    reader.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return reader
