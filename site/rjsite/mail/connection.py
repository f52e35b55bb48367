"""The connection to the mail server: it verifies certificates, signs in through the gate and limits waits."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
import threading
from collections.abc import Callable
from typing import Any

from flask_mail import Connection

from rjsite.mail.message import domain_of
from rjsite.mail.oauth import TokenSource
from rjsite.mail.sign_in_gate import Gate
from rjsite.mail.smtp_errors import BUSY, NO_FILE, NO_SIGN_IN, MailFailure, asks_to_wait
from rjsite.mail.time_limit import shut_down_after
from rjsite.settings import Settings

# Only the first of these that the server offers is tried, because refused sign-ins can lock the account.
MECHANISMS = {"PLAIN": "auth_plain", "LOGIN": "auth_login", "CRAM-MD5": "auth_cram_md5"}
XOAUTH2 = "XOAUTH2"
# smtplib expects 250 after an email, but other codes that begin with 2 mean yes too (RFC 5321, 4.2.1).
ALSO_ACCEPTED = (200, 251, 252)


class _ReportsData:
    """A mixin that calls `tell` and sets `data_started` when the server is about to receive the message."""

    data_started = False
    tell: Callable[[], None]

    def data(self, msg: Any) -> Any:
        self.tell()
        self.data_started = True
        code, reply = super().data(msg)  # type: ignore[misc]
        return 250 if code in ALSO_ACCEPTED else code, reply


class _Server(_ReportsData, smtplib.SMTP):
    pass


class _ServerOverTLS(_ReportsData, smtplib.SMTP_SSL):
    pass


class VerifiedConnection(Connection):
    """A connection that verifies the server's certificate and is shut down if it lasts too long."""

    def __init__(
        self, state: Any, settings: Settings, gate: Gate, tokens: TokenSource, within: float
    ) -> None:
        super().__init__(state)
        self.settings = settings
        self.gate = gate
        self.tokens = tokens
        self.within = within
        self.context = _context(settings)
        self.offered: Callable[[], None] = lambda: None
        self.time_limit: threading.Timer | None = None

    def configure_host(self) -> smtplib.SMTP:
        """Connect, and encrypt and sign in if so configured. Flask-Mail calls this.

        Raises:
            MailFailure: if the gate is closed, the server is busy, or the sign-in fails or is impossible.
            smtplib.SMTPException, OSError: if the server cannot be reached or trusted, or does not encrypt.
        """
        self.gate.ensure_open()
        try:
            self.open()
            self.sign_in()
        except BaseException:
            self.close()
            raise
        return self.server

    def open(self) -> None:
        """Connect, and encrypt if so configured. An untrusted certificate ends the connection."""
        settings = self.settings
        where: dict[str, Any] = {
            "timeout": settings.mail_timeout,
            "local_hostname": domain_of(settings.sender),  # the default discloses this machine's name
        }
        # The client is created before it connects, so that the timer can shut it down during the first reply.
        host: _ServerOverTLS | _Server
        host = _ServerOverTLS(**where, context=self.context) if settings.mail_use_ssl else _Server(**where)
        host._host = settings.mail_server  # type: ignore[union-attr]  # the name that the certificate must have
        self.host = host
        host.tell = self.offered
        self.time_limit = shut_down_after(self.within, lambda: host.sock)
        self._greet(host)

    @property
    def server(self) -> smtplib.SMTP:
        """Return the SMTP client of an open connection."""
        assert self.host  # noqa: S101 - for the type checker: callers open the connection first
        return self.host

    def close(self) -> None:
        """Close the connection and stop its timer."""
        if self.host is not None:
            self.host.close()
        if self.time_limit:
            self.time_limit.cancel()

    def _greet(self, host: smtplib.SMTP) -> None:
        try:
            code, _ = host.connect(self.settings.mail_server, self.settings.mail_port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, "")
            _ehlo(host)
            if self.settings.mail_use_tls:
                host.starttls(context=self.context)
                _ehlo(host)
        except smtplib.SMTPResponseException as error:
            if asks_to_wait(error):
                self.gate.close(BUSY)
                raise MailFailure(BUSY) from None
            raise

    def sign_in(self) -> None:
        """Sign in, if a user name is set.

        Raises:
            MailFailure: if the gate is closed, there is no common mechanism, another sign-in takes too long,
                or this one fails.
        """
        host = self.server
        name, password = self.settings.mail_username, self.settings.mail_password.get_secret_value()
        if not name:
            self.gate.open()
            return
        known = [XOAUTH2] if self.settings.mail_oauth_token_url else list(MECHANISMS)
        offered = host.esmtp_features.get("auth", "").upper().split()
        mechanism = next((name for name in known if name in offered), "")
        if not mechanism:
            raise MailFailure(NO_SIGN_IN)
        host.user, host.password = name, password  # as `SMTP.login` does
        with self.gate.attempt(self.within):
            if mechanism == XOAUTH2:
                self._sign_in_with_token(host)
            else:
                host.auth(mechanism, getattr(host, MECHANISMS[mechanism]))

    def _sign_in_with_token(self, host: smtplib.SMTP) -> None:
        """Sign in with an access token. If one that worked before is permanently refused, try a new one."""
        token = self.tokens.current(self.within)
        try:
            _authenticate(host, self.settings.mail_username, token.value)
        except smtplib.SMTPAuthenticationError as error:
            self.tokens.forget()  # only new tokens have rights that were granted in the meantime
            if not token.has_worked or error.smtp_code < 500:
                raise
            host.close()  # many servers close the connection after a refusal
            self._greet(host)
            token = self.tokens.current(self.within)
            try:
                _authenticate(host, self.settings.mail_username, token.value)
            except smtplib.SMTPAuthenticationError:
                self.tokens.forget()
                raise
        token.has_worked = True

    def __exit__(self, *_: Any) -> None:
        """Quit and close the connection. A failure to quit does not affect a message that was accepted."""
        with contextlib.suppress(smtplib.SMTPException, OSError):
            self.server.quit()
        self.close()


def _context(settings: Settings) -> ssl.SSLContext:
    """Return the TLS settings for a connection.

    Raises:
        MailFailure: if a certificate file can no longer be used, for example while somebody replaces it.
    """
    try:
        context = ssl.create_default_context(cafile=settings.mail_ca_file)
        if settings.mail_client_cert:
            context.load_cert_chain(settings.mail_client_cert, settings.mail_client_key, password="")
    except OSError:  # including ssl.SSLError
        raise MailFailure(NO_FILE) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _authenticate(host: smtplib.SMTP, name: str, token: str) -> None:
    """Sign in with XOAUTH2 as documented by Microsoft and Google."""

    def answer(challenge: bytes | None = None) -> str:
        # A challenge means that the server refused the token and expects an empty response.
        return "" if challenge else f"user={name}\x01auth=Bearer {token}\x01\x01"

    host.auth(XOAUTH2, answer)


def _ehlo(host: smtplib.SMTP) -> None:
    """Send EHLO, or HELO if EHLO is rejected. `smtplib` would send HELO even on a closed connection."""
    code, _ = host.ehlo()
    if 500 <= code < 600:
        code, _ = host.helo()
    if not 200 <= code < 300:
        raise smtplib.SMTPHeloError(code, "")
