"""The gate before the mail server: refused sign-ins are minutes apart, whoever tries and however often."""

from __future__ import annotations

import binascii
import smtplib
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from rjsite.mail import sign_in_gate
from rjsite.mail.credentials import credentials_digest
from rjsite.mail.sign_in_gate import Gate
from rjsite.mail.smtp_errors import BUSY, SIGN_IN_DELAYED, SIGN_IN_REFUSED, SIGN_IN_UNANSWERED, MailFailure
from rjsite.outbox import database
from rjsite.settings import Settings

MINUTE, DAY = 60.0, 86400.0


class Account:
    """Counts sign-ins, which fail if an error is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked = 0
        self.seconds = 0.0

    def sign_in(self, gate: Gate) -> str:
        """Sign in through a gate, and return why that failed, or ""."""
        try:
            with gate.attempt():
                self.asked += 1
                time.sleep(self.seconds)
                if self.error:
                    raise self.error
        except MailFailure as failure:
            return failure.failure
        return ""


def refusal(code: int) -> Exception:
    return smtplib.SMTPAuthenticationError(code, b"no")


@pytest.fixture
def gates(opened, clock):
    """Return a function that makes gates, as if in separate processes with one database."""

    def make(credentials: str = "digest") -> Gate:
        box = opened()
        box.prepare()
        return Gate(lambda: box.engine, lambda: credentials, clock)

    return make


def test_after_each_refusal_nobody_signs_in_for_twice_as_long_up_to_a_quarter_of_an_hour(gates, clock):
    gate, account, waits = gates(), Account(refusal(535)), []
    for asked in range(1, 7):
        assert account.sign_in(gate) == SIGN_IN_REFUSED
        assert account.asked == asked
        began = clock.now
        while gate.state().failure:
            assert account.sign_in(gate) == SIGN_IN_REFUSED
            clock.now += MINUTE
        assert account.asked == asked
        waits.append((clock.now - began) / MINUTE)

    assert waits == [2, 4, 8, 15, 15, 15]


def test_a_success_begins_anew_with_two_minutes(gates, clock):
    gate, account = gates(), Account(refusal(535))
    for wait in (0, 2, 4):
        clock.now += wait * MINUTE
        account.sign_in(gate)
    clock.now += 8 * MINUTE
    account.error = None
    assert account.sign_in(gate) == ""

    account.error = refusal(535)
    account.sign_in(gate)

    assert gate.state().closed_until == clock.now + 2 * MINUTE


def test_what_one_process_was_refused_holds_for_every_other_and_for_the_next_start(gates, clock):
    here, there, account = gates(), gates(), Account(refusal(535))
    account.sign_in(here)

    assert [account.sign_in(gate) for gate in (there, gates(), here)] == [SIGN_IN_REFUSED] * 3
    assert account.asked == 1
    with pytest.raises(MailFailure, match=SIGN_IN_REFUSED):
        there.ensure_open()


def test_other_credentials_open_the_gate_at_once_and_the_old_ones_stay_shut_out(gates):
    account = Account(refusal(535))
    account.sign_in(gates("old"))
    account.error = None

    assert account.sign_in(gates("new")) == ""
    assert account.sign_in(gates("old")) == SIGN_IN_REFUSED
    assert account.asked == 2


def test_a_success_opens_the_gate_for_everybody(gates, clock):
    here, there, account = gates(), gates(), Account(refusal(535))
    account.sign_in(here)
    clock.now += 2 * MINUTE
    account.error = None
    account.sign_in(there)

    assert here.state() == there.state() == sign_in_gate.State()


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (refusal(535), SIGN_IN_REFUSED),
        (refusal(550), SIGN_IN_REFUSED),
        (refusal(421), SIGN_IN_DELAYED),
        (refusal(454), SIGN_IN_DELAYED),
        (refusal(451), SIGN_IN_DELAYED),
        (smtplib.SMTPServerDisconnected(), SIGN_IN_UNANSWERED),
        (TimeoutError(), SIGN_IN_UNANSWERED),
        (binascii.Error(), SIGN_IN_UNANSWERED),  # a challenge that is not base64
    ],
    ids=str,
)
def test_whatever_is_no_success_closes_the_gate(gates, error, failure):
    gate, account = gates(), Account(error)

    assert [account.sign_in(gate), account.sign_in(gate)] == [failure, failure]
    assert account.asked == 1


def test_twenty_at_once_in_four_processes_are_one_refused_sign_in(gates):
    account, four = Account(refusal(535)), [gates() for _ in range(4)]
    account.seconds = 0.2
    start = threading.Barrier(20)

    def ask(number: int) -> str:
        start.wait()
        return account.sign_in(four[number % 4])

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(ask, range(20))) == [SIGN_IN_REFUSED] * 20
    assert account.asked == 1
    assert four[0].state().refusals == 1


def test_many_that_are_let_in_come_one_after_another(gates):
    account, four = Account(), [gates() for _ in range(4)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: account.sign_in(four[number % 4]), range(16))) == [""] * 16
    assert account.asked == 16


def test_a_process_that_died_while_it_signed_in_counts_as_refused_and_holds_up_nobody_for_long(
    gates, clock, monkeypatch
):
    monkeypatch.setattr(sign_in_gate, "SIGN_IN_WAIT", 0.2)
    dying, account = gates().attempt(), Account()
    dying.__enter__()

    assert account.sign_in(gates()) == BUSY
    clock.now += 2 * MINUTE
    assert account.sign_in(gates()) == ""
    assert account.asked == 1


def test_who_is_told_to_wait_when_connecting_waits_as_well(gates, clock):
    gate = gates()
    for _ in range(5):  # as if several threads met the error at the same moment
        gate.close(BUSY)

    with pytest.raises(MailFailure, match=BUSY):
        gates().ensure_open()
    assert gate.state().closed_until == clock.now + 2 * MINUTE


@pytest.mark.parametrize("jump", [-DAY, -3600, -10 * MINUTE])
def test_a_clock_that_went_back_neither_opens_the_gate_nor_closes_it_for_long(gates, clock, jump):
    account = Account(refusal(535))
    account.sign_in(gates())

    clock.now += jump

    assert account.sign_in(gates()) == SIGN_IN_REFUSED
    clock.now += 15 * MINUTE
    account.error = None
    assert account.sign_in(gates()) == ""


def test_mails_of_all_processes_leave_at_one_pace(gates, clock):
    one, two = gates(), gates()

    assert one.wait_for_turn(2.4) == 0
    assert two.wait_for_turn(2.4) == pytest.approx(2.4)
    clock.now += 2.4
    assert two.wait_for_turn(2.4) == 0
    assert gates().wait_for_turn(2.4) == pytest.approx(2.4)


def test_a_clock_that_went_back_stops_no_mail(gates, clock):
    gates().wait_for_turn(2.4)
    clock.now -= DAY

    assert gates().wait_for_turn(2.4) == 0


def test_the_gate_and_the_pace_do_not_open_each_other(gates, clock):
    account = Account(refusal(535))
    gates().wait_for_turn(2.4)
    account.sign_in(gates())
    clock.now += 2.4
    gates().wait_for_turn(2.4)

    assert gates().state().failure == SIGN_IN_REFUSED
    assert gates().wait_for_turn(2.4) > 0


def test_credentials_that_are_no_longer_used_are_forgotten(gates, opened, clock):
    account = Account()
    account.sign_in(gates("old"))
    clock.now += 2 * DAY
    account.sign_in(gates("new"))

    with opened().engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT credentials FROM mail_gate").scalars().all() == ["new"]


# -- without the database ---------------------------------------------------------------------------------


@pytest.fixture
def breakable(gates, monkeypatch):
    """Return a gate, and a dictionary whose value `broken` makes the database of the gate fail."""
    gate = gates()
    engine, state = gate._database, {"broken": False}

    def database():
        if state["broken"]:
            raise OSError
        return engine()

    gate._database = database
    monkeypatch.setattr(sign_in_gate, "WITHOUT_DATABASE", 0.0)
    return gate, state


def test_a_gate_known_to_be_closed_stays_closed_when_the_database_breaks(breakable):
    gate, state = breakable
    account = Account(refusal(535))
    account.sign_in(gate)

    state["broken"] = True

    assert account.sign_in(gate) == SIGN_IN_REFUSED
    assert account.asked == 1


def test_a_refusal_met_without_the_database_is_kept_in_memory_and_saved_when_it_is_back(breakable, gates):
    gate, state = breakable
    account = Account(refusal(535))
    state["broken"] = True
    assert [account.sign_in(gate), account.sign_in(gate)] == [SIGN_IN_REFUSED] * 2
    state["broken"] = False

    assert gate.state().failure == SIGN_IN_REFUSED
    assert gates().state().failure == SIGN_IN_REFUSED
    assert account.asked == 1


def test_what_was_kept_in_memory_does_not_close_again_what_another_process_opened(breakable, gates, clock):
    gate, state = breakable
    account = Account(refusal(535))
    state["broken"] = True
    account.sign_in(gate)
    clock.now += 2 * MINUTE
    account.error = None
    assert account.sign_in(gate) == ""  # also resets what is in memory
    state["broken"] = False
    account.error = refusal(535)
    account.sign_in(gates())
    assert gate.state().failure == SIGN_IN_REFUSED
    clock.now += 2 * MINUTE
    account.error = None
    account.sign_in(gates())

    assert gate.state() == sign_in_gate.State()


def test_without_the_database_a_sign_in_that_works_works(breakable):
    gate, state = breakable
    state["broken"] = True

    assert [Account().sign_in(gate), Account().sign_in(gate)] == ["", ""]


def test_a_locked_database_keeps_nobody_waiting_who_knows_of_it(gates, opened, place, clock):
    account, opened_gate = Account(), gates()
    closed_gate = gates()
    with sqlite3.connect(place, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        opened_gate.use_memory_for_now()
        assert account.sign_in(opened_gate) == ""
        account.error = refusal(535)
        closed_gate.use_memory_for_now()
        assert [account.sign_in(closed_gate) for _ in range(3)] == [SIGN_IN_REFUSED] * 3
        assert time.monotonic() - began < database.WAIT_FOR_LOCK
    other.close()
    assert account.asked == 2


def test_a_gate_that_another_process_closed_is_known_though_the_database_cannot_be_written(gates, place):
    account, gate = Account(refusal(535)), gates()
    account.sign_in(gates())
    with sqlite3.connect(place, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        gate.use_memory_for_now()

        assert account.sign_in(gate) == SIGN_IN_REFUSED
    other.close()
    assert account.asked == 1


# -- credentials ------------------------------------------------------------------------------------------


def test_what_is_kept_of_the_credentials_is_keyed_and_tells_each_change(tmp_path):
    base = Settings.load(
        mode="development",
        data_dir=tmp_path,
        mail_server="mail.example.org",
        secret_key=("new" * 12, "old" * 12),
    )

    def digest(**changes: object) -> str:
        return credentials_digest(base.model_copy(update=changes))

    changes: list[dict[str, object]] = [
        {"mail_password": SecretStr("another")},
        {"mail_username": "another"},
        {"mail_server": "another.example.org"},
        {"mail_port": 25},
        {"secret_key": (SecretStr("other" * 8),)},
    ]
    assert len({digest(), *(digest(**change) for change in changes)}) == 6
    assert digest(secret_key=(SecretStr("newest" * 6), *base.secret_key)) == digest()
    assert digest(team_email=("a@example.org",)) == digest()
