"""Where to report a weakness of this website (RFC 9116)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Flask, Response

from rjsite.ready import site_url
from rjsite.settings import Settings
from rjsite.site_content import library

ADDRESS = "/.well-known/security.txt"
VALID_DAYS = 180  # the RFC asks for less than a year


def init_app(app: Flask, _settings: Settings) -> None:
    """Register the address. Whom to tell are facts of the service: its email, then its phone."""
    bp = Blueprint("security_txt", __name__)

    @bp.get(ADDRESS)
    def security_txt() -> Response:
        facts = library().facts
        links = [facts[name].link for name in ("email", "phone") if name in facts]
        expires = datetime.now(UTC).date() + timedelta(days=VALID_DAYS)
        lines = [
            *(f"Contact: {link}" for link in links if link),
            f"Expires: {expires.isoformat()}T00:00:00Z",
            "Preferred-Languages: en",
            f"Canonical: {site_url()}{ADDRESS}",
        ]
        response = Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
        response.headers["Cache-Control"] = "no-cache"
        return response

    app.register_blueprint(bp)
