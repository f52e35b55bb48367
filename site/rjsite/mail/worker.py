"""The worker: takes mail from the outbox to the mail server, at a steady pace, for ever."""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass

from rjsite.encryption.at_rest import CannotOpen
from rjsite.encryption.smime import NoReader, Readers
from rjsite.mail.advice import advice
from rjsite.mail.daily_count import DailyCount, is_count
from rjsite.mail.smtp import Parcel, TeamMail
from rjsite.mail.smtp_errors import AT_THE_GATE, NOT_IN_TEAM, ON_THE_WAY, NotTaken
from rjsite.outbox import operator
from rjsite.outbox.database import BROKEN
from rjsite.outbox.queue import Claimed
from rjsite.outbox.store import Outbox

LOOK_AGAIN = 1.0  # seconds between looks at an empty outbox; another process may have filled it
PROBE_EVERY = 30.0
WHILE_OTHERS_SIGN_IN = 0.1
TIDY_EVERY = 60.0
NO_READER = "no usable certificate"
NOT_OPENED = "cannot be opened"
TAKEN_OVER = "another worker has it"
OUR_FAULT = "a fault of the site"
NEEDS_SOMEBODY = (NO_READER, NOT_OPENED, OUR_FAULT, NOT_IN_TEAM)  # waiting alone mends none of these
PUT_OFF = "refused (4"  # by the mail server, for the time being
# all but a missing answer: then the server may have the mail
MENDABLE = (*ON_THE_WAY, *AT_THE_GATE, *NEEDS_SOMEBODY, "refused")

log = logging.getLogger("rjsite.delivery")


@dataclass(slots=True)
class _Every:
    """Something to do at once, and then not again for some seconds."""

    seconds: float
    last: float = -math.inf

    def due(self) -> bool:
        """Whether it is to be done now; then its time begins anew."""
        now = time.monotonic()
        due = now >= self.last + self.seconds
        if due:
            self.last = now
        return due


