"""To the team's inbox, nowhere else: what the email says, and how it gets there safely.

Flask-Mail, with its ten faults mended here (docs/dependencies.md): certificates are checked, nothing
waits for ever, no line is too long, each recipient has a message of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import smtplib
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from flask_mail import Connection, Mail, Message

from rjsite.referral import FAST, Answer, Referral
from rjsite.settings import Settings

MAIL_LINE = 76


class _Headers(HeaderRegistry):
    """Reads the same header of each mail's parts once."""

    def __init__(self) -> None:
        super().__init__()
        self._once = lru_cache(maxsize=20)(super().__call__)

    def __call__(self, name: str, value: str) -> Any:
        ours = name.lower().startswith("content-")  # no one's address stays in memory
        return (self._once if ours else super().__call__)(name, value)


class _Policy(EmailPolicy):
    """Takes a short header in plain characters as it is: to read its grammar takes longest of all."""

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        """The header, as the message keeps it."""
        if len(name) + len(value) < MAIL_LINE - 2 and value.isascii() and value.isprintable():
            return name, value
        return super().header_store_parse(name, value)

    @staticmethod
    @lru_cache(maxsize=100)
    def header_max_count(name: str) -> int | None:
        """How often a header may stand in one message."""
        return EmailPolicy().header_max_count(name)


# 7-bit with encoded lines of 76 at most: any server takes it, whatever the person wrote
POLICY = _Policy(linesep="\r\n", cte_type="7bit", max_line_length=MAIL_LINE, header_factory=_Headers())
UK = ZoneInfo("Europe/London")
SCHEMA_VERSION = 1  # of referral.json: raised when something is taken away or changes its meaning
LONGEST_ATTEMPT = 130.0  # seconds, however slowly a server answers; a lease outlasts it
ANSWERS = 12  # of the server, at most, in one delivery: each may take as long as the time-out allows

# Troubles of the way to the server rather than of a mail; `TeamMail.check` tells when they are over.
UNREACHABLE = "unreachable"
NOT_TRUSTED = "certificate not trusted"
NOT_ENCRYPTED = "no encryption offered"
NO_COMMON_ENCRYPTION = "no safe encryption offered"
SIGN_IN_REFUSED = "sign-in refused"
NO_SIGN_IN = "sign-in not possible"
ON_THE_WAY = (UNREACHABLE, NOT_TRUSTED, NOT_ENCRYPTED, NO_COMMON_ENCRYPTION)
AT_SIGN_IN = (SIGN_IN_REFUSED, NO_SIGN_IN)


def subject(referral: Referral) -> str:
    """The subject: the reference, and no word of what it is about (service design, section 10).

    Speed alone does not mark it: a device that fills in the answers is quick, and so is a test of the site.
    """
    marked = referral.spam.keys() - {FAST}
    return f"Website form {referral.reference}" + (" (possible spam)" if marked else "")


def body(referral: Referral, version: int, number: int = 0) -> str:
    """The email's text: first what staff follow before any contact, last what the site knows of it.

    Args:
        number: the running number, by which staff see that none is missing; 0 where it has none.
    """
    changed = (
        ["Changed version", "This replaces what the same person sent before.", ""] if version > 1 else []
    )
    spam = ["Possible spam. " + " ".join(referral.spam.values()), ""] if referral.spam else []
    before = ["BEFORE YOU CONTACT", *_lines(referral.before), ""] if referral.before else []
    flags = ["PLEASE NOTE", *(f"- {flag}" for flag in referral.flags), ""] if referral.flags else []
    answers = [line for answer in referral.answers for line in (answer.question, answer.words, "")]
    sent = referral.sent_at.astimezone(UK)
    last = [
        "ABOUT THIS FORM",
        f"Form: {referral.form}",
        f"Reference: {referral.reference}",
        *([f"Number: {number}"] if number else []),
        f"Sent: {sent.day} {sent:%B %Y, %H:%M} UK time",
        *([f"Privacy notice: version {referral.privacy_version}"] if referral.privacy_version else []),
    ]
    blocks = [*before, *changed, *spam, *flags]
    return "\n".join([*blocks, "ANSWERS", "", *answers, *last]) + "\n"


