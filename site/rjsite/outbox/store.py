"""Rows in, rows out: what waits, who has it, what the mail server said, and when it is gone.

Delivery is at least once. A row is claimed by a lease; a process that dies leaves its lease to run out.
Nothing unsent is ever deleted by age, whatever the clock says.
"""

from __future__ import annotations

import hashlib
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    bindparam,
    column,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from rjsite.encryption.at_rest import CannotOpen, Seal
from rjsite.outbox.migrate import migrate
from rjsite.outbox.recovery import keep_aside
from rjsite.outbox.schema import BROKEN, WAIT_FOR_LOCK, counters, metadata, outbox

LEASE = 150.0  # longer than any attempt, which `rjsite.mail.smtp` ends after 130 s
FIRST_WAIT = 60.0
LONGEST_WAIT = 3600.0
UNANSWERED_WAIT = 240.0
KEPT = 30 * 86400.0
CLOCK_ERROR = 3600.0  # a time further ahead than this was written by a clock that was wrong
COUNT_EVERY = 1.0  # seconds
PREPARE_AGAIN = 1.0  # seconds after a failure; a form asks several times
TURN = 0.5  # seconds to wait for another thread, before waiting in the database as its own time allows
PROCESS = uuid.uuid4().hex[:8]  # tells this process from one that had its number before
FORMS = "forms"  # the counter of running numbers


_FORMS = func.count(column("number").distinct())  # however many recipients a form has
_HOW_MANY_WAIT = select(_FORMS).where(outbox.c.accepted_at.is_(None))
_LATEST = (
    select(outbox.c.version, outbox.c.digest)
    .where(outbox.c.submission == bindparam("submission"))
    .order_by(outbox.c.version.desc())
    .limit(1)
)


