"""Assembles the Flask apps of the public site and the staff copy."""

from __future__ import annotations

from flask import Flask
from jinja2 import StrictUndefined

from rjsite.encryption.smime import TeamCertificates
from rjsite.intake import Intake
from rjsite.mail.background import Background
from rjsite.mail.credentials import credentials_digest
from rjsite.mail.daily_count import DailyCount
from rjsite.mail.sign_in_gate import Gate
from rjsite.mail.smtp import TeamMail
from rjsite.mail.worker import Worker
from rjsite.services import NAME, PageServices, Services, make_outbox, warnings
from rjsite.settings import ROOT, Settings
from rjsite.settings.development_keys import keep_keys
from rjsite.web import (
    errors,
    feeds,
    forms,
    health,
    live_content,
    page_cache,
    pages,
    security,
    staff,
    static,
    styleguide,
)
from rjsite.web.rate_limit import make_limiter


def create_app(settings: Settings | None = None) -> Flask:
    """Return the app of the public site. It connects to nothing and starts nothing before its first request.

    Args:
        settings: if omitted, as by a WSGI server, they are read from the environment and the settings file.
            In development, the keys are then also written to files, so that they survive a restart.

    Raises:
        SettingsError: if there is a fault in the settings.
        rjsite.content.problem.Unreadable: if the facts about the service or a form cannot be used.
    """
    settings = settings or keep_keys(Settings.load())
    app, page_services = _app_with_content(settings)
    services = app.extensions[NAME] = _services(app, page_services)
    for part in (errors, pages, feeds, forms, health, styleguide):
        part.init_app(app, settings)
    app.wsgi_app = services.background.start_with(app.wsgi_app)  # type: ignore[assignment, method-assign]
    return app


def create_staff_app(settings: Settings) -> Flask:
    """Return the staff copy: the pages and `/staff/`, without referral forms, outbox, database or keys."""
    app, app.extensions[NAME] = _app_with_content(settings)
    for part in (errors, pages, feeds, staff):
        part.init_app(app, settings)
    return app


def _app_with_content(settings: Settings) -> tuple[Flask, PageServices]:
    """Return an app that serves only static files so far, and the services needed to show pages."""
    app = Flask("rjsite", template_folder=str(ROOT / "templates"), static_folder=None)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.pop("config", None)  # so that no template can print a secret
    app.jinja_env.globals["staff_copy"] = False
    page_cache.init_app(app, settings)  # before `security`, which wraps the cache in ProxyFix
    security.init_app(app, settings)
    content = live_content.init_app(app, settings)
    static.init_app(app, settings)
    return app, PageServices(settings, content)


def _services(app: Flask, pages: PageServices) -> Services:
    settings = pages.settings
    outbox = make_outbox(settings)
    mail = TeamMail(app, settings, Gate(lambda: outbox.engine, lambda: credentials_digest(settings)))
    certificates = TeamCertificates(settings.team_certificates)

    def lines() -> list[str]:
        return [*warnings(settings, certificates), *pages.content.now().expiry_messages]

    worker = Worker(
        outbox,
        mail,
        per_minute=settings.deliver_per_minute,
        hold_hours=settings.hold_hours,
        certificates=certificates,
        daily=DailyCount(outbox, settings.team, settings.sender, lines) if settings.daily_count else None,
    )
    return Services(
        **vars(pages),
        outbox=outbox,
        mail=mail,
        worker=worker,
        background=Background(worker, deliver=settings.deliver_in_server),
        intake=Intake(outbox, mail, settings.team, settings.sender, certificates, worker.notify),
        limiter=make_limiter(app, settings),
    )
