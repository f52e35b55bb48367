"""The outbox in a real SQLite file: what was stored is there once, encrypted, and never lost by age."""

from __future__ import annotations

import base64
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event

from rjsite.encryption.at_rest import CannotDecrypt, RowCipher
from rjsite.outbox import operator, retention
from rjsite.outbox.claims import LEASE
from rjsite.outbox.database import DATABASE_ERRORS, open_database
from rjsite.outbox.migrate import migrate
from rjsite.outbox.store import Outbox, OutboxFull, SentForm
from support.processes import in_a_child

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
TEAM = ("one@nowhere.example", "two@nowhere.example")
WORDS = b"It was my shop and nobody else knows"


def envelopes(team=TEAM[:1], words=WORDS):
    return lambda version, _number: dict.fromkeys(team, b"version %d: " % version + words)


def keep(box, number=1, digest="d1", team=TEAM[:1], reference=None):
    return box.insert(SentForm(reference or f"REF-{number:04}", f"{number:064}", digest), envelopes(team))


def state(box):
    return [(row.reference, row.version, row.recipient) for row in operator.rows(box)]


def on_disk(place) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(place.parent.iterdir()))


# -- keeping ----------------------------------------------------------------------------------------------


def test_what_is_kept_can_be_opened_again(box):
    assert keep(box) == 1

    row = box.claim()

    assert box.open(row) == b"version 1: " + WORDS
    assert (row.reference, row.version, row.recipient) == ("REF-0001", 1, TEAM[0])


def test_each_recipient_has_a_row(box):
    keep(box, team=TEAM)

    assert state(box) == [("REF-0001", 1, TEAM[0]), ("REF-0001", 1, TEAM[1])]


def test_the_same_answers_sent_again_are_kept_once(box):
    assert [keep(box), keep(box), keep(box)] == [1, 1, 1]

    assert len(operator.rows(box)) == 1


def test_changed_answers_are_a_new_version_and_the_first_stays(box):
    assert [keep(box, digest="d1"), keep(box, digest="d2"), keep(box, digest="d3")] == [1, 2, 3]

    assert [row.version for row in operator.rows(box)] == [1, 2, 3]


def test_the_same_answers_sent_again_after_they_were_taken_are_not_sent_twice(box):
    keep(box)
    box.mark_accepted(box.claim(), 0)

    assert keep(box) == 1
    assert box.claim() is None


def test_answers_changed_back_reach_the_team_as_the_latest_version(box):
    keep(box, digest="call me")
    keep(box, digest="write to me")

    version = keep(box, digest="call me")

    assert version == 3
    assert [row.digest for row in operator.rows(box)] == ["call me", "write to me", "call me"]


@pytest.mark.parametrize(("kept", "version", "rows"), [("d1", 1, 1), ("others", 2, 2), ("", 1, 1)])
def test_what_some_have_without_the_outbox_is_kept_for_the_rest_once_and_as_that_version(
    box, kept, version, rows
):
    """In the case “others”, version 1 was chosen without the outbox, which has other answers as version 1."""
    if kept:
        keep(box, digest=kept)

    for _ in range(2):
        assert box.insert(SentForm("REF-0001", f"{1:064}", "d1"), envelopes(), at=1) == version
    assert len(operator.rows(box)) == rows


def test_two_submissions_with_one_reference_stay_apart(box):
    keep(box, 1, "d1", reference="SAME-REFS")
    keep(box, 2, "d1", reference="SAME-REFS")

    assert [(row.reference, row.version) for row in operator.rows(box)] == [
        ("SAME-REFS", 1),
        ("SAME-REFS", 1),
    ]
    assert len({row.submission for row in operator.rows(box)}) == 2


def test_what_is_kept_survives_a_new_start(opened):
    keep(opened())

    assert state(opened()) == [("REF-0001", 1, TEAM[0])]


def test_eight_threads_keeping_one_form_at_once_give_one_row_for_each_recipient(box):
    start = Barrier(8)

    def race(_: int) -> int:
        start.wait()
        return keep(box, team=TEAM)

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(race, range(8)))

    assert versions == [1] * 8
    assert state(box) == [("REF-0001", 1, TEAM[0]), ("REF-0001", 1, TEAM[1])]


