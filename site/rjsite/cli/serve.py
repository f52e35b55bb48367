"""Commands that run the site: serve, staff, deliver, mail, publish, keys and with-settings."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import click
from cryptography.fernet import Fernet

from rjsite import create_app
from rjsite.settings import Settings, SettingsError
from rjsite.settings.development_keys import keep_keys
from rjsite.settings.file import read_given


def _given(name: str, default: str) -> Callable[[], str]:
    """Return a function that reads HOST or PORT from the environment or the settings file."""
    return lambda: read_given(Settings.names()).values.get(name, default)


def _host(_context: click.Context, _option: click.Parameter, text: str) -> str:
    """Return the host to listen on, if it is valid."""
    try:
        socket.getaddrinfo(text, None)
    except (OSError, UnicodeError):
        raise click.BadParameter("write a name or address of this machine (here or in HOST)") from None
    return text


def _port(_context: click.Context, _option: click.Parameter, text: str) -> int:
    """Return the port to listen on, if it is valid."""
    if not (text.isdecimal() and len(text) <= 5 and int(text) < 2**16):
        raise click.BadParameter("write a number from 0 to 65535 (here or in PORT)")
    return int(text)


@click.command()
@click.option("--host", default=_given("HOST", "127.0.0.1"), callback=_host, show_default="127.0.0.1")
@click.option("--port", default=_given("PORT", "8000"), callback=_port, show_default="8000")
def serve(host: str, port: int) -> None:
    """Run the site."""
    # SIGHUP is held back until `server.serve` has decided what it does: make the site read its content again
    # or, in development, end the site.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    from rjsite.server import serve as server

    server.set_up_logs()
    settings = keep_keys(Settings.load())
    server.keep_private(settings)
    server.serve(create_app(settings), host, port)


@click.command()
@click.option("--port", default=_given("PORT", "8001"), callback=_port, show_default="8001")
def staff(port: int) -> None:
    """Run the staff copy, in which staff write stories.

    It has none of the forms of the public site and sends no mail. It listens on this machine only;
    deploy/nginx-staff.conf protects it with a password.
    """
    from rjsite.app import create_staff_app
    from rjsite.server import serve as server

    server.set_up_logs()
    server.serve_staff(create_staff_app(Settings.load(mode="development")), port)


@click.command()
@click.option("--once", is_flag=True, help="Send what is due now, then exit.")
def deliver(once: bool) -> None:
    """Send the waiting mail in a separate process."""
    from rjsite.outbox import operator
    from rjsite.server.serve import keep_private, set_up_logs
    from rjsite.services import services_of

    set_up_logs()
    settings = keep_keys(Settings.load())
    keep_private(settings)
    if settings.production:  # SIGHUP is for the server; this process looks for changed content itself
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    worker = services_of(create_app(settings)).worker
    worker.certificates.log_summary()
    if once:
        worker.drain()
        queue = operator.queue_status(worker.outbox)
        if queue.failures:  # an email that another worker is sending has no failure
            click.echo(f"{queue.mails} still waiting ({', '.join(sorted(queue.failures))}).")
            sys.exit(1)
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())  # the current email is still finished
    worker.run()


@click.group()
def mail() -> None:
    """Check whether mail can be sent."""


@mail.command("check")
@click.option("--send", is_flag=True, help="Also send a test email to the team.")
def check(send: bool) -> None:
    """Connect and sign in to the mail server, step by step."""
    from rjsite.mail.check import check_mail
    from rjsite.mail.credentials import expiry_warnings
    from rjsite.mail.worker import FIXABLE
    from rjsite.services import services_of

    settings = keep_keys(Settings.load())
    if settings.folder_for_mail:
        click.echo(
            f"Mail is written to files in {settings.folder_for_mail} and not sent: there is nothing to check."
        )
        return
    services = services_of(create_app(settings))
    works = True
    for step in check_mail(services.mail, send=send):
        works = works and step.works
        click.echo(f"{'ok  ' if step.works else 'FAIL'}  {step.name}: {step.message}")
    end_soon = expiry_warnings(settings)
    for line in end_soon:
        click.echo(f"Take care: {line}.")
    if works and (count := services.outbox.retry_now(*FIXABLE)):
        click.echo(f"Waiting emails that are due now: {count}.")
    if end_soon or not works:
        sys.exit(1)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def publish(folder: Path) -> None:
    """Write every page and story as files for nginx to serve.

    DIR is a folder for these files alone.
    """
    from rjsite.web.publish import publish_content

    settings = Settings.load()
    os.umask(0o022)  # nginx runs as another user and reads the files
    count, changed, not_shown = publish_content(settings, folder)
    click.echo(f"{count} files are in {folder}, {changed} of them new or changed.")
    if not_shown:
        message = "Files with problems: pages, forms and facts stay as they were, and stories are left out."
        click.echo("\n".join([message, *map(str, not_shown)]), err=True)
        sys.exit(1)


@click.group()
def keys() -> None:
    """Make keys."""


@keys.command("new")
def new_keys() -> None:
    """Print a new signing key and a new outbox key."""
    click.echo(f"RJSITE_SECRET_KEY={secrets.token_urlsafe(36)}")
    click.echo(f"RJSITE_OUTBOX_KEYS={Fernet.generate_key().decode()}")


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("program", metavar="PROGRAM ...", nargs=-1, type=click.UNPROCESSED)
def with_settings(program: tuple[str, ...]) -> None:
    """Run a program with the settings in its environment, but without defaults.

    Scripts use this because the settings file is not a shell script.
    """
    given = read_given(Settings.names())
    if given.faults:
        raise SettingsError(given.faults)
    if not program or not program[0]:
        raise click.UsageError("Name a program.")
    try:
        os.execvpe(program[0], program, {**os.environ, **given.values})  # noqa: S606 (no shell)
    except OSError as error:
        raise OSError(error.errno, error.strerror, program[0]) from None