def _lines(answers: Sequence[Answer]) -> Iterator[str]:
    for answer in answers:
        yield f"{answer.question}: {answer.words}"


def machine_copy(referral: Referral, version: int, number: int = 0) -> bytes:
    """The same as a file that another program can take in (docs/referral-json.md)."""
    said = {
        "schema_version": SCHEMA_VERSION,
        "form": referral.key,
        "form_name": referral.form,
        "reference": referral.reference,
        "number": number or None,
        "version": version,
        "received_at": f"{referral.sent_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "privacy_notice_version": referral.privacy_version,
        "possible_spam": bool(referral.spam),
        "spam_reasons": referral.spam,
        "flags": referral.flags,
        "before_you_contact": [answer.name for answer in referral.before],
        "answers": {
            answer.name: {"question": answer.question, "values": answer.values, "labels": answer.labels}
            for answer in referral.answers
        },
    }
    return json.dumps(said, ensure_ascii=False).encode()


def message_id(referral: Referral, version: int, sender: str, digest: str = "") -> str:
    """The same for every copy of one version; made from the reference, so a second copy shows itself.

    Args:
        digest: keyed, of the answers. Versions that were counted apart, as by a site whose database broke in
            between, differ by it: a mail server may drop the second of one `Message-ID`.
    """
    return f"<{referral.reference}.{version}.{referral.submission[:16]}{digest[:8]}@{_domain(sender)}>"


def compose(
    referral: Referral, version: int, recipient: str, sender: str, number: int = 0, digest: str = ""
) -> bytes:
    """The whole message for one recipient, ready to send: bytes with CRLF line ends, all 7-bit."""
    headers = {
        "From": sender,
        "To": recipient,
        "Subject": subject(referral),
        "Date": format_datetime(referral.sent_at.astimezone(UK)),
        "Message-ID": message_id(referral, version, sender, digest),
    }
    if referral.reply_to and referral.reply_to.isascii():
        headers["Reply-To"] = referral.reply_to
    return message_of(headers, body(referral, version, number), machine_copy(referral, version, number))


def message_of(headers: Mapping[str, str], text: str, copy: bytes = b"") -> bytes:
    """A message of these headers and this text, as bytes with CRLF line ends, all 7-bit.

    Args:
        copy: for machines, attached as referral.json.
    """
    message = EmailMessage(policy=POLICY)
    for name, value in headers.items():
        message[name] = value
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(text, cte="quoted-printable")
    if copy:
        message.add_attachment(copy, "application", "json", filename="referral.json")
        message.set_boundary("=_referral")  # "=_" stands in no encoded text, and each copy is the same
    return message.as_bytes()


