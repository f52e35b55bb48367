"""A digest of what the site signs in with, by which the gate tells one account from another."""

from __future__ import annotations

import hashlib
import hmac
import json

from rjsite.settings import Settings


def credentials_digest(settings: Settings) -> str:
    """Return a keyed digest of what the site signs in with, the contents of key files among it.

    The key is the last one of RJSITE_SECRET_KEY, which stays when a new one is put before it.
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
    parts += [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file]
    credentials = json.dumps(parts)
    key = f"sign-in:{settings.secrets[-1]}"
    return hmac.new(key.encode(), credentials.encode(), hashlib.sha256).hexdigest()
