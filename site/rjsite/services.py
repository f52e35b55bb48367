"""The objects that the views and commands of one app share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from flask import Flask, current_app
from flask_limiter import Limiter

from rjsite.content import git_update
from rjsite.content.library import Library
from rjsite.encryption.at_rest import RowCipher
from rjsite.encryption.smime import TeamCertificates
from rjsite.intake import Intake
from rjsite.mail.background import Background
from rjsite.mail.credentials import expiry_warnings
from rjsite.mail.smtp import TeamMail
from rjsite.mail.worker import Worker
from rjsite.outbox.database import open_database
from rjsite.outbox.recovery import corrupt_files
from rjsite.outbox.store import Outbox
from rjsite.settings import Settings

NAME = "rjsite"  # the key of the services in `app.extensions`
DAILY_RUN = "daily-run"  # the file in the data folder to which deploy/daily.sh writes its result
OVERDUE = 26 * 60 * 60  # seconds


class LiveContent(Protocol):
    """The content that the app shows. `LiveLibrary` in rjsite/web/live_content.py implements it."""

    folder: Path
    last_reload_succeeded: bool

    def now(self) -> Library:
        """Return the current library."""

    def reload(self) -> None:
        """Read the content again."""

    def reload_on_sighup(self) -> None:
        """Read the content again on SIGHUP."""

    def keep_last_good(self) -> None:
        """Keep the last good version of each file."""


@dataclass(frozen=True)
class PageServices:
    """The services that every app needs to show pages. The staff copy has no others."""

    settings: Settings
    content: LiveContent


@dataclass(frozen=True)
class Services(PageServices):
    """All services of the public site."""

    outbox: Outbox
    mail: TeamMail
    worker: Worker
    background: Background
    intake: Intake
    limiter: Limiter


def page_services_of(app: Flask) -> PageServices:
    """Return the services needed to show pages, in the public site or in the staff copy."""
    services: PageServices = app.extensions[NAME]
    return services


def services_of(app: Flask) -> Services:
    """Return the services of the public site."""
    services: Services = app.extensions[NAME]
    return services


def current_services() -> Services:
    """Return the services of the app that handles this request or command."""
    return services_of(current_app)


def make_outbox(settings: Settings) -> Outbox:
    """Return the outbox for these settings. It opens its database on first use."""
    cipher = RowCipher(settings.outbox_secrets, settings.sender if settings.team_certificates else "")
    return Outbox(open_database(settings.outbox_url), cipher, settings.outbox_max_waiting)


def warnings(settings: Settings, certificates: TeamCertificates) -> list[str]:
    """Return a line for each matter that needs somebody's attention.

    These matters are certificates and secrets that have expired or will expire soon, corrupt outbox files, a
    failed or overdue daily run or content update, and changes on main that the site does not show or run.
    """
    lines = [*certificates.warnings(), *expiry_warnings(settings)]
    lines += [f"a damaged outbox was moved aside: {file.name}" for file in corrupt_files(settings.outbox_url)]
    if daily := daily_run_warning(settings.data_dir):
        lines.append(daily)
    return lines + git_update.warnings(settings.data_dir, settings.content_repository)


def daily_run_warning(data_dir: Path) -> str | None:
    """Return a warning if the last daily run on this machine failed or the next one is overdue, or else None.

    Not every machine has a daily run, so there is no warning if no result was ever written.
    """
    file = data_dir / DAILY_RUN
    what = "the daily run, which publishes the pages and backs up the outbox,"
    try:
        result, ended = file.read_text(errors="replace").strip(), file.stat().st_mtime
    except FileNotFoundError:
        return None
    except OSError as error:  # root wrote it, for example
        return f"{what} has a result that the site cannot read ({file}: {error.strerror})"
    when = f"{datetime.fromtimestamp(ended, UTC):%Y-%m-%d %H:%M} UTC"
    if result != "ok":
        return f"{what} failed at {when}; journalctl -u rjsite-daily says why"
    if time.time() - ended > OVERDUE:
        return f"{what} was last done at {when}; systemctl list-timers rjsite-daily.timer says when it is due"
    return None
