"""A certificate authority for one test run, and the certificates it signs."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = ("localhost", "127.0.0.1")


class Authority:
    """Signs certificates that clients accept if they trust `ca_file`."""

    def __init__(self, folder: Path):
        """Create the authority and write `ca.pem` into the folder."""
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("Test authority")
        basic = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        own_id = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = _builder(self.name, self.name, self.key)
        for extension, critical in ((basic, True), (usage, True), (own_id, False)):
            builder = builder.add_extension(extension, critical)
        self.certificate = builder.sign(self.key, hashes.SHA256())
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, *hosts: str, days: int = 30) -> Path:
        """Return a PEM file with a key and a certificate for these hosts."""
        return self._issue("signed", hosts or HOSTS, days, self.name, self.key)

    def self_signed(self, *hosts: str) -> Path:
        """Return a PEM file with a key and a self-signed certificate for these hosts."""
        return self._issue("self-signed", hosts or HOSTS, 30, None, None)

    def _issue(
        self,
        kind: str,
        hosts: tuple[str, ...],
        days: int,
        issuer: x509.Name | None,
        issuer_key: ec.EllipticCurvePrivateKey | None,
    ) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(hosts[0])
        signer = issuer_key or key
        certificate = (
            _builder(subject, issuer or subject, key, days)
            .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
            .sign(signer, hashes.SHA256())
        )
        file = self.folder / f"{kind}-{hosts[0]}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file


def server_context(certificate: Path) -> ssl.SSLContext:
    """Return the TLS context of a server with this key and certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int = 30
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )
