"""`rjsite outbox`: see what waits, without a word of it, and move it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rjsite.encryption.at_rest import CannotDecrypt
from rjsite.encryption.smime import TeamCertificates
from rjsite.mail.advice import advice
from rjsite.outbox import operator
from rjsite.outbox.store import FORMS, Outbox
from rjsite.settings import Settings

NOT_KEPT = "No mail with this reference is kept any more."


def add_to(commands: Any) -> None:
    """Add the command with its actions to a parser's commands."""
    actions = commands.add_parser("outbox", help="see and move what waits").add_subparsers(
        required=True, metavar="ACTION"
    )
    for name, help_, run in (
        ("list", "every mail and whom it is for, without a word of it", _list),
        ("status", "how many wait, since when and why, and what somebody has to look after", _status),
        ("purge", "wipe what the mail server has had for long enough", _purge),
        ("rotate", "seal what is kept with the first key of RJSITE_OUTBOX_KEYS", _rotate),
    ):
        actions.add_parser(name, help=help_).set_defaults(run=run)
    resend = actions.add_parser(
        "resend", help="try what waits of a reference now; where all was sent, send it again"
    )
    resend.add_argument("reference")
    resend.set_defaults(run=_resend)
    export = actions.add_parser("export", help="write a kept mail to a file; it is not tried any more")
    export.add_argument("reference")
    export.add_argument("file", type=Path)
    export.add_argument(
        "--sealed", action="store_true", help="where no key opens it: write it as it is kept, still sealed"
    )
    export.set_defaults(run=_export)


def _open(settings: Settings) -> Outbox:
    """Return the outbox of these settings."""
    from rjsite.services import make_outbox

    return make_outbox(settings)


def _list(_given: argparse.Namespace) -> int:
    outbox = _open(Settings.load())
    for row in operator.rows(outbox):
        number = f"number {row.number}" if row.number else "no number"
        kept = f"{row.reference}  version {row.version}  {number}  {_moment(row.made_at)}"
        print(f"{kept}  to {row.recipient}  tries {row.attempts}  {_state(row)}")
    _explain(operator.waiting(outbox).failures)
    return 0


def _explain(failures: Iterable[str]) -> None:
    """Print what to do about each failure, once."""
    for failure in sorted(failures):
        if text := advice(failure):
            print(f"{failure}: {text}")


def _state(row: Any) -> str:
    if row.wiped_at:
        return f"wiped {_moment(row.wiped_at)}"
    if row.accepted_at:
        return f"{row.failure or 'taken'} {_moment(row.accepted_at)}"
    if row.lease:
        return "being sent"
    why = f"{row.failure or 'waiting'}{' for good' if row.refused_at else ''}"
    return f"{why}, next try {_moment(row.due_at)}"


def _status(_given: argparse.Namespace) -> int:
    from rjsite.services import warnings

    settings = Settings.load()
    outbox = _open(settings)
    waiting = operator.waiting(outbox)
    why = f" ({', '.join(sorted(waiting.failures))})" if waiting.failures else ""
    print(f"{waiting.mails} waiting, the oldest for {waiting.oldest / 60:.0f} minutes{why}")
    print(f"The last running number is {operator.counter(outbox, FORMS)}.")
    _explain(waiting.failures)
    to_do = warnings(settings, TeamCertificates(settings.team_certificates))
    for line in to_do:
        print(f"Take care: {line}.")
    return 1 if waiting.mails or to_do else 0


def _resend(given: argparse.Namespace) -> int:
    count, unsent = operator.resend(_open(Settings.load()), _reference(given.reference))
    mails = "1 mail is" if count == 1 else f"{count} mails are"
    if count and unsent:
        print(f"{mails} tried again now. Whoever has it already gets no second one.")
    elif count:
        print(f"{mails} sent again.")
    else:
        print("It is being sent at this moment." if unsent else NOT_KEPT)
    return 0 if count or unsent else 1


def _export(given: argparse.Namespace) -> int:
    outbox = _open(Settings.load())
    rows = operator.stored_mails(outbox, _reference(given.reference))
    if not rows:
        print(NOT_KEPT)
        return 1
    newest = rows[0]
    try:
        body = newest.sealed if given.sealed else outbox.open(newest)
    except CannotDecrypt:
        print("No key in RJSITE_OUTBOX_KEYS opens this mail. Where it was closed to readers,")
        print("RJSITE_TEAM_CERTIFICATES has to be set as it was then. If the key is lost, --sealed writes")
        print("the mail as it is kept, in case the key is found, and the site stops asking for it.")
        return 1
    with open(os.open(given.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    given_up = ", ".join(operator.mark_exported(outbox, newest))
    print(f"Version {newest.version} is in the file, as it goes to {newest.recipient}.")
    if given_up:
        print(f"The site does not try to send it to {given_up} any more.")
    print("Delete the file when you have passed it on.")
    return 0


def _purge(_given: argparse.Namespace) -> int:
    settings = Settings.load()
    print(f"{operator.purge(_open(settings), settings.hold_hours)} texts wiped.")
    return 0


def _rotate(_given: argparse.Namespace) -> int:
    done, lost = operator.rotate(_open(Settings.load()))
    print(f"{done} mails are sealed with the first key; {lost} cannot be opened with any.")
    return 1 if lost else 0


def _reference(text: str) -> str:
    """A reference as people type it: any case, spaces and hyphens ignored."""
    symbols = "".join(c for c in text.upper() if c.isalnum())
    cut = 3 if symbols.startswith("DAY") else 4  # the daily count: DAY-1121
    return f"{symbols[:cut]}-{symbols[cut:]}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
