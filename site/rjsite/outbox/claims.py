"""Claims emails that are due, and records the result of each delivery.

A worker claims an email with a lease. If the worker dies, the lease expires and another worker can claim the
email. So each email is delivered at least once, and sometimes twice. An unsent email is never deleted because
of its age, whatever the clock says.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Engine, Row, and_, or_, select, update

from rjsite.encryption.at_rest import RowCipher
from rjsite.outbox.database import Database
from rjsite.outbox.schema import outbox

LEASE = 150.0  # seconds; longer than any attempt, which `rjsite.mail.smtp` ends after 130
LATEST_DUE = 5400.0  # seconds from now; more than any wait that `rjsite.mail.worker` sets
UNSENT = outbox.c.accepted_at.is_(None)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row of the outbox, as it was when a worker claimed it or an operator read it."""

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
        """Return the identity. It is encrypted with the body, so that no body can be moved to another row."""
        return identity_of(self.submission, self.version, self.recipient)


class Claims(Database):
    """The mail in one database, with the operations that workers need.

    Args:
        engine: from `open_database`.
        cipher: encrypts and decrypts bodies.
        clock: returns seconds since 1970.
    """

    def __init__(self, engine: Engine, cipher: RowCipher, clock: Callable[[], float] = time.time) -> None:
        super().__init__(engine)
        self.cipher = cipher
        self.clock = clock

    def claim(self) -> OutboxRow | None:
        """Claim and return the email that has been due longest, or return None if no email is due."""
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
        return outbox_row(row) if row else None

    def is_due(self) -> bool:
        """Return whether an email can be claimed now."""
        query = select(outbox.c.id).where(_due(self.clock())).limit(1)
        with self.read_engine.connect() as connection:
            return connection.execute(query).first() is not None

    def open(self, row: OutboxRow) -> bytes:
        """Return the message in a row.

        Raises:
            rjsite.encryption.at_rest.CannotDecrypt: if no key fits, the body belongs to another row, or the
                envelope is not valid.
        """
        return self.cipher.decrypt(row.identity, row.sealed)

    def mark_offered(self, row: OutboxRow) -> bool:
        """Record that the email is about to be sent: the mail server may have it from now on.

        Returns:
            Whether this worker still has the lease.
        """
        return self._update_if_leased(row, offered_at=self.clock())

    def mark_accepted(self, row: OutboxRow, hold_hours: float) -> None:
        """Record that the mail server accepted the email, and wipe the body if the hold time is zero."""
        now = self.clock()
        wiped = {"sealed": None, "wiped_at": now} if hold_hours == 0 else {}
        self._update_if_leased(row, accepted_at=now, refused_at=None, failure="", **wiped)
        if wiped:
            self.truncate_log()

    def reschedule(self, row: OutboxRow, failure: str, wait: float, *, permanent: bool = False) -> None:
        """Release an email so that it is tried again later.

        Args:
            row: the claimed email.
            failure: a fixed text for the operator, never the text of the server.
            wait: seconds until the email is due.
            permanent: whether the server refused it permanently (5xx).
        """
        now = self.clock()
        self._update_if_leased(
            row, due_at=now + wait, lease="", failure=failure, refused_at=now if permanent else None
        )

    def _update_if_leased(self, row: OutboxRow, **values: object) -> bool:
        mine = and_(outbox.c.id == row.id, outbox.c.lease == row.lease)
        with self.engine.begin() as connection:
            return bool(connection.execute(update(outbox).where(mine).values(**values)).rowcount)

    def retry_now(self, *failures: str, recipient: str = "") -> int:
        """Make emails due now if they are waiting because of certain failures.

        Args:
            *failures: the beginnings of these failures.
            recipient: if set, only emails to this recipient become due.

        Returns:
            The number of emails that became due.
        """
        now = self.clock()
        stuck = and_(
            UNSENT,
            outbox.c.due_at > now,  # an email that is already due keeps its place in the queue
            outbox.c.lease == "",
            or_(*(outbox.c.failure.startswith(failure) for failure in failures)),
            *([outbox.c.recipient == recipient] if recipient else []),
        )
        with self.engine.begin() as connection:
            return connection.execute(update(outbox).where(stuck).values(due_at=now)).rowcount

    def postpone_due(self, failure: str, until: float) -> int:
        """Postpone every email that is due, or that the same failure has postponed to an earlier time.

        Args:
            failure: a fixed text for the operator. The failure affects all emails.
            until: when the emails are due again, in seconds since 1970.

        Returns:
            The number of emails that were postponed.
        """
        idle = or_(
            outbox.c.due_at <= self.clock(),
            and_(outbox.c.lease == "", outbox.c.failure == failure, outbox.c.due_at < until),
        )
        later = {"due_at": until, "lease": "", "failure": failure, "refused_at": None}
        with self.engine.begin() as connection:
            return connection.execute(update(outbox).where(UNSENT, idle).values(**later)).rowcount


def outbox_row(row: Row[tuple[object, ...]]) -> OutboxRow:
    """Return a row of the table as an `OutboxRow`."""
    values = row._mapping
    return OutboxRow(**{name: values[name] for name in OutboxRow.__slots__})


def identity_of(submission: str, version: object, recipient: str) -> str:
    """Return the identity of a row. The identity is encrypted along with the body."""
    return f"{submission}/{version}/{recipient}"


def _due(now: float) -> ColumnElement[bool]:
    """Return the condition for the emails that can be claimed.

    An email that is due later than any wait allows was scheduled before the clock was set back, so it is due
    now. An email that was never tried is due whatever the clock says.
    """
    clock_set_back = outbox.c.due_at > now + LATEST_DUE
    return and_(UNSENT, or_(outbox.c.due_at <= now, clock_set_back, outbox.c.attempts == 0))
