"""A form reaches the whole team, however broken the outbox was when it was sent."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rjsite.intake import Intake, NotKept
from rjsite.mail.server import Parcel
from rjsite.mail.trouble import NotTaken
from rjsite.outbox import table
from rjsite.outbox.store import Outbox
from rjsite.sealing import Readers
from support.referral import REFERRAL

TEAM = ("first@nowhere.example", "second@nowhere.example")
NEXT = dataclasses.replace(REFERRAL, submission="cd" * 32)


class Server:
    """Takes mail, but not for those it refuses."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.taken: list[str] = []

    def deliver(self, parcel: Parcel, within: float) -> None:
        if parcel.recipient in self.refused:
            raise NotTaken("refused (550)", lasting=True)
        self.taken.append(parcel.recipient)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a locked database."""
    monkeypatch.setattr(table, "WAIT_FOR_LOCK", 0.2)


@pytest.fixture
def intake(impatient: None, opened: Callable[..., Outbox], server: Server) -> Intake:
    return Intake(opened(), server, TEAM, "site@nowhere.example", Readers(()), lambda: None)  # type: ignore[arg-type]


@contextmanager
def locked(place: Path) -> Iterator[None]:
    with sqlite3.connect(place) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()
    other.close()


def test_whoever_did_not_get_it_directly_gets_it_from_the_outbox_later(intake, server, place):
    server.refused = {TEAM[1]}
    with locked(place):
        intake.take(REFERRAL)
    assert server.taken == [TEAM[0]]

    intake.take(NEXT)

    kept = [(row.recipient, row.submission, row.version) for row in intake.outbox.rows()]
    assert sorted(kept) == sorted([(TEAM[0], "cd" * 32, 1), (TEAM[1], "cd" * 32, 1), (TEAM[1], "ab" * 32, 1)])
    row = next(row for row in intake.outbox.named(REFERRAL.reference) if row.submission == "ab" * 32)
    assert b"Message-ID: <7K3M-X9QF.1." in intake.outbox.open(row)


def test_what_everybody_got_directly_is_not_kept_as_well(intake, server, place):
    with locked(place):
        intake.take(REFERRAL)
        intake.take(REFERRAL)

    intake.take(NEXT)

    assert server.taken == list(TEAM)
    assert {row.submission for row in intake.outbox.rows()} == {"cd" * 32}


def test_what_nobody_took_is_not_thanked_for(intake, server, place):
    server.refused = set(TEAM)

    with locked(place), pytest.raises(NotKept):
        intake.take(REFERRAL)