def test_eight_threads_with_eight_changes_lose_none(box):
    start = Barrier(8)

    def race(number: int) -> int:
        start.wait()
        return keep(box, digest=f"d{number}")

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(race, range(8)))

    assert sorted(versions) == list(range(1, 9))
    assert {row.digest for row in operator.rows(box)} == {f"d{number}" for number in range(8)}


@pytest.mark.usefixtures("half_a_second")
def test_where_the_database_is_locked_nobody_waits_for_the_others(box, place):
    holder = sqlite3.connect(place, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waited = []

    def try_to_keep(number: int) -> None:
        began = time.monotonic()
        with pytest.raises(DATABASE_ERRORS):
            keep(box, number)
        waited.append(time.monotonic() - began)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(try_to_keep, range(8)))
    holder.close()

    assert max(waited) < 0.5 + 2  # one after another they would wait 8 * 0.5 seconds


def test_a_full_outbox_refuses_a_new_form_and_knows_the_ones_it_has(opened):
    box = opened(max_waiting=2)
    keep(box, 1)
    keep(box, 2)

    with pytest.raises(OutboxFull):
        keep(box, 3)

    assert keep(box, 1) == 1
    assert len(operator.rows(box)) == 2


def test_room_is_there_again_once_mail_was_taken(opened):
    box = opened(max_waiting=1)
    keep(box, 1)
    box.mark_accepted(box.claim(), 24)

    assert keep(box, 2) == 1


def test_a_form_that_cannot_be_composed_leaves_nothing_behind(box):
    def broken(_version, _number):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        box.insert(SentForm("REF-0001", "1" * 64, "d"), broken)

    assert operator.rows(box) == []


# -- on disk ----------------------------------------------------------------------------------------------


def test_no_word_of_a_body_can_be_read_on_disk(box, place):
    keep(box)

    held = on_disk(place)

    assert b"REF-0001" in held  # the row is in these files
    for form in (WORDS, base64.b64encode(WORDS)[2:-4], WORDS.hex().encode(), b"nobody else"):
        assert form not in held


def sealed_in(place) -> bytes:
    with sqlite3.connect(place) as connection:
        (sealed,) = connection.execute("SELECT sealed FROM outbox").fetchone()
    connection.close()
    return bytes(sealed)


@pytest.mark.parametrize("hold_hours", [0, 24])
def test_a_wiped_body_is_gone_from_the_file_and_its_log(box, place, clock, hold_hours):
    keep(box)
    sealed = sealed_in(place)
    assert sealed[100:160] in on_disk(place)

    box.mark_accepted(box.claim(), hold_hours)
    clock.now += 25 * HOUR
    retention.purge(box, hold_hours)

    assert sealed[100:160] not in on_disk(place)
    assert [row.reference for row in operator.rows(box)] == ["REF-0001"]


# -- claiming ---------------------------------------------------------------------------------------------


def test_a_claimed_row_is_nobody_elses_until_its_lease_runs_out(opened, clock):
    one, two = opened(), opened()
    keep(one)
    first = one.claim()

    assert two.claim() is None
    clock.now += 3 * MINUTE
    second = two.claim()

    assert (second.id, second.attempts) == (first.id, 2)
    assert one.claim() is None


def test_a_lease_outlasts_every_attempt_to_send(box, clock):
    keep(box)
    box.claim()

    clock.now += 120  # the longest timeout that a setting allows

    assert box.claim() is None


def test_whoever_lost_a_lease_changes_nothing(opened, clock):
    one, two = opened(), opened()
    keep(one)
    slow = one.claim()
    clock.now += 3 * MINUTE
    quick = two.claim()

    one.reschedule(slow, "unreachable", MINUTE)
    one.mark_accepted(slow, 0)

    assert operator.queue_status(two).mails == 1
    two.mark_accepted(quick, 24)
    assert operator.queue_status(two).mails == 0


def test_the_mail_due_longest_goes_first(box, clock):
    for number in (3, 1, 2):
        keep(box, number)
        clock.now += 1

    assert [box.claim().reference for _ in range(3)] == ["REF-0003", "REF-0001", "REF-0002"]


def test_a_rescheduled_mail_waits_behind_those_due_before_it(box, clock):
    keep(box, 1)
    keep(box, 2)
    reschedule(box)

    clock.now += HOUR

    assert [box.claim().reference for _ in range(2)] == ["REF-0002", "REF-0001"]


