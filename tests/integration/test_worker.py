"""The worker: what each response of a mail server does to an email, and that nothing stops the others."""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.exc import DBAPIError

from rjsite.encryption.at_rest import RowCipher
from rjsite.mail.message import OutgoingMail
from rjsite.mail.sign_in_gate import Gate
from rjsite.mail.smtp_errors import MailFailure
from rjsite.mail.worker import INTERNAL_ERROR, Worker
from rjsite.outbox import operator
from rjsite.outbox.claims import LEASE
from rjsite.outbox.store import Outbox, SentForm
from support.processes import wait_until

SECRET = "It was my shop"


class Server:
    """Accepts mail, or raises the given errors, one for each email."""

    def __init__(self, box: Outbox) -> None:
        self.gate = Gate(lambda: box.engine, lambda: "digest")
        self.troubles: list[Exception | None] = []
        self.taken: list[OutgoingMail] = []
        self.away = False
        self.asked = 0

    def deliver(self, outgoing: OutgoingMail, offered: Callable[[], None]) -> None:
        offered()
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble:
            raise trouble
        self.taken.append(outgoing)

    def check(self) -> None:
        self.asked += 1
        if self.away:
            raise MailFailure("unreachable")


@pytest.fixture
def server(box):
    return Server(box)


@pytest.fixture
def worker(box, server):
    delivery = Worker(box, server, per_minute=60_000, hold_hours=24)
    yield delivery
    delivery.stop()


def keep(box, *numbers):
    for number in numbers:
        box.insert(
            SentForm(f"REF-{number:04}", f"{number:064}", "d"), lambda *_: {"t@x.example": SECRET.encode()}
        )


def row(box, number=1):
    (found,) = (row for row in operator.rows(box) if row.reference == f"REF-{number:04}")
    return found


@pytest.mark.parametrize("trouble", ["refused (550)", "refused (451)", INTERNAL_ERROR])
def test_whatever_was_mended_is_tried_at_the_next_start(box, server, worker, trouble):
    keep(box, 1)
    server.troubles = [MailFailure(trouble, permanent=True)]
    worker.drain()
    assert server.taken == []

    worker.drain()  # starts again, as `rjsite deliver --once` does

    assert [outgoing.name for outgoing in server.taken] == ["REF-0001"]


def test_where_no_answer_came_a_new_start_is_no_reason_to_send_it_twice(box, server, worker):
    keep(box, 1)
    server.troubles = [MailFailure("no answer", unanswered=True)]
    worker.drain()

    worker.drain()

    assert server.taken == []


def test_mail_that_is_taken_goes_once_with_every_byte(box, server, worker):
    keep(box, 1)

    worker.drain()
    worker.drain()

    assert [(p.name, p.recipient, p.body) for p in server.taken] == [
        ("REF-0001", "t@x.example", SECRET.encode())
    ]
    assert row(box).accepted_at
    assert row(box).failure == ""


@pytest.mark.parametrize(
    ("trouble", "least", "most", "refused"),
    [
        (MailFailure("unreachable"), 50, 70, False),
        (MailFailure("certificate not trusted"), 50, 70, False),
        (MailFailure("refused (451)"), 50, 70, False),
        (MailFailure("no answer", unanswered=True), 120, 360, False),
        (MailFailure("refused (554)", permanent=True), 3200, 4000, True),
    ],
    ids=lambda value: str(value) if isinstance(value, MailFailure) else None,
)
def test_mail_that_is_not_taken_is_kept_and_tried_again(box, server, worker, trouble, least, most, refused):
    keep(box, 1)
    server.troubles = [trouble]
    server.away = True

    worker.drain()

    kept = row(box)
    assert kept.accepted_at is None
    assert kept.failure == str(trouble)
    assert least <= kept.due_at - kept.offered_at <= most
    assert bool(kept.refused_at) is refused
    assert box.open(operator.stored_mails(box, "REF-0001")[0]) == SECRET.encode()


def test_each_wait_is_longer_than_the_last_and_none_is_much_over_an_hour(box, clock, server, worker):
    keep(box, 1)
    server.troubles = [MailFailure("too many emails")] * 14
    for attempt in range(14):
        worker.run_once()

        wait = row(box).due_at - clock.now
        assert wait == pytest.approx(min(3600, 60 * 2**attempt), rel=0.11)
        clock.now += wait + 1


def test_waits_differ_so_that_mails_do_not_become_due_together(box, clock, server, worker):
    keep(box, *range(20))
    server.troubles = [MailFailure("unreachable") for _ in range(20)]
    server.away = True

    worker.drain()

    assert len({round(found.due_at - clock.now, 3) for found in operator.rows(box)}) > 10


def test_a_mail_that_is_refused_does_not_hold_up_the_others(box, server, worker):
    keep(box, 1, 2, 3)
    server.troubles = [MailFailure("refused (554)", permanent=True)]

    worker.drain()

    assert [outgoing.name for outgoing in server.taken] == ["REF-0002", "REF-0003"]


def test_a_mail_that_cannot_be_opened_is_shown_and_does_not_hold_up_the_others(box, server, caplog):
    keep(box, 1)
    other = Outbox(box.engine, RowCipher([Fernet.generate_key().decode()]), 1000)  # the key was lost
    keep(other, 2)

    Worker(other, server, per_minute=60_000, hold_hours=24).drain()

    assert [outgoing.name for outgoing in server.taken] == ["REF-0002"]
    assert row(box, 1).failure == "cannot be opened"
    assert row(box, 1).accepted_at is None
    assert "REF-0001 not accepted: cannot be opened" in caplog.text


