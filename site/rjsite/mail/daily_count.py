"""Sends the team an email each morning with the number of yesterday's forms and their running numbers.

If the inbox contains emails 118 and 120, staff can see that 119 is missing. The daily email contains no
answers or names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import format_datetime

from rjsite.content.clock import UK
from rjsite.mail.message import build_message, domain_of
from rjsite.outbox import operator
from rjsite.outbox.operator import FormCount, QueueStatus
from rjsite.outbox.store import Outbox, OutboxFull, SentForm

HOUR = 7  # UK time
COUNTED = "counted day"
SUBJECT = "Website forms: daily count"
_REFERENCE = "DAY-"  # no form can have this reference, because references of forms contain no vowels


def is_count(message: bytes) -> bool:
    """Return whether an email is a daily count and not a form.

    The subject decides, because it is part of the encrypted body. The reference of a row is not encrypted,
    and somebody who changes a reference must not be able to make the site send a form unencrypted.
    """
    return f"\r\nSubject: {SUBJECT}\r\n".encode() in message.partition(b"\r\n\r\n")[0]


@dataclass(frozen=True)
class DailyCount:
    """Stores one email a day for each recipient about the previous day, however many workers there are.

    Args:
        outbox: counts the forms and stores the emails.
        team: the recipients.
        sender: the From address of the emails.
        warnings: returns the warnings to include in the email.
    """

    outbox: Outbox
    team: tuple[str, ...]
    sender: str
    warnings: Callable[[], Sequence[str]]

    def send_when_due(self) -> bool:
        """Store this morning's email if it is due. Return False if it is not due or the outbox is full.

        A new outbox gets its first email on the following day.
        """
        now = datetime.fromtimestamp(self.outbox.clock(), UK)
        today, counted = now.date().toordinal(), operator.counter(self.outbox, COUNTED)
        if counted == 0:
            operator.set_counter(self.outbox, COUNTED, today)
        # only equality counts, so that the emails continue after the clock has been far ahead
        if now.hour < HOUR or counted in (0, today):
            return False
        try:
            self._store(now)
        except OutboxFull:  # forms come first; the worker tries again in a minute
            return False
        operator.set_counter(self.outbox, COUNTED, today)
        return True

    def _store(self, now: datetime) -> None:
        yesterday = now.date() - timedelta(days=1)
        count = operator.count_forms(self.outbox, _begin(yesterday), _begin(now.date()))
        text = count_text(yesterday, count, operator.queue_status(self.outbox), self.warnings())
        submission = hashlib.sha256(f"daily count {now.date()}".encode()).hexdigest()

        def compose(_version: int, _number: int) -> dict[str, bytes]:
            return {to: self._message(to, now, text) for to in self.team}

        reference = f"{_REFERENCE}{now:%m%d}"
        self.outbox.insert(SentForm(reference, submission, "count"), compose, numbered=False)

    def _message(self, to: str, now: datetime, text: str) -> bytes:
        headers = {
            "From": self.sender,
            "To": to,
            "Subject": SUBJECT,
            "Date": format_datetime(now.replace(microsecond=0)),
            "Message-ID": f"<daily-count.{now:%Y-%m-%d}@{domain_of(self.sender)}>",
        }
        return build_message(headers, text)


def count_text(day: date, forms: FormCount, queue: QueueStatus, warnings: Sequence[str]) -> str:
    """Return the text of the daily email."""
    total = "No forms" if not forms.count else "1 form" if forms.count == 1 else f"{forms.count} forms"
    if forms.count > 1:
        numbers = f"numbers {forms.first} to {forms.last}"
    elif forms.count:
        numbers = f"number {forms.last}"
    else:
        numbers = f"the last number is {forms.last}" if forms.last else "no number has been given so far"
    still = f"{queue.forms or 'none'} waiting"
    lines = [
        f"{total} yesterday, {numbers}, {still}.",
        "",
        f"Yesterday was {day:%A, %-d %B %Y}.",
        "Each form has the next number. It is at the end of its email.",
        "If a number is missing from the inbox, look in the junk folder, then ask whoever runs the website.",
        *[f"Take care: {line}." for line in warnings],
    ]
    return "\n".join(lines) + "\n"


def _begin(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UK).timestamp()
