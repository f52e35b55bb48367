"""Which mail is due, which worker has it, and what became of it.

Delivery is at least once. A worker claims a mail by a lease; if its process dies, the lease expires. Nothing
unsent is ever deleted by age, whatever the clock says.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Engine, Row, and_, or_, select, update

from rjsite.encryption.at_rest import Seal
from rjsite.outbox.database import Database
from rjsite.outbox.schema import outbox

LEASE = 150.0  # seconds; longer than any attempt, which `rjsite.mail.smtp` ends after 130
FIRST_WAIT = 60.0
LONGEST_WAIT = 3600.0
UNANSWERED_WAIT = 240.0
UNSENT = outbox.c.accepted_at.is_(None)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that one worker holds until its lease expires."""

    id: int
    reference: str
    submission: str
    version: int
    recipient: str
    attempts: int
    lease: str
    sealed: bytes = field(repr=False)

    @property
    def identity(self) -> str:
        """What is sealed in with the body, so that two rows cannot be swapped."""
        return identity_of(self.submission, self.version, self.recipient)


class Queue(Database):
    """The mail in one database, as workers see it.

    Args:
        engine: from `open_database`.
        seal: encrypts and decrypts bodies.
        clock: returns seconds since 1970.
    """

    def __init__(self, engine: Engine, seal: Seal, clock: Callable[[], float] = time.time) -> None:
        super().__init__(engine)
        self.seal = seal
        self.clock = clock

    def claim(self) -> Claimed | None:
        """Claim the mail that has been due longest, or return None if none is due."""
        now = self.clock()
        due = _due(now)
        oldest = (
            select(outbox.c.id)
            .where(due)
            .order_by(outbox.c.due_at, outbox.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).scalar_subquery()
        take = (
            update(outbox)
            .where(outbox.c.id == oldest, due)
            .values(
                due_at=now + LEASE, lease=uuid.uuid4().hex, attempts=outbox.c.attempts + 1, offered_at=None
            )
            .returning(outbox)
        )
        with self.engine.begin() as connection:
            row = connection.execute(take).first()
        return as_claimed(row) if row else None

    def is_due(self) -> bool:
        """Return whether a mail can be claimed now."""
        query = select(outbox.c.id).where(_due(self.clock())).limit(1)
        with self.reading.connect() as connection:
            return connection.execute(query).first() is not None

    def open(self, row: Claimed) -> bytes:
        """Return the mail in a row.

        Raises:
            rjsite.encryption.at_rest.CannotOpen: if no key opens it, or it belongs to another row.
        """
        return self.seal.open(row.identity, row.sealed)

    def offered(self, row: Claimed) -> bool:
        """Note that the mail server is being given the mail: from now on it may have it.

        Returns:
            Whether this worker still holds the row.
        """
        return self._settle(row, offered_at=self.clock())

    def accepted(self, row: Claimed, hold_hours: float) -> None:
        """Note that the mail server took the mail. If it is to be held for no time, wipe its body too."""
        now = self.clock()
        wiped = {"sealed": None, "wiped_at": now} if hold_hours == 0 else {}
        self._settle(row, accepted_at=now, refused_at=None, trouble="", **wiped)
        if wiped:
            self.truncate_log()

    def put_back(
        self, row: Claimed, failure: str, *, unanswered: bool = False, lasting: bool = False
    ) -> None:
        """Make a mail due again later: after a minute, which doubles with each attempt up to an hour.

        Args:
            row: what was claimed.
            failure: a fixed text for the operator, never the server's own.
            unanswered: the server may have the mail; it is due after a few minutes.
            lasting: the server refused it for good (5xx); it is due after an hour.
        """
        wait = UNANSWERED_WAIT if unanswered else LONGEST_WAIT if lasting else _backoff(row.attempts)
        now = self.clock()
        later = now + wait * random.uniform(0.9, 1.1)  # noqa: S311 - spreads attempts; no secret
        self._settle(row, due_at=later, lease="", trouble=failure, refused_at=now if lasting else None)

    def _settle(self, row: Claimed, **values: object) -> bool:
        mine = and_(outbox.c.id == row.id, outbox.c.lease == row.lease)
        with self.engine.begin() as connection:
            return bool(connection.execute(update(outbox).where(mine).values(**values)).rowcount)

    def wake(self, *failures: str, recipient: str = "") -> int:
        """Make mails due now that wait because of a failure.

        Args:
            *failures: how the text of the failure begins.
            recipient: only the mails of one recipient.

        Returns:
            How many mails.
        """
        now = self.clock()
        stuck = and_(
            UNSENT,
            outbox.c.due_at > now,  # a mail that is due keeps its place
            outbox.c.lease == "",
            or_(*(outbox.c.trouble.startswith(failure) for failure in failures)),
            *([outbox.c.recipient == recipient] if recipient else []),
        )
        with self.engine.begin() as connection:
            return connection.execute(update(outbox).where(stuck).values(due_at=now)).rowcount

    def put_off(self, failure: str, until: float) -> int:
        """Let every mail that is due wait until a time, because of a failure that concerns all of them.

        Args:
            failure: a fixed text for the operator.
            until: seconds since 1970.

        Returns:
            How many mails.
        """
        idle = or_(
            outbox.c.due_at <= self.clock(),
            and_(outbox.c.lease == "", outbox.c.trouble == failure, outbox.c.due_at < until),
        )
        later = {"due_at": until, "lease": "", "trouble": failure, "refused_at": None}
        with self.engine.begin() as connection:
            return connection.execute(update(outbox).where(UNSENT, idle).values(**later)).rowcount


def as_claimed(row: Row[tuple[object, ...]]) -> Claimed:
    """Return a row of the table as a value."""
    values = row._mapping
    return Claimed(**{name: values[name] for name in Claimed.__slots__ if name != "identity"})


def identity_of(submission: str, version: object, recipient: str) -> str:
    """Return what names a row: what is sealed in with its body."""
    return f"{submission}/{version}/{recipient}"


def _due(now: float) -> ColumnElement[bool]:
    """Return the condition for what can be claimed.

    If a mail is due later than the longest wait allows, the clock went back, and it is due now. So is a mail
    that was never tried, whatever the clock says.
    """
    clock_went_back = outbox.c.due_at > now + LONGEST_WAIT * 1.5
    return and_(UNSENT, or_(outbox.c.due_at <= now, clock_went_back, outbox.c.attempts == 0))


def _backoff(attempts: int) -> float:
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts - 1, 10))
