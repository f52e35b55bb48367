"""The outbox: keeps each mail before anyone is thanked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    and_,
    bindparam,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from rjsite.encryption.at_rest import Seal
from rjsite.outbox.queue import UNSENT, Queue, identity_of
from rjsite.outbox.schema import counters, outbox

COUNT_EVERY = 1.0  # seconds
TURN = 0.5  # seconds
FORMS = "forms"  # the counter of running numbers

COUNT_FORMS = func.count(column("number").distinct())  # one for each form, however many recipients it has
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


class OutboxFull(Exception):
    """More forms wait than the site takes in."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail for one recipient, ready to be kept."""

    recipient: str
    body: bytes = field(repr=False)


class Shared(NamedTuple):
    """What the rows of one version have in common."""

    number: int | None
    reference: str
    submission: str
    digest: str
    version: int


class Outbox(Queue):
    """The outbox in one database: the queue, and how a form gets into it.

    Args:
        engine: from `open_database`.
        seal: encrypts and decrypts bodies.
        max_waiting: the number of forms that may wait.
        clock: returns seconds since 1970.
    """

    def __init__(
        self, engine: Engine, seal: Seal, max_waiting: int, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(engine, seal, clock)
        self.max_waiting = max_waiting
        self._turns = threading.Lock()
        self._waiting = 0  # as counted last, with those kept since
        self._counted_at = -COUNT_EVERY

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
        """Keep one sent form: it is committed and synced to disk when this returns.

        The same answers sent again are kept once. Changed answers are a new version. So are answers that
        were changed back, because the team acts on the latest.

        Args:
            reference: what the person is told.
            submission: the same for all versions of one form.
            digest: of the answers.
            compose: makes the mails of a version with a running number, one for each recipient.
            numbered: whether to give a running number, in the order of keeping and without gaps.
            after: the version that was handed over directly, without the outbox; the next one is later.
            at: the version that these answers have already, if some of the team got them directly.

        Returns:
            The version that is kept.

        Raises:
            OutboxFull: if too much is waiting.
            one of rjsite.outbox.database.BROKEN: if the database cannot be written.
        """
        for _ in range(20):  # another process may take the same version first
            try:
                with self._turn(), self.engine.begin() as connection:
                    version, is_kept = _version_of(connection, submission, digest, after, at)
                    if not is_kept:
                        self._ensure_room(connection)
                        number = _next_number(connection) if numbered else None
                        mails = compose(version, number or 0)
                        shared = Shared(number, reference, submission, digest, version)
                        self._insert(connection, shared, mails)
            except IntegrityError:
                continue
            return version
        raise RuntimeError("the outbox changes too fast to keep a version")

    def _insert(self, connection: Connection, shared: Shared, mails: Sequence[Envelope]) -> None:
        now = self.clock()
        rows = []
        for mail in mails:
            sealed = self.seal.close(
                identity_of(shared.submission, shared.version, mail.recipient), mail.body
            )
            own = {"recipient": mail.recipient, "sealed": sealed, "made_at": now, "due_at": now}
            rows.append({**shared._asdict(), **own})
        connection.execute(insert(outbox), rows)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let one thread write at a time, because SQLite's own waiting polls with sleeps.

        After TURN seconds the thread goes on and waits in the database.
        """
        mine = self._turns.acquire(timeout=TURN)
        try:
            yield
        finally:
            if mine:
                self._turns.release()

    def _ensure_room(self, connection: Connection) -> None:
        """Raise OutboxFull if too much is waiting. In a flood, the rows are counted once a second."""
        now = time.monotonic()
        if self._waiting >= self.max_waiting or now > self._counted_at + COUNT_EVERY:
            self._waiting = connection.execute(select(COUNT_FORMS).where(UNSENT)).scalar_one()
            self._counted_at = now
        if self._waiting >= self.max_waiting:
            raise OutboxFull
        self._waiting += 1

    def latest(self, submission: str) -> tuple[int, str]:
        """Return the latest version of a submission and the digest of its answers, or 0 and ""."""
        with self.reading.connect() as connection:
            return _latest(connection, submission)


def _latest(connection: Connection, submission: str) -> tuple[int, str]:
    row = connection.execute(_LATEST, {"submission": submission}).first()
    return (row.version, row.digest) if row else (0, "")


def _version_of(
    connection: Connection, submission: str, digest: str, after: int, at: int
) -> tuple[int, bool]:
    """Return the version that these answers have or will have, and whether they are kept; see `keep`."""
    if at:
        same = and_(outbox.c.submission == submission, outbox.c.version == at)
        kept = connection.execute(select(outbox.c.digest).where(same).limit(1)).scalar()
        if kept in (None, digest):
            return at, kept == digest
        # else the outbox could not be read when the version was chosen, and other answers have it
    last, last_digest = _latest(connection, submission)
    is_kept = last_digest == digest and not after
    return (last if is_kept else max(last, after) + 1), is_kept


def _next_number(connection: Connection) -> int:
    """Return the next running number. Its row stays locked until the commit, so that none is missing."""
    number = connection.execute(_NEXT_NUMBER).scalar()
    if number is None:
        connection.execute(insert(counters).values(name=FORMS, value=1))  # of two at once, one tries again
        return 1
    return int(number)
