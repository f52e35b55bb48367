"""The program `rjsite`: messages for people, never a traceback.

Exits 0, 1 (found something wrong) or 2 (used wrongly).
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy.exc import SQLAlchemyError

from rjsite.content.problem import Unreadable
from rjsite.settings import Settings, SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except SettingsError as error:
        print("The settings cannot be used:", *error.faults, sep="\n  ", file=sys.stderr)
        return 2
    except Unreadable as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return 1
    except (OSError, SQLAlchemyError) as error:
        reason = getattr(error, "strerror", "") or type(error).__name__
        print(f"That did not work: {reason}.", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rjsite", description="The restorative justice website.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the site")
    serve.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
    serve.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    serve.set_defaults(run=_serve)

    deliver = commands.add_parser("deliver", help="send the mail that waits, as a process of its own")
    deliver.add_argument("--once", action="store_true", help="send what is due now, then end")
    deliver.set_defaults(run=_deliver)

    check = commands.add_parser("check", help="check the content; names file, line and what to write")
    check.set_defaults(run=_check)

    keys = commands.add_parser("keys", help="make keys").add_subparsers(required=True, metavar="ACTION")
    keys.add_parser("new", help="print a new signing key and a new outbox key").set_defaults(run=_new_keys)

    outbox = commands.add_parser("outbox", help="see and move what waits").add_subparsers(
        required=True, metavar="ACTION"
    )
    outbox.add_parser("list", help="every mail, without a word of it").set_defaults(run=_outbox_list)
    outbox.add_parser("status", help="how many wait, and since when").set_defaults(run=_outbox_status)
    resend = outbox.add_parser("resend", help="send a mail again while its text is kept")
    resend.add_argument("reference")
    resend.set_defaults(run=_outbox_resend)
    export = outbox.add_parser("export", help="write a kept mail to a file")
    export.add_argument("reference")
    export.add_argument("file", type=Path)
    export.set_defaults(run=_outbox_export)
    outbox.add_parser("purge", help="wipe what the mail server has had for long enough").set_defaults(
        run=_outbox_purge
    )
    return parser


def _serve(given: argparse.Namespace) -> int:
    from rjsite import create_app
    from rjsite.server import serve, set_up_logs

    set_up_logs()
    settings = Settings.load()
    serve(create_app(settings), settings, given.host, given.port)
    return 0


def _deliver(given: argparse.Namespace) -> int:
    from rjsite import create_app
    from rjsite.delivery import Delivery
    from rjsite.server import set_up_logs

    set_up_logs()
    delivery: Delivery = create_app(Settings.load()).extensions["rjsite.delivery"]
    if given.once:
        delivery.drain()
    else:
        delivery.run()
    return 0


def _check(_given: argparse.Namespace) -> int:
    from rjsite.content.library import load

    folder = Path(os.environ.get("RJSITE_CONTENT_DIR", Settings.model_fields["content_dir"].default))
    found = load(folder, drafts=True)
    print(*found.problems, sep="\n", end="\n" if found.problems else "")
    print(f"{len(found.pages)} pages, {len(found.stories)} stories, {len(found.problems)} to mend")
    return 1 if found.problems else 0


def _new_keys(_given: argparse.Namespace) -> int:
    print(f"RJSITE_SECRET_KEY={secrets.token_urlsafe(36)}")
    print(f"RJSITE_OUTBOX_KEYS={Fernet.generate_key().decode()}")
    return 0


def _outbox_list(_given: argparse.Namespace) -> int:
    from rjsite import make_outbox

    for row in make_outbox(Settings.load()).rows():
        moment = _moment(row.made_at)
        print(f"{row.reference}  version {row.version}  {moment}  tries {row.attempts}  {_state(row)}")
    return 0


def _state(row: Any) -> str:
    if row.wiped_at:
        return "wiped"
    if row.accepted_at:
        return "taken"
    return row.trouble or "waiting"


def _outbox_status(_given: argparse.Namespace) -> int:
    from rjsite import make_outbox

    waiting = make_outbox(Settings.load()).waiting()
    print(f"{waiting.count} waiting, the oldest for {waiting.oldest / 60:.0f} minutes")
    return 1 if waiting.count else 0


def _outbox_resend(given: argparse.Namespace) -> int:
    from rjsite import make_outbox

    count = make_outbox(Settings.load()).resend(_reference(given.reference))
    print(f"{count} mails will be sent again." if count else "No mail with this reference is kept any more.")
    return 0 if count else 1


def _outbox_export(given: argparse.Namespace) -> int:
    from rjsite import make_outbox

    outbox = make_outbox(Settings.load())
    rows = outbox.named(_reference(given.reference))
    if not rows:
        print("No mail with this reference is kept any more.")
        return 1
    newest = max(rows, key=lambda row: row.version)
    with open(os.open(given.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(outbox.open(newest))
    print(f"Version {newest.version} is in the file. Delete the file when you have passed it on.")
    return 0


def _outbox_purge(_given: argparse.Namespace) -> int:
    from rjsite import make_outbox

    settings = Settings.load()
    print(f"{make_outbox(settings).wipe(settings.hold_hours)} texts wiped.")
    return 0


def _reference(text: str) -> str:
    """A reference as people type it: any case, spaces and hyphens ignored."""
    symbols = "".join(c for c in text.upper() if c.isalnum())
    return f"{symbols[:4]}-{symbols[4:]}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


if __name__ == "__main__":
    sys.exit(main())
