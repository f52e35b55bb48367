"""For machines that watch: does the process live, and can it do its work."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app
from sqlalchemy.exc import SQLAlchemyError

from rjsite.outbox.store import Outbox
from rjsite.settings import Settings
from rjsite.site_content import library

MAIL_LATE = 15 * 60

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def alive() -> Response:
    """200 while the process lives."""
    return _word("ok", 200)


@bp.get("/readyz")
def ready() -> Response:
    """200, or 503 with one word for what is wrong."""
    trouble = _trouble(current_app.extensions["rjsite.outbox"])
    return _word(trouble or "ok", 503 if trouble else 200)


def _trouble(outbox: Outbox) -> str:
    try:
        waiting = outbox.waiting()
    except (SQLAlchemyError, OSError):
        return "database"
    if waiting.count >= outbox.max_waiting:
        return "outbox"
    if waiting.oldest > MAIL_LATE:
        return "mail"
    return "" if library().pages else "content"


def _word(word: str, status: int) -> Response:
    return Response(f"{word}\n", status, content_type="text/plain; charset=utf-8")


def init_app(app: Flask, _settings: Settings) -> None:
    """Register both addresses."""
    app.register_blueprint(bp)
