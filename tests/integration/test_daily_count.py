"""The daily count: running numbers without gaps, one email each morning, and nothing about anybody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy

import pytest

from rjsite.mail.daily_count import DailyCount
from rjsite.outbox import operator
from rjsite.outbox.store import FORMS, SentForm

DAY = 86400.0
TEAM = ("one@nowhere.example", "two@nowhere.example")


@pytest.fixture
def daily(box):
    count = DailyCount(box, TEAM, "website@nowhere.example", lambda: ["certificate a.pem expires on 3 May"])
    count.send_when_due()  # the first email is due the next morning
    return count


def keep(box, number, digest="d"):
    seen = []

    def compose(_version, running):
        seen.append(running)
        return dict.fromkeys(TEAM, b"%d" % running)

    box.insert(SentForm(f"REF-{number:04}", f"{number:064}", digest), compose)
    return seen


def counts(box):
    found = {row.reference for row in operator.rows(box) if row.reference.startswith("DAY-")}
    rows = [claimed for reference in sorted(found) for claimed in operator.stored_mails(box, reference)]
    return [message_from_bytes(box.open(row), policy=policy.default) for row in rows]


def text(message) -> str:
    return str(message.get_content()).splitlines()[0]


def test_numbers_run_on_and_each_version_has_its_own(box):
    assert [keep(box, 1), keep(box, 2), keep(box, 1, "changed"), keep(box, 1, "changed")] == [
        [1],
        [2],
        [3],
        [],
    ]


def test_a_form_that_could_not_be_kept_takes_no_number(box):
    def broken(_version, _number):
        raise ZeroDivisionError

    keep(box, 1)
    with pytest.raises(ZeroDivisionError):
        box.insert(SentForm("REF-0002", "2" * 64, "d"), broken)

    assert keep(box, 3) == [2]


def test_thirty_at_once_have_thirty_numbers_without_a_gap(box):
    with ThreadPoolExecutor(8) as pool:
        numbers = [seen[-1] for seen in pool.map(lambda n: keep(box, n), range(30))]

    assert sorted(numbers) == list(range(1, 31))
    assert operator.counter(box, FORMS) == 30


def test_each_morning_the_team_reads_how_many_came_with_their_numbers(box, daily, clock):
    for number in range(3):
        keep(box, number)
    clock.to(21, 8)

    assert daily.send_when_due() is True

    messages = counts(box)
    assert [message["To"] for message in messages] == list(TEAM)
    assert messages[0]["Subject"] == "Website forms: daily count"
    assert messages[0]["X-Auto-Response-Suppress"] == "All"
    assert text(messages[0]) == "3 forms yesterday, numbers 1 to 3, 3 waiting."
    assert "Yesterday was Friday, 20 November 2026." in messages[0].get_content()
    assert "certificate a.pem expires on 3 May." in messages[0].get_content()


def test_a_day_without_forms_is_counted_too_with_the_last_number(box, daily, clock):
    keep(box, 1)
    clock.to(22, 8)

    daily.send_when_due()

    assert text(counts(box)[0]) == "No forms yesterday, the last number is 1, 1 waiting."


def test_one_form_is_one_number(box, daily, clock):
    keep(box, 1)
    clock.to(21, 8)

    daily.send_when_due()

    assert text(counts(box)[0]).startswith("1 form yesterday, number 1, ")


@pytest.mark.parametrize(("hour", "sent"), [(6, False), (7, True), (23, True)])
def test_it_is_sent_from_seven_in_the_morning(daily, clock, hour, sent):
    clock.to(21, hour)

    assert daily.send_when_due() is sent


def test_nothing_is_sent_on_the_day_the_outbox_begins(box, daily, clock):
    clock.to(20, 23)

    assert daily.send_when_due() is False
    assert counts(box) == []


def test_it_is_sent_once_a_day_however_many_workers_there_are(box, daily, clock):
    clock.to(21, 8)
    others = [DailyCount(box, TEAM, "website@nowhere.example", list) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda other: other.send_when_due(), [*others, daily]))

    assert len(counts(box)) == len(TEAM)


def test_it_takes_no_number_and_counts_itself_as_no_form(box, daily, clock):
    for day in (21, 22):
        clock.to(day, 8)
        daily.send_when_due()

    assert operator.counter(box, FORMS) == 0
    assert text(counts(box)[-1]).startswith("No forms yesterday, no number has been given so far")


def test_a_clock_that_was_far_ahead_does_not_end_the_counting(box, daily, clock):
    clock.now += 400 * DAY
    daily.send_when_due()
    clock.to(22, 8)

    assert daily.send_when_due() is True
