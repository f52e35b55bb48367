"""Delivers messages through the configured mail server, and only to the team.

This is Flask-Mail with corrections (docs/dependencies.md): certificates are verified, every wait has a
limit, and each recipient gets a separate message.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable

from flask import Flask
from flask_mail import Mail, Message

from rjsite.mail.connection import VerifiedConnection
from rjsite.mail.folder import FolderConnection
from rjsite.mail.message import OutgoingMail
from rjsite.mail.oauth import TokenSource
from rjsite.mail.sign_in_gate import Gate
from rjsite.mail.smtp_errors import NOT_IN_TEAM, MailFailure, mail_failure
from rjsite.settings import Settings

LONGEST_ATTEMPT = 130.0  # seconds, however slowly the server responds; shorter than a lease
ANSWERS = 12  # replies from the server during one delivery, each of which may take as long as the timeout


class ComposedMessage(Message):
    """A message that Flask-Mail sends as it was composed."""

    def __init__(self, outgoing: OutgoingMail, sender: str) -> None:
        super().__init__(subject="", recipients=[outgoing.recipient], sender=sender)
        self.outgoing = outgoing

    def as_bytes(self) -> bytes:
        """Return the composed message instead of letting Flask-Mail make one."""
        return self.outgoing.body


class TeamMail(Mail):
    """Flask-Mail with the settings of this site. The gate decides when it may connect and sign in."""

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
            MAIL_DEBUG=0,  # debug output contains whole messages
            MAIL_SUPPRESS_SEND=False,
        )
        super().__init__(app)

    def connect(self, within: float = LONGEST_ATTEMPT) -> FolderConnection | VerifiedConnection:
        """Return a connection to the mail server or, if mail is written to files, to a folder."""
        folder = self.settings.folder_for_mail
        return FolderConnection(self.state, folder) if folder else self.verified_connection(within)

    def verified_connection(self, within: float = LONGEST_ATTEMPT) -> VerifiedConnection:
        """Return a connection to the mail server. The caller opens and closes the connection.

        Args:
            within: seconds after which the connection is shut down at the latest.
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
        """Deliver one message and return when the mail server has accepted it.

        Args:
            outgoing: the message.
            offered: called just before the message itself is sent.
            within: the longest time that the delivery may take, in seconds.

        Raises:
            MailFailure: if the recipient is not in the team, or the server does not accept the message.
        """
        if outgoing.recipient.lower() not in map(str.lower, self.settings.team):  # the settings have changed
            raise MailFailure(NOT_IN_TEAM)
        connection = self.connect(within)
        connection.offered = offered
        try:
            with self.site.app_context(), connection:
                connection.send(ComposedMessage(outgoing, self.settings.sender))
        except (smtplib.SMTPException, OSError) as error:
            raise mail_failure(error, data_started=getattr(connection.host, "data_started", False)) from None

    def check(self) -> None:
        """Connect, and encrypt and sign in if so configured, but send nothing.

        Raises:
            MailFailure: if one of these steps fails.
        """
        try:
            with self.connect():
                pass
        except (smtplib.SMTPException, OSError) as error:
            raise mail_failure(error, data_started=False) from None
