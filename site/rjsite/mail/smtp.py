"""How an email gets to the mail server, and to no other; and to the team, and nobody else.

Flask-Mail, with its ten faults mended here (docs/dependencies.md): certificates are checked, nothing
waits for ever, each recipient has a message of their own.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Flask
from flask_mail import Connection, Mail, Message

from rjsite.mail.connection import VerifiedConnection
from rjsite.mail.folder import FolderConnection
from rjsite.mail.oauth import TokenSource
from rjsite.mail.sign_in import Gate
from rjsite.mail.smtp_errors import NOT_IN_TEAM, MailFailure, mail_failure
from rjsite.settings import Settings

LONGEST_ATTEMPT = 130.0  # seconds, however slowly a server answers; a lease outlasts it
ANSWERS = 12  # of the server, at most, in one delivery: each may take as long as the time-out allows


log = logging.getLogger("rjsite.mail")


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A composed message on its way to one recipient."""

    name: str  # of the file, where mail is written to a folder
    recipient: str
    body: bytes = field(repr=False)


class ComposedMessage(Message):
    """A message that was composed before; Flask-Mail passes it on as it is."""

    def __init__(self, outgoing: OutgoingMail, sender: str) -> None:
        super().__init__(subject="", recipients=[outgoing.recipient], sender=sender)
        self.outgoing = outgoing

    def as_bytes(self) -> bytes:
        """The message as it was composed, in place of Flask-Mail's own."""
        return self.outgoing.body


class TeamMail(Mail):
    """Flask-Mail, set for this project. The gate says when it may connect and sign in."""

    def __init__(self, app: Flask, settings: Settings, gate: Gate) -> None:
        self.settings = settings
        self.gate = gate
        self.tokens = TokenSource(settings)
        self.site = app
        app.config.from_mapping(
            MAIL_SERVER=settings.mail_server,
            MAIL_PORT=settings.mail_port,
            MAIL_USE_TLS=settings.mail_use_tls,
            MAIL_USE_SSL=settings.mail_use_ssl,
            MAIL_DEFAULT_SENDER=settings.sender,
            MAIL_DEBUG=0,  # debug prints whole messages
            MAIL_SUPPRESS_SEND=False,
        )
        super().__init__(app)

    def connect(self) -> Connection:
        """A connection to the mail server, or to the folder of development."""
        return self._connection(LONGEST_ATTEMPT)

    def _connection(self, within: float) -> Connection:
        folder = self.settings.folder_for_mail
        return FolderConnection(self.state, folder) if folder else self.verified_connection(within)

    def verified_connection(self, within: float = LONGEST_ATTEMPT) -> VerifiedConnection:
        """Return a connection to the mail server, which is opened and left by the caller.

        Args:
            within: seconds until it is cut, at most.
        """
        return VerifiedConnection(
            self.state,
            self.settings,
            self.gate,
            self.tokens,
            min(within, ANSWERS * self.settings.mail_timeout),
        )

    def deliver(
        self,
        outgoing: OutgoingMail,
        offered: Callable[[], None] = lambda: None,
        within: float = LONGEST_ATTEMPT,
    ) -> None:
        """Hand one message to the mail server. Returning means that the server took it.

        Args:
            offered: called just before the server is given the message itself. within: seconds at most.

        Raises:
            MailFailure: in every other case.
        """
        if outgoing.recipient.lower() not in map(str.lower, self.settings.team):
            log.error(
                "mail %s is for nobody in RJSITE_TEAM_EMAIL: put that address back, or take the mail out "
                "with “rjsite outbox export” and pass it on",
                outgoing.name,
            )
            raise MailFailure(NOT_IN_TEAM)
        connection = self._connection(within)
        if isinstance(connection, VerifiedConnection):
            connection.offered = offered
        try:
            with self.site.app_context(), connection:
                connection.send(ComposedMessage(outgoing, self.settings.sender))
        except (smtplib.SMTPException, OSError) as error:
            raise mail_failure(error, given=getattr(connection.host, "given", False)) from None

    def check(self) -> None:
        """Connect, encrypt and sign in, and send nothing.

        Raises:
            MailFailure: where that does not work.
        """
        try:
            with self.connect():
                pass
        except (smtplib.SMTPException, OSError) as error:
            raise mail_failure(error, given=False) from None
