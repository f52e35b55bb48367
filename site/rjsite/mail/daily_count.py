"""Each morning one mail to the team: how many forms came, with their running numbers.

Whoever has mails 118 and 120 in the inbox sees that 119 is missing. The mail holds no answer and no name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import format_datetime

from rjsite.mail.message import UK, domain_of, message_of
from rjsite.outbox import operator
from rjsite.outbox.operator import FormCount, Waiting
from rjsite.outbox.store import Outbox, OutboxFull

HOUR = 7  # UK time
COUNTED = "counted day"
SUBJECT = "Website forms: daily count"
_REFERENCE = "DAY-"  # vowels stand in no form's reference


def is_count(message: bytes) -> bool:
    """Return whether a mail is a count and no form.

    Its own header tells, which is sealed. The reference beside it is not: changed to that of a count, a
    form would leave without being closed to its readers.
    """
    return f"\r\nSubject: {SUBJECT}\r\n".encode() in message.partition(b"\r\n\r\n")[0]


@dataclass(frozen=True)
class DailyCount:
    """Counts the forms of the day before and keeps a mail about it, once, however many workers there are.

    Args:
        team: who receives it. sender: who it is from. warnings: lines that somebody has to see.
    """

    outbox: Outbox
    team: tuple[str, ...]
    sender: str
    warnings: Callable[[], Sequence[str]]

    def send_when_due(self) -> bool:
        """Keep the mail of this morning; whether it did. A new outbox begins with the next morning."""
        now = datetime.fromtimestamp(self.outbox.clock(), UK)
        today, counted = now.date().toordinal(), operator.counter(self.outbox, COUNTED)
        if counted == 0:
            operator.set_counter(self.outbox, COUNTED, today)
        # unlike, not earlier: after a clock that was far ahead the counts go on
        if now.hour < HOUR or counted in (0, today):
            return False
        try:
            self._keep(now)
        except OutboxFull:  # the forms that wait come first; the next minute tries again
            return False
        operator.set_counter(self.outbox, COUNTED, today)
        return True

    def _keep(self, now: datetime) -> None:
        yesterday = now.date() - timedelta(days=1)
        found = operator.count_forms(self.outbox, _begin(yesterday), _begin(now.date()))
        text = words(yesterday, found, operator.waiting(self.outbox), self.warnings())
        submission = hashlib.sha256(f"daily count {now.date()}".encode()).hexdigest()

        def compose(_version: int, _number: int) -> dict[str, bytes]:
            return {to: self._message(to, now, text) for to in self.team}

        reference = f"{_REFERENCE}{now:%m%d}"
        self.outbox.insert(reference, submission, "count", compose, numbered=False)

    def _message(self, to: str, now: datetime, text: str) -> bytes:
        headers = {
            "From": self.sender,
            "To": to,
            "Subject": SUBJECT,
            "Date": format_datetime(now.replace(microsecond=0)),
            "Message-ID": f"<daily-count.{now:%Y-%m-%d}@{domain_of(self.sender)}>",
        }
        return message_of(headers, text)


def words(day: date, found: FormCount, waiting: Waiting, warnings: Sequence[str]) -> str:
    """What the mail says."""
    forms = "No forms" if not found.count else "1 form" if found.count == 1 else f"{found.count} forms"
    if found.count > 1:
        numbers = f"numbers {found.first} to {found.last}"
    elif found.count:
        numbers = f"number {found.last}"
    else:
        numbers = f"the last number is {found.last}" if found.last else "no number was given so far"
    still = f"{waiting.forms or 'none'} waiting"
    lines = [
        f"{forms} yesterday, {numbers}, {still}.",
        "",
        f"Yesterday was {day:%A, %-d %B %Y}.",
        "Each form has the next number. It stands at the end of its email.",
        "If a number is missing from the inbox, look in the junk folder, then ask whoever runs the website.",
        *[f"Take care: {line}." for line in warnings],
    ]
    return "\n".join(lines) + "\n"


def _begin(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UK).timestamp()
