"""Restorative justice: pages, stories, and confidential forms that reach the team."""

from __future__ import annotations

from flask import Flask
from jinja2 import StrictUndefined

from rjsite import errors, health, pages, refer, safety, site_content, static_files
from rjsite.delivery import Delivery
from rjsite.intake import Intake
from rjsite.mail import TeamMail
from rjsite.outbox.migrate import migrate
from rjsite.outbox.seal import Seal
from rjsite.outbox.store import Outbox
from rjsite.outbox.table import open_database
from rjsite.settings import ROOT, Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Wire one app. Every decision lives in the module that is called here.

    The worker that sends mail is made but not started: `app.extensions["rjsite.delivery"]`.

    Raises:
        SettingsError: where the environment cannot be used.
        rjsite.content.problem.Unreadable: where the facts of the service cannot be read.
    """
    settings = settings or Settings.load()
    app = Flask("rjsite", template_folder=str(ROOT / "templates"), static_folder=None)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.pop("config", None)  # no template can print a secret
    mail = TeamMail(app, settings)
    outbox = make_outbox(settings)
    delivery = Delivery(outbox, mail, per_minute=settings.deliver_per_minute, hold_hours=settings.hold_hours)
    intake = Intake(
        outbox, mail, settings.team, settings.sender, settings.secrets[0].encode(), delivery.nudge
    )
    app.extensions |= {"rjsite.outbox": outbox, "rjsite.delivery": delivery, "rjsite.mail": mail}
    safety.init_app(app, settings)
    site_content.init_app(app, settings)
    static_files.init_app(app, settings)
    errors.init_app(app, settings)
    refer.init_app(app, settings, intake)
    pages.init_app(app, settings)
    health.init_app(app, settings)
    return app


def make_outbox(settings: Settings) -> Outbox:
    """The outbox of these settings, with its database in the present shape."""
    engine = open_database(settings.outbox_url)
    migrate(engine)
    seal = Seal([key.get_secret_value() for key in settings.outbox_keys])
    return Outbox(engine, seal, settings.outbox_max_waiting)
