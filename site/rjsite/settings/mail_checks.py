"""Checks that the mail settings fit together: encryption, client certificate, password or OAuth."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from rjsite.settings.file import PREFIX
from rjsite.settings.value_checks import LOOPBACK

if TYPE_CHECKING:
    from rjsite.settings import Settings


def mail_faults(settings: Settings) -> list[str]:
    """Return a line for each mail setting that is missing, cannot be used or does not fit the others."""
    faults = []
    if settings.mail_use_tls and settings.mail_use_ssl:
        faults.append(f"{PREFIX}MAIL_USE_TLS and {PREFIX}MAIL_USE_SSL: set only one of them to true")
    if settings.mail_username and not _uses_oauth(settings) and not settings.mail_password:
        faults.append(f"Set {PREFIX}MAIL_PASSWORD: {PREFIX}MAIL_USERNAME is set")
    plain = not (settings.mail_use_tls or settings.mail_use_ssl)
    if settings.mail_server and plain and settings.mail_server not in LOOPBACK:
        faults.append(
            f"{PREFIX}MAIL_USE_TLS: set it to true; mail leaves unencrypted only to a server on this machine"
        )
    if settings.mail_ca_file:
        try:
            ssl.create_default_context(cafile=settings.mail_ca_file)
        except OSError:  # including ssl.SSLError
            faults.append(f"{PREFIX}MAIL_CA_FILE: there is no PEM file with certificates here")
    return faults + _client_certificate_faults(settings) + _oauth_faults(settings)


def _client_certificate_faults(settings: Settings) -> list[str]:
    """Return a line for each reason why the client certificate for the mail server cannot be used."""
    certificate, key = settings.mail_client_cert, settings.mail_client_key
    if not certificate:
        return [f"Set {PREFIX}MAIL_CLIENT_CERT: {PREFIX}MAIL_CLIENT_KEY is set"] if key else []
    faults = []
    try:
        ssl.create_default_context().load_cert_chain(certificate, key, password="")
    except OSError:  # including ssl.SSLError
        faults.append(
            f"{PREFIX}MAIL_CLIENT_CERT: this and {PREFIX}MAIL_CLIENT_KEY have to name PEM files with a "
            "certificate and its key, which no password protects"
        )
    if not (settings.mail_use_tls or settings.mail_use_ssl):
        faults.append(f"{PREFIX}MAIL_CLIENT_CERT: it needs an encrypted connection; see {PREFIX}MAIL_USE_TLS")
    return faults


def _uses_oauth(settings: Settings) -> bool:
    """Return whether any OAuth setting is set."""
    return any(name.startswith("mail_oauth") for name in settings.model_fields_set if getattr(settings, name))


def _oauth_faults(settings: Settings) -> list[str]:
    """Return a line for each OAuth setting that is missing, cannot be used or does not fit the others."""
    key = settings.mail_oauth_client_key
    given = {
        "MAIL_OAUTH_TOKEN_URL": settings.mail_oauth_token_url,
        "MAIL_OAUTH_CLIENT_ID": settings.mail_oauth_client_id,
        "MAIL_OAUTH_SCOPE": settings.mail_oauth_scope,
        "MAIL_USERNAME": settings.mail_username,
    }
    if not _uses_oauth(settings):
        return []
    faults = [f"Set {PREFIX}{name}: it is needed to sign in with OAuth" for name in given if not given[name]]
    if bool(settings.mail_oauth_client_secret) == bool(key):
        faults.append(
            f"Set either {PREFIX}MAIL_OAUTH_CLIENT_SECRET or {PREFIX}MAIL_OAUTH_CLIENT_KEY, and not both"
        )
    if settings.mail_password:
        faults.append(f"{PREFIX}MAIL_PASSWORD: take it out; the site signs in with OAuth")
    if key and not _is_client_key(key):
        faults.append(
            f"{PREFIX}MAIL_OAUTH_CLIENT_KEY: name a PEM file with an RSA key, which no password protects, "
            "and its certificate"
        )
    return faults


def _is_client_key(file: Path) -> bool:
    """Return whether a file contains what signing OAuth assertions needs: an RSA key and its certificate."""
    try:
        pem = file.read_bytes()
        key = load_pem_private_key(pem, None)
        certificate = load_pem_x509_certificate(pem)
    except (OSError, ValueError, TypeError):
        return False
    return isinstance(key, RSAPrivateKey) and key.public_key() == certificate.public_key()
