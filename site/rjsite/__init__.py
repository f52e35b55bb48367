"""The website of a restorative justice service: pages, stories and confidential forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from rjsite.settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Return the site as a WSGI application; see `rjsite.app.create_app`."""
    # Whoever imports any module of this package imports this file first. Flask and SQLAlchemy would take
    # half a second of every command, and most commands need neither.
    from rjsite.app import create_app as create

    return create(settings)