def test_changed_versions_have_names_of_their_own(box, server, worker):
    for digest in ("d1", "d2"):
        box.insert(SentForm("REF-0001", "1" * 64, digest), lambda v, _: {"t@x.example": b"%d" % v})

    worker.drain()

    assert [(p.name, p.body) for p in server.taken] == [("REF-0001", b"1"), ("REF-0001-version-2", b"2")]


def test_a_server_that_is_back_gets_its_mail_without_a_long_wait(box, server, worker):
    keep(box, 1)
    server.troubles = [MailFailure("unreachable")]
    server.away = True
    worker.drain()
    assert server.taken == []

    server.away = False
    worker._probe_timer.last = -math.inf  # half a minute later
    worker.drain()

    assert len(server.taken) == 1


def test_no_server_is_asked_while_nothing_waits_for_it(box, server, worker):
    worker.drain()

    assert server.asked == 0


def test_mail_kept_later_is_sent_by_the_running_worker(box, server, worker):
    worker.start()

    keep(box, 1)
    worker.notify()

    wait_until(lambda: len(server.taken) == 1, "the mail was taken", 5)


def test_the_worker_outlives_any_exception_and_logs_no_word_of_it(box, server, worker, caplog):
    keep(box, 1, 2)
    server.troubles = [RuntimeError(SECRET)]

    worker.start()

    wait_until(lambda: len(server.taken) == 1, "the second mail was taken", 5)
    assert server.taken[0].name == "REF-0002"
    assert row(box, 1).accepted_at is None
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("step", ["retry_now", "reconnect"])
def test_the_worker_outlives_an_exception_of_its_start_and_of_reconnecting(
    box, server, worker, monkeypatch, step
):
    keep(box, 1)
    right = {name: getattr(box, name) for name in (step, "is_due")}

    def fail_once(name, error):
        def fail(*_args, **_options):
            monkeypatch.setattr(box, name, right[name])
            raise error

        monkeypatch.setattr(box, name, fail)

    fail_once(step, RuntimeError(SECRET))
    if step == "reconnect":
        fail_once("is_due", OSError(SECRET))
    worker.start()

    wait_until(lambda: len(server.taken) == 1, "the mail was taken", 5)


def test_a_fault_of_ours_holds_up_no_other_mail_and_is_shown(box, server, worker, caplog):
    keep(box, 1, 2)
    server.troubles = [ValueError(SECRET)]

    worker.drain()

    assert [outgoing.name for outgoing in server.taken] == ["REF-0002"]
    assert row(box, 1).failure == INTERNAL_ERROR
    assert "REF-0001 not accepted: an error in the site's code (ValueError)" in caplog.text
    assert SECRET not in caplog.text


def test_a_mail_that_a_jump_of_the_clock_gave_to_another_worker_is_not_given_to_the_server_twice(
    box, server, worker
):
    keep(box, 1)
    other = Outbox(box.engine, box.cipher, 1000, lambda: box.clock() + 3600)
    connect = server.deliver

    def slow(outgoing, offered):
        server.deliver = connect
        Worker(other, server, per_minute=60_000, hold_hours=24).drain()
        connect(outgoing, offered)

    server.deliver = slow
    worker.drain()

    assert len(server.taken) == 1
    assert row(box).accepted_at


def test_a_mail_that_was_taken_while_the_outbox_is_locked_goes_once(
    half_a_second, box, clock, place, server, worker
):
    keep(box, 1)
    take = server.deliver
    with closing(sqlite3.connect(place, isolation_level=None)) as other:

        def deliver(outgoing, offered):
            take(outgoing, offered)
            other.execute("BEGIN IMMEDIATE")

        server.deliver = deliver
        with pytest.raises(DBAPIError):
            worker.run_once()
        other.execute("ROLLBACK")
    server.deliver = take
    clock.now += LEASE + 1

    worker.drain()

    assert len(server.taken) == 1
    assert row(box).accepted_at


def test_a_full_mailbox_of_one_does_not_hold_up_the_mail_of_another(box, server, worker):
    for number, to in enumerate(["full@x.example", "well@x.example"]):
        box.insert(SentForm(f"REF-{number:04}", f"{number:064}", "d"), lambda *_, to=to: {to: b"words"})
    server.troubles = [MailFailure("refused (452)")]

    worker.drain()

    assert [outgoing.recipient for outgoing in server.taken] == ["well@x.example"]
    assert row(box, 0).attempts == 1


def test_the_worker_stops_when_told(worker):
    worker.start()
    assert worker.is_running()

    worker.stop()

    assert not worker.is_running()


def test_mail_leaves_at_the_pace_that_was_set(box, server):
    keep(box, *range(20))
    slow = Worker(box, server, per_minute=60, hold_hours=24)

    slow.start()
    wait_until(lambda: bool(server.taken), "the first mail was taken", 5)
    slow.stop()

    assert len(server.taken) <= 2


def test_the_log_names_references_and_troubles_only(box, server, worker, caplog):
    caplog.set_level(logging.INFO, "rjsite")
    keep(box, 1, 2)
    server.troubles = [MailFailure("refused (554)", permanent=True)]

    worker.drain()

    assert [record.getMessage() for record in caplog.records] == [
        "mail REF-0001 not accepted: refused (554); it will be retried",
        "mail REF-0002 accepted",
    ]


def test_wiping_goes_on_beside_the_sending(box, server):
    keep(box, 1)
    worker = Worker(box, server, per_minute=60_000, hold_hours=0)

    worker.drain()

    assert operator.stored_mails(box, "REF-0001") == []
