"""A referral is safe before anyone is thanked: kept in the outbox or, failing that, handed over directly."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from rjsite.mail import NotTaken, Parcel, TeamMail, compose
from rjsite.outbox.store import Envelope, Outbox, OutboxFull
from rjsite.referral import Referral

log = logging.getLogger("rjsite.intake")


class NotKept(Exception):
    """Neither the outbox nor the mail server has it: the person must hear so, with every answer kept."""


@dataclass(frozen=True)
class Intake:
    """Takes in what a person sent.

    Args:
        team: who receives it. sender: who the mail is from. digest_key: tells changed answers apart.
        kept: called when something was kept, so that the worker looks at once.
    """

    outbox: Outbox
    mail: TeamMail
    team: tuple[str, ...]
    sender: str
    digest_key: bytes
    kept: Callable[[], None]

    def take(self, referral: Referral) -> None:
        """Keep a referral; when this returns it is on disk, or the mail server has it.

        Raises:
            NotKept: where neither could be done.
        """

        def envelopes(version: int) -> list[Envelope]:
            return [Envelope(to, compose(referral, version, to, self.sender)) for to in self.team]

        try:
            self.outbox.keep(
                referral.reference, referral.submission, referral.digest(self.digest_key), envelopes
            )
        except OutboxFull:
            log.error("the outbox is full: forms are answered with the phone number")
            raise NotKept from None
        except (SQLAlchemyError, OSError, RuntimeError) as error:
            log.error("the outbox cannot be written (%s): handing over directly", type(error).__name__)
            self._hand_over(referral, envelopes(1))
        else:
            self.kept()

    def _hand_over(self, referral: Referral, envelopes: list[Envelope]) -> None:
        taken = [envelope for envelope in envelopes if self._delivered(referral.reference, envelope)]
        if not taken:
            raise NotKept

    def _delivered(self, reference: str, envelope: Envelope) -> bool:
        try:
            self.mail.deliver(Parcel(reference, envelope.recipient, envelope.body))
        except NotTaken as trouble:
            log.error("mail %s not taken: %s", reference, trouble.trouble)
            return False
        return True
