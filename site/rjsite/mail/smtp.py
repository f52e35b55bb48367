"""How an email gets to the mail server, and to no other; and to the team, and nobody else.

Flask-Mail, with its ten faults mended here (docs/dependencies.md): certificates are checked, nothing
waits for ever, each recipient has a message of their own.
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask_mail import Connection, Mail, Message

from rjsite.mail.folder import FolderConnection
from rjsite.mail.message import domain_of
from rjsite.mail.sign_in import Gate
from rjsite.mail.smtp_errors import BUSY, NO_SIGN_IN, NOT_IN_TEAM, NotTaken, asks_to_wait, not_taken
from rjsite.settings import Settings

LONGEST_ATTEMPT = 130.0  # seconds, however slowly a server answers; a lease outlasts it
# the first that the server offers is tried, and no other: each refusal brings an account nearer to its lock
MECHANISMS = {"PLAIN": "auth_plain", "LOGIN": "auth_login", "CRAM-MD5": "auth_cram_md5"}
ANSWERS = 12  # of the server, at most, in one delivery: each may take as long as the time-out allows


log = logging.getLogger("rjsite.mail")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A composed message on its way to one recipient."""

    name: str  # of the file, where mail is written to a folder
    recipient: str
    body: bytes = field(repr=False)


class ReadyMessage(Message):
    """A message that was composed before; Flask-Mail passes it on as it is."""

    def __init__(self, parcel: Parcel, sender: str) -> None:
        super().__init__(subject="", recipients=[parcel.recipient], sender=sender)
        self.parcel = parcel

    def as_bytes(self) -> bytes:
        """The message as it was composed, in place of Flask-Mail's own."""
        return self.parcel.body


class _Telling:
    """A server that tells when the message itself is handed over: from then on it may have it."""

    given = False
    tell: Callable[[], None]

    def data(self, msg: Any) -> Any:
        self.tell()
        self.given = True
        return super().data(msg)  # type: ignore[misc]


class _Server(_Telling, smtplib.SMTP):
    pass


class _ServerOverTLS(_Telling, smtplib.SMTP_SSL):
    pass


class VerifiedConnection(Connection):
    """A connection that checks the server's certificate and never waits for ever."""

    def __init__(self, state: Any, settings: Settings, gate: Gate, within: float) -> None:
        super().__init__(state)
        self.settings = settings
        self.gate = gate
        self.within = within
        self.offered: Callable[[], None] = lambda: None
        # each read has its time-out, but a server that sends a letter now and then never runs into it
        self.end = threading.Timer(within, self._hang_up)
        self.end.daemon = True

    def _hang_up(self) -> None:
        sock = getattr(self.host, "sock", None)
        if sock:
            with contextlib.suppress(OSError):
                # the plain socket's own: that of TLS would first go over to plain text
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def configure_host(self) -> smtplib.SMTP:
        """Connect, encrypt, sign in. Nothing leaves before the certificate is checked."""
        self.gate.ensure_open()
        settings = self.settings
        context = ssl.create_default_context(cafile=settings.mail_ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        where: dict[str, Any] = {
            "timeout": settings.mail_timeout,
            "local_hostname": domain_of(settings.sender),  # else it gives away the machine's name
        }
        self.end.start()
        # made first and connected then, so that the end of the time reaches it from the first answer on
        host: _Server | _ServerOverTLS
        host = _ServerOverTLS(**where, context=context) if settings.mail_use_ssl else _Server(**where)
        host._host = settings.mail_server  # type: ignore[union-attr]  # the name that the certificate has to bear
        self.host = host
        host.tell = self.offered
        try:
            self._greet(host, context)
            self._sign_in(host)
        except BaseException:
            host.close()
            self.end.cancel()
            raise
        return host

    def _greet(self, host: smtplib.SMTP, context: ssl.SSLContext) -> None:
        try:
            code, _ = host.connect(self.settings.mail_server, self.settings.mail_port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, "")
            _say_hello(host)
            if self.settings.mail_use_tls:
                host.starttls(context=context)
                _say_hello(host)
        except smtplib.SMTPResponseException as error:
            if asks_to_wait(error):
                self.gate.close(BUSY)
                raise NotTaken(BUSY) from None
            raise

    def _sign_in(self, host: smtplib.SMTP) -> None:
        name, password = self.settings.mail_username, self.settings.mail_password.get_secret_value()
        if not name:
            self.gate.open()
            return
        offered = host.esmtp_features.get("auth", "").upper().split()
        mechanism = next((known for known in MECHANISMS if known in offered), "")
        if not mechanism or not (name + password).isascii():
            raise NotTaken(NO_SIGN_IN)
        host.user, host.password = name, password  # as `SMTP.login` does
        with self.gate.attempt(self.within):
            host.auth(mechanism, getattr(host, MECHANISMS[mechanism]))

    def __exit__(self, *_: Any) -> None:
        """Leave; a server that breaks off now has taken the message all the same."""
        if self.host is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self.host.quit()
            self.host.close()
        self.end.cancel()


def _say_hello(host: smtplib.SMTP) -> None:
    """Say EHLO, or HELO where that is unknown. `smtplib` would say HELO to a server that has hung up."""
    code, _ = host.ehlo()
    if 500 <= code < 600:
        code, _ = host.helo()
    if not 200 <= code < 300:
        raise smtplib.SMTPHeloError(code, "")


class TeamMail(Mail):
    """Flask-Mail, set for this project. The gate says when it may connect and sign in."""

    def __init__(self, app: Flask, settings: Settings, gate: Gate) -> None:
        self.settings = settings
        self.gate = gate
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
        if folder:
            return FolderConnection(self.state, folder)
        return VerifiedConnection(
            self.state, self.settings, self.gate, min(within, ANSWERS * self.settings.mail_timeout)
        )

    def deliver(
        self, parcel: Parcel, offered: Callable[[], None] = lambda: None, within: float = LONGEST_ATTEMPT
    ) -> None:
        """Hand one message to the mail server. Returning means that the server took it.

        Args:
            offered: called just before the server is given the message itself. within: seconds at most.

        Raises:
            NotTaken: in every other case.
        """
        if parcel.recipient.lower() not in map(str.lower, self.settings.team):
            log.error(
                "mail %s is for nobody in RJSITE_TEAM_EMAIL: put that address back, or take the mail out "
                "with “rjsite outbox export” and pass it on",
                parcel.name,
            )
            raise NotTaken(NOT_IN_TEAM)
        connection = self._connection(within)
        if isinstance(connection, VerifiedConnection):
            connection.offered = offered
        try:
            with self.site.app_context(), connection:
                connection.send(ReadyMessage(parcel, self.settings.sender))
        except (smtplib.SMTPException, OSError) as error:
            raise not_taken(error, given=getattr(connection.host, "given", False)) from None

    def check(self) -> None:
        """Connect, encrypt and sign in, and send nothing.

        Raises:
            NotTaken: where that does not work.
        """
        try:
            with self.connect():
                pass
        except (smtplib.SMTPException, OSError) as error:
            raise not_taken(error, given=False) from None
