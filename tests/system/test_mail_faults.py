"""Every fault of a mail server that we know of, on a real server.

In each case the person is thanked immediately, and no log contains a word of the form. The team gets one
email when the server works again; if the server may already have the email, a second copy has the same
Message-ID. Each row of FAULTS says what the operator reads.
"""

from __future__ import annotations

import logging
import sqlite3
import ssl
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr

from rjsite import create_app
from rjsite.cli.outbox import state
from rjsite.mail.smtp_errors import MailFailure
from rjsite.mail.worker import PROBE_EVERY
from rjsite.outbox import database, operator
from rjsite.services import services_of
from rjsite.settings import Settings
from support.authority import Authority, server_context
from support.faulty_mail_server import CLOSE, DRIP, ECHO, LOGIN, SILENT, FaultyMailServer
from support.forms import GOOD, A, Page, lost, send
from support.mail import MailServer
from support.processes import free_port

ONE, TWO = "one@example.org", "two@example.org"
MANY = 12  # emails that wait at the same time
SECRETS = ("Ally", "corner shop", "01632", "before 3pm", "window")
ANSWERS = {**GOOD[A], "name": "Ally", "about": "A window of the corner shop. " + "x" * 900}


@dataclass(frozen=True)
class Fault:
    """A fault, what the operator reads, and whether the server may already have the email."""

    name: str
    operator: str
    says: Mapping[str, str | list[str]] = field(default_factory=dict)
    certificate: str = "good"
    options: Mapping[str, Any] = field(default_factory=dict)
    has_it: bool = False

    def __str__(self) -> str:
        return self.name


REFUSED_AT_LOGIN = {"auth": "535 5.7.8 authentication failed"}
SWITCHED_OFF = {"auth": "550 5.7.30 basic authentication is not supported"}
OVERLONG = "250 " + "x" * 8192  # smtplib does not read it to its end
FAULTS = [
    Fault("down", "unreachable", options={"absent": True}),
    Fault("refuses to talk", "unreachable", {"connect": "554 no"}),
    Fault("busy", "mail server busy", {"connect": "421 4.3.2 service not available"}),
    Fault("too many connections", "mail server busy", {"connect": "451 4.7.1 too many connections"}),
    Fault("busy at EHLO", "mail server busy", {"ehlo": "421 4.3.2 too many connections"}),
    Fault("busy at STARTTLS", "mail server busy", {"starttls": "421 4.7.0 later"}),
    Fault("busy at EHLO under TLS", "mail server busy", {"ehlo again": "421 4.3.2 later"}),
    Fault("busy at sign-in", "sign-in refused for now (421 4.7.0)", {"auth": "421 4.7.0 too many errors"}),
    Fault(
        "sign-in put off", "sign-in refused for now (454 4.7.0)", {"auth": "454 4.7.0 too many connections"}
    ),
    Fault("closes at sign-in", "sign-in not answered", {"auth": CLOSE}),
    Fault("silent at sign-in", "sign-in not answered", {"auth": SILENT}),
    Fault("slow without end at sign-in", "sign-in not answered", {"auth": DRIP}),
    Fault("silent", "unreachable", {"connect": SILENT}),
    Fault("slow without end at the greeting", "unreachable", {"connect": DRIP}),
    Fault("slow without end after the mail", "no answer", {"body": DRIP}, has_it=True),
    Fault("silent after the mail", "no answer", {"body": SILENT}, has_it=True),
    Fault("closes at once", "unreachable", {"connect": CLOSE}),
    Fault("closes at the sender", "unreachable", {"mail": CLOSE}),
    Fault("closes after DATA", "no answer", {"data": CLOSE}),
    Fault("closes after the mail", "no answer", {"body": CLOSE}, has_it=True),
    Fault("4xx to the mail", "refused (451 4.3.0)", {"body": "451 4.3.0 later"}),
    Fault("5xx to the mail", "refused (554 5.7.1)", {"body": "554 5.7.1 no"}),
    Fault("4xx to the sender", "refused (450)", {"mail": "450 later"}),
    Fault("5xx to the sender", "refused (550 5.7.60)", {"mail": "550 5.7.60 not as this sender"}),
    Fault("greylisting three times", "refused (450 4.2.0)", {"rcpt": ["450 4.2.0 greylisted"] * 3}),
    Fault("a small SIZE", "refused (552 5.3.4)", {"mail": "552 5.3.4 too big"}),
    Fault("repeats our text", "refused (554 5.7.1)", {"body": ECHO}),
    Fault("STARTTLS taken away", "no encryption offered", options={"offers_tls": False}),
    Fault("STARTTLS refused", "no encryption offered", {"starttls": "454 not now"}),
    Fault("TLS 1.1 only", "no safe encryption offered", certificate="tls-1.1"),
    Fault("another's certificate", "certificate not trusted", certificate="wrong-name"),
    Fault("a certificate of nobody", "certificate not trusted", certificate="self-signed"),
    Fault("a certificate that ended", "certificate not trusted", certificate="ended"),
    Fault("a wrong password", "sign-in refused (535 5.7.8)", REFUSED_AT_LOGIN),
    Fault("sign-in by password switched off", "sign-in refused (550 5.7.30)", SWITCHED_OFF),
    Fault("no sign-in offered", "sign-in not possible", options={"offers": ("SIZE 1000",)}),
    Fault(
        "a way to sign in that we do not know", "sign-in not possible", options={"offers": ("AUTH XOAUTH2",)}
    ),
    Fault("an answer that is none", "no answer", {"body": "what?"}),
    Fault("an overlong reply to the sender", "unreachable", {"mail": OVERLONG}),
    Fault("an overlong reply to STARTTLS", "unreachable", {"starttls": OVERLONG}),
    Fault("an overlong reply at sign-in", "sign-in not answered", {"auth": OVERLONG}),
    Fault("an overlong reply to the mail", "no answer", {"body": OVERLONG}, has_it=True),
    Fault("a challenge that is none", "sign-in not answered", {"auth": "334 Enter password"}),
]
# The server accepts the email all the same. Such oddities must neither stop it nor cause a second copy.
ODDITIES = [
    Fault("closes at QUIT", "accepted", {"quit": CLOSE}),
    Fault("silent at QUIT", "accepted", {"quit": SILENT}),
    Fault("another good reply to the mail", "accepted", {"body": "200 thank you"}),
    Fault("no 8BITMIME, no SMTPUTF8, no SIZE, short lines", "accepted", options={
        "offers": ("AUTH PLAIN",), "longest_line": 78,
    }),
    Fault("plain text behind the STARTTLS answer", "accepted", options={
        "injected": "250-evil\r\n250 AUTH PLAIN\r\n235 in\r\n",
    }),
]  # fmt: skip


