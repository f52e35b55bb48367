"""The credentials for the mail server: their digest, and when they expire."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate

from rjsite.settings import Settings

WARN_BEFORE = timedelta(days=30)


def credentials_digest(settings: Settings) -> str:
    """Return a keyed digest of the credentials for the mail server, including any certificate and key files.

    The last key in RJSITE_SECRET_KEY keys the digest, so that the digest stays the same when a new key is
    added in front of the others.
    """
    password = settings.mail_password.get_secret_value()
    parts = [settings.mail_server, settings.mail_port, settings.mail_username, password]
    if settings.mail_oauth_token_url:
        secret = settings.mail_oauth_client_secret.get_secret_value()
        parts += [
            settings.mail_oauth_token_url,
            settings.mail_oauth_client_id,
            settings.mail_oauth_scope,
            secret,
        ]
    files = (settings.mail_oauth_client_key, settings.mail_client_cert, settings.mail_client_key)
    parts += [hashlib.sha256(_content(file)).hexdigest() for file in files if file]
    credentials = json.dumps(parts)
    key = f"sign-in:{settings.secrets[-1]}"
    return hmac.new(key.encode(), credentials.encode(), hashlib.sha256).hexdigest()


def expiry_warnings(settings: Settings, today: date | None = None) -> list[str]:
    """Return a line for each client certificate or secret that has expired, expires soon or cannot be read.

    Soon means within thirty days. The site cannot find out when a client secret expires, so a setting
    contains the date.
    """
    files = (settings.mail_client_cert, settings.mail_oauth_client_key)
    ends = {f"certificate {file.name}": _end_of(file) for file in files if file}
    if settings.mail_oauth_secret_ends:
        ends["the client secret for mail"] = settings.mail_oauth_secret_ends
    today = today or datetime.now(UTC).date()
    return [_warning(name, day, today) for name, day in ends.items() if not day or day < today + WARN_BEFORE]


def _warning(name: str, day: date | None, today: date) -> str:
    if not day:
        return f"{name} cannot be read: put it back, because mail waits until then"
    if day < today:
        return f"{name} expired on {day:%-d %B %Y}: make a new one, because mail waits until then"
    return f"{name} expires on {day:%-d %B %Y}: make a new one, or mail stops then"


def _end_of(file: Path) -> date | None:
    """Return when a certificate expires, or None if its file can no longer be read."""
    try:
        return load_pem_x509_certificate(_content(file)).not_valid_after_utc.date()
    except ValueError:
        return None


def _content(file: Path) -> bytes:
    """Return the content of a file, or nothing if it was taken away while the site runs."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
