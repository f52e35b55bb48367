"""Connects to the mail server step by step for `rjsite mail check`, and gives advice if a step fails."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, make_msgid
from functools import partial

from rjsite.mail.advice import advice
from rjsite.mail.connection import VerifiedConnection
from rjsite.mail.message import OutgoingMail, build_message, domain_of
from rjsite.mail.smtp import TeamMail
from rjsite.mail.smtp_errors import MailFailure, mail_failure, reply_code
from rjsite.settings import Settings

PORT_OF_TLS = 465  # on this port, TLS begins with the first byte (RFC 8314, section 3.3)
TEST = "This is a test. Somebody ran “rjsite mail check --send”. Nothing has to be done.\n"
# Reasons why a certificate is not trusted, by OpenSSL's X509_V_ERR_... codes.
_UNTRUSTED = {
    10: "has expired",
    62: "is for another name than RJSITE_MAIL_SERVER",
    64: "is for another address than RJSITE_MAIL_SERVER",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the check: its name, whether it worked, and the result, or the failure and any advice."""

    name: str
    works: bool
    message: str


def check_mail(mail: TeamMail, *, send: bool) -> Iterator[Step]:
    """Yield each step of the check, up to and including the first that fails.

    Args:
        send: whether to end by sending a test email to each address of the team.
    """
    connection = mail.verified_connection()
    steps: list[tuple[str, Callable[[], str]]] = [
        ("name", lambda: _look_up(mail.settings)),
        ("connection", lambda: _connect(connection)),
        ("sign-in", lambda: _sign_in(connection)),
        ("addresses", lambda: _offer_addresses(connection)),
    ]
    if send:
        steps += [("test email", partial(_send, mail, address)) for address in mail.settings.team]
    try:
        for name, take in steps:
            yield Step(name, True, take())
    except MailFailure as failure:
        text = failure.failure
        yield Step(name, False, f"{text[:1].upper()}{text[1:]}. {advice(text)}".strip())
    finally:
        connection.close()


def _look_up(settings: Settings) -> str:
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(settings.mail_server, settings.mail_port)}
    except (OSError, UnicodeError):
        raise MailFailure(f"There is no server of the name {settings.mail_server}") from None
    return f"Addresses of {settings.mail_server}: {len(addresses)}."


def _connect(connection: VerifiedConnection) -> str:
    settings = connection.settings
    connection.gate.reopen()  # a person asked for this sign-in; another refusal closes the gate for longer
    try:
        connection.open()
    except ssl.SSLCertVerificationError as error:
        why = _UNTRUSTED.get(error.verify_code, "is not signed by an authority that this machine trusts")
        raise MailFailure(f"The certificate of the mail server {why}") from None
    except (smtplib.SMTPException, OSError) as error:
        if settings.mail_port == PORT_OF_TLS and settings.mail_use_tls:
            text = "This port begins with TLS: set RJSITE_MAIL_USE_TLS=false and RJSITE_MAIL_USE_SSL=true"
            raise MailFailure(text) from None
        if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
            text = "This port begins without TLS: set RJSITE_MAIL_USE_TLS=true and RJSITE_MAIL_USE_SSL=false"
            raise MailFailure(text) from None
        raise mail_failure(error, data_started=False) from None
    encrypted = settings.mail_use_tls or settings.mail_use_ssl
    how = "encrypted, and the certificate is valid" if encrypted else "not encrypted, on this machine only"
    return f"Port {settings.mail_port} answers: {how}."


def _sign_in(connection: VerifiedConnection) -> str:
    connection.sign_in()
    if not connection.settings.mail_username:
        return "No user name is set, so the site did not sign in."
    return f"The server accepted {'a token' if connection.settings.mail_oauth_token_url else 'a password'}."


def _offer_addresses(connection: VerifiedConnection) -> str:
    """Give the server the addresses of the sender and the team, and stop before the message."""
    settings, server = connection.settings, connection.server
    try:
        replies = [(settings.sender, server.mail(settings.sender))]
        replies += [(address, server.rcpt(address)) for address in settings.team]
        connection.close()
    except (smtplib.SMTPException, OSError) as error:
        raise mail_failure(error, data_started=False) from None
    for address, (code, reply) in replies:
        if not 200 <= code < 300:
            raise MailFailure(f"The server refused {address} ({reply_code(code, reply)})")
    return f"The server accepts mail from {settings.sender} to {', '.join(settings.team)}."


def _send(mail: TeamMail, address: str) -> str:
    mail.deliver(OutgoingMail("test", address, _test_mail(mail.settings.sender, address)))
    return f"The server accepted an email for {address}. Look in the inbox and the junk folder."


def _test_mail(sender: str, address: str) -> bytes:
    headers = {
        "From": sender,
        "To": address,
        "Subject": "Test email from the website",
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": make_msgid(domain=domain_of(sender)),
    }
    return build_message(headers, TEST)