@dataclass
class Stage:
    """The site in this process, and the port and certificates of its mail server."""

    app: Flask
    port: int
    certificates: Mapping[str, ssl.SSLContext]

    @property
    def box(self):
        return services_of(self.app).outbox

    def server(self, fault: Fault) -> FaultyMailServer:
        options = {name: value for name, value in fault.options.items() if name != "absent"}
        return FaultyMailServer(self.port, self.certificates[fault.certificate], fault.says, **options)

    def mended(self) -> FaultyMailServer:
        return FaultyMailServer(self.port, self.certificates["good"])

    def rows(self):
        return [row for row in operator.rows(self.box) if not row.wiped_at]

    def work(self) -> None:
        """Make all waiting mail due, and let the worker send it."""
        with self.box.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE outbox SET due_at = 0 WHERE accepted_at IS NULL")
            connection.exec_driver_sql("DELETE FROM mail_gate")
        services_of(self.app).worker.drain()

    def empty(self) -> None:
        with self.box.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM outbox")
            connection.exec_driver_sql("DELETE FROM mail_gate")


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """Hold the write lock of the outbox."""
    with closing(sqlite3.connect(str(stage.box.engine.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture(scope="module", autouse=True)
def _short_wait_for_a_lock() -> Iterator[None]:
    """Wait one second for a locked outbox. The real time has a test in test_broken_storage.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "WAIT_FOR_LOCK", 1)
        yield


@pytest.fixture(scope="module")
def stage(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    port = free_port()
    old = server_context(authority.sign())
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with suppress(ValueError):
        old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    contexts = {
        "good": server_context(authority.sign()),
        "tls-1.1": old,
        "wrong-name": server_context(authority.sign("mail.example.org")),
        "self-signed": server_context(authority.self_signed()),
        "ended": server_context(authority.sign("localhost", days=0)),
    }
    settings = Settings.load(
        mode="development",
        data_dir=tmp_path_factory.mktemp("faults"),
        mail_server="localhost",
        mail_port=port,
        mail_ca_file=authority.ca_file,
        mail_timeout=0.3,
        mail_username=LOGIN[0],
        mail_password=LOGIN[1],
        team_email=ONE,
        ratelimit_forms="off",
        deliver_per_minute=60_000,
    )
    return Stage(create_app(settings), port, contexts)


@pytest.fixture(autouse=True)
def clean(stage: Stage, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Begin with an empty outbox, and check at the end that no log contains a word of a form."""
    stage.empty()
    caplog.set_level(logging.DEBUG)
    yield
    assert [word for word in SECRETS if word in caplog.text] == []


def ids(server: FaultyMailServer) -> list[str]:
    return [str(one.message["Message-ID"]) for one in server.received]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_of_the_mail_server_costs_no_form(stage: Stage, fault: Fault, caplog) -> None:
    began = time.monotonic()
    answer = send(stage.app.test_client(), A, ANSWERS)
    took = time.monotonic() - began
    assert (answer.status_code, took < 3) == (303, True)  # the person

    faulty = stage.server(fault)
    if "absent" in fault.options:
        stage.work()
    else:
        with faulty:
            stage.work()

    (row,) = stage.rows()
    assert row.accepted_at is None
    assert state(row).startswith(fault.operator)  # the operator
    assert f"{row.reference} not accepted: {fault.operator}" in caplog.text
    assert len(faulty.received) == int(fault.has_it)
    assert [part for part in faulty.plain if b"MAIL" in part or b"AUTH" in part] == []

    with stage.mended() as good:
        stage.work()
        stage.work()
    assert len(good.received) == 1  # the team
    assert good.received[0].recipients == (ONE,)
    assert "A window of the corner shop." in good.received[0].text
    assert set(ids(good)) | set(ids(faulty)) == set(ids(good))
    assert state(stage.rows()[0]).startswith("accepted")


@pytest.mark.parametrize("oddity", ODDITIES, ids=str)
def test_what_is_odd_about_a_mail_server_neither_stops_nor_doubles_mail(stage: Stage, oddity: Fault) -> None:
    send(stage.app.test_client(), A, ANSWERS)

    with stage.server(oddity) as server:
        stage.work()
        stage.work()

    assert len(server.received) == 1
    assert "A window of the corner shop." in server.received[0].text
    assert state(stage.rows()[0]).startswith("accepted")
    assert b"".join(server.plain).upper().split(b"\r\n")[-2:] == [b"STARTTLS", b""]


def test_greylisting_is_waited_out(stage: Stage) -> None:
    send(stage.app.test_client(), A, ANSWERS)

    with FaultyMailServer(stage.port, stage.certificates["good"], {"rcpt": ["450 greylisted"] * 3}) as server:
        tried = 0
        while not server.received and tried < 6:
            stage.work()
            tried += 1

    assert (tried, len(server.received)) == (4, 1)


def test_one_of_two_recipients_refused_does_not_keep_the_mail_from_the_other(
    authority: Authority, stage: Stage, tmp_path: Path
) -> None:
    settings = services_of(stage.app).mail.settings.model_copy(
        update={"team_email": (ONE, TWO), "data_dir": tmp_path / "var"}
    )
    both = Stage(create_app(settings), stage.port, stage.certificates)
    send(both.app.test_client(), A, ANSWERS)

    with FaultyMailServer(stage.port, stage.certificates["good"], refused=frozenset({ONE})) as server:
        both.work()

    assert [one.recipients for one in server.received] == [(TWO,)]
    assert {
        row.recipient: state(row).partition(", next try")[0].partition(" 2")[0] for row in both.rows()
    } == {
        ONE: "refused (550 5.1.1), a permanent error",
        TWO: "accepted",
    }


def keep(stage: Stage, count: int) -> None:
    client = stage.app.test_client()
    for number in range(count):
        assert send(client, A, {"name": f"Ally {number}"}).status_code == 303


def test_many_mails_and_a_wrong_password_are_one_refused_sign_in_until_the_wait_is_over(
    stage: Stage,
) -> None:
    """This is so for the worker, for its probe, for a form delivered directly and after each restart."""
    keep(stage, MANY)
    settings = services_of(stage.app).mail.settings
    with FaultyMailServer(stage.port, stage.certificates["good"], REFUSED_AT_LOGIN) as server:
        for _ in range(3):
            site = create_app(settings)  # each as after a restart
            services_of(site).worker.drain()
            with pytest.raises(MailFailure):
                services_of(site).mail.check()
            with locked(stage):
                answer = send(site.test_client(), A, ANSWERS)
            assert (answer.status_code, lost(ANSWERS, Page(answer.text))) == (503, {})
        rows = stage.rows()
        gate = services_of(stage.app).mail.gate.state()

    assert server.asked.count("auth") == 1
    assert {row.failure for row in rows} == {"sign-in refused (535 5.7.8)"}
    assert {row.due_at for row in rows} == {gate.closed_until}
    assert operator.queue_status(stage.box).refused == 0


def test_a_form_that_meets_a_closed_gate_is_answered_at_once_and_keeps_every_answer(stage: Stage) -> None:
    with FaultyMailServer(stage.port, stage.certificates["good"], REFUSED_AT_LOGIN):
        keep(stage, 1)
        stage.work()
    site = create_app(services_of(stage.app).mail.settings)
    services_of(site).outbox.prepare()
    with locked(stage):
        for _ in range(2):
            assert_refused_at_once(site)


def assert_refused_at_once(site: Flask) -> None:
    """Send a form to a site whose outbox is locked and whose mail server does not accept mail."""
    began = time.monotonic()
    answer = send(site.test_client(), A, ANSWERS)
    waited = time.monotonic() - began

    assert (answer.status_code, lost(ANSWERS, Page(answer.text))) == (503, {})
    assert waited < 2 * database.WAIT_FOR_LOCK  # the site waits for one lock, and for no mail server


def test_whoever_sends_the_first_form_to_a_site_with_a_locked_outbox_waits_once(stage: Stage) -> None:
    with locked(stage):
        assert_refused_at_once(create_app(services_of(stage.app).mail.settings))


def test_many_mails_are_out_soon_after_the_password_is_mended(stage: Stage) -> None:
    """This is so after a restart with the right password, and without one when the wait is over."""
    keep(stage, MANY)
    wrong = services_of(stage.app).mail.settings.model_copy(update={"mail_password": SecretStr("wrong")})
    with stage.mended() as server:
        services_of(create_app(wrong)).worker.drain()
        assert (server.asked.count("auth"), server.received) == (1, [])
        services_of(stage.app).worker.drain()  # with the right password

    assert len({str(one.message["Message-ID"]) for one in server.received}) == len(server.received) == MANY


def test_mails_put_off_by_a_closed_gate_leave_by_themselves_when_the_wait_is_over(stage: Stage) -> None:
    keep(stage, 5)
    gate, delivery = services_of(stage.app).mail.gate, services_of(stage.app).worker
    with FaultyMailServer(stage.port, stage.certificates["good"], REFUSED_AT_LOGIN):
        delivery.drain()
    real = gate.clock
    gate.clock = stage.box.clock = lambda: real() + 121
    try:
        with stage.mended() as good:
            while delivery.run_once():
                pass
    finally:
        gate.clock = stage.box.clock = real

    assert len(good.received) == 5


def test_mails_that_waited_are_out_soon_after_the_server_is_mended(stage: Stage) -> None:
    """Nobody has to help: the worker probes the server regularly, and then sends the postponed mail."""
    box, delivery = stage.box, services_of(stage.app).worker
    keep(stage, MANY)
    with box.engine.begin() as connection:  # as after hours of trying
        connection.exec_driver_sql(
            "UPDATE outbox SET due_at = due_at + 3000, attempts = 9, "
            "trouble = CASE id % 2 WHEN 0 THEN 'unreachable' ELSE 'refused (451)' END"
        )
    delivery._probe_timer.last = time.monotonic() - PROBE_EVERY + 0.5
    assert not delivery.run_once()  # the last probe was half a minute ago, less half a second
    time.sleep(0.5)

    with stage.mended() as good:
        while delivery.run_once():
            pass

    assert len({str(one.message["Message-ID"]) for one in good.received}) == len(good.received) == MANY


@pytest.mark.parametrize("certificate", ["wrong-name", "self-signed", "ended"])
def test_not_a_byte_of_mail_or_password_crosses_an_unverified_line(stage: Stage, certificate: str) -> None:
    send(stage.app.test_client(), A, ANSWERS)

    with FaultyMailServer(stage.port, stage.certificates[certificate]) as server:
        stage.work()

    tries = server.asked.count("connect")  # on a slow machine there is time for a second attempt
    assert tries > 0
    assert server.asked == ["connect", "starttls"] * tries
    plain = b"".join(server.plain).upper().replace(b"EHLO LOCALHOST\r\n", b"")
    assert plain == b"STARTTLS\r\n" * tries


def test_implicit_tls_is_checked_as_well(authority: Authority, stage: Stage, tmp_path: Path) -> None:
    with MailServer(authority, certificate="wrong-name", encryption="implicit") as server:
        settings = services_of(stage.app).mail.settings.model_copy(
            update={
                "data_dir": tmp_path / "var",
                "mail_port": server.port,
                "mail_use_tls": False,
                "mail_use_ssl": True,
            }
        )
        site = Stage(create_app(settings), server.port, {})
        send(site.app.test_client(), A, ANSWERS)
        site.work()

        assert server.received == []
        assert state(site.rows()[0]).startswith("certificate not trusted")
