"""The gate decides when the site may sign in to the mail server, for all threads, processes and machines.

Repeated refused sign-ins can lock an account. After a refusal, the gate therefore stays closed for two
minutes, then four, and up to fifteen, even if the site is restarted. Its state is in the database of the
outbox, in one row for each set of credentials, so that the gate is open for new credentials. A row contains
a keyed digest of the credentials, never the credentials. If the database cannot be used, the state is kept
in memory. The row also says when the next email may be sent, so that all workers together keep to the limit.
"""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from rjsite.mail.smtp_errors import BUSY, MailFailure, sign_in_failure
from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.outbox.schema import mail_gate

FIRST_WAIT, LONGEST_WAIT = 120.0, 900.0  # seconds for which refused sign-ins close the gate
SIGN_IN_WAIT = 10.0  # seconds to wait while another thread or process signs in
POLL_EVERY = 0.05
WITHOUT_DATABASE = 5.0  # seconds before trying a failed database again
CLOCKS_DIFFER = 60.0  # seconds by which the clocks of two machines may differ
FORGET = 86400.0  # seconds after which credentials that are no longer used are forgotten


@dataclass(frozen=True, slots=True)
class State:
    """The number of consecutive failures, the time until which the gate is closed, and the failure.

    The failure is empty if the gate is open, or closed to others while a thread is signing in.
    """

    refusals: int = 0
    closed_until: float = 0.0
    failure: str = ""


