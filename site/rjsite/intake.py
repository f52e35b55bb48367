"""A referral is safe before anyone is thanked: kept in the outbox or, failing that, handed over directly."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rjsite.encryption.smime import NoReader, Readers
from rjsite.forms.referral import Referral
from rjsite.mail.message import compose
from rjsite.mail.smtp import Parcel, TeamMail
from rjsite.mail.smtp_errors import NotTaken
from rjsite.outbox.database import BROKEN
from rjsite.outbox.store import Envelope, Outbox, OutboxFull

DIRECTLY = 25.0  # seconds for a mail server while a person waits for the page
REMEMBERED = 1000
AGAIN = 1.0  # seconds until the outbox is asked again to keep what is owed
LOCKS = 64  # sendings of one page share a lock; two pages seldom do

log = logging.getLogger("rjsite.intake")


class NotKept(Exception):
    """Neither the outbox nor the mail server has it: the person must hear so, with every answer kept."""


@dataclass(frozen=True, slots=True)
class _Owed:
    """A version that some of the team have without the outbox, and who has still to get it."""

    referral: Referral
    version: int
    digest: str
    recipients: Sequence[str]


def _locks() -> tuple[threading.Lock, ...]:
    return tuple(threading.Lock() for _ in range(LOCKS))


@dataclass(slots=True)
class Intake:
    """Takes in what a person sent.

    Args:
        team: who receives it. sender: who the mail is from.
        readers: whose certificates close each mail as it is made.
        kept: called when something was kept, so that the worker looks at once.

    Attributes:
        broke_at: when the outbox could not be written, in seconds of `time.monotonic`; 0 for never.
        taken: how many forms of each name this process took; changed answers count again.
    """

    outbox: Outbox
    mail: TeamMail
    team: tuple[str, ...]
    sender: str
    readers: Readers
    kept: Callable[[], None]
    broke_at: float = 0.0
    taken: Counter[str] = field(default_factory=Counter)
    _counting: threading.Lock = field(default_factory=threading.Lock, repr=False)
    # what went out without the outbox: the last version of each submission, with its digest
    _directly: OrderedDict[str, tuple[int, str]] = field(default_factory=OrderedDict, repr=False)
    _one_by_one: tuple[threading.Lock, ...] = field(default_factory=_locks, repr=False)
    # kept by a thread of its own, for as long as this process lives (the log names it too)
    _owed: deque[_Owed] = field(default_factory=deque, repr=False)
    _keeping: bool = False  # whether that thread runs

    def take(self, referral: Referral) -> None:
        """Keep a referral; when this returns it is on disk, or the mail server has it.

        Raises:
            NotKept: where neither could be done.
        """
        digest = referral.digest
        gone, said = self._directly.get(referral.submission, (0, ""))
        if said == digest:
            return
        new = False

        def envelopes(version: int, number: int) -> list[Envelope]:
            nonlocal new
            new = True
            return self._envelopes(referral, digest, self.team, version, number)

        try:
            self.outbox.keep(referral.reference, referral.submission, digest, envelopes, after=gone)
        except OutboxFull:
            log.error("the outbox is full: forms are answered with the phone number")
            raise NotKept from None
        except (*BROKEN, RuntimeError) as error:
            log.error("the outbox cannot be written (%s): handing over directly", type(error).__name__)
            self.broke_at = time.monotonic()
            with self._one_by_one[hash(referral.submission) % LOCKS]:
                self._hand_over(referral, digest)
            new = True
        else:
            self.broke_at = 0.0
            self._directly.pop(referral.submission, None)
            self.kept()
        with self._counting:
            self.taken[referral.form] += new

    def _envelopes(
        self, referral: Referral, digest: str, team: Sequence[str], version: int, number: int
    ) -> list[Envelope]:
        return [Envelope(to, self._made(referral, version, to, digest, number)) for to in team]

    def _owe(self, owed: _Owed) -> None:
        """Let a thread keep this as soon as the outbox works again; a visitor's request waits for nothing."""
        with self._counting:
            self._owed.append(owed)
            if not self._keeping:
                self._keeping = True
                threading.Thread(target=self._keep_what_is_owed, name="owed", daemon=True).start()

    def _keep_what_is_owed(self) -> None:
        while True:
            with self._counting:
                if not self._owed:
                    self._keeping = False
                    return
                owed = self._owed.popleft()
            if not self._kept(owed):
                self._owed.append(owed)
                time.sleep(AGAIN)

    def _kept(self, owed: _Owed) -> bool:
        """Keep for the rest of the team what some of them got without the outbox; whether that worked."""
        referral = owed.referral
        try:
            self.outbox.keep(
                referral.reference,
                referral.submission,
                owed.digest,
                lambda version, number: self._envelopes(
                    referral, owed.digest, owed.recipients, version, number
                ),
                at=owed.version,
            )
        except Exception as error:
            log.error("mail %s still waits to be kept (%s)", referral.reference, type(error).__name__)
            return False
        self.kept()
        return True

    def _made(self, referral: Referral, version: int, to: str, digest: str, number: int) -> bytes:
        message = compose(referral, version, to, self.sender, number, digest)
        try:
            return self.readers.seal(message)
        except NoReader:  # held by the worker until there is a certificate
            return message

    def _hand_over(self, referral: Referral, digest: str) -> None:
        gone, said = self._directly.get(referral.submission, (0, ""))
        if said == digest:  # sent twice at once
            return
        last, said = self._kept_before(referral.submission)
        if said == digest and not gone:  # the outbox broke after it had kept it
            return
        version = max(last, gone) + 1
        self.mail.gate.do_without_database()
        end = time.monotonic() + DIRECTLY
        taken = [to for to in self.team if self._delivered(referral, version, to, digest, end)]
        if not taken:
            raise NotKept
        if rest := [to for to in self.team if to not in taken]:
            self._owe(_Owed(referral, version, digest, rest))
        self._directly[referral.submission] = version, digest
        while len(self._directly) > REMEMBERED:
            self._directly.popitem(last=False)

    def _kept_before(self, submission: str) -> tuple[int, str]:
        """The last version that the outbox has and its digest, where it can still be read."""
        try:
            return self.outbox.latest(submission)
        except BROKEN:
            return 0, ""

    def _delivered(self, referral: Referral, version: int, to: str, digest: str, end: float) -> bool:
        left = max(1.0, end - time.monotonic())
        try:
            message = self.readers.seal(compose(referral, version, to, self.sender, digest=digest))
            self.mail.deliver(Parcel(referral.reference, to, message), within=left)
        except NoReader:
            log.error("mail %s cannot be closed: every certificate has ended", referral.reference)
            return False
        except NotTaken as trouble:
            log.error("mail %s not taken: %s", referral.reference, trouble.trouble)
            return False
        except Exception as error:  # ours: the person hears of it with every answer kept
            log.error("mail %s not sent: %s", referral.reference, type(error).__name__)
            return False
        return True
