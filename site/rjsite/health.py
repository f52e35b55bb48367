"""For machines that watch: does the process live, and can it do its work."""

from __future__ import annotations

import time

from flask import Blueprint, Flask, Response

from rjsite.delivery import NEEDS_SOMEBODY
from rjsite.outbox.damage import kept_aside
from rjsite.outbox.table import BROKEN
from rjsite.services import Services, current_services
from rjsite.settings import Settings
from rjsite.site_content import library

MAIL_LATE = 15 * 60
REMEMBERED = 10 * 60  # seconds for which a form that could not be kept is told

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def alive() -> Response:
    """200 while the process lives."""
    return _word("ok", 200)


@bp.get("/readyz")
def ready() -> Response:
    """200, or 503 with one word for what is wrong.

    `database`: it cannot be written, or a form could not be kept when it was last tried. `outbox`: too
    much waits, a mail cannot leave until somebody acts (no key opens it, every certificate has ended), or
    a damaged file was kept aside. `mail`: the oldest has waited for a quarter of an hour, or the worker of
    this process does not run. `content`: there is no page.
    """
    trouble = _trouble(current_services())
    return _word(trouble or "ok", 503 if trouble else 200)


def _trouble(services: Services) -> str:
    outbox, intake = services.outbox, services.intake
    try:
        outbox.check()
        waiting = outbox.waiting()
    except BROKEN:
        return "database"
    if intake.broke_at and time.monotonic() - intake.broke_at < REMEMBERED:
        return "database"
    needs_somebody = not waiting.troubles.isdisjoint(NEEDS_SOMEBODY)
    if needs_somebody or waiting.forms >= outbox.max_waiting or kept_aside(outbox.url):
        return "outbox"
    if waiting.oldest > MAIL_LATE or not services.background.sends():
        return "mail"
    return "" if library().pages else "content"


def _word(word: str, status: int) -> Response:
    return Response(f"{word}\n", status, content_type="text/plain; charset=utf-8")


def init_app(app: Flask, _settings: Settings) -> None:
    """Register both addresses."""
    app.register_blueprint(bp)
