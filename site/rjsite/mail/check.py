"""`rjsite mail check`: connect to the mail server step by step, and say what answered and what to do."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, make_msgid
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate

from rjsite.mail.advice import advice
from rjsite.mail.connection import VerifiedConnection
from rjsite.mail.message import domain_of, message_of
from rjsite.mail.smtp import OutgoingMail, TeamMail
from rjsite.mail.smtp_errors import MailFailure, mail_failure, reply_code
from rjsite.settings import Settings

WARN_DAYS = 30
PORT_OF_TLS = 465  # from the first byte: RFC 8314, section 3.3
TEST = "This is a test. Somebody ran “rjsite mail check --send”. Nothing has to be done.\n"
# OpenSSL's numbers for why a certificate is not trusted, in X509_V_ERR_...
_UNTRUSTED = {
    10: "has ended",
    62: "is for another name than RJSITE_MAIL_SERVER",
    64: "is for another address than RJSITE_MAIL_SERVER",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the check: what was done, whether it worked, and what answered or what to do."""

    name: str
    works: bool
    message: str


def check_mail(mail: TeamMail, *, send: bool) -> Iterator[Step]:
    """Yield one step after another, and none after one that failed.

    The gate is opened first: a person asked for this sign-in. A refusal closes it again, for longer.

    Args:
        send: whether to end with a test mail to each address of the team.
    """
    settings = mail.settings
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(settings.mail_server, settings.mail_port)}
    except (OSError, UnicodeError):
        yield Step("name", False, f"There is no server of the name {settings.mail_server}.")
        return
    yield Step("name", True, f"{settings.mail_server} has {len(addresses)} address(es).")
    mail.gate.reopen()
    connection = mail.verified_connection()
    works = True
    for step in (_encrypt, _sign_in, _accepts):
        if works:
            done = step(connection)
            works = done.works
            yield done
    connection.close()
    if works and send:
        yield from (_send(mail, address) for address in settings.team)


def _encrypt(connection: VerifiedConnection) -> Step:
    settings, name = connection.settings, "connection"
    try:
        connection.open()
    except ssl.SSLCertVerificationError as error:
        why = _UNTRUSTED.get(error.verify_code, "is signed by nobody whom this machine knows")
        return Step(name, False, f"The certificate of the mail server {why}.")
    except MailFailure as failure:
        return _failed(name, failure.failure)
    except (smtplib.SMTPException, OSError) as error:
        if settings.mail_port == PORT_OF_TLS and settings.mail_use_tls:
            text = "This port begins with TLS: set RJSITE_MAIL_USE_TLS=false and RJSITE_MAIL_USE_SSL=true."
            return Step(name, False, text)
        if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
            text = "It begins without TLS: set RJSITE_MAIL_USE_TLS=true and RJSITE_MAIL_USE_SSL=false."
            return Step(name, False, text)
        return _failed(name, mail_failure(error, given=False).failure)
    encrypted = settings.mail_use_tls or settings.mail_use_ssl
    text = (
        "encrypted, and the certificate is in order" if encrypted else "not encrypted, on this machine only"
    )
    return Step(name, True, f"Port {settings.mail_port} answers: {text}.")


def _sign_in(connection: VerifiedConnection) -> Step:
    name = "sign-in"
    try:
        connection.sign_in()
    except MailFailure as failure:
        return _failed(name, failure.failure)
    how = "a token" if connection.settings.mail_oauth_token_url else "a password"
    text = (
        f"The server took {how}."
        if connection.settings.mail_username
        else "None is set, and none was asked for."
    )
    return Step(name, True, text)


def _accepts(connection: VerifiedConnection) -> Step:
    """Name the sender and the team to the server, and break off before any mail."""
    name, settings, server = "addresses", connection.settings, connection.server
    try:
        replies = [(settings.sender, server.mail(settings.sender))]
        replies += [(address, server.rcpt(address)) for address in settings.team]
        server.rset()
    except (smtplib.SMTPException, OSError) as error:
        return _failed(name, mail_failure(error, given=False).failure)
    for address, (code, reply) in replies:
        if not 200 <= code < 300:
            failure = f"refused ({reply_code(code, reply)})"
            return Step(name, False, f"{address}: {failure}. {advice(failure)}".strip())
    return Step(name, True, f"The server takes mail from {settings.sender} to {', '.join(settings.team)}.")


def _send(mail: TeamMail, address: str) -> Step:
    try:
        mail.deliver(OutgoingMail("test", address, _test_mail(mail.settings.sender, address)))
    except MailFailure as failure:
        return _failed("test mail", failure.failure)
    return Step("test mail", True, f"The server took one for {address}. Look into the inbox, and into junk.")


def _failed(name: str, failure: str) -> Step:
    return Step(name, False, f"{failure[:1].upper()}{failure[1:]}. {advice(failure)}".strip())


def _test_mail(sender: str, address: str) -> bytes:
    headers = {
        "From": sender,
        "To": address,
        "Subject": "Test mail of the website",
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": make_msgid(domain=domain_of(sender)),
    }
    return message_of(headers, TEST)


def ending(settings: Settings, clock: Callable[[], float] = time.time) -> list[str]:
    """Return a line for each certificate of ours towards the mail server that ends within thirty days."""
    lines = []
    for file in (settings.mail_client_cert, settings.mail_oauth_client_key):
        left = _end_of(file) - datetime.fromtimestamp(clock(), UTC) if file else None
        if file and left is not None and left.days < WARN_DAYS:
            lines.append(f"{file.name} ends on {_end_of(file):%-d %B %Y}: make a new one, or mail stops then")
    return lines


def secret_ending(settings: Settings, clock: Callable[[], float] = time.time) -> list[str]:
    """Return a line if the client secret of OAuth ends within thirty days. Only its owner knows the day."""
    ends = settings.mail_oauth_secret_ends
    if not ends or (ends - datetime.fromtimestamp(clock(), UTC).date()).days >= WARN_DAYS:
        return []
    return [f"the client secret for mail ends on {ends:%-d %B %Y}: make a new one, or mail stops then"]


def _end_of(file: Path) -> datetime:
    return load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