class Gate:
    """The gate for one set of credentials.

    Args:
        database: returns the engine of the outbox; called when the gate is used.
        credentials: returns the keyed digest of the credentials.
        clock: returns seconds since 1970.
    """

    __slots__ = ("_credentials", "_database", "_known", "_lock", "_unsaved", "_without_until", "clock")

    def __init__(
        self,
        database: Callable[[], Engine],
        credentials: Callable[[], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self._database = database
        self._credentials = credentials
        self._known, self._unsaved = State(), False  # the latest state, and whether it has yet to be saved
        self._without_until = 0.0  # a value of `time.monotonic`
        self._lock = threading.Lock()

    def state(self) -> State:
        """Return the current state. `closed_until` is 0 if the gate is open."""
        if self._uses_database:
            try:
                self._read()
            except DATABASE_ERRORS:
                self._give_up_database()
        known = self._known
        closed = known.closed_until > self.clock() and (known.failure or self._uses_database)
        return known if closed else replace(known, closed_until=0.0, failure="")

    def ensure_open(self) -> None:
        """Check that no failure has closed the gate. Another thread may be signing in.

        Raises:
            MailFailure: with the failure that closed the gate.
        """
        if failure := self.state().failure:
            raise MailFailure(failure)

    def use_memory_for_now(self) -> None:
        """Read the state once more if possible, then keep it in memory for a few seconds.

        This is for callers that must not wait again after finding that the database cannot be written to.
        """
        self.state()
        self._give_up_database()

    @contextmanager
    def attempt(self, within: float = SIGN_IN_WAIT) -> Iterator[None]:
        """Allow one sign-in at a time, inside this context.

        Every failure closes the gate, even no reply, one that cannot be read, or a process that ends, because
        the server may have refused the sign-in.

        Args:
            within: the longest time in seconds to wait for other sign-ins, at most `SIGN_IN_WAIT`.

        Raises:
            MailFailure: if the gate is closed, another sign-in takes too long, or this one fails.
        """
        end = time.monotonic() + min(within, SIGN_IN_WAIT)
        if not self._lock.acquire(timeout=min(within, SIGN_IN_WAIT)):
            raise MailFailure(BUSY)
        try:
            self._wait_for_others(end)
            try:
                yield
            except (smtplib.SMTPException, OSError, ValueError, MailFailure) as error:
                failure = error.failure if isinstance(error, MailFailure) else sign_in_failure(error)
                self.close(failure)
                raise MailFailure(failure) from None
            self._save(State())
        finally:
            self._lock.release()

    def open(self) -> None:
        """Open the gate after connecting to a server that needs no sign-in."""
        if self._known != State():
            self._save(State())

    def reopen(self) -> None:
        """Open the gate at a person's request, but keep the number of failures."""
        state = self.state()
        if state.failure:
            self._save(replace(state, closed_until=0.0, failure=""))

    def close(self, failure: str) -> None:
        """Close the gate. The wait doubles with each consecutive failure, up to LONGEST_WAIT."""
        if self.state().failure:  # another thread has just closed it
            return
        refusals = self._known.refusals
        wait = min(FIRST_WAIT * 2.0 ** min(refusals, 10), LONGEST_WAIT)
        self._save(State(refusals + 1, self.clock() + wait, failure))

    def wait_for_turn(self, pause: float) -> float:
        """Reserve a turn to send one email now, if no worker with these credentials had one too recently.

        Args:
            pause: seconds from one email to the next.

        Returns:
            0.0 if the email may be sent now, otherwise the seconds to wait before asking again.

        Raises:
            one of rjsite.outbox.database.DATABASE_ERRORS: if the database cannot be used.
        """
        now, column = self.clock(), mail_gate.c.next_mail_at
        due = or_(column <= now, column > now + pause + CLOCKS_DIFFER)  # far ahead if the clock was set back
        try:
            with self._database().begin() as connection:
                if self._change(connection, due, next_mail_at=now + pause):
                    return 0.0
                following = connection.execute(select(column).where(self._mine)).scalar_one()
        except IntegrityError:  # another worker has just inserted the row
            return pause
        return max(0.001, float(following) - now)

    @property
    def _mine(self) -> ColumnElement[bool]:
        return mail_gate.c.credentials == self._credentials()

    @property
    def _uses_database(self) -> bool:
        return time.monotonic() >= self._without_until

    def _give_up_database(self) -> None:
        self._without_until = time.monotonic() + WITHOUT_DATABASE

    def _read(self) -> None:
        query = select(mail_gate).where(self._mine)
        engine = self._database().execution_options(isolation_level="AUTOCOMMIT")  # a read needs no lock
        with engine.connect() as connection:
            row = connection.execute(query).first()
        state = State(row.refusals, row.closed_until, row.failure) if row else State()
        latest = self.clock() + LONGEST_WAIT
        if self._unsaved and self._known.closed_until > state.closed_until:
            self._save(self._known)
        elif state.closed_until > latest + CLOCKS_DIFFER:  # the clock was set back
            self._save(replace(state, closed_until=latest))
        else:
            self._known, self._unsaved = state, False

    def _wait_for_others(self, end: float) -> None:
        """Wait until this thread may sign in. The gate is then closed for all others."""
        while True:
            state = self.state()
            if state.failure:
                raise MailFailure(state.failure)
            if not state.closed_until and self._close_for_others():
                return
            if time.monotonic() > end:
                raise MailFailure(BUSY)
            time.sleep(POLL_EVERY)

    def _close_for_others(self) -> bool:
        """Close the gate for others if the database can be used. Return False if others had closed it."""
        if not self._uses_database:
            return True
        now = self.clock()
        closed = replace(self._known, closed_until=now + FIRST_WAIT, failure="")
        try:
            with self._database().begin() as connection:
                is_open = mail_gate.c.closed_until <= now
                if not self._change(connection, is_open, closed_until=closed.closed_until, failure=""):
                    return False
        except IntegrityError:  # another worker has just inserted the row
            return False
        except DATABASE_ERRORS:
            self._give_up_database()
        else:
            self._known = closed
        return True

    def _save(self, state: State) -> None:
        self._known, self._unsaved = state, True
        if not self._uses_database:
            return
        try:
            with self._database().begin() as connection:
                self._change(connection, **asdict(state))
            self._unsaved = False
        except DATABASE_ERRORS:
            self._give_up_database()

    def _change(self, connection: Connection, *conditions: ColumnElement[bool], **values: object) -> bool:
        """Update or insert the row, and return whether the conditions allowed it."""
        if connection.execute(update(mail_gate).where(self._mine, *conditions).values(**values)).rowcount:
            return True
        if connection.execute(select(mail_gate.c.refusals).where(self._mine)).first():
            return False
        times, long_ago = (mail_gate.c.closed_until, mail_gate.c.next_mail_at), self.clock() - FORGET
        connection.execute(delete(mail_gate).where(*(at < long_ago for at in times)))
        connection.execute(insert(mail_gate).values(credentials=self._credentials(), **values))
        return True