def test_two_workers_claim_each_of_fifty_rows_once(opened):
    one, two = opened(), opened()
    for number in range(50):
        keep(one, number)
    start = Barrier(2)

    def work(box: Outbox) -> list[int]:
        start.wait()
        found = []
        while row := box.claim():
            found.append(row.id)
        return found

    with ThreadPoolExecutor(2) as pool:
        claimed = [number for part in pool.map(work, (one, two)) for number in part]

    assert len(claimed) == 50
    assert len(set(claimed)) == 50


@pytest.mark.parametrize("back", [2 * HOUR, DAY, 20 * 365 * DAY])
def test_a_clock_that_went_far_back_delays_no_mail(box, clock, back):
    keep(box)

    clock.now -= back

    assert box.claim() is not None


@pytest.mark.parametrize("back", [MINUTE, HOUR])
def test_a_clock_that_went_back_an_hour_delays_no_new_mail(box, clock, back):
    keep(box)

    clock.now -= back

    assert box.claim() is not None


def test_a_clock_that_went_back_an_hour_delays_a_second_try_by_no_more_than_that(box, clock):
    keep(box)
    reschedule(box)

    clock.now -= HOUR
    clock.now += HOUR + MINUTE + 1

    assert box.claim() is not None


# -- trying again -----------------------------------------------------------------------------------------


def reschedule(box, failure="refused (451)", wait=MINUTE, **how):
    box.reschedule(box.claim(), failure, wait, **how)


@pytest.mark.parametrize(
    "then",
    [
        lambda box: box.mark_accepted(box.claim(), 24),
        lambda box: reschedule(box),
        lambda box: operator.resend(box, "REF-0001"),
        lambda box: (
            operator.mark_exported(box, operator.stored_mails(box, "REF-0001")[0]),
            operator.resend(box, "REF-0001"),
        ),
    ],
    ids=["accepted", "refused for now", "sent again", "exported, sent again"],
)
def test_only_what_is_refused_now_counts_as_refused_for_good(box, clock, then):
    keep(box)
    reschedule(box, "refused (554)", permanent=True)
    assert operator.queue_status(box).refused == 1
    clock.now += 2 * HOUR

    then(box)

    assert operator.queue_status(box).refused == 0
    assert operator.rows(box)[0].refused_at is None


def test_rescheduled_mail_is_not_claimed_before_its_time_and_then_is(box, clock):
    keep(box)
    reschedule(box)

    assert box.claim() is None
    clock.now += MINUTE + 1
    assert box.claim() is not None


def test_a_server_that_is_back_gets_at_once_what_waited_for_it(box, clock):
    for number, trouble in enumerate(["unreachable", "unreachable", "refused (554)"]):
        keep(box, number)
        reschedule(box, trouble)

    assert operator.queue_status(box).failures == {"unreachable", "refused (554)"}
    assert box.retry_now("unreachable") == 2
    assert [box.claim() is not None for _ in range(3)] == [True, True, False]


def test_what_waits_is_counted_with_the_age_of_the_oldest(box, clock):
    assert (operator.queue_status(box).mails, operator.queue_status(box).oldest) == (0, 0.0)
    keep(box, 1)
    clock.now += 10 * MINUTE
    keep(box, 2)

    assert (operator.queue_status(box).mails, operator.queue_status(box).oldest) == (2, 10 * MINUTE)


def test_a_form_to_several_people_waits_as_one_form(opened):
    keep(opened(max_waiting=2), 1, team=TEAM)
    small = opened(max_waiting=2)  # a new object has to count
    small.insert(SentForm("DAY-0001", "d" * 64, "count"), envelopes(TEAM), numbered=False)
    assert (operator.queue_status(small).forms, operator.queue_status(small).mails) == (1, 4)

    keep(opened(max_waiting=2), 2, team=TEAM)

    with pytest.raises(OutboxFull):
        keep(opened(max_waiting=2), 3)


# -- wiping -----------------------------------------------------------------------------------------------


def opens(box, reference="REF-0001") -> bool:
    return bool(operator.stored_mails(box, reference))


