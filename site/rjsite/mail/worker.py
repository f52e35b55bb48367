"""The worker, which delivers the mail in the outbox at a steady pace."""

from __future__ import annotations

import logging
import math
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from rjsite.encryption.at_rest import CannotDecrypt
from rjsite.encryption.smime import NoCertificate, TeamCertificates
from rjsite.mail.advice import advice
from rjsite.mail.daily_count import DailyCount, is_count
from rjsite.mail.message import OutgoingMail
from rjsite.mail.retry_policy import wait_before_retry
from rjsite.mail.smtp import TeamMail
from rjsite.mail.smtp_errors import CONNECTION_FAILURES, GATE_FAILURES, NOT_IN_TEAM, MailFailure
from rjsite.outbox import operator, retention
from rjsite.outbox.claims import OutboxRow
from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.outbox.store import Outbox

POLL_EVERY = 1.0  # seconds; another process may insert an email
PROBE_EVERY, TIDY_EVERY = 30.0, 60.0
WHILE_OTHERS_SIGN_IN = 0.1
NO_CERTIFICATE_LEFT = "no usable certificate"
NOT_OPENED = "cannot be opened"
FAILURES = {CannotDecrypt: NOT_OPENED, NoCertificate: NO_CERTIFICATE_LEFT}
LEASE_LOST = "another worker has it"
INTERNAL_ERROR = "an error in the site's code"
NEEDS_OPERATOR = (NO_CERTIFICATE_LEFT, NOT_OPENED, INTERNAL_ERROR, NOT_IN_TEAM)  # waiting does not help
REFUSED_FOR_NOW = "refused (4"
# The beginnings of all failures except a missing reply, after which the server may have the email.
FIXABLE = (*CONNECTION_FAILURES, *GATE_FAILURES, *NEEDS_OPERATOR, "refused")

log = logging.getLogger("rjsite.delivery")


@dataclass(slots=True)
class _Timer:
    """Decides when a regular task runs: when the worker starts, and then after each interval."""

    seconds: float
    last: float = -math.inf

    def restart_if_due(self) -> bool:
        """Return whether the task is due. If so, a new interval begins."""
        now = time.monotonic()
        if now < self.last + self.seconds:
            return False
        self.last = now
        return True


