"""Checks the settings together: whether any are missing or inconsistent. No message shows a value."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from errno import ENAMETOOLONG
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from rjsite.settings import development_keys
from rjsite.settings.value_checks import LOOPBACK, SECRET_LENGTH

if TYPE_CHECKING:
    from rjsite.settings import Settings

NEEDED = {  # these must be set in production
    "secret_key": f"{SECRET_LENGTH} characters or more; “rjsite keys new” makes one",
    "outbox_keys": "“rjsite keys new” makes one",
    "public_url": "the address of the site, like https://www.example.org",
    "team_email": "who receives the forms",
    "mail_server": "the mail server's name",
    "mail_default_sender": "the address the mail is from",
}


def faults_of(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting that is missing or does not fit the others or the mode."""
    if settings.production:
        yield from _production_faults(settings)
    else:
        yield from development_keys.faults_of(settings)
    yield from _mail_faults(settings)


def _production_faults(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting that is missing or not allowed in production."""
    for name, what in NEEDED.items():
        replaced = name == "outbox_keys" and settings.team_certificates  # see Settings.outbox_secrets
        if not getattr(settings, name) and not replaced:
            yield f"Set {settings.name_of(name)}: {what}"
    yield from _folder_faults(settings)
    if os.environ.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no"):
        yield "FLASK_DEBUG: take it out; debugging shows visitors what the site holds in memory"
    if settings.public_url and not settings.https:
        yield "RJSITE_PUBLIC_URL: begin it with https://"
    if settings.mail_folder:
        yield "RJSITE_MAIL_FOLDER: take it out; in production mail goes to a mail server"
    if settings.ratelimit_forms == "off":
        yield "RJSITE_RATELIMIT_FORMS: “off” is for load tests in development only"


def _folder_faults(settings: Settings) -> Iterator[str]:
    """Yield a line for each folder that is missing or must not be set.

    The folders are not created, because a missing folder probably means that a disk is not mounted.
    """
    if settings.content_repository and "content_dir" in settings.model_fields_set:
        yield "RJSITE_CONTENT_DIR: take it out; the content is that of RJSITE_CONTENT_REPOSITORY"
    elif settings.content_repository and not _is_folder(settings.content_dir):
        yield "RJSITE_CONTENT_REPOSITORY: nothing has been fetched yet; run “rjsite update-content”"
    elif not _is_folder(settings.content_dir):
        yield "RJSITE_CONTENT_DIR: there is no such folder"
    url = settings.database_url.get_secret_value()
    file = Path(url.partition(":///")[2].partition("?")[0])
    if url.startswith("sqlite") and not _is_folder(file.parent):
        yield "RJSITE_DATABASE_URL: there is no such folder"
    if not _is_folder(settings.data_dir):
        yield "RJSITE_DATA_DIR: there is no such folder"


def _is_folder(path: Path) -> bool:
    """Return whether there is a folder at a path. At a path that is too long, there is none."""
    try:
        return path.is_dir()
    except OSError as error:
        if error.errno == ENAMETOOLONG:
            return False
        raise


def _mail_faults(settings: Settings) -> Iterator[str]:
    """Yield a line for each mail setting that is missing, cannot be used or does not fit the others."""
    encrypted = settings.mail_use_tls or settings.mail_use_ssl
    if settings.mail_use_tls and settings.mail_use_ssl:
        yield "RJSITE_MAIL_USE_TLS and RJSITE_MAIL_USE_SSL: set only one of them to true"
    if settings.mail_username and not _uses_oauth(settings) and not settings.mail_password:
        yield "Set RJSITE_MAIL_PASSWORD: RJSITE_MAIL_USERNAME is set"
    if settings.mail_server and not encrypted and settings.mail_server not in LOOPBACK:
        yield "RJSITE_MAIL_USE_TLS: set it to true; mail leaves unencrypted only to a server on this machine"
    if settings.mail_ca_file:
        try:
            ssl.create_default_context(cafile=settings.mail_ca_file)
        except OSError:  # including ssl.SSLError
            yield "RJSITE_MAIL_CA_FILE: there is no PEM file with certificates here"
    if settings.mail_client_key and not settings.mail_client_cert:
        yield "Set RJSITE_MAIL_CLIENT_CERT: RJSITE_MAIL_CLIENT_KEY is set"
    if settings.mail_client_cert:
        yield from _client_certificate_faults(settings.mail_client_cert, settings.mail_client_key)
        if not encrypted:
            yield "RJSITE_MAIL_CLIENT_CERT: it needs an encrypted connection; see RJSITE_MAIL_USE_TLS"
    if _uses_oauth(settings):
        yield from _oauth_faults(settings)


def _client_certificate_faults(certificate: Path, key: Path | None) -> Iterator[str]:
    """Yield a line if the client certificate for the mail server cannot be used."""
    try:
        ssl.create_default_context().load_cert_chain(certificate, key, password="")
    except OSError:  # including ssl.SSLError
        yield (
            "RJSITE_MAIL_CLIENT_CERT: this and RJSITE_MAIL_CLIENT_KEY have to name PEM files with a "
            "certificate and its key, which no password protects"
        )


def _uses_oauth(settings: Settings) -> bool:
    """Return whether any OAuth setting is set."""
    return any(name.startswith("mail_oauth") for name in settings.model_fields_set if getattr(settings, name))


def _oauth_faults(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting that keeps OAuth from working."""
    for name in ("mail_oauth_token_url", "mail_oauth_client_id", "mail_oauth_scope", "mail_username"):
        if not getattr(settings, name):
            yield f"Set {settings.name_of(name)}: it is needed to sign in with OAuth"
    key = settings.mail_oauth_client_key
    if bool(settings.mail_oauth_client_secret) == bool(key):
        yield "Set either RJSITE_MAIL_OAUTH_CLIENT_SECRET or RJSITE_MAIL_OAUTH_CLIENT_KEY, and not both"
    if settings.mail_password:
        yield "RJSITE_MAIL_PASSWORD: take it out; the site signs in with OAuth"
    if key and not _is_client_key(key):
        yield (
            "RJSITE_MAIL_OAUTH_CLIENT_KEY: name a PEM file with an RSA key, which no password protects, "
            "and its certificate"
        )


def _is_client_key(file: Path) -> bool:
    """Return whether a file contains what signing OAuth assertions needs: an RSA key and its certificate."""
    try:
        pem = file.read_bytes()
        key = load_pem_private_key(pem, None)
        certificate = load_pem_x509_certificate(pem)
    except (OSError, ValueError, TypeError):
        return False
    return isinstance(key, RSAPrivateKey) and key.public_key() == certificate.public_key()