_NEXT_NUMBER = (
    update(counters)
    .where(counters.c.name == FORMS)
    .values(value=counters.c.value + 1)
    .returning(counters.c.value)
)
_KEEP = insert(outbox)


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
    """How many forms wait, how many mails, and since when (seconds); `troubles` says why, each word once;
    `refused` how many mails the server refused for good when they were last tried."""

    forms: int
    mails: int
    oldest: float
    troubles: frozenset[str]
    refused: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How many forms came within a time, with the first and the last running number."""

    count: int
    first: int
    last: int


def _identity(submission: str, version: int, recipient: str) -> str:
    return f"{submission}/{version}/{recipient}"


class Outbox:
    """The outbox on one database.

    Nothing is opened before the first use. Then each process brings the database up to the present shape,
    once, and again after a fork, since a child must not use the connections of its parent.

    Args:
        engine: from `open_database`. seal: closes and opens bodies. max_waiting: forms waiting at most.
        clock: seconds since 1970.
    """

    def __init__(
        self, engine: Engine, seal: Seal, max_waiting: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._process = os.getpid()
        self._prepared = False
        self._preparing = threading.Lock()
        self._failed_at = -PREPARE_AGAIN  # when preparing it failed last, in seconds of `time.monotonic`
        self.seal = seal
        self.max_waiting = max_waiting
        self.clock = clock
        self.me = _this_process()
        self._to_forget = False
        self._turns = threading.Lock()
        self._waits = 0  # when it was counted last, and those kept since
        self._counted_at = -COUNT_EVERY
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def url(self) -> str:
        """The address of its database."""
        return self._engine.url.render_as_string(hide_password=False)

    @property
    def engine(self) -> Engine:
        """The database, ready to be used by this process."""
        self.prepare()
        return self._engine

    @property
    def _reading(self) -> Engine:
        """The database for reads, which need no lock of SQLite's one writer."""
        self.prepare()
        return self._autocommit

    def prepare(self) -> None:
        """Make the database usable in this process, unless that is done: keep a damaged file aside, migrate.

        Raises:
            one of rjsite.outbox.schema.BROKEN: where it cannot be used, or another thread still prepares it.
        """
        if self._prepared and self._process == os.getpid():
            return
        if not self._preparing.acquire(timeout=WAIT_FOR_LOCK):
            raise TimeoutError("the outbox is being prepared")
        try:
            if time.monotonic() < self._failed_at + PREPARE_AGAIN:  # nobody waits twice for one failure
                raise TimeoutError("the outbox could not be prepared")
            self._prepare()
        finally:
            self._preparing.release()

    def _prepare(self) -> None:
        if self._process != os.getpid():  # forked from one that goes on using its connections
            self._prepared = False
            self._engine.dispose(close=False)
            self._process, self.me = os.getpid(), _this_process()
        if not self._prepared:
            try:
                keep_aside(self.url)
                self.mend()
            except BROKEN:
                self._failed_at = time.monotonic()
                raise
            self._prepared = True

    def mend(self) -> None:
        """Leave connections that no longer work behind, and bring the database up to the present shape.

        Raises:
            one of rjsite.outbox.schema.BROKEN: where it still cannot be used.
        """
        self._engine.dispose()
        migrate(self._engine)

    def check(self) -> None:
        """Take the lock that writing needs, and let it go; ask for every column.

        Raises:
            one of rjsite.outbox.schema.BROKEN: where nothing could be written.
        """
        with self.engine.connect() as connection:  # begins, and undoes it at the end
            connection.execute(update(outbox).where(false()).values(lease=""))
            for table in metadata.sorted_tables:
                connection.execute(select(table).where(false()))

    def keep(
        self,
        reference: str,
        submission: str,
        digest: str,
        compose: Callable[[int, int], Sequence[Envelope]],
        *,
        numbered: bool = True,
        after: int = 0,
        at: int = 0,
    ) -> int:
        """Keep one sent form: committed and synced when this returns.

        The same answers sent again are kept once. Changed answers are a new version; so are answers
        that were changed back, for the team acts on the latest.

        Args:
            compose: makes the mail of a version with a running number, an envelope for each recipient.
            numbered: forms have a running number, in the order of keeping and without gaps.
            after: the version that left last, where it left without the outbox: the next is later, and new.
            at: the version that these answers have already, where some of the team got them without the
                outbox.

        Returns:
            The version that is kept.

        Raises:
            OutboxFull: too much waits. One of rjsite.outbox.schema.BROKEN: it cannot be written.
        """
        for _ in range(20):  # another process may take the same version first
            try:
                with self._turn(), self.engine.begin() as connection:
                    version, is_kept = _version_of(connection, submission, digest, after, at)
                    if is_kept:
                        return version
                    self._find_room(connection)
                    number = _next_number(connection) if numbered else None
                    made = compose(version, number or 0)
                    rows = self._rows(reference, submission, digest, version, made)
                    connection.execute(_KEEP, [{**row, "number": number} for row in rows])
            except IntegrityError:
                continue
            return version
        raise RuntimeError("the outbox changes too fast to keep a version")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One thread after another, for those that wait in SQLite sleep; all at once where nothing moves."""
        mine = self._turns.acquire(timeout=TURN)
        try:
            yield
        finally:
            if mine:
                self._turns.release()

    def _find_room(self, connection: Connection) -> None:
        """Count what waits, but not for each form of a flood."""
        now = time.monotonic()
        if self._waits >= self.max_waiting or now > self._counted_at + COUNT_EVERY:
            self._waits = connection.execute(_HOW_MANY_WAIT).scalar_one()
            self._counted_at = now
        if self._waits >= self.max_waiting:
            raise OutboxFull
        self._waits += 1

    def latest(self, submission: str) -> tuple[int, str]:
        """The latest version of a submission and the digest of its answers; 0 where there is none."""
        with self._reading.connect() as connection:
            return _latest(connection, submission)

    def _rows(
        self, reference: str, submission: str, digest: str, version: int, envelopes: Sequence[Envelope]
    ) -> list[dict[str, object]]:
        now = self.clock()
        return [
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

    def claim(self) -> Claimed | None:
        """Take the mail that has been due longest, and hold it for the time of a lease.

        A due time further away than the longest wait means that the clock went back: due now. So is a
        mail that nobody has tried yet, whatever the clock says.
        """
        now = self.clock()
        due = _due(now)
        oldest = (
            select(outbox.c.id)
            .where(due)
            .order_by(outbox.c.due_at, outbox.c.id)
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

    def is_due(self) -> bool:
        """Whether a mail can be claimed now."""
        query = select(outbox.c.id).where(_due(self.clock())).limit(1)
        with self._reading.connect() as connection:
            return connection.execute(query).first() is not None

    def open(self, row: Claimed) -> bytes:
        """The mail in a row.

        Raises:
            CannotOpen: see `seal`.
        """
        return self.seal.open(row.identity, row.sealed)

    def offered(self, row: Claimed) -> bool:
        """Mark that the mail server is being given the mail: from now on it may have it.

        Returns:
            Whether the row is still this worker's.
        """
        return self._set(row, offered_at=self.clock())

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
            dead = [row.id for row in leases if not self._lives(row.lease)]
            free = update(outbox).where(outbox.c.id.in_(dead)).values(due_at=self.clock(), lease="")
            return connection.execute(free).rowcount if dead else 0

    def _lives(self, lease: str) -> bool:
        """Whether the process that holds a lease runs; a lease that cannot be read is nobody's."""
        process = lease.split("/")[1] if lease.count("/") else ""
        if not process.isdecimal():
            return False
        if int(process) == os.getpid():  # a number that was used before, as in a container
            return lease.startswith(self.me)
        return _runs(int(process))

    def accepted(self, row: Claimed, hold_hours: float) -> None:
        """Mark that the mail server took it; with nothing to hold, wipe it in the same breath."""
        now = self.clock()
        wiped = {"sealed": None, "wiped_at": now} if hold_hours == 0 else {}
        self._set(row, accepted_at=now, refused_at=None, trouble="", **wiped)
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
        later = now + wait * random.uniform(0.9, 1.1)  # noqa: S311 (no secret)
        self._set(row, due_at=later, lease="", trouble=trouble, refused_at=now if lasting else None)

    def _set(self, row: Claimed, **values: object) -> bool:
        mine = and_(outbox.c.id == row.id, outbox.c.lease == row.lease)
        with self.engine.begin() as connection:
            return bool(connection.execute(update(outbox).where(mine).values(**values)).rowcount)

    def wake(self, *troubles: str, recipient: str = "") -> int:
        """Make due now all that waits because of these troubles, or of it what one recipient is to have;
        returns how many.

        Args:
            troubles: how their words begin.
        """
        now = self.clock()
        stuck = and_(
            outbox.c.accepted_at.is_(None),
            outbox.c.due_at > now,  # what is due keeps its turn
            outbox.c.lease == "",
            or_(*(outbox.c.trouble.startswith(words) for words in troubles)),
            *([outbox.c.recipient == recipient] if recipient else []),
        )
        with self.engine.begin() as connection:
            return connection.execute(update(outbox).where(stuck).values(due_at=now)).rowcount

    def put_off(self, failure: str, until: float) -> int:
        """Let all that is due wait until a time, for a reason that none of the mails has given.

        Returns:
            How many mails.
        """
        idle = or_(
            outbox.c.due_at <= self.clock(),
            and_(outbox.c.lease == "", outbox.c.trouble == failure, outbox.c.due_at < until),
        )
        later = {"due_at": until, "lease": "", "trouble": failure, "refused_at": None}
        with self.engine.begin() as connection:
            which = and_(outbox.c.accepted_at.is_(None), idle)
            return connection.execute(update(outbox).where(which).values(**later)).rowcount

    def waiting(self) -> Waiting:
        """What has not reached the mail server."""
        unsent = outbox.c.accepted_at.is_(None)
        found = _FORMS, func.count(), func.min(outbox.c.made_at), func.count(outbox.c.refused_at)
        why = select(outbox.c.trouble).where(unsent).distinct()
        with self._reading.connect() as connection:
            forms, mails, oldest, refused = connection.execute(select(*found).where(unsent)).one()
            troubles = frozenset(connection.execute(why).scalars()) if mails else frozenset()
        since = max(0.0, self.clock() - oldest) if oldest else 0.0
        return Waiting(forms, mails, since, troubles - {""}, refused)

    def counted(self, start: float, end: float) -> Counted:
        """The forms kept from one moment to another; each version counts. Without any: the last number."""
        forms = (
            select(outbox.c.number)
            .where(outbox.c.number.is_not(None), outbox.c.made_at >= start, outbox.c.made_at < end)
            .distinct()
            .subquery()
        )
        query = select(func.count(), func.min(forms.c.number), func.max(forms.c.number)).select_from(forms)
        with self._reading.connect() as connection:
            count, first, last = connection.execute(query).one()
        return Counted(count, first or 0, last or self.counter(FORMS))

    def counter(self, name: str) -> int:
        """The value of a counter; 0 where it was never set."""
        query = select(counters.c.value).where(counters.c.name == name)
        with self._reading.connect() as connection:
            return connection.execute(query).scalar() or 0

    def set_counter(self, name: str, value: int) -> None:
        """Set a counter."""
        with self.engine.begin() as connection:
            _set_counter(connection, name, value)

    def wipe(self, hold_hours: float) -> int:
        """Wipe bodies the mail server has had for long enough, and rows that are thirty days old.

        A time that lies ahead was written while the clock was wrong; it is taken as now, so that no body
        stays for as long as the clock was ahead.

        Returns:
            How many bodies went.
        """
        now = self.clock()
        ahead = outbox.c.accepted_at > now + CLOCK_ERROR
        held = and_(outbox.c.accepted_at < now - hold_hours * 3600, outbox.c.wiped_at.is_(None))
        gone = and_(outbox.c.wiped_at.is_not(None), outbox.c.accepted_at < now - KEPT)
        with self.engine.begin() as connection:
            connection.execute(update(outbox).where(ahead).values(accepted_at=now))
            wiped = connection.execute(update(outbox).where(held).values(sealed=None, wiped_at=now)).rowcount
            connection.execute(delete(outbox).where(gone))
        if wiped or self._to_forget:
            self._forget_old_pages()
        return wiped

    def _forget_old_pages(self) -> None:
        """SQLite's write-ahead log keeps old pages until it is written back and cut.

        While somebody reads it cannot be cut; then the next round of wiping tries again.
        """
        if self._engine.dialect.name == "sqlite":
            with self._reading.connect() as connection:
                busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).scalar()
            self._to_forget = bool(busy)

    def rows(self) -> Sequence[Row[tuple[object, ...]]]:
        """Every row without its body, oldest first, for the operator."""
        columns = [column for column in outbox.c if column.name != "sealed"]
        with self._reading.connect() as connection:
            return connection.execute(select(*columns).order_by(outbox.c.id)).all()

    def named(self, reference: str) -> list[Claimed]:
        """The rows of one reference whose body is still kept: first what was not sent, the newest first."""
        wanted = and_(outbox.c.reference == reference, outbox.c.sealed.is_not(None))
        order = outbox.c.accepted_at.is_not(None), outbox.c.version.desc(), outbox.c.id
        with self._reading.connect() as connection:
            found = connection.execute(select(outbox).where(wanted).order_by(*order)).all()
        return [_claimed(row) for row in found]

    def resend(self, reference: str) -> tuple[int, bool]:
        """Make mails of one reference due: those that are unsent or, where all were sent, all of them.

        What a worker has in hand stays with it.

        Returns:
            How many, and whether they were unsent.
        """
        now = self.clock()
        wanted = and_(outbox.c.reference == reference, outbox.c.sealed.is_not(None))
        unsent = and_(wanted, outbox.c.accepted_at.is_(None))
        idle = or_(outbox.c.lease == "", outbox.c.due_at <= now)
        again = {
            "accepted_at": None,
            "refused_at": None,
            "due_at": now,
            "lease": "",
            "attempts": 0,
            "trouble": "",
        }
        with self.engine.begin() as connection:
            waits = connection.execute(select(outbox.c.id).where(unsent).limit(1)).first() is not None
            which = and_(unsent, idle) if waits else wanted
            return connection.execute(update(outbox).where(which).values(**again)).rowcount, waits

    def exported(self, row: Claimed) -> list[str]:
        """Mark the mails of a version as passed on by hand: they are not tried any more; returns whose."""
        unsent = and_(
            outbox.c.submission == row.submission,
            outbox.c.version == row.version,
            outbox.c.accepted_at.is_(None),
        )
        done = {"accepted_at": self.clock(), "refused_at": None, "lease": "", "trouble": "exported"}
        mark = update(outbox).where(unsent).values(**done).returning(outbox.c.recipient)
        with self.engine.begin() as connection:
            return list(connection.execute(mark).scalars())

    def rotate(self) -> tuple[int, int]:
        """Seal every kept body with the first key; returns how many were, and how many no key opens."""
        kept = select(outbox.c.id, outbox.c.sealed).where(outbox.c.sealed.is_not(None))
        with self._reading.connect() as connection:
            rows = connection.execute(kept).all()
        done = lost = 0
        for row in rows:
            try:
                sealed = self.seal.rotate(row.sealed)
            except CannotOpen:
                lost += 1
                continue
            same = and_(outbox.c.id == row.id, outbox.c.sealed == row.sealed)  # and not wiped meanwhile
            with self.engine.begin() as connection:
                done += connection.execute(update(outbox).where(same).values(sealed=sealed)).rowcount
        self._forget_old_pages()
        return done, lost


