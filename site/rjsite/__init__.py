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
from rjsite.mail.server import TeamMail
from rjsite.outbox.damage import kept_aside
from rjsite.outbox.seal import Seal
from rjsite.outbox.store import Outbox
from rjsite.outbox.table import open_database
from rjsite.sealing import Readers
from rjsite.settings import ROOT, Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Wire one app: nothing is written, connected to or started before the app handles a request.

    The worker that sends mail is made but not started: `app.extensions["rjsite.delivery"]`.

    Raises:
        SettingsError: where the environment cannot be used.
        rjsite.content.problem.Unreadable: where the facts of the service cannot be read.
    """
    settings = settings or Settings.load()
    app = _pages_app(settings)
    mail = TeamMail(app, settings)
    outbox = make_outbox(settings)
    readers = Readers(settings.team_certificates)
    daily = DailyCount(outbox, settings.team, settings.sender, lambda: care(settings, readers))
    delivery = Delivery(
        outbox,
        mail,
        per_minute=settings.deliver_per_minute,
        hold_hours=settings.hold_hours,
        readers=readers,
        daily=daily if settings.daily_count else None,
    )
    intake = Intake(outbox, mail, settings.team, settings.sender, readers, delivery.nudge)
    app.extensions |= {
        "rjsite.outbox": outbox,
        "rjsite.intake": intake,
        "rjsite.delivery": delivery,
        "rjsite.mail": mail,
    }
    refer.init_app(app, settings, intake)
    health.init_app(app, settings)
    styleguide.init_app(app, settings)
    return app


def _pages_app(settings: Settings) -> Flask:
    """The part of the site that is the same for everyone and keeps nothing.

    Raises:
        rjsite.content.problem.Unreadable: where the facts of the service cannot be read.
    """
    app = Flask("rjsite", template_folder=str(ROOT / "templates"), static_folder=None)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.pop("config", None)  # no template can print a secret
    ready.init_app(app, settings)  # before what wraps it: proxies, static files
    safety.init_app(app, settings)
    site_content.init_app(app, settings)
    app.extensions["rjsite.static"] = static_files.init_app(app, settings)
    errors.init_app(app, settings)
    pages.init_app(app, settings)
    feeds.init_app(app, settings)
    return app


def make_outbox(settings: Settings) -> Outbox:
    """The outbox of these settings; nothing is opened yet."""
    return Outbox(
        open_database(settings.outbox_url), Seal(settings.outbox_secrets), settings.outbox_max_waiting
    )


def care(settings: Settings, readers: Readers) -> list[str]:
    """What somebody has to look after: certificates that end, damaged files that were kept aside."""
    files = [f"a damaged outbox was kept aside: {file.name}" for file in kept_aside(settings.outbox_url)]
    return [f"certificate {line}" for line in readers.warnings()] + files
