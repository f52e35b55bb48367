"""The outbox after something went wrong: changed keys, clocks that jumped, and corrupt files."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from rjsite.encryption.at_rest import CannotDecrypt, RowCipher
from rjsite.outbox import operator, recovery, retention
from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.outbox.recovery import corrupt_files, move_corrupt_file_aside
from rjsite.outbox.store import SentForm

HOUR, DAY = 3600.0, 86400.0
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def keep(box, number=1):
    box.insert(SentForm(f"REF-{number:04}", f"{number:064}", "d"), lambda *_: {"t@x.example": b"words"})


def test_a_file_that_was_moved_away_is_not_written_to_any_more(opened, place):
    """Another process may have moved a corrupt file aside. Nobody would send what is still written to it."""
    first = opened()
    keep(first, 1)
    for file in place.parent.glob(f"{place.name}*"):
        file.rename(file.with_name(f"aside-{file.name}"))
    second = opened()

    keep(first, 2)

    assert [row.reference for row in operator.rows(second)] == ["REF-0002"]


def test_after_rotating_the_old_key_is_needed_no_more(opened):
    keep(opened(OLD), 1)
    both = opened(NEW, OLD)
    keep(both, 2)

    assert operator.rotate(both) == (2, 0)

    assert [
        opened(NEW).open(row) for n in (1, 2) for row in operator.stored_mails(opened(NEW), f"REF-000{n}")
    ] == [b"words"] * 2
    with pytest.raises(CannotDecrypt):
        opened(OLD).open(operator.stored_mails(opened(OLD), "REF-0001")[0])


def test_rotating_tells_what_no_key_opens_and_leaves_it_as_it_is(opened):
    keep(opened(OLD), 1)
    keep(opened(NEW), 2)

    assert operator.rotate(opened(NEW)) == (1, 1)
    assert opened(OLD).open(operator.stored_mails(opened(OLD), "REF-0001")[0]) == b"words"


@pytest.mark.parametrize("jump", [-HOUR, 25 * HOUR, 400 * DAY, -400 * DAY])
def test_a_clock_that_jumps_and_comes_back_delays_no_mail(opened, clock, jump):
    box = opened()
    clock.now += jump
    keep(box)
    clock.now -= jump

    assert box.claim() is not None


def test_a_body_sent_while_the_clock_was_ahead_is_wiped_a_day_later_and_not_a_year(opened, clock):
    box = opened()
    clock.now += 400 * DAY
    keep(box)
    box.mark_accepted(box.claim(), 24)
    clock.now -= 400 * DAY

    assert retention.purge(box, 24) == 0
    clock.now += 24 * HOUR + 1
    assert retention.purge(box, 24) == 1


def test_an_exported_mail_is_tried_no_more_until_it_is_sent_again_by_hand(opened, clock):
    box = opened()
    keep(box)
    operator.mark_exported(box, operator.stored_mails(box, "REF-0001")[0])
    clock.now += HOUR

    assert box.claim() is None
    assert operator.rows(box)[0].failure == "exported"
    assert operator.resend(box, "REF-0001") == (1, False)
    assert box.claim() is not None


def test_a_site_of_the_version_before_goes_on_beside_this_one(opened, place):
    """The previous version does not know running numbers and counters, but its mail is sent, too."""
    box = opened(NEW)
    with sqlite3.connect(place) as connection:
        connection.execute(
            "INSERT INTO outbox (reference, submission, digest, version, recipient, sealed, made_at, due_at,"
            " attempts, lease, trouble) VALUES ('OLD-0001', ?, 'd', 1, 't@x.example', ?, 1, 1, 0, '', '')",
            ("1" * 64, RowCipher([NEW]).encrypt(f"{'1' * 64}/1/t@x.example", b"words")),
        )
    connection.close()

    assert box.open(box.claim()) == b"words"


def test_a_site_of_this_version_starts_on_the_database_of_a_later_one(opened, place):
    keep(opened())
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("ALTER TABLE outbox ADD COLUMN later TEXT")
    connection.close()

    box = opened()
    keep(box, 2)

    assert len(operator.rows(box)) == 2


def test_a_database_from_before_the_numbers_is_brought_up_to_date(opened, place):
    keep(opened())
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.execute("ALTER TABLE outbox DROP COLUMN number")
        connection.execute("DROP TABLE outbox_counters")
        connection.execute("DROP TABLE mail_gate")
    connection.close()

    box = opened()

    assert [row.number for row in operator.rows(box)] == [None]
    keep(box, 2)
    assert [row.number for row in operator.rows(box)] == [None, 1]


@pytest.mark.parametrize("where", ["header", "middle"])
def test_a_damaged_file_is_kept_aside_whole_and_private(opened, place, where):
    box = opened()
    for number in range(60):
        keep(box, number)
    box.truncate_log()
    box.engine.dispose()
    raw = bytearray(place.read_bytes())
    start = 0 if where == "header" else len(raw) // 2
    raw[start : start + 4096] = b"\xa5" * 4096
    place.write_bytes(raw)

    aside = move_corrupt_file_aside(f"sqlite:///{place}")

    assert aside
    assert aside.read_bytes() == bytes(raw)
    assert not place.exists()
    assert corrupt_files(f"sqlite:///{place}") == [aside]
    keep(opened())


def test_of_two_processes_that_find_the_damage_at_once_one_keeps_it_aside(opened, place, monkeypatch):
    """After a power cut, site and worker may start together. The corrupt file is never overwritten."""
    opened().engine.dispose()
    place.write_bytes(raw := b"\xa5" * 8192)
    looked = recovery._is_intact
    monkeypatch.setattr(recovery, "_is_intact", lambda file: (looked(file), time.sleep(0.3))[0])

    def start(wait: float) -> Path | None:
        time.sleep(wait)
        aside = move_corrupt_file_aside(f"sqlite:///{place}")
        keep(opened())
        return aside

    with ThreadPoolExecutor(2) as pool:
        asides = list(pool.map(start, (0, 0.1)))

    (aside,) = filter(None, asides)
    assert aside.read_bytes() == raw
    assert corrupt_files(f"sqlite:///{place}") == [aside]


def test_a_sound_a_locked_or_a_missing_file_is_left_where_it_is(opened, place):
    assert move_corrupt_file_aside(f"sqlite:///{place}") is None
    keep(opened())
    with sqlite3.connect(place, isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert move_corrupt_file_aside(f"sqlite:///{place}") is None
    connection.close()
    assert place.exists()


@pytest.mark.usefixtures("half_a_second")
def test_what_can_be_written_is_told_from_what_cannot(opened, place):
    box = opened()
    box.check()
    other = sqlite3.connect(place, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(DATABASE_ERRORS):
        box.check()
    other.close()
