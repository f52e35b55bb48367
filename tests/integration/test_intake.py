"""A form reaches the whole team, however broken the outbox was when it was sent."""

from __future__ import annotations

import dataclasses
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from rjsite import intake as intake_module
from rjsite.encryption.smime import TeamCertificates
from rjsite.intake import Intake, NotStored
from rjsite.mail.message import OutgoingMail
from rjsite.mail.sign_in_gate import Gate
from rjsite.mail.smtp_errors import MailFailure
from rjsite.outbox import database, operator
from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.outbox.store import Outbox, SentForm
from support.processes import wait_until
from support.referral import REFERRAL

TEAM = ("first@nowhere.example", "second@nowhere.example")
NEXT = dataclasses.replace(REFERRAL, submission="cd" * 32)


class Server:
    """Accepts mail, except for the recipients that it refuses."""

    def __init__(self, box: Outbox) -> None:
        self.gate = Gate(lambda: box.engine, lambda: "digest")
        self.refused: set[str] = set()
        self.seconds = 0.0
        self.taken: list[str] = []

    def deliver(self, outgoing: OutgoingMail, within: float) -> None:
        time.sleep(self.seconds)
        if outgoing.recipient in self.refused:
            raise MailFailure("refused (550)", permanent=True)
        self.taken.append(outgoing.recipient)


@pytest.fixture
def server(impatient: None, opened: Callable[..., Outbox]) -> Server:
    return Server(opened())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits for a locked database and between retries."""
    monkeypatch.setattr(database, "WAIT_FOR_LOCK", 0.2)
    monkeypatch.setattr(database, "PREPARE_AGAIN", 0.0)
    monkeypatch.setattr(intake_module, "RETRY_EVERY", 0.1)


@pytest.fixture
def intake(impatient: None, opened: Callable[..., Outbox], server: Server) -> Intake:
    return Intake(opened(), server, TEAM, "site@nowhere.example", TeamCertificates(()), lambda: None)  # type: ignore[arg-type]


@contextmanager
def locked(place: Path) -> Iterator[None]:
    with sqlite3.connect(place) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()
    other.close()


def rows(intake: Intake) -> list[tuple[str, str, int]]:
    return sorted((row.recipient, row.submission[:2], row.version) for row in operator.rows(intake.outbox))


def test_whoever_did_not_get_it_directly_gets_it_from_the_outbox_when_that_works_again(intake, server, place):
    server.refused = {TEAM[1]}
    with locked(place):
        intake.accept(REFERRAL)
    assert server.taken == [TEAM[0]]

    wait_until(lambda: rows(intake) == [(TEAM[1], "ab", 1)], "the outbox to have the rest", 10)

    (kept,) = operator.stored_mails(intake.outbox, REFERRAL.reference)
    assert b"Message-ID: <7K3M-X9QF.1." in intake.outbox.open(kept)


def test_undelivered_emails_of_many_visitors_do_not_affect_the_next_visitors(intake, server, place):
    """After a locked database and a full mailbox, each visitor is still thanked."""
    server.refused = {TEAM[1]}
    many = [dataclasses.replace(REFERRAL, submission=f"{number:064}") for number in range(8)]
    with locked(place), ThreadPoolExecutor(8) as pool:
        list(pool.map(intake.accept, many))
    start = threading.Barrier(8)

    def visit(number: int) -> None:
        start.wait()
        intake.accept(dataclasses.replace(REFERRAL, submission=f"{number:063}f"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(visit, range(8))) == [None] * 8

    wait_until(lambda: len(rows(intake)) == 8 + 8 * len(TEAM), "the outbox to have everything", 20)


def test_an_undelivered_email_that_cannot_be_stored_affects_nothing_else(intake, server, place, caplog):
    server.refused = {TEAM[1]}
    insert = intake.outbox.insert

    def fail(form: SentForm, *rest: object, **named: object) -> int:
        if form.submission == REFERRAL.submission and named.get("at"):
            raise ValueError("words of a form")
        return insert(form, *rest, **named)

    intake.outbox.insert = fail
    with locked(place):
        for referral in (REFERRAL, NEXT):
            intake.accept(referral)
    intake.accept(dataclasses.replace(REFERRAL, submission="ef" * 32))

    wait_until(lambda: (TEAM[1], "cd", 1) in rows(intake), "the other to be kept", 10)
    assert "ValueError" in caplog.text
    assert "words of a form" not in caplog.text
    intake.outbox.insert = insert
    wait_until(lambda: (TEAM[1], "ab", 1) in rows(intake), "the first to be kept", 10)


def test_without_a_thread_for_the_rest_of_the_team_the_next_form_stores_it(
    intake, server, place, monkeypatch, caplog
):
    server.refused = {TEAM[1]}

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched, locked(place):
        patched.setattr(threading.Thread, "start", start)
        for _ in range(2):  # the second is the same form, sent again
            intake.accept(REFERRAL)
    assert server.taken == [TEAM[0]]
    assert "could not be started" in caplog.text

    intake.accept(NEXT)

    wait_until(lambda: (TEAM[1], "ab", 1) in rows(intake), "the outbox to have the rest", 10)


def test_the_rest_of_the_team_never_reads_the_older_answers_as_the_latest(intake, server, place):
    """An undelivered email keeps the version that the others have received, whatever is stored first."""
    server.refused = {TEAM[1]}
    changed = dataclasses.replace(REFERRAL, answers=())
    with locked(place):
        intake.accept(REFERRAL)
        with pytest.raises(DATABASE_ERRORS):  # still locked, so the undelivered email waits
            intake.outbox.check()
    intake.accept(changed)

    wait_until(lambda: (TEAM[1], "ab", 1) in rows(intake), "the undelivered email", 10)

    assert rows(intake) == [(TEAM[0], "ab", 2), (TEAM[1], "ab", 1), (TEAM[1], "ab", 2)]
    assert intake.outbox.latest(REFERRAL.submission) == (2, changed.digest)


def test_one_page_sent_twice_at_once_without_the_outbox_is_one_mail_for_each_recipient(intake, server, place):
    server.seconds = 0.1
    with locked(place), ThreadPoolExecutor(2) as pool:
        list(pool.map(intake.accept, [REFERRAL, REFERRAL]))

    assert server.taken == list(TEAM)


def test_what_everybody_got_directly_is_not_kept_as_well(intake, server, place):
    with locked(place):
        intake.accept(REFERRAL)
        intake.accept(REFERRAL)

    intake.accept(NEXT)

    assert server.taken == list(TEAM)
    assert {row.submission for row in operator.rows(intake.outbox)} == {"cd" * 32}


def test_what_nobody_took_is_not_thanked_for(intake, server, place):
    server.refused = set(TEAM)

    with locked(place), pytest.raises(NotStored):
        intake.accept(REFERRAL)
