"""Functions that list, count, resend, export and re-encrypt the mail in the outbox for operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, and_, func, insert, or_, select, update

from rjsite.encryption.at_rest import CannotDecrypt
from rjsite.outbox.claims import UNSENT, OutboxRow, outbox_row
from rjsite.outbox.schema import counters, outbox
from rjsite.outbox.store import COUNT_FORMS, FORMS, Outbox


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Figures about the mail that the mail server has not accepted yet.

    Attributes:
        forms: the number of forms. Each version counts.
        mails: the number of emails; a form has one for each recipient.
        oldest: how long the oldest email has waited, in seconds.
        failures: the reasons why the emails are waiting.
        refused: the number of emails that were refused permanently at the last attempt.
    """

    forms: int
    mails: int
    oldest: float
    failures: frozenset[str]
    refused: int


@dataclass(frozen=True, slots=True)
class FormCount:
    """The number of forms in a period, and their first and last running numbers."""

    count: int
    first: int
    last: int


def queue_status(box: Outbox) -> QueueStatus:
    """Return figures about the mail that the mail server has not accepted yet."""
    totals = COUNT_FORMS, func.count(), func.min(outbox.c.made_at), func.count(outbox.c.refused_at)
    why = select(outbox.c.failure).where(UNSENT).distinct()
    with box.read_engine.connect() as connection:
        forms, mails, made_at, refused = connection.execute(select(*totals).where(UNSENT)).one()
        failures = frozenset(connection.execute(why).scalars()) if mails else frozenset()
    oldest = max(0.0, box.clock() - made_at) if made_at else 0.0
    return QueueStatus(forms, mails, oldest, failures - {""}, refused)


def count_forms(box: Outbox, start: float, end: float) -> FormCount:
    """Count the forms that were stored from `start` to `end`, in seconds since 1970. Each version counts.

    If there were none, `first` is 0 and `last` is the last running number that was assigned.
    """
    forms = (
        select(outbox.c.number)
        .where(outbox.c.number.is_not(None), outbox.c.made_at >= start, outbox.c.made_at < end)
        .distinct()
        .subquery()
    )
    query = select(func.count(), func.min(forms.c.number), func.max(forms.c.number)).select_from(forms)
    with box.read_engine.connect() as connection:
        count, first, last = connection.execute(query).one()
    return FormCount(count, first or 0, last or counter(box, FORMS))


def counter(box: Outbox, name: str) -> int:
    """Return the value of a counter, or 0 if it was never set."""
    query = select(counters.c.value).where(counters.c.name == name)
    with box.read_engine.connect() as connection:
        return connection.execute(query).scalar() or 0


def set_counter(box: Outbox, name: str, value: int) -> None:
    """Set a counter."""
    with box.engine.begin() as connection:
        mine = counters.c.name == name
        if not connection.execute(update(counters).where(mine).values(value=value)).rowcount:
            connection.execute(insert(counters).values(name=name, value=value))


def rows(box: Outbox) -> Sequence[Row[tuple[object, ...]]]:
    """Return all rows without their bodies, oldest first."""
    columns = [column for column in outbox.c if column.name != "sealed"]
    with box.read_engine.connect() as connection:
        return connection.execute(select(*columns).order_by(outbox.c.id)).all()


def stored_mails(box: Outbox, reference: str) -> list[OutboxRow]:
    """Return the rows with this reference whose body has not been wiped.

    Unsent emails come before sent ones, and newer versions before older ones.
    """
    wanted = and_(outbox.c.reference == reference, outbox.c.sealed.is_not(None))
    order = outbox.c.accepted_at.is_not(None), outbox.c.version.desc(), outbox.c.id
    with box.read_engine.connect() as connection:
        return [outbox_row(row) for row in connection.execute(select(outbox).where(wanted).order_by(*order))]


def resend(box: Outbox, reference: str) -> tuple[int, bool]:
    """Make the unsent emails of a reference due now, or all its emails if all were sent.

    Emails without a body cannot be sent again. An unsent email with a valid lease stays with its worker.

    Returns:
        The number of emails that became due, and whether any email was unsent.
    """
    now = box.clock()
    wanted = and_(outbox.c.reference == reference, outbox.c.sealed.is_not(None))
    unsent = and_(wanted, UNSENT)
    idle = or_(outbox.c.lease == "", outbox.c.due_at <= now)
    again = {
        "accepted_at": None,
        "refused_at": None,
        "due_at": now,
        "lease": "",
        "attempts": 0,
        "failure": "",
    }
    with box.engine.begin() as connection:
        any_unsent = connection.execute(select(outbox.c.id).where(unsent).limit(1)).first() is not None
        which = and_(unsent, idle) if any_unsent else wanted
        return connection.execute(update(outbox).where(which).values(**again)).rowcount, any_unsent


def mark_exported(box: Outbox, row: OutboxRow) -> list[str]:
    """Stop sending a version that somebody will pass on by hand, and return who has not received it."""
    same = and_(outbox.c.submission == row.submission, outbox.c.version == row.version)
    done = {"accepted_at": box.clock(), "refused_at": None, "lease": "", "failure": "exported"}
    mark = update(outbox).where(same, UNSENT).values(**done).returning(outbox.c.recipient)
    with box.engine.begin() as connection:
        return list(connection.execute(mark).scalars())


def rotate(box: Outbox) -> tuple[int, int]:
    """Encrypt each body with the first key, and return how many then are and how many no key can decrypt.

    An S/MIME envelope stays as it is and counts among the first.
    """
    bodies = select(outbox.c.id, outbox.c.sealed).where(outbox.c.sealed.is_not(None))
    with box.read_engine.connect() as connection:
        stored = connection.execute(bodies).all()
    done = lost = 0
    for row in stored:
        try:
            sealed = box.cipher.rotate(row.sealed)
        except CannotDecrypt:
            lost += 1
            continue
        # the body may have been wiped or rotated since it was read
        unchanged = and_(outbox.c.id == row.id, outbox.c.sealed == row.sealed)
        with box.engine.begin() as connection:
            done += connection.execute(update(outbox).where(unchanged).values(sealed=sealed)).rowcount
    box.truncate_log()
    return done, lost
