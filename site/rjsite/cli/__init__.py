"""The program `rjsite`: messages for people, never a traceback.

Exits 0, 1 (found something wrong) or 2 (used wrongly).
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from cryptography.fernet import Fernet

from rjsite.cli import hide, mail, outbox
from rjsite.content.problem import Unreadable
from rjsite.encryption.smime import TeamCertificates
from rjsite.outbox import operator
from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.settings import ROOT, Settings, SettingsError
from rjsite.settings.development_keys import keep_keys
from rjsite.settings.file import read_given


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
    except DATABASE_ERRORS as error:
        name = f"the database of the outbox cannot be used ({type(error).__name__})"
        print(f"That did not work: {getattr(error, 'strerror', '') or name}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rjsite", description="The restorative justice website.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], help_: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_)
        command.set_defaults(run=run)
        return command

    serve = add("serve", _serve, "run the site")
    given = read_given(Settings.names()).values
    serve.add_argument("--host", type=_host, default=given.get("HOST", "127.0.0.1"))
    serve.add_argument("--port", type=_port, default=given.get("PORT", "8000"))
    deliver = add("deliver", _deliver, "send the mail that waits, as a process of its own")
    deliver.add_argument("--once", action="store_true", help="send what is due now, then end")
    check = add("check", _check, "check the content; names file, line and what to write")
    check.add_argument(
        "--github",
        action="store_true",
        default=os.environ.get("GITHUB_ACTIONS") == "true",
        help="also show findings on their lines in GitHub (by itself where GitHub runs this)",
    )
    story = add("new-story", _new_story, "write the file of a new story, with every field explained")
    story.add_argument("title", help="in quotation marks")
    release = add("release-check", _release_check, "list what the service has still to say or to set")
    release.add_argument("--write", type=Path, metavar="FILE", help="write what the content lacks as a page")
    pages = add("publish", _publish, "write every page and story as files for nginx to serve")
    pages.add_argument("folder", type=Path, metavar="DIR", help="a folder for these files alone")
    keys = commands.add_parser("keys", help="make keys").add_subparsers(required=True, metavar="ACTION")
    keys.add_parser("new", help="print a new signing key and a new outbox key").set_defaults(run=_new_keys)

    run = add("with-settings", _with_settings, "run a program with every setting in its environment")
    run.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM ...")

    hide.add_to(commands)
    mail.add_to(commands)
    outbox.add_to(commands)
    return parser


def _host(text: str) -> str:
    """An address to listen on."""
    try:
        socket.getaddrinfo(text, None)
    except (OSError, UnicodeError):
        raise argparse.ArgumentTypeError("there is no such address (or set HOST to one)") from None
    return text


def _port(text: str) -> int:
    """A port, from the command line or the environment; argparse says what is wrong with another."""
    if not (text.isdecimal() and len(text) <= 5 and int(text) < 2**16):
        raise argparse.ArgumentTypeError("write a number from 0 to 65535 (or set PORT to one)")
    return int(text)


def _serve(given: argparse.Namespace) -> int:
    from rjsite import create_app
    from rjsite.server.serve import keep_private, serve, set_up_logs

    set_up_logs()
    settings = keep_keys(Settings.load())
    keep_private(settings)
    serve(create_app(settings), given.host, given.port)
    return 0


def _deliver(given: argparse.Namespace) -> int:
    from rjsite import create_app
    from rjsite.server.serve import keep_private, set_up_logs
    from rjsite.services import services_of

    set_up_logs()
    settings = keep_keys(Settings.load())
    keep_private(settings)
    if settings.production:  # `systemctl reload` of every instance; the worker shows no content
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    worker = services_of(create_app(settings)).worker
    worker.certificates.log_summary()
    if given.once:
        worker.drain()
        waiting = operator.waiting(worker.outbox)
        if waiting.failures:  # what another worker has in hand is none
            print(f"{waiting.mails} still wait ({', '.join(sorted(waiting.failures))}).")
        return 1 if waiting.failures else 0
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, lambda *_: worker.stop())  # after the mail in hand
    worker.run()
    return 0


def _check(given: argparse.Namespace) -> int:
    from rjsite.content import lint
    from rjsite.content.library import load
    from rjsite.content.lint.github_report import add_to_summary, annotation
    from rjsite.content.lint.server_examples import differences
    from rjsite.web.papers import out_of_date

    folder, today = Settings.folders()[0], date.today()  # noqa: DTZ011 (a day in the service's own place)
    try:
        found = load(folder, drafts=True, today=today)
        copies = [*out_of_date(found, ROOT), *differences(found.facts, ROOT)]
        problems = sorted({*found.problems, *lint.check(found, folder, today), *copies})
        counted = f"{len(found.pages)} pages, {len(found.stories)} stories, {len(problems)} to mend"
    except Unreadable as unreadable:
        problems, counted = list(unreadable.problems), "The site cannot start until this is mended."
    print(*problems, sep="\n", end="\n" if problems else "")
    if given.github:
        print(*map(annotation, problems), sep="\n", end="\n" if problems else "")
    if problems and (summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        add_to_summary(Path(summary), problems)
    print(counted)
    return 1 if problems else 0


def _new_story(given: argparse.Namespace) -> int:
    from rjsite.content.library import STORIES
    from rjsite.content.new_story import write_story

    try:
        path = write_story(Settings.folders()[0], given.title, date.today())  # noqa: DTZ011
    except FileExistsError as error:
        print(f"There is a story of that name already: {error.filename}. Choose another title.")
        return 1
    except ValueError as error:
        print(f"This makes no story: {error}.")
        return 2
    print(
        f"The story is in {os.path.relpath(path)}. What to do next:",
        "1. Fill in each field and write the words below; the file says how.",
        "2. Run `make check`. It names each line to mend, and what to write there.",
        f"3. See it with `make serve`, at {STORIES}{path.stem}. It is marked as a draft.",
        "4. Take out the line `draft: true` when the people in it have agreed.",
        sep="\n",
    )
    return 0


def _publish(given: argparse.Namespace) -> int:
    from rjsite.web.publish import publish_content

    settings = Settings.load()
    os.umask(0o022)  # nginx, another user, reads them
    count, changed, not_shown = publish_content(settings, given.folder)
    print(f"{count} files are in {given.folder}, {changed} of them new or changed.")
    if not_shown:
        words = "Not shown as they are now: pages, forms and facts stay as they were, stories are left out."
        print(words, *not_shown, sep="\n", file=sys.stderr)
    return 1 if not_shown else 0


def _release_check(given: argparse.Namespace) -> int:
    from rjsite.content.library import load
    from rjsite.content.open_questions import release

    folder = Settings.folders()[0]
    found = release(load(folder, drafts=True), folder, ROOT / "templates")
    if given.write:
        given.write.write_text(found.markdown(), encoding="utf-8")
        print(f"What the content lacks is in {given.write}.")
        return 0
    lines = [str(problem) for problem in found.problems()]
    try:
        settings = Settings.load(mode="production")
        lines += [f"certificate {line}" for line in TeamCertificates(settings.team_certificates).warnings()]
        if any(address.endswith(".cjsm.net") for address in settings.team) and not settings.mail_client_cert:
            lines.append(
                "RJSITE_TEAM_EMAIL: CJSM takes mail from servers that show a client certificate "
                "(RJSITE_MAIL_CLIENT_CERT, docs/mail.md)"
            )
    except SettingsError as error:
        lines += "\n".join(error.faults).splitlines()
    print(*lines, f"{len(lines)} to settle before release", sep="\n")
    return 1 if lines else 0


def _with_settings(given: argparse.Namespace) -> int:
    """For scripts: they need not read the settings file, which is no shell script."""
    found = read_given(Settings.names())
    if found.faults:
        raise SettingsError(found.faults)
    if given.program:
        os.execvpe(given.program[0], given.program, {**os.environ, **found.values})  # noqa: S606 (no shell)
    print("Name a program.", file=sys.stderr)
    return 2


def _new_keys(_given: argparse.Namespace) -> int:
    print(f"RJSITE_SECRET_KEY={secrets.token_urlsafe(36)}")
    print(f"RJSITE_OUTBOX_KEYS={Fernet.generate_key().decode()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