def test_a_body_stays_for_the_hours_of_holding_and_then_goes(box, clock):
    keep(box)
    box.mark_accepted(box.claim(), 24)

    clock.now += 24 * HOUR - 1
    assert retention.purge(box, 24) == 0
    assert opens(box)

    clock.now += 2
    assert retention.purge(box, 24) == 1
    assert not opens(box)


def test_with_nothing_to_hold_a_body_goes_as_the_server_takes_it(box):
    keep(box)

    box.mark_accepted(box.claim(), 0)

    assert not opens(box)
    assert operator.rows(box)[0].wiped_at


def test_the_rest_of_a_row_stays_thirty_days_and_then_goes(box, clock):
    keep(box)
    box.mark_accepted(box.claim(), 0)

    clock.now += 30 * DAY - 1
    retention.purge(box, 0)
    assert len(operator.rows(box)) == 1

    clock.now += 2
    retention.purge(box, 0)
    assert operator.rows(box) == []


@pytest.mark.parametrize("later", [31 * DAY, 400 * DAY, 100 * 365 * DAY, -400 * DAY])
@pytest.mark.parametrize(
    "what", ["never tried", "claimed", "rescheduled", "refused", "offered", "sent again"]
)
def test_nothing_unsent_is_ever_deleted_by_age(box, clock, what, later):
    keep(box)
    if what != "never tried":
        row = box.claim()
        if what == "rescheduled":
            box.reschedule(row, "unreachable", MINUTE)
        elif what == "refused":
            box.reschedule(row, "refused (554)", MINUTE, permanent=True)
        elif what == "offered":
            box.mark_offered(row)
        elif what == "sent again":
            box.mark_accepted(row, 24)
            operator.resend(box, "REF-0001")

    clock.now += later
    retention.purge(box, 0)
    clock.now += abs(later)
    retention.purge(box, 0)

    (row,) = operator.stored_mails(box, "REF-0001")
    assert box.open(row) == b"version 1: " + WORDS


def test_a_held_mail_can_be_sent_again_and_is_then_due(box, clock):
    keep(box)
    box.mark_accepted(box.claim(), 24)
    assert box.claim() is None

    assert operator.resend(box, "REF-0001") == (1, False)

    assert box.open(box.claim()) == b"version 1: " + WORDS


def again(box, reference="REF-0001"):
    """Resend a form, and return the version and recipient of each email that is sent again."""
    operator.resend(box, reference)
    found = []
    while row := box.claim():
        found.append((row.version, row.recipient))
    return found


def one_of_two_has(box, digest="d1"):
    """Store a form for two recipients: the first receives it, and the mailbox of the other refuses it."""
    keep(box, digest=digest, team=TEAM)
    for _ in TEAM:
        row = box.claim()
        if row.recipient == TEAM[0]:
            box.mark_accepted(row, 24)
        else:
            box.reschedule(row, "refused (550)", MINUTE, permanent=True)


def test_whoever_has_a_mail_already_gets_no_second_one_while_another_waits_for_theirs(box):
    one_of_two_has(box)

    assert again(box) == [(1, TEAM[1])]


def test_of_several_versions_only_what_waits_is_sent_again(box):
    one_of_two_has(box, "d1")
    keep(box, digest="d2", team=TEAM)
    box.mark_accepted(box.claim(), 24)

    assert again(box) == [(1, TEAM[1]), (2, TEAM[1])]


def test_what_everybody_has_is_sent_again_to_everybody_in_the_order_of_its_versions(box):
    for digest in ("d1", "d2"):
        keep(box, digest=digest, team=TEAM)
    for _ in range(4):
        box.mark_accepted(box.claim(), 24)

    assert again(box) == [(version, to) for version in (1, 2) for to in TEAM]


def test_a_mail_that_a_worker_has_in_hand_is_not_sent_beside_it(box, clock):
    keep(box)
    row = box.claim()

    assert again(box) == []
    box.mark_accepted(row, 24)
    assert operator.queue_status(box).mails == 0


def test_what_a_worker_that_died_had_in_hand_can_be_sent_again(box, clock):
    keep(box)
    box.claim()
    clock.now += HOUR

    assert again(box) == [(1, TEAM[0])]