class Delivery:
    """Sends what waits.

    Args:
        per_minute: mails at most, of all workers together. hold_hours: how long a body stays after the
            server took it.
        readers: whose certificates close what was kept open. daily: where a mail counts the forms.
    """

    __slots__ = (
        "_last_failure",
        "_thread",
        "_to_probe",
        "_to_tidy",
        "_woken",
        "daily",
        "hold_hours",
        "mail",
        "outbox",
        "pause",
        "readers",
        "stopping",
    )

    def __init__(
        self,
        outbox: Outbox,
        mail: TeamMail,
        *,
        per_minute: int,
        hold_hours: float,
        readers: Readers | None = None,
        daily: DailyCount | None = None,
    ) -> None:
        self.outbox = outbox
        self.mail = mail
        self.readers = readers or Readers(())
        self.daily = daily
        self.pause = 60.0 / per_minute
        self.hold_hours = hold_hours
        self.stopping = threading.Event()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._to_probe = _Every(PROBE_EVERY)
        self._to_tidy = _Every(TIDY_EVERY)
        self._last_failure = ""

    def start(self) -> None:
        """Run in a thread of this process."""
        # a fork may have copied them while the thread of the parent held their locks
        self.stopping, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run_whatever_comes, name="delivery", daemon=True)
        self._thread.start()

    def _run_whatever_comes(self) -> None:
        while not self.stopping.is_set():
            try:
                self.run()
            except BaseException as error:
                log.error("delivery begins again after %s", type(error).__name__)
                self.stopping.wait(LOOK_AGAIN)

    def stop(self, wait: float = 15.0) -> None:
        """End after the mail in hand."""
        self.stopping.set()
        self._woken.set()
        if self._thread:
            self._thread.join(wait)

    def runs(self) -> bool:
        """Return whether the thread of this process runs."""
        return self._thread is not None and self._thread.is_alive()

    def nudge(self) -> None:
        """Say that something was just kept."""
        self._woken.set()

    def run(self) -> None:
        """Work until told to stop. No fault of a database or a server ends it."""
        self._begin()
        while not self.stopping.is_set():
            goes_on = False
            try:
                goes_on = self.step()
            except BROKEN as error:
                log.error("delivery goes on after %s of the outbox", type(error).__name__)
                self._mend()
            except Exception as error:
                log.error("delivery goes on after %s", type(error).__name__)
            if not goes_on:
                self._rest(LOOK_AGAIN, nudged=True)

    def _begin(self) -> None:
        """Try again what waits because of a failure that somebody may have mended before this start."""
        try:
            self.outbox.wake(*MENDABLE)
        except BROKEN as error:
            log.error("mail that waits keeps its time (%s)", type(error).__name__)
        for line in self.readers.warnings():
            log.warning("certificate %s", line)

    def _mend(self) -> None:
        try:
            self.outbox.mend()
        except BROKEN as error:
            log.error("the outbox cannot be used (%s)", type(error).__name__)

    def _rest(self, seconds: float, *, nudged: bool) -> None:
        if nudged:
            self._woken.wait(seconds)
            self._woken.clear()
        else:
            self.stopping.wait(seconds)

    def step(self) -> bool:
        """Do one round: tidy, look whether the server is back, send one mail when its turn has come.

        Returns:
            Whether to go on at once: there is more to send, as far as this worker knows.
        """
        self._tidy()
        gate = self.mail.gate.state()
        if gate.failure:
            self.outbox.put_off(gate.failure, gate.closed_until)
            return False
        if not self.outbox.is_due():
            self._probe()
            return self.outbox.is_due()
        if gate.closed_until:
            self._rest(WHILE_OTHERS_SIGN_IN, nudged=False)
        elif wait := self.mail.gate.wait_for_turn(self.pause):
            self._rest(min(wait, LOOK_AGAIN), nudged=False)
        elif row := self.outbox.claim():
            self._send(row)
        return True

    def drain(self) -> None:
        """Send all that is due now, at the same pace (`rjsite deliver --once`)."""
        self._begin()
        while self.step():
            pass

    def _send(self, row: Claimed) -> None:
        try:
            body = self.outbox.open(row)
            if not is_count(body):
                body = self.readers.seal(body)
            self.mail.deliver(Parcel(_file_name(row), row.recipient, body), lambda: self._offer(row))
        except CannotOpen:
            self.outbox.put_back(row, NOT_OPENED)
            log.error(
                "mail %s cannot be opened: are its key in RJSITE_OUTBOX_KEYS and, where it was closed to "
                "readers, RJSITE_TEAM_CERTIFICATES still set?",
                row.reference,
            )
            return
        except NoReader:
            self.outbox.put_back(row, NO_READER)
            log.error("mail %s is held: every certificate has ended", row.reference)
            return
        except NotTaken as trouble:
            self.outbox.put_back(row, trouble.trouble, unanswered=trouble.unanswered, lasting=trouble.lasting)
            log.warning("mail %s not taken: %s; it is kept and tried again", row.reference, trouble.trouble)
            if self._last_failure != trouble.trouble and (text := advice(trouble.trouble)):
                log.warning("%s: %s", trouble.trouble, text)
            self._last_failure = trouble.trouble
            return
        except BROKEN:
            raise
        except Exception as error:  # ours: it must not hold up the others
            self.outbox.put_back(row, OUR_FAULT, unanswered=True)
            log.error("mail %s not sent: %s; it is kept and tried again", row.reference, type(error).__name__)
            return
        self._last_failure = ""
        self.outbox.accepted(row, self.hold_hours)
        log.info("mail %s taken", row.reference)
        self.outbox.wake(PUT_OFF, recipient=row.recipient)  # the server takes mail for them again

    def _offer(self, row: Claimed) -> None:
        """Mark that the server is being given the mail; not where a clock jumped and another has it."""
        if not self.outbox.offered(row):
            raise NotTaken(TAKEN_OVER)

    def _probe(self) -> None:
        """Where mail waits because of the way to the server, see whether that is over, without any mail."""
        if not self._to_probe.due():
            return
        if operator.waiting(self.outbox).failures.isdisjoint(ON_THE_WAY):
            return
        try:
            self.mail.check()
        except NotTaken:
            return
        log.info("the mail server is back: %d mails are due", self.outbox.wake(*ON_THE_WAY))

    def _tidy(self) -> None:
        if self._to_tidy.due():
            operator.purge(self.outbox, self.hold_hours)
            if self.daily:
                self.daily.send_when_due()


def _file_name(row: Claimed) -> str:
    """REFERENCE for the first version to the first recipient; more are numbered."""
    return row.reference + (f"-version-{row.version}" if row.version > 1 else "")
