"""To the team's inbox, nowhere else: what the email says, and how it gets there safely.

Flask-Mail, with its ten faults mended here (docs/dependencies.md): certificates are checked, nothing
waits for ever, no line is too long, each recipient has a message of their own.
"""

from __future__ import annotations

import contextlib
import os
import smtplib
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from flask_mail import Connection, Mail, Message

from rjsite.referral import Answer, Referral
from rjsite.settings import Settings

# 7-bit with encoded lines of 76 at most: any server takes it, whatever the person wrote
POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)
UK = ZoneInfo("Europe/London")


def subject(referral: Referral) -> str:
    """The subject: the reference, and no word of what it is about (service design, section 10)."""
    return f"Website form {referral.reference}" + (" (possible spam)" if referral.possible_spam else "")


def body(referral: Referral, version: int) -> str:
    """The email's text: first what staff follow before any contact, last what the site knows of it."""
    changed = (
        ["Changed version", "This replaces what the same person sent before.", ""] if version > 1 else []
    )
    spam = ["Possible spam: a hidden field that people do not see was filled in.", ""]
    before = ["BEFORE YOU CONTACT", *_lines(referral.before), ""] if referral.before else []
    flags = ["PLEASE NOTE", *(f"- {flag}" for flag in referral.flags), ""] if referral.flags else []
    answers = [line for answer in referral.answers for line in (answer.question, answer.words, "")]
    sent = referral.sent_at.astimezone(UK)
    last = [
        "ABOUT THIS FORM",
        f"Form: {referral.form}",
        f"Reference: {referral.reference}",
        f"Sent: {sent.day} {sent:%B %Y, %H:%M} UK time",
        *([f"Privacy notice: version {referral.privacy_version}"] if referral.privacy_version else []),
    ]
    blocks = [*before, *changed, *(spam if referral.possible_spam else []), *flags]
    return "\n".join([*blocks, "ANSWERS", "", *answers, *last]) + "\n"


def _lines(answers: Sequence[Answer]) -> Iterator[str]:
    for answer in answers:
        yield f"{answer.question}: {answer.words}"


def message_id(referral: Referral, version: int, sender: str) -> str:
    """The same for every copy of one version; made from the reference, so a second copy shows itself."""
    return f"<{referral.reference}.{version}.{referral.submission[:16]}@{_domain(sender)}>"


def compose(referral: Referral, version: int, recipient: str, sender: str) -> bytes:
    """The whole message for one recipient, ready to send: bytes with CRLF line ends, all 7-bit."""
    message = EmailMessage(policy=POLICY)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject(referral)
    message["Date"] = format_datetime(referral.sent_at.astimezone(UK))
    message["Message-ID"] = message_id(referral, version, sender)
    if referral.reply_to and referral.reply_to.isascii():
        message["Reply-To"] = referral.reply_to
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(body(referral, version), cte="quoted-printable")
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

    def __init__(self, state: Any, settings: Settings) -> None:
        super().__init__(state)
        self.settings = settings
        self.offered: Callable[[], None] = lambda: None

    def configure_host(self) -> smtplib.SMTP:
        """Connect, encrypt, sign in. Nothing leaves before the certificate is checked."""
        settings = self.settings
        context = ssl.create_default_context(cafile=settings.mail_ca_file)
        where: dict[str, Any] = {
            "host": settings.mail_server,
            "port": settings.mail_port,
            "timeout": settings.mail_timeout,
            "local_hostname": _domain(settings.sender),  # else it gives away the machine's name
        }
        host: _Server | _ServerOverTLS
        host = _ServerOverTLS(**where, context=context) if settings.mail_use_ssl else _Server(**where)
        host.tell = self.offered
        try:
            if settings.mail_use_tls:
                host.starttls(context=context)
            if settings.mail_username:
                host.login(settings.mail_username, settings.mail_password.get_secret_value())
        except BaseException:
            host.close()
            raise
        return host

    def __exit__(self, *_: Any) -> None:
        """Leave; a server that breaks off now has taken the message all the same."""
        if self.host is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self.host.quit()
            self.host.close()


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
        folder = self.settings.folder_for_mail
        if folder:
            return FolderConnection(self.state, folder)
        return VerifiedConnection(self.state, self.settings)

    def deliver(self, parcel: Parcel, offered: Callable[[], None] = lambda: None) -> None:
        """Hand one message to the mail server. Returning means that the server took it.

        Args:
            offered: called just before the server is given the message itself.

        Raises:
            NotTaken: in every other case.
        """
        connection = self.connect()
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
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotTaken("certificate not trusted")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return NotTaken("sign-in refused", lasting=True)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return NotTaken("no encryption offered")
    codes = (
        [code for code, _ in error.recipients.values()]
        if isinstance(error, smtplib.SMTPRecipientsRefused)
        else []
    )
    if isinstance(error, smtplib.SMTPResponseException):
        codes = [error.smtp_code]
    if codes:
        lasting = all(500 <= code < 600 for code in codes)
        return NotTaken(f"refused ({codes[0]})", lasting=lasting)
    if given:
        return NotTaken("no answer", unanswered=True)
    return NotTaken("unreachable")
