"""Restorative justice: pages, stories, and confidential forms that reach the team."""

from __future__ import annotations

from flask import Flask
from jinja2 import StrictUndefined

from rjsite import (
    errors,
    feeds,
    health,
    pages,
    ready,
    refer,
    safety,
    site_content,
    static_files,
    styleguide,
)
from rjsite.daily_count import DailyCount
from rjsite.delivery import Delivery
from rjsite.intake import Intake
from rjsite.limits import FormLimit
from rjsite.mail.server import TeamMail
from rjsite.sealing import Readers
from rjsite.services import NAME, Services, make_outbox, warnings
from rjsite.settings import ROOT, Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Wire one app: nothing is written, connected to or started before the app handles a request.

    Raises:
        SettingsError: where the environment cannot be used.
        rjsite.content.problem.Unreadable: where the facts of the service cannot be read.
    """
    settings = settings or Settings.load()
    app = Flask("rjsite", template_folder=str(ROOT / "templates"), static_folder=None)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.pop("config", None)  # no template can print a secret
    page_cache = ready.init_app(app, settings)  # before what wraps it: proxies, static files
    safety.init_app(app, settings)
    content = site_content.init_app(app, settings)
    static = static_files.init_app(app, settings)
    app.extensions[NAME] = _services(app, settings, content, page_cache, static)
    for part in (errors, pages, feeds, refer, health, styleguide):
        part.init_app(app, settings)
    return app


def _services(
    app: Flask,
    settings: Settings,
    content: site_content.LiveLibrary,
    page_cache: ready.Layer,
    static: static_files.Files,
) -> Services:
    outbox = make_outbox(settings)
    mail = TeamMail(app, settings)
    readers = Readers(settings.team_certificates)
    daily = DailyCount(outbox, settings.team, settings.sender, lambda: warnings(settings, readers))
    delivery = Delivery(
        outbox,
        mail,
        per_minute=settings.deliver_per_minute,
        hold_hours=settings.hold_hours,
        readers=readers,
        daily=daily if settings.daily_count else None,
    )
    intake = Intake(outbox, mail, settings.team, settings.sender, readers, delivery.nudge)
    return Services(
        settings, content, page_cache, static, outbox, mail, delivery, intake, FormLimit(settings)
    )
