"""Stores each referral before its sender is thanked, or delivers it directly if the outbox fails."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from rjsite.encryption.smime import NoCertificate, TeamCertificates
from rjsite.forms.referral import Referral
from rjsite.mail.message import OutgoingMail, compose
from rjsite.mail.smtp import TeamMail
from rjsite.mail.smtp_errors import MailFailure
from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.outbox.store import Outbox, OutboxFull, SentForm

DIRECT_TIMEOUT = 25.0  # seconds for all recipients together, while the person waits for the page
REMEMBERED = 1000  # how many directly sent submissions are remembered
RETRY_EVERY = 1.0  # seconds
LOCKS = 64  # two forms seldom share a lock, but the same form sent twice always uses the same one

log = logging.getLogger("rjsite.intake")


class NotStored(Exception):
    """Neither the outbox nor the mail server accepted the form. The form is shown again with every answer."""


@dataclass(frozen=True, slots=True)
class _Undelivered:
    """A version that was sent directly to some of the team, and the recipients who did not receive it."""

    referral: Referral
    version: int
    recipients: Sequence[str]


@dataclass(slots=True)
class Intake:
    """Accepts the forms that people send.

    Args:
        outbox: stores the forms.
        mail: delivers the forms if the outbox fails.
        team: the recipients.
        sender: the From address of the emails.
        certificates: encrypt each email when it is composed.
        on_stored: called after a form is stored, to wake the worker.

    Attributes:
        failed_at: when the last write to the outbox failed, as a value of `time.monotonic`; 0 if it did not.
        accepted: how many forms this process has accepted, by form name. A changed version counts again.
    """

    outbox: Outbox
    mail: TeamMail
    team: tuple[str, ...]
    sender: str
    certificates: TeamCertificates
    on_stored: Callable[[], None]
    failed_at: float = 0.0
    accepted: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    # the version and the digest of the answers that were last sent directly, by submission
    _sent_directly: OrderedDict[str, tuple[int, str]] = field(default_factory=OrderedDict, repr=False)
    _locks: tuple[threading.Lock, ...] = field(
        default_factory=lambda: tuple(threading.Lock() for _ in range(LOCKS)), repr=False
    )
    # kept only in memory; the log has each reference, in case the process ends before the outbox works again
    _undelivered: deque[_Undelivered] = field(default_factory=deque, repr=False)
    _storing_undelivered: bool = False  # whether the thread that stores them is running

    def accept(self, referral: Referral) -> None:
        """Store a referral, or deliver it directly to at least one recipient if the outbox fails.

        Raises:
            NotStored: if neither is possible, or the outbox is full.
        """
        new = False
        last, last_digest = self._sent_directly.get(referral.submission, (0, ""))
        if last_digest == referral.digest:
            return

        def compose_all(version: int, number: int) -> dict[str, bytes]:
            nonlocal new
            new = True
            return self._compose_all(referral, self.team, version, number)

        try:
            self.outbox.insert(self._form(referral), compose_all, after=last)
        except OutboxFull:
            log.error("the outbox is full: forms are answered with the phone number")
            raise NotStored from None
        except (*DATABASE_ERRORS, RuntimeError) as error:
            self._accept_without_outbox(referral, error)
            new = True
        else:
            self._note_stored(referral)
        with self._lock:
            self.accepted[referral.form] += new

    def _note_stored(self, referral: Referral) -> None:
        self.failed_at = 0.0
        self._sent_directly.pop(referral.submission, None)
        self.on_stored()
        self._store_later()

    @staticmethod
    def _form(referral: Referral) -> SentForm:
        return SentForm(referral.reference, referral.submission, referral.digest)

    def _accept_without_outbox(self, referral: Referral, error: Exception) -> None:
        log.error("the outbox cannot be written to (%s): sending directly", type(error).__name__)
        self.failed_at = time.monotonic()
        with self._locks[hash(referral.submission) % LOCKS]:
            self._send_directly(referral)

    def _compose_all(
        self, referral: Referral, recipients: Sequence[str], version: int, number: int
    ) -> dict[str, bytes]:
        """Return the message for each recipient, encrypted if that is possible."""
        messages = {}
        for recipient in recipients:
            message = compose(referral, version, recipient, self.sender, number)
            # without a usable certificate, the email waits in the outbox until there is one
            with suppress(NoCertificate):
                message = self.certificates.encrypt(message)
            messages[recipient] = message
        return messages

    def _send_directly(self, referral: Referral) -> None:
        """Deliver a form now to each recipient who can be reached, and store it later for the others."""
        digest = referral.digest
        last, last_digest = self._sent_directly.get(referral.submission, (0, ""))
        if last_digest == digest:  # another request has sent it in the meantime
            return
        stored, stored_digest = self._latest_stored(referral.submission)
        if stored_digest == digest and not last:  # the outbox failed after it had stored the form
            return
        version = max(stored, last) + 1
        self.mail.gate.use_memory_for_now()
        end = time.monotonic() + DIRECT_TIMEOUT
        reached = [to for to in self.team if self._try_to_deliver(referral, version, to, end)]
        if not reached:
            raise NotStored
        if unreached := [to for to in self.team if to not in reached]:
            self._undelivered.append(_Undelivered(referral, version, unreached))
            self._store_later()
        self._sent_directly[referral.submission] = version, digest
        while len(self._sent_directly) > REMEMBERED:
            self._sent_directly.popitem(last=False)

    def _latest_stored(self, submission: str) -> tuple[int, str]:
        """Return the latest stored version and its digest, or 0 and "" if there is none that can be read."""
        try:
            return self.outbox.latest(submission)
        except DATABASE_ERRORS:
            return 0, ""

    def _try_to_deliver(self, referral: Referral, version: int, to: str, end: float) -> bool:
        """Try to deliver a form to one recipient, and return whether the mail server accepted it."""
        left = max(1.0, end - time.monotonic())
        try:
            message = self.certificates.encrypt(compose(referral, version, to, self.sender))
            self.mail.deliver(OutgoingMail(referral.reference, to, message), within=left)
        except Exception as error:  # even an error in our own code must not stop delivery to the others
            why = error.failure if isinstance(error, MailFailure) else type(error).__name__
            log.error("mail %s not accepted: %s", referral.reference, why)
            return False
        return True

    def _store_later(self) -> None:
        """Store what is undelivered in a thread once the outbox works again, so that no request waits."""
        with self._lock:
            if self._storing_undelivered or not self._undelivered:
                return
            try:
                threading.Thread(target=self._store_undelivered, name="undelivered", daemon=True).start()
            except RuntimeError:  # no more threads are available; the next form that is stored tries again
                log.error("the thread that stores undelivered mail could not be started")
            else:
                self._storing_undelivered = True

    def _store_undelivered(self) -> None:
        while True:
            with self._lock:
                if not self._undelivered:
                    self._storing_undelivered = False
                    return
                undelivered = self._undelivered.popleft()
            if not self._try_to_store(undelivered):
                self._undelivered.append(undelivered)
                time.sleep(RETRY_EVERY)

    def _try_to_store(self, undelivered: _Undelivered) -> bool:
        """Try to store a version for those who have not received it, and return whether that succeeded."""
        referral = undelivered.referral
        compose_undelivered = partial(self._compose_all, referral, undelivered.recipients)
        try:
            self.outbox.insert(self._form(referral), compose_undelivered, at=undelivered.version)
        except Exception as error:
            log.error("mail %s not stored (%s); it will be retried", referral.reference, type(error).__name__)
            return False
        self.on_stored()
        return True
