"""A real SMTP server for the tests, and a server that never replies."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from support.authority import Authority, server_context
from support.processes import LOOPBACK, free_port

GOOD, WRONG_NAME, SELF_SIGNED = "good", "wrong-name", "self-signed"
STARTTLS, IMPLICIT, PLAIN = "starttls", "implicit", "plain"


def text_of(message: EmailMessage) -> str:
    """Return the plain text part of an email as a mail program shows it, with normalised line endings."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def copy_of(message: EmailMessage) -> dict[str, Any]:
    """Return the content of an email's referral.json, as a case management system would read it."""
    (file,) = message.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == ("referral.json", "application/json")
    said: dict[str, Any] = json.loads(file.get_content())
    return said


@dataclass(frozen=True)
class Received:
    """One email as the server received it."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    at: float = field(default_factory=time.monotonic, compare=False)

    @property
    def message(self) -> EmailMessage:
        """Return the parsed email."""
        read = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(read, EmailMessage)
        return read

    @property
    def text(self) -> str:
        """Return the plain text part with normalised line endings."""
        return text_of(self.message)


_LONGEST_LINE = 12_288  # RFC 4954, section 4: tokens are long


class _TakesTokens(SMTP):
    line_length_limit = _LONGEST_LINE


@dataclass
class MailServer:
    """An SMTP server on a loopback port, which stays the same when the server is restarted.

    Set `reply_to_data` ("451 Try later", "554 Refused") or `reply_to_recipient` ("550 No such person") to
    refuse mail, `unknown` to refuse it for some recipients, or `hang_up` to receive the mail and close the
    connection before the reply. The server replies `answer_after` seconds after it has received an email.
    """

    authority: Authority
    certificate: str = GOOD
    encryption: str = STARTTLS
    login: tuple[str, str] | None = None
    # called with the user and the token; if set, the server offers only XOAUTH2
    accepts_token: Callable[[str, str], bool] | None = None
    client_ca: Path | None = None  # clients need a certificate from this authority
    refusal: str = "535 5.7.3 Authentication unsuccessful"
    sign_ins: int = 0
    port: int = field(default_factory=free_port)
    reply_to_data: str | None = None
    reply_to_recipient: str | None = None
    unknown: frozenset[str] = frozenset()
    hang_up: bool = False
    answer_after: float = 0
    received: list[Received] = field(default_factory=list)
    refused_sign_ins: int = 0

    def __post_init__(self) -> None:
        """Set up the state that survives a restart."""
        self._news = threading.Condition()
        self._connections: set[SMTP] = set()
        self._thread: threading.Thread | None = None
        self._context = self._tls()

    def settings(self) -> dict[str, str]:
        """Return the settings, as environment variables, for sending to this server."""
        settings = {
            "RJSITE_MAIL_SERVER": "localhost",
            "RJSITE_MAIL_PORT": str(self.port),
            "RJSITE_MAIL_USE_TLS": str(self.encryption == STARTTLS).lower(),
            "RJSITE_MAIL_USE_SSL": str(self.encryption == IMPLICIT).lower(),
            "RJSITE_MAIL_DEFAULT_SENDER": "website@example.org",
            "RJSITE_MAIL_CA_FILE": str(self.authority.ca_file),
        }
        if self.login:
            settings["RJSITE_MAIL_USERNAME"], settings["RJSITE_MAIL_PASSWORD"] = self.login
        return settings

    def start(self) -> Self:
        """Start the server, and return when it accepts connections."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise TimeoutError("The mail server did not start")
        return self

    def stop(self) -> None:
        """Close every connection and stop listening; safe to call twice."""
        if self._thread:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)
            self._thread = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def wait_for(self, count: int = 1, seconds: float = 20) -> list[Received]:
        """Wait until at least `count` emails have been received, and return all of them."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.received) >= count, seconds):
                raise TimeoutError(f"{len(self.received)} of {count} emails came within {seconds:g} s")
            return list(self.received)

    def _tls(self) -> ssl.SSLContext | None:
        if self.encryption == PLAIN:
            return None
        files = {
            GOOD: self.authority.sign,
            WRONG_NAME: lambda: self.authority.sign("mail.example.org"),
            SELF_SIGNED: self.authority.self_signed,
        }
        context = server_context(files[self.certificate]())
        if self.client_ca:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        tls = self._context if self.encryption == IMPLICIT else None
        server = await self._loop.create_server(self._connection, LOOPBACK, self.port, ssl=tls)
        ready.set()
        await self._end.wait()
        server.close()
        for _ in range(2):  # a connection that was being made can be cut only at the second time
            for connection in self._connections:
                cut(connection)
            await asyncio.sleep(0.05)  # let the loop make and close the connections
        self._connections.clear()

    def _connection(self) -> SMTP:
        starttls = self.encryption == STARTTLS
        connection = (_TakesTokens if self.accepts_token else SMTP)(
            self,
            hostname="localhost",  # looking up the host name can take seconds
            loop=asyncio.get_running_loop(),
            tls_context=self._context if starttls else None,
            require_starttls=starttls,
            auth_required=bool(self.login or self.accepts_token),
            auth_exclude_mechanism=("LOGIN", "PLAIN") if self.accepts_token else ("XOAUTH2",),
            auth_require_tls=starttls,
            authenticator=self._check_login,
        )
        connection.command_size_limits["AUTH"] = _LONGEST_LINE
        self._connections.add(connection)
        return connection

    def _check_login(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any
    ) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        self.refused_sign_ins += given != self.login
        return AuthResult(success=given == self.login, handled=False)

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """Check a token. A refusal begins with a challenge, as with Microsoft and Google."""
        user, auth, *_ = base64.b64decode(args[1]).decode().split("\x01")
        self.sign_ins += 1
        assert self.accepts_token
        if self.accepts_token(user.removeprefix("user="), auth.removeprefix("auth=Bearer ")):
            return AuthResult(success=True)
        self.refused_sign_ins += 1
        assert await server.challenge_auth('{"status":"401"}') == b""
        return AuthResult(success=False, handled=False, message=self.refusal)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept a recipient, unless it is to be refused."""
        if self.reply_to_recipient:
            return self.reply_to_recipient
        if address in self.unknown:
            return "550 No such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept an email, unless it is to be refused."""
        if self.reply_to_data:
            return self.reply_to_data
        content = envelope.content
        raw = content if isinstance(content, bytes) else (content or "").encode()
        with self._news:
            self.received.append(Received(envelope.mail_from or "", tuple(envelope.rcpt_tos), raw))
            self._news.notify_all()
        if self.hang_up:
            cut(server)
        await asyncio.sleep(self.answer_after)
        return "250 OK"


def cut(connection: SMTP) -> None:
    """Abort a connection, even during QUIT. Nothing happens if it is already closed."""
    if isinstance(connection.transport, asyncio.WriteTransport):
        connection.transport.abort()


class SilentServer:
    """Accepts connections and never replies, as a broken mail server may."""

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port = int(self._socket.getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._socket.close()
