"""`rjsite mail check`: whether mail can leave, step by step, and what to do where it cannot."""

from __future__ import annotations

import argparse
from typing import Any

from rjsite.settings import Settings
from rjsite.settings.development_keys import keep_keys


def add_to(commands: Any) -> None:
    """Add the command with its action to a parser's commands."""
    actions = commands.add_parser("mail", help="see whether mail can leave").add_subparsers(
        required=True, metavar="ACTION"
    )
    check = actions.add_parser("check", help="connect and sign in to the mail server, step by step")
    check.add_argument("--send", action="store_true", help="also send a test mail to the team")
    check.set_defaults(run=_check)


def _check(given: argparse.Namespace) -> int:
    from rjsite import create_app
    from rjsite.mail.check import check_mail, ending
    from rjsite.mail.worker import MENDABLE
    from rjsite.services import services_of

    settings = keep_keys(Settings.load())
    if settings.folder_for_mail:
        print(f"Mail is written to {settings.folder_for_mail}; no mail server is set.")
        return 0
    services = services_of(create_app(settings))
    works = True
    for step in check_mail(services.mail, send=given.send):
        works = works and step.works
        print(f"{'ok  ' if step.works else 'FAIL'}  {step.name}: {step.message}")
    to_do = ending(settings)
    for line in to_do:
        print(f"Take care: {line}.")
    if works and (count := services.outbox.retry_now(*MENDABLE)):
        print(f"{count} mails that waited are due now.")
    return 0 if works and not to_do else 1