def _due(now: float) -> ColumnElement[bool]:
    """What can be claimed; see `Outbox.claim`."""
    return and_(
        outbox.c.accepted_at.is_(None),
        or_(
            outbox.c.due_at <= now,
            outbox.c.due_at > now + LONGEST_WAIT * 1.5,
            outbox.c.attempts == 0,
        ),
    )


def _latest(connection: Connection, submission: str) -> tuple[int, str]:
    row = connection.execute(_LATEST, {"submission": submission}).first()
    return (row.version, row.digest) if row else (0, "")


def _version_of(
    connection: Connection, submission: str, digest: str, after: int, at: int
) -> tuple[int, bool]:
    """The version that these answers have or will have, and whether they are kept already; see `keep`."""
    if at:
        same = and_(outbox.c.submission == submission, outbox.c.version == at)
        found = connection.execute(select(outbox.c.digest).where(same).limit(1)).scalar()
        if found in (None, digest):
            return at, found == digest
        # else the outbox could not be read when the version was chosen: other answers have it
    last, said = _latest(connection, submission)
    is_kept = said == digest and not after
    return (last if is_kept else max(last, after) + 1), is_kept


def _next_number(connection: Connection) -> int:
    """The next running number. Its row stays locked until the form is kept, so that no number is missing."""
    number = connection.execute(_NEXT_NUMBER).scalar()
    if number is None:
        connection.execute(insert(counters).values(name=FORMS, value=1))  # two at once: one tries again
        return 1
    return int(number)


def _set_counter(connection: Connection, name: str, value: int) -> None:
    mine = counters.c.name == name
    if not connection.execute(update(counters).where(mine).values(value=value)).rowcount:
        connection.execute(insert(counters).values(name=name, value=value))


def _this_process() -> str:
    """Return what names this process in a lease."""
    return f"{_machine()}/{os.getpid()}/{PROCESS}"


def _machine() -> str:
    """This machine, in a word that does not give its name away."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:12]


def _runs(process: int) -> bool:
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