class Worker:
    """Delivers the mail in the outbox.

    Args:
        outbox: stores the mail.
        mail: delivers one message.
        per_minute: the highest number of emails per minute from all workers together.
        hold_hours: how long a body is kept after the mail server accepted the email.
        certificates: encrypt mail that was stored when there was no usable certificate.
        daily: sends the daily count, if the team receives one.
    """

    def __init__(
        self,
        outbox: Outbox,
        mail: TeamMail,
        *,
        per_minute: int,
        hold_hours: float,
        certificates: TeamCertificates | None = None,
        daily: DailyCount | None = None,
    ) -> None:
        self.outbox = outbox
        self.mail = mail
        self.certificates = certificates or TeamCertificates(())
        self.daily = daily
        self.pause = 60.0 / per_minute
        self.hold_hours = hold_hours
        self.stopping = threading.Event()
        self._new_mail = threading.Event()
        self._thread: threading.Thread | None = None
        self._probe_timer = _Timer(PROBE_EVERY)
        self._tidy_timer = _Timer(TIDY_EVERY)
        self._last_failure = ""
        self._accepted: list[OutboxRow] = []  # by the mail server; the outbox has yet to record it

    def start(self) -> None:
        """Start a thread of this process that delivers mail."""
        # a fork may have copied the events while a thread of the parent process had locked them
        self.stopping, self._new_mail = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self.run, name="delivery", daemon=True)
        self._thread.start()

    def stop(self, wait: float = 15.0) -> None:
        """Stop after the current email, and wait up to `wait` seconds for the thread to end."""
        self.stopping.set()
        self._new_mail.set()
        if self._thread:
            self._thread.join(wait)

    def is_running(self) -> bool:
        """Return whether the delivery thread is running in this process."""
        return self._thread is not None and self._thread.is_alive()

    def notify(self) -> None:
        """Make the worker look for new mail now."""
        self._new_mail.set()

    def run(self) -> None:
        """Deliver mail until `stop` is called, whatever fails in the database or the mail server."""
        self._begin()
        while not self.stopping.is_set():
            more = False
            try:
                more = self.run_once()
            except DATABASE_ERRORS as error:
                log.error("the outbox failed (%s); delivery continues", type(error).__name__)
                self._reconnect()
            except Exception as error:
                log.error("an error in delivery (%s); delivery continues", type(error).__name__)
            if not more:
                self._new_mail.wait(POLL_EVERY)
                self._new_mail.clear()

    def _begin(self) -> None:
        """Make emails due if their failure may have been resolved, and log warnings about certificates."""
        try:
            self.outbox.retry_now(*FIXABLE)
        except Exception as error:
            log.error("waiting emails could not be retried at once (%s)", type(error).__name__)
        for line in self.certificates.warnings():
            log.warning("%s", line)

    def _reconnect(self) -> None:
        try:
            self.outbox.reconnect()
        except Exception as error:
            log.error("the outbox cannot be used (%s)", type(error).__name__)

    def run_once(self) -> bool:
        """Tidy up, probe the server if needed, and deliver one email if one may be sent now.

        Returns:
            Whether to continue without a pause, because more mail may be due.
        """
        self._record_accepted()
        self._tidy()
        gate = self.mail.gate.state()
        if gate.failure:
            self.outbox.postpone_due(gate.failure, gate.closed_until)
            return False
        if not self.outbox.is_due():
            self._probe()
            return self.outbox.is_due()
        if gate.closed_until:
            self.stopping.wait(WHILE_OTHERS_SIGN_IN)
        elif wait := self.mail.gate.wait_for_turn(self.pause):
            self.stopping.wait(min(wait, POLL_EVERY))
        elif row := self.outbox.claim():
            self._send(row)
        return True

    def drain(self) -> None:
        """Deliver all mail that is due, at the usual pace, but stop if the gate closes."""
        self._begin()
        while self.run_once():
            pass

    def _send(self, row: OutboxRow) -> None:
        try:
            self._deliver(row)
        except DATABASE_ERRORS:
            raise
        except Exception as error:  # a failed delivery or an error in our code must not hold up other emails
            self._retry_later(row, error)
        else:
            self._last_failure = ""
            self._accepted.append(row)
            log.info("mail %s accepted", row.reference)
            self._record_accepted()

    def _record_accepted(self) -> None:
        """Record what the mail server accepted. If the outbox fails, the next `run_once` begins with this."""
        while self._accepted:
            row = self._accepted[0]
            self.outbox.mark_accepted(row, self.hold_hours)
            del self._accepted[0]
            self.outbox.retry_now(REFUSED_FOR_NOW, recipient=row.recipient)  # this mailbox accepts mail again

    def _deliver(self, row: OutboxRow) -> None:
        body = self.outbox.open(row)
        body = body if is_count(body) else self.certificates.encrypt(body)
        name = row.reference + (f"-version-{row.version}" if row.version > 1 else "")
        self.mail.deliver(OutgoingMail(name, row.recipient, body), lambda: self._offer(row))

    def _offer(self, row: OutboxRow) -> None:
        """Record the attempt.

        Raises:
            MailFailure: if another worker has claimed the email, because the clock jumped.
        """
        if not self.outbox.mark_offered(row):
            raise MailFailure(LEASE_LOST)

    def _retry_later(self, row: OutboxRow, error: Exception) -> None:
        """Reschedule an email after a failure, and log what the operator needs to know."""
        failure = _failure_of(error)
        wait = wait_before_retry(row.attempts, failure)
        self.outbox.reschedule(row, failure.failure, wait, permanent=failure.permanent)
        why = failure.failure + (f" ({type(error).__name__})" if failure.failure == INTERNAL_ERROR else "")
        log.warning("mail %s not accepted: %s; it will be retried", row.reference, why)
        if self._last_failure != failure.failure and (text := advice(failure.failure)):
            log.warning("%s: %s", failure.failure, text)
        self._last_failure = failure.failure

    def _probe(self) -> None:
        """If emails are waiting for a connection, try to connect. If this succeeds, make these emails due."""
        if not self._probe_timer.restart_if_due():
            return
        if operator.queue_status(self.outbox).failures.isdisjoint(CONNECTION_FAILURES):
            return
        with suppress(MailFailure):
            self.mail.check()
            due = self.outbox.retry_now(*CONNECTION_FAILURES)
            log.info("the mail server is back; emails due now: %d", due)

    def _tidy(self) -> None:
        if self._tidy_timer.restart_if_due():
            retention.purge(self.outbox, self.hold_hours)
            if self.daily:
                self.daily.send_when_due()


def _failure_of(error: Exception) -> MailFailure:
    """Return an error during delivery as a `MailFailure`."""
    if isinstance(error, MailFailure):
        return error
    failure = FAILURES.get(type(error), INTERNAL_ERROR)
    return MailFailure(failure, unanswered=failure == INTERNAL_ERROR)
