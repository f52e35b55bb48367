"""Rows in, rows out: what waits, who has it, what the mail server said, and when it is gone.

Delivery is at least once. A row is claimed by a lease; a process that dies leaves its lease to run out.
Nothing unsent is ever deleted by age, whatever the clock says.
"""

from __future__ import annotations

import hashlib
import os
import random
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, Row, and_, delete, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from rjsite.outbox.seal import Seal
from rjsite.outbox.table import outbox

LEASE = 150.0  # longer than any attempt: three commands, each with a time-out, and a large margin
FIRST_WAIT = 60.0
LONGEST_WAIT = 3600.0
UNANSWERED_WAIT = 240.0
KEPT = 30 * 86400.0


class OutboxFull(Exception):
    """More waits than the site takes in; the form is answered with the phone number."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail for one recipient, ready to be kept."""

    recipient: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this worker has, for the time of its lease."""

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
        """What is sealed in with the body."""
        return _identity(self.submission, self.version, self.recipient)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits and since when (seconds); `unreachable` counts rows whose server did not answer."""

    count: int
    oldest: float
    unreachable: int


def _identity(submission: str, version: int, recipient: str) -> str:
    return f"{submission}/{version}/{recipient}"


class Outbox:
    """The outbox on one database.

    Args:
        engine: from `open_database`. seal: closes and opens bodies. max_waiting: forms waiting at most.
        clock: seconds since 1970.
    """

    def __init__(
        self, engine: Engine, seal: Seal, max_waiting: int, clock: Callable[[], float] = time.time
    ) -> None:
        self.engine = engine
        self.seal = seal
        self.max_waiting = max_waiting
        self.clock = clock
        self.me = f"{_machine()}/{os.getpid()}"
        self._to_forget = False
        # reads need no lock of SQLite's one writer
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    def keep(
        self,
        reference: str,
        submission: str,
        digest: str,
        compose: Callable[[int], Sequence[Envelope]],
    ) -> int:
        """Keep one sent form: committed and synced when this returns.

        The same answers sent again are kept once. Changed answers are a new version; so are answers
        that were changed back, for the team acts on the latest.

        Args:
            compose: makes the mail of a version, one envelope for each recipient.

        Returns:
            The version that is kept.

        Raises:
            OutboxFull: too much waits. SQLAlchemyError, OSError: the database cannot be written.
        """
        for _ in range(20):  # another process may take the same version first
            last, said = self._latest(submission)
            if said == digest:
                return last
            version = last + 1
            try:
                self._insert(reference, submission, digest, version, compose(version))
            except IntegrityError:
                continue
            return version
        raise RuntimeError("the outbox changes too fast to keep a version")

    def _latest(self, submission: str) -> tuple[int, str]:
        """The latest version of a submission and the digest of its answers; 0 where there is none."""
        query = (
            select(outbox.c.version, outbox.c.digest)
            .where(outbox.c.submission == submission)
            .order_by(outbox.c.version.desc())
            .limit(1)
        )
        with self._reading.connect() as connection:
            row = connection.execute(query).first()
        return (row.version, row.digest) if row else (0, "")

    def _insert(
        self, reference: str, submission: str, digest: str, version: int, envelopes: Sequence[Envelope]
    ) -> None:
        now = self.clock()
        rows = [
            {
                "reference": reference,
                "submission": submission,
                "digest": digest,
                "version": version,
                "recipient": envelope.recipient,
                "sealed": self.seal.close(_identity(submission, version, envelope.recipient), envelope.body),
                "made_at": now,
                "due_at": now,
            }
            for envelope in envelopes
        ]
        if self.waiting().count >= self.max_waiting:
            raise OutboxFull
        with self.engine.begin() as connection:
            connection.execute(insert(outbox), rows)

    def claim(self) -> Claimed | None:
        """Take the mail that has been due longest, and hold it for the time of a lease.

        A due time further away than the longest wait means that the clock went back: due now.
        """
        now = self.clock()
        due = and_(
            outbox.c.accepted_at.is_(None),
            or_(outbox.c.due_at <= now, outbox.c.due_at > now + LONGEST_WAIT * 1.5),
        )
        oldest = (
            select(outbox.c.id)
            .where(due)
            .order_by(outbox.c.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).scalar_subquery()
        lease = f"{self.me}/{uuid.uuid4().hex[:12]}"
        take = (
            update(outbox)
            .where(outbox.c.id == oldest, due)
            .values(due_at=now + LEASE, lease=lease, attempts=outbox.c.attempts + 1, offered_at=None)
            .returning(outbox)
        )
        with self.engine.begin() as connection:
            row = connection.execute(take).first()
        return _claimed(row) if row else None

    def open(self, row: Claimed) -> bytes:
        """The mail in a row.

        Raises:
            CannotOpen: see `seal`.
        """
        return self.seal.open(row.identity, row.sealed)

    def offered(self, row: Claimed) -> None:
        """Mark that the mail server is being given the mail: from now on it may have it."""
        self._set(row, offered_at=self.clock())

    def free_the_dead(self) -> int:
        """Make due what processes of this machine held that are gone; returns how many mails.

        A mail that was being given to the server is left to its lease: the server may have it.
        """
        held = and_(
            outbox.c.accepted_at.is_(None),
            outbox.c.offered_at.is_(None),
            outbox.c.lease.startswith(_machine()),
        )
        with self.engine.begin() as connection:
            leases = connection.execute(select(outbox.c.id, outbox.c.lease).where(held)).all()
            dead = [row.id for row in leases if not _lives(int(row.lease.split("/")[1]))]
            free = update(outbox).where(outbox.c.id.in_(dead)).values(due_at=self.clock(), lease="")
            return connection.execute(free).rowcount if dead else 0

    def accepted(self, row: Claimed, hold_hours: float) -> None:
        """Mark that the mail server took it; with nothing to hold, wipe it in the same breath."""
        now = self.clock()
        wiped = {"sealed": None, "wiped_at": now} if hold_hours == 0 else {}
        self._set(row, accepted_at=now, trouble="", **wiped)
        if wiped:
            self._forget_old_pages()

    def put_back(
        self, row: Claimed, trouble: str, *, unanswered: bool = False, lasting: bool = False
    ) -> None:
        """Try again later: after a few minutes where no answer came, after an hour where it was refused for
        good, else after a minute that doubles up to an hour.

        Args:
            trouble: a fixed word for the operator, never the server's own text.
        """
        wait = UNANSWERED_WAIT if unanswered else LONGEST_WAIT if lasting else _backoff(row.attempts)
        now = self.clock()
        refused = {"refused_at": now} if lasting else {}
        later = now + wait * random.uniform(0.9, 1.1)  # noqa: S311 (no secret)
        self._set(row, due_at=later, lease="", trouble=trouble, **refused)

    def _set(self, row: Claimed, **values: object) -> None:
        mine = and_(outbox.c.id == row.id, outbox.c.lease == row.lease)
        with self.engine.begin() as connection:
            connection.execute(update(outbox).where(mine).values(**values))

    def wake(self, trouble: str) -> int:
        """Make due now all that waits because of one trouble; returns how many."""
        stuck = and_(outbox.c.accepted_at.is_(None), outbox.c.trouble == trouble)
        with self.engine.begin() as connection:
            return connection.execute(update(outbox).where(stuck).values(due_at=self.clock())).rowcount

    def waiting(self) -> Waiting:
        """What has not reached the mail server."""
        query = select(
            func.count(),
            func.min(outbox.c.made_at),
            func.count().filter(outbox.c.trouble == "unreachable"),
        ).where(outbox.c.accepted_at.is_(None))
        with self._reading.connect() as connection:
            count, oldest, unreachable = connection.execute(query).one()
        return Waiting(count, max(0.0, self.clock() - oldest) if oldest else 0.0, unreachable)

    def wipe(self, hold_hours: float) -> int:
        """Wipe bodies the mail server has had for long enough, and rows that are thirty days old.

        Returns:
            How many bodies went.
        """
        now = self.clock()
        held = and_(outbox.c.accepted_at < now - hold_hours * 3600, outbox.c.wiped_at.is_(None))
        gone = and_(outbox.c.wiped_at.is_not(None), outbox.c.accepted_at < now - KEPT)
        with self.engine.begin() as connection:
            wiped = connection.execute(update(outbox).where(held).values(sealed=None, wiped_at=now)).rowcount
            connection.execute(delete(outbox).where(gone))
        if wiped or self._to_forget:
            self._forget_old_pages()
        return wiped

    def _forget_old_pages(self) -> None:
        """SQLite's write-ahead log keeps old pages until it is written back and cut.

        While somebody reads it cannot be cut; then the next round of wiping tries again.
        """
        if self.engine.dialect.name == "sqlite":
            with self._reading.connect() as connection:
                busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).scalar()
            self._to_forget = bool(busy)

    def rows(self) -> Sequence[Row[tuple[object, ...]]]:
        """Every row without its body, oldest first, for the operator."""
        columns = [column for column in outbox.c if column.name != "sealed"]
        with self._reading.connect() as connection:
            return connection.execute(select(*columns).order_by(outbox.c.id)).all()

    def named(self, reference: str) -> list[Claimed]:
        """The rows of one reference whose body is still kept."""
        wanted = and_(outbox.c.reference == reference, outbox.c.sealed.is_not(None))
        with self._reading.connect() as connection:
            return [_claimed(row) for row in connection.execute(select(outbox).where(wanted)).all()]

    def resend(self, reference: str) -> int:
        """Make the mails of one reference due again; returns how many."""
        wanted = and_(outbox.c.reference == reference, outbox.c.sealed.is_not(None))
        again = {"accepted_at": None, "due_at": self.clock(), "lease": ""}
        with self.engine.begin() as connection:
            return connection.execute(update(outbox).where(wanted).values(**again)).rowcount


def _machine() -> str:
    """This machine, in a word that does not give its name away."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:12]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _backoff(attempts: int) -> float:
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts - 1, 10))


def _claimed(row: Row[tuple[object, ...]]) -> Claimed:
    values = row._mapping
    return Claimed(**{name: values[name] for name in Claimed.__slots__ if name != "identity"})
