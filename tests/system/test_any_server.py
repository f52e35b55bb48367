"""Whichever server runs the site, the forms that people send reach the team."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.forked import PYTHON
from support.mail import MailServer
from support.processes import LOOPBACK, wait_until
from support.site_process import Site
from support.visitor import Visitor

GUNICORN = [*PYTHON, "-m", "gunicorn", "--bind", f"{LOOPBACK}:$PORT", "rjsite:create_app()"]
FLASK = ["-m", "flask", "--app", "rjsite", "run", "--host", LOOPBACK, "--port", "$PORT"]
TWO_WORKERS = [*GUNICORN, "--workers", "2"]
SERVERS = {
    "gunicorn, two workers": TWO_WORKERS,
    "gunicorn, forked from a loaded app": [*TWO_WORKERS, "--preload"],
    "gunicorn, threads": [*GUNICORN, "--worker-class", "gthread", "--threads", "4"],
    "flask run": [*PYTHON, *FLASK],
    # this command is not forked, because the reloader runs the same command again
    "flask run, with debugger and reloader": [sys.executable, *FLASK, "--debug"],
    "waitress-serve": [
        *(*PYTHON, "-m", "waitress", f"--listen={LOOPBACK}:$PORT"),
        *("--call", "rjsite:create_app"),
    ],
}

Start = Callable[..., Site]


@pytest.fixture
def start(tmp_path: Path, mail_server: MailServer) -> Iterator[Start]:
    """Return a function that starts the site with a command and settings. It sends to the mail server."""
    with ExitStack() as running:

        def begin(command: list[str], **env: str) -> Site:
            site = Site(tmp_path, {**mail_server.settings(), **env})
            site.command = [part.replace("$PORT", str(site.port)) for part in command]
            return running.enter_context(site)

        yield begin


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS.keys())
def test_what_people_send_reaches_the_team(start: Start, mail_server: MailServer, command: list[str]) -> None:
    visitor = Visitor(start(command).base_url)

    sent = [visitor.send() for _ in range(3)]

    assert [answer.status for answer in sent] == [303] * 3
    subjects = " ".join(str(mail.message["Subject"]) for mail in mail_server.wait_for(3))
    assert [visitor.reference(answer) in subjects for answer in sent] == [True] * 3
    assert visitor.get("/readyz").status == 200


def test_mail_that_waited_while_the_site_was_away_leaves_once_somebody_asks_whether_it_is_ready(
    start: Start, mail_server: MailServer
) -> None:
    mail_server.stop()
    site = start(TWO_WORKERS)
    assert Visitor(site.base_url).send().status == 303
    # whoever is killed during an attempt keeps its lease, and the mail waits until that has expired
    wait_until(lambda: ", next try" in site.run("outbox", "list").stdout, "an attempt to fail")
    site.kill()
    mail_server.start()

    site.start()
    assert Visitor(site.base_url).get("/readyz").status == 200

    assert len(mail_server.wait_for(1)) == 1


def test_a_server_that_is_told_not_to_send_leaves_the_mail_to_the_command(
    start: Start, mail_server: MailServer
) -> None:
    site = start(TWO_WORKERS, RJSITE_DELIVER_IN_SERVER="false")
    assert Visitor(site.base_url).send().status == 303

    assert "tries 0" in site.run("outbox", "list").stdout
    assert mail_server.received == []
    assert site.run("deliver", "--once").returncode == 0

    assert len(mail_server.wait_for(1)) == 1


def test_a_server_that_is_told_to_stop_finishes_the_mail_in_hand(
    start: Start, mail_server: MailServer
) -> None:
    mail_server.answer_after = 2
    site = start(TWO_WORKERS)
    assert Visitor(site.base_url).send().status == 303
    mail_server.wait_for(1)

    os.kill(site.process_id, signal.SIGTERM)
    wait_until(lambda: site.ended, "the server to end")

    assert "tries 1  accepted" in site.run("outbox", "list").stdout
    assert len(mail_server.received) == 1