def _domain(address: str) -> str:
    return address.rpartition("@")[2] or "localhost"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A composed message on its way to one recipient."""

    name: str  # of the file, where mail is written to a folder
    recipient: str
    body: bytes = field(repr=False)


class NotTaken(Exception):
    """The mail server did not take the message.

    Attributes:
        trouble: a fixed word for the operator; never the server's own text, which may echo ours.
        lasting: refused for good (5xx). unanswered: given, but no answer came.
    """

    def __init__(self, trouble: str, *, lasting: bool = False, unanswered: bool = False) -> None:
        super().__init__(trouble)
        self.trouble = trouble
        self.lasting = lasting
        self.unanswered = unanswered


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

    def __init__(self, state: Any, settings: Settings, within: float) -> None:
        super().__init__(state)
        self.settings = settings
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
        settings = self.settings
        context = ssl.create_default_context(cafile=settings.mail_ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        where: dict[str, Any] = {
            "timeout": settings.mail_timeout,
            "local_hostname": _domain(settings.sender),  # else it gives away the machine's name
        }
        self.end.start()
        # made first and connected then, so that the end of the time reaches it from the first answer on
        host: _Server | _ServerOverTLS
        host = _ServerOverTLS(**where, context=context) if settings.mail_use_ssl else _Server(**where)
        host._host = settings.mail_server  # type: ignore[union-attr]  # the name that the certificate has to bear
        self.host = host
        host.tell = self.offered
        try:
            self._greet(host)
            if settings.mail_use_tls:
                host.starttls(context=context)
            self._sign_in(host)
        except BaseException:
            host.close()
            self.end.cancel()
            raise
        return host

    def _greet(self, host: smtplib.SMTP) -> None:
        code, _ = host.connect(self.settings.mail_server, self.settings.mail_port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, "")

    def _sign_in(self, host: smtplib.SMTP) -> None:
        if not self.settings.mail_username:
            return
        try:
            host.login(self.settings.mail_username, self.settings.mail_password.get_secret_value())
        except (smtplib.SMTPNotSupportedError, UnicodeError):
            raise NotTaken(NO_SIGN_IN, lasting=True) from None
        except smtplib.SMTPException as error:
            if type(error) is smtplib.SMTPException:  # no way of signing in that both know
                raise NotTaken(NO_SIGN_IN, lasting=True) from None
            raise

    def __exit__(self, *_: Any) -> None:
        """Leave; a server that breaks off now has taken the message all the same."""
        if self.host is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self.host.quit()
            self.host.close()
        self.end.cancel()


class FolderConnection(Connection):
    """Development: each message becomes a file, whole or not at all."""

    def __init__(self, state: Any, folder: Path) -> None:
        super().__init__(state)
        self.folder = folder

    def __enter__(self) -> FolderConnection:
        return self

    def __exit__(self, *_: Any) -> None:
        """Nothing to close."""

    def send(self, message: Any, envelope_from: Any = None) -> None:
        """Write the message to its file."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", delete=False) as file:
            file.write(message.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self._free_name(message.parcel))

    def _free_name(self, parcel: Parcel) -> Path:
        """REFERENCE.eml; another recipient's copy is numbered, the same copy again keeps its name."""
        number = 1
        while True:
            path = self.folder / (f"{parcel.name}.eml" if number == 1 else f"{parcel.name}-{number}.eml")
            if not path.exists() or path.read_bytes() == parcel.body:
                return path
            number += 1


class TeamMail(Mail):
    """Flask-Mail, set for this project."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.settings = settings
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
            self.state, self.settings, min(within, ANSWERS * self.settings.mail_timeout)
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
        connection = self._connection(within)
        if isinstance(connection, VerifiedConnection):
            connection.offered = offered
        try:
            with self.site.app_context(), connection:
                connection.send(ReadyMessage(parcel, self.settings.sender))
        except (smtplib.SMTPException, OSError) as error:
            raise _not_taken(error, given=getattr(connection.host, "given", False)) from None

    def check(self) -> None:
        """Connect, encrypt and sign in, and send nothing.

        Raises:
            NotTaken: where that does not work.
        """
        try:
            with self.connect():
                pass
        except (smtplib.SMTPException, OSError) as error:
            raise _not_taken(error, given=False) from None


def _not_taken(error: Exception, *, given: bool) -> NotTaken:
    """The trouble behind an error, in a word for the operator."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return NotTaken(SIGN_IN_REFUSED, lasting=True)
    refused = type(error) is smtplib.SMTPResponseException  # also a line without an end
    if isinstance(error, smtplib.SMTPNotSupportedError) or (refused and not given):
        # STARTTLS is not offered, or was refused
        return NotTaken(NOT_ENCRYPTED)
    codes = (
        [code for code, _ in error.recipients.values()]
        if isinstance(error, smtplib.SMTPRecipientsRefused)
        else []
    )
    if isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError):
        return NotTaken(UNREACHABLE)
    if isinstance(error, smtplib.SMTPResponseException):
        codes = [error.smtp_code]
    if codes and all(400 <= code < 600 for code in codes):
        return NotTaken(f"refused ({codes[0]})", lasting=all(code >= 500 for code in codes))
    if given:
        return NotTaken("no answer", unanswered=True)
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotTaken(NOT_TRUSTED)
    if isinstance(error, ssl.SSLError):
        return NotTaken(NO_COMMON_ENCRYPTION)
    return NotTaken(UNREACHABLE)
