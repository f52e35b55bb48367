"""`rjsite outbox`: commands for the mail in the outbox. None of them prints any of its text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rjsite.encryption.at_rest import CannotDecrypt
from rjsite.encryption.smime import TeamCertificates
from rjsite.mail.advice import advice
from rjsite.settings import Settings

if TYPE_CHECKING:
    from rjsite.outbox.store import Outbox

NOT_KEPT = "No email with this reference is stored, or its text was wiped: see “rjsite outbox list”."


def _reference(text: str) -> str:
    """Return a reference as it is stored, from text in any mix of case, spaces and hyphens."""
    symbols = "".join(c for c in text.upper() if c.isalnum())
    cut = 3 if symbols.startswith("DAY") else 4  # the daily count: DAY-1121
    return f"{symbols[:cut]}-{symbols[cut:]}"


@click.group()
def outbox() -> None:
    """Show, retry and export stored emails."""


@outbox.command("list")
def list_mails() -> None:
    """List every email with its recipient and its state, but without its text."""
    from rjsite.outbox import operator

    box = _open(Settings.load())
    for row in operator.rows(box):
        number = f"number {row.number}" if row.number else "no number"
        kept = f"{row.reference}  version {row.version}  {number}  {_moment(row.made_at)}"
        click.echo(f"{kept}  to {row.recipient}  tries {row.attempts}  {state(row)}")
    _explain(operator.queue_status(box).failures)


@outbox.command("status")
def status() -> None:
    """Show how many emails are waiting, since when and why, and what needs attention."""
    from rjsite.outbox import operator
    from rjsite.outbox.store import FORMS
    from rjsite.services import warnings

    settings = Settings.load()
    box = _open(settings)
    queue = operator.queue_status(box)
    why = f" ({', '.join(sorted(queue.failures))})" if queue.failures else ""
    click.echo(f"{queue.mails} waiting, the oldest for {queue.oldest / 60:.0f} minutes{why}")
    click.echo(f"The last running number is {operator.counter(box, FORMS)}.")
    _explain(queue.failures)
    to_do = warnings(settings, TeamCertificates(settings.team_certificates))
    for line in to_do:
        click.echo(f"Take care: {line}.")
    if queue.mails or to_do:
        sys.exit(1)


@outbox.command("resend")
@click.argument("reference", type=_reference)
def resend(reference: str) -> None:
    """Send the unsent emails of a reference now or, if all were sent, send them again."""
    from rjsite.outbox import operator

    count, unsent = operator.resend(_open(Settings.load()), reference)
    mails = "1 email" if count == 1 else f"{count} emails"
    if count and unsent:
        click.echo(f"{mails} will be tried again now. Recipients who have it do not get it again.")
    elif count:
        click.echo(f"{mails} will be sent again now.")
    elif unsent:
        click.echo("It is being sent at this moment.")
    else:
        click.echo(NOT_KEPT)
        sys.exit(1)


@outbox.command("export")
@click.argument("reference", type=_reference)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--sealed",
    is_flag=True,
    help="Write it as it is stored, still encrypted, for example if its key is lost.",
)
def export(reference: str, file: Path, sealed: bool) -> None:
    """Write a stored email to a file, and stop sending it."""
    from rjsite.outbox import operator

    box = _open(Settings.load())
    rows = operator.stored_mails(box, reference)
    if not rows:
        click.echo(NOT_KEPT)
        sys.exit(1)
    newest = rows[0]
    try:
        body = newest.sealed if sealed else box.open(newest)
    except CannotDecrypt:
        click.echo(
            "No key in RJSITE_OUTBOX_KEYS decrypts this email. If it was encrypted for certificates,\n"
            "RJSITE_TEAM_CERTIFICATES has to be set as it was then. If the key is lost, --sealed writes\n"
            "the email as it is stored, in case the key is found, and the site stops trying to send it."
        )
        sys.exit(1)
    _write_private(file, body)
    given_up = ", ".join(operator.mark_exported(box, newest))
    click.echo(f"The file contains version {newest.version}, addressed to {newest.recipient}.")
    if given_up:
        click.echo(f"The site does not try to send it to {given_up} any more.")
    click.echo("Delete the file when you have passed it on.")


@outbox.command("purge")
def purge() -> None:
    """Wipe the text of emails that were accepted more than RJSITE_HOLD_HOURS hours ago."""
    from rjsite.outbox import retention

    settings = Settings.load()
    click.echo(f"Emails whose text was wiped: {retention.purge(_open(settings), settings.hold_hours)}.")


@outbox.command("rotate")
def rotate() -> None:
    """Encrypt stored emails with the first key of RJSITE_OUTBOX_KEYS.

    Emails that are encrypted for the team's certificates stay as they are.
    """
    from rjsite.outbox import operator

    done, lost = operator.rotate(_open(Settings.load()))
    click.echo(f"Emails encrypted with the first key or for certificates: {done}.")
    click.echo(f"Emails that no key can decrypt: {lost}.")
    if lost:
        sys.exit(1)


def _open(settings: Settings) -> Outbox:
    from rjsite.services import make_outbox

    return make_outbox(settings)


def _explain(failures: Iterable[str]) -> None:
    """Print the advice about each failure, if there is any."""
    for failure in sorted(failures):
        if text := advice(failure):
            click.echo(f"{failure}: {text}")


def state(row: Any) -> str:
    """Return the state of an email for `rjsite outbox list`."""
    if row.wiped_at:
        return f"wiped {_moment(row.wiped_at)}"
    if row.accepted_at:
        return f"{row.failure or 'accepted'} {_moment(row.accepted_at)}"
    if row.lease:
        return "being sent"
    why = f"{row.failure or 'waiting'}{', a permanent error' if row.refused_at else ''}"
    return f"{why}, next try {_moment(row.due_at)}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _write_private(path: Path, body: bytes) -> None:
    """Write a new file that only its owner can read, and sync it to disk. If that fails, delete it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise
