"""Stores each email in the outbox before the sender of the form is thanked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

from sqlalchemy import Connection, Engine, and_, bindparam, column, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from rjsite.encryption.at_rest import RowCipher
from rjsite.outbox.claims import UNSENT, Claims, identity_of
from rjsite.outbox.schema import counters, outbox

COUNT_EVERY = 1.0  # seconds between two counts of the waiting forms
THREAD_WAIT = 0.5  # seconds for which a thread waits for other threads of this process
FORMS = "forms"  # the name of the counter of running numbers

# Returns the message for each recipient, given a version and a running number.
Compose = Callable[[int, int], Mapping[str, bytes]]

COUNT_FORMS = func.count(column("number").distinct())  # distinct, as a form has a row for each recipient
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
    """The outbox has no room for another form."""


class SentForm(NamedTuple):
    """The identifiers of a sent form and of its answers.

    Attributes:
        reference: the reference that the person is given.
        submission: identifies the form, whatever the version.
        digest: the keyed digest of the answers.
    """

    reference: str
    submission: str
    digest: str


class Outbox(Claims):
    """The outbox in one database.

    Args:
        engine: from `open_database`.
        cipher: encrypts and decrypts bodies.
        max_waiting: how many forms may wait.
        clock: returns seconds since 1970.
    """

    def __init__(
        self, engine: Engine, cipher: RowCipher, max_waiting: int, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(engine, cipher, clock)
        self.max_waiting = max_waiting
        self._writing = threading.Lock()
        self._waiting = 0  # the last count, plus the forms inserted since
        self._counted_at = -COUNT_EVERY

    def insert(
        self, form: SentForm, compose: Compose, *, numbered: bool = True, after: int = 0, at: int = 0
    ) -> int:
        """Insert one sent form, commit it to disk, and return its version.

        Answers that are identical to the latest ones are not stored again. Changed answers are a new version,
        even if they were changed back to earlier ones, because the team acts on the latest version.

        Args:
            form: the form that was sent.
            compose: returns a message for each recipient, given the version and the running number.
            numbered: whether to assign a running number, in the order of insertion and without gaps.
            after: the latest version that was sent without the outbox; the new version gets a higher number.
            at: the version that these answers already have, if they were sent to some recipients directly.

        Raises:
            OutboxFull: if too many forms are waiting.
            RuntimeError: if other processes keep inserting the same version first.
            one of rjsite.outbox.database.DATABASE_ERRORS: if the database cannot be written to.
        """
        for _ in range(20):  # another process may insert the same version first
            with suppress(IntegrityError), self._write_lock(), self.engine.begin() as connection:
                version, is_stored = _version_of(connection, form, after, at)
                if not is_stored:
                    self._ensure_room(connection)
                    number = _next_number(connection) if numbered else None
                    self._insert_rows(connection, form, version, number, compose(version, number or 0))
                return version
        raise RuntimeError("the outbox changes too fast to insert a version")

    def _insert_rows(
        self,
        connection: Connection,
        form: SentForm,
        version: int,
        number: int | None,
        messages: Mapping[str, bytes],
    ) -> None:
        now = self.clock()
        common = {**form._asdict(), "version": version, "number": number, "made_at": now, "due_at": now}
        rows = []
        for recipient, message in messages.items():
            identity = identity_of(form.submission, version, recipient)
            rows.append({**common, "recipient": recipient, "sealed": self.cipher.encrypt(identity, message)})
        connection.execute(insert(outbox), rows)

    @contextmanager
    def _write_lock(self) -> Iterator[None]:
        """Let one thread write at a time, because SQLite waits for its write lock by sleeping and polling.

        After THREAD_WAIT seconds, a waiting thread continues and waits for the database.
        """
        acquired = self._writing.acquire(timeout=THREAD_WAIT)
        try:
            yield
        finally:
            if acquired:
                self._writing.release()

    def _ensure_room(self, connection: Connection) -> None:
        """Raise OutboxFull if too many forms are waiting.

        The waiting forms are counted again after a second, or for each new form while the outbox seems full.
        """
        now = time.monotonic()
        if self._waiting >= self.max_waiting or now > self._counted_at + COUNT_EVERY:
            self._waiting = connection.execute(select(COUNT_FORMS).where(UNSENT)).scalar_one()
            self._counted_at = now
        if self._waiting >= self.max_waiting:
            raise OutboxFull
        self._waiting += 1

    def latest(self, submission: str) -> tuple[int, str]:
        """Return the latest version of a submission and the digest of its answers, or 0 and ""."""
        with self.read_engine.connect() as connection:
            return _latest(connection, submission)


def _latest(connection: Connection, submission: str) -> tuple[int, str]:
    row = connection.execute(_LATEST, {"submission": submission}).first()
    return (row.version, row.digest) if row else (0, "")


def _version_of(connection: Connection, form: SentForm, after: int, at: int) -> tuple[int, bool]:
    """Return the version that these answers have or will have, and whether it is stored (see `insert`)."""
    if at:
        same = and_(outbox.c.submission == form.submission, outbox.c.version == at)
        stored = connection.execute(select(outbox.c.digest).where(same).limit(1)).scalar()
        if stored in (None, form.digest):
            return at, stored == form.digest
        # other answers got this version number while this process could not use the outbox
    last, last_digest = _latest(connection, form.submission)
    is_stored = last_digest == form.digest and not after
    return (last if is_stored else max(last, after) + 1), is_stored


def _next_number(connection: Connection) -> int:
    """Return the next running number. The counter stays locked until the commit, so no number is skipped."""
    number = connection.execute(_NEXT_NUMBER).scalar()
    if number is None:  # if two processes insert the row, one of them fails and tries again
        connection.execute(insert(counters).values(name=FORMS, value=1))
        return 1
    return int(number)