def test_exporting_one_mail_keeps_the_others_of_its_version_from_being_tried_and_says_whose(box):
    one_of_two_has(box)

    assert operator.mark_exported(box, operator.stored_mails(box, "REF-0001")[0]) == [TEAM[1]]
    assert operator.queue_status(box).mails == 0


def test_wiping_takes_what_one_has_and_leaves_what_another_waits_for(box, clock):
    one_of_two_has(box)
    clock.now += 25 * HOUR

    assert retention.purge(box, 24) == 1
    assert [row.recipient for row in operator.stored_mails(box, "REF-0001")] == [TEAM[1]]
    assert again(box) == [(1, TEAM[1])]


def test_a_wiped_mail_cannot_be_sent_again(box):
    keep(box)
    box.mark_accepted(box.claim(), 0)

    assert operator.resend(box, "REF-0001") == (0, False)


def test_a_body_swapped_into_another_row_does_not_open(box, place):
    keep(box, 1)
    keep(box, 2)
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE outbox SET sealed = (SELECT sealed FROM outbox WHERE id = 2) WHERE id = 1")
    connection.close()

    with pytest.raises(CannotDecrypt):
        box.open(box.claim())


def test_what_was_not_sent_is_named_first_and_then_the_newest_version(box):
    for digest in ("one", "two", "three"):
        box.insert(
            SentForm("REF-0001", "1" * 64, digest), lambda version, _: {"t@x.example": b"%d" % version}
        )
    newest = next(row for row in operator.stored_mails(box, "REF-0001") if row.version == 3)
    operator.mark_exported(box, newest)

    assert [box.open(row) for row in operator.stored_mails(box, "REF-0001")] == [b"2", b"1", b"3"]


def test_migrating_again_does_no_harm(box):
    keep(box)

    migrate(box.engine)

    assert state(box) == [("REF-0001", 1, TEAM[0])]


def test_processes_that_start_together_make_one_table(place):
    ready, go = os.pipe()
    waiting, begun = os.pipe()

    def start(_: int) -> bool:
        def work() -> bool:
            os.close(go)
            os.write(begun, b".")
            os.read(ready, 1)  # returns in both when the test closes its end
            migrate(open_database(f"sqlite:///{place}"))
            return True

        return in_a_child(work)

    with ThreadPoolExecutor(2) as pool:
        starts = pool.map(start, range(2))
        for _ in range(2):
            os.read(waiting, 1)
        os.close(go)
        assert list(starts) == [True, True]
    for end in (ready, waiting, begun):
        os.close(end)
    assert place.exists()


def test_what_a_dead_worker_held_is_free_when_its_lease_ends(opened, clock):
    one, two = opened(), opened()
    keep(one)
    one.claim()

    clock.now += LEASE - 1
    assert two.claim() is None
    clock.now += 2
    assert two.claim() is not None


# -- before the first use, and after a fork -----------------------------------------------------------------


@pytest.fixture
def untouched(place):
    """Return an outbox on a database that nobody has opened yet."""
    outbox = Outbox(open_database(f"sqlite:///{place}"), RowCipher([Fernet.generate_key().decode()]), 100)
    yield outbox
    outbox.engine.dispose()


def test_nothing_is_opened_before_the_first_use(untouched, place):
    assert not place.exists()

    assert keep(untouched) == 1


def test_the_files_are_for_their_owner_only(untouched, place):
    keep(untouched)

    assert {path.name: oct(path.stat().st_mode & 0o777) for path in place.parent.iterdir()} == {
        "outbox.sqlite3": "0o600",
        "outbox.sqlite3-shm": "0o600",
        "outbox.sqlite3-wal": "0o600",
    }
    assert place.parent.stat().st_mode & 0o077 == 0


def test_a_commit_is_synced_before_it_counts(untouched):
    with untouched.engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete")
        }

    assert settings == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


def test_parent_and_child_of_a_fork_share_no_connection_and_both_go_on(box):
    keep(box, 1)
    connections = []
    event.listen(box.engine, "connect", lambda *_: connections.append(os.getpid()))

    def work() -> bool:
        return keep(box, 2) == 1 and connections == [os.getpid()]

    assert in_a_child(work)
    keep(box, 3)

    assert [row.reference for row in operator.rows(box)] == ["REF-0001", "REF-0002", "REF-0003"]
