"""`rjsite doctor` says what somebody has to do on this machine."""

from __future__ import annotations

import logging
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

import click

from rjsite import full_version
from rjsite.content import git_update
from rjsite.settings import ROOT, Settings
from rjsite.settings.file import FILE, PREFIX, read_given

SETTINGS_FILE = Path("/etc/rjsite/environment")


@click.command()
def doctor() -> None:
    """Say what somebody has to do, and what could not be checked.

    It exits with 1 if anything has to be done. It connects to no mail server.
    """
    from rjsite.doctor import Site
    from rjsite.doctor.report import run_checks

    if SETTINGS_FILE.exists() and not any(name.startswith(PREFIX) for name in os.environ):
        os.environ[FILE] = str(SETTINGS_FILE)  # as the command in deploy/rjsite does for root
    settings, faults = Settings.read()
    given = {**read_given(Settings.names()).values, FILE: os.environ.get(FILE, "")}
    logging.disable()  # the checks report what other parts of the site would log
    try:
        report = run_checks(Site(settings, faults, given))
        facts = _facts_to_come(settings)
    finally:
        logging.disable(logging.NOTSET)
    if report.to_do:
        click.echo("\n".join(["To do:", *(f"- {line}" for line in report.to_do)]))
    if report.not_checked:
        click.echo("\n".join(["Could not be checked:", *(f"- {line}" for line in report.not_checked)]))
    if report.to_do:
        click.echo(f"Passed: {', '.join(report.passed)}. This is {_state(settings)}.{facts}")
        sys.exit(1)
    nothing = "Nothing else" if report.not_checked else "Nothing"
    click.echo(f"{nothing} to do. This is {_state(settings)}.{facts}")


def _state(settings: Settings) -> str:
    """Return the version, who can read outgoing mail, and which content is shown, as one text."""
    mail = "mail is not encrypted for the team"
    if settings.folder_for_mail:
        mail = "mail is written to files"
    elif settings.team_certificates:
        mail = f"mail is encrypted for {', '.join(file.name for file in settings.team_certificates)}"
    update = git_update.read_result(settings.data_dir) if settings.content_repository else None
    parts = [f"rjsite {full_version()} on Python {platform.python_version()}", mail]
    return "; ".join([*parts, update.summary()] if update else parts)


def _facts_to_come(settings: Settings) -> str:
    """Return a sentence with the number of open questions, or "" if there are none or they are unknown."""
    from rjsite.content.library import load
    from rjsite.content.open_questions import open_questions
    from rjsite.content.problem import Unreadable

    with suppress(Unreadable, OSError):
        folder = settings.content_dir
        count = len(open_questions(load(folder, drafts=True), folder, ROOT / "templates"))
        if count:
            return f" Questions that the service still has to answer: {count} (rjsite release-check)."
    return ""
