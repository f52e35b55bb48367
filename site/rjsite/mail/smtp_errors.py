"""Describes mail failures in fixed wording, because a mail server's reply may quote the message."""

from __future__ import annotations

import re
import smtplib
import ssl

# The failures, as operators see them.
UNREACHABLE = "unreachable"
NOT_TRUSTED = "certificate not trusted"
NOT_ENCRYPTED = "no encryption offered"
NO_COMMON_ENCRYPTION = "no safe encryption offered"
SIGN_IN_REFUSED = "sign-in refused"
SIGN_IN_DELAYED = "sign-in refused for now"
SIGN_IN_UNANSWERED = "sign-in not answered"
BUSY = "mail server busy"
NO_SIGN_IN = "sign-in not possible"  # not attempted, because no mechanism is supported by both sides
NO_CERTIFICATE = "client certificate not accepted"
NO_FILE = "certificate file not readable"  # RJSITE_MAIL_CA_FILE, _CLIENT_CERT or _CLIENT_KEY
TOKEN_REFUSED = "token refused"  # noqa: S105
TOKEN_BUSY = "token server busy"  # noqa: S105
TOKEN_MISSING = "token server gave no token"  # noqa: S105
TOKEN_UNREACHABLE = "token server unreachable"  # noqa: S105
TOKEN_NOT_TRUSTED = "token server not trusted"  # noqa: S105
TOKEN_KEY = "token key file not readable"  # noqa: S105 - RJSITE_MAIL_OAUTH_CLIENT_KEY
NOT_IN_TEAM = "for nobody in RJSITE_TEAM_EMAIL"
# The failures that do not close the gate but affect all emails. `TeamMail.check` shows when they are over.
CONNECTION_FAILURES = (
    UNREACHABLE,
    NOT_TRUSTED,
    NOT_ENCRYPTED,
    NO_COMMON_ENCRYPTION,
    NO_SIGN_IN,
    NO_CERTIFICATE,
    NO_FILE,
)
# The beginnings of the failures that close the gate of `rjsite.mail.sign_in_gate`.
GATE_FAILURES = (SIGN_IN_REFUSED, SIGN_IN_DELAYED, SIGN_IN_UNANSWERED, BUSY, "token ")
_OVERLONG = "Line too long."  # smtplib's own reply is a str; a reply of the server is bytes
_STATUS = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463
# The TLS alerts of a server that requires a client certificate or does not accept the one that it received
_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "HANDSHAKE_FAILURE",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "CERTIFICATE_EXPIRED",
)


class MailFailure(Exception):
    """An email could not be delivered, or no connection or sign-in was possible.

    Attributes:
        failure: a fixed text for the operator without the server's words, which may quote the message.
        permanent: whether the refusal is permanent (5xx).
        unanswered: whether the server may have received the message, although no reply came.
    """

    def __init__(self, failure: str, *, permanent: bool = False, unanswered: bool = False) -> None:
        super().__init__(failure)
        self.failure = failure
        self.permanent = permanent
        self.unanswered = unanswered


def reply_code(code: int, reply: bytes | str) -> str:
    """Return the code of a reply and any enhanced status code, like `535 5.7.3`, but none of the text."""
    text = reply if isinstance(reply, bytes) else reply.encode(errors="replace")
    status = _STATUS.match(text.lstrip())
    return f"{code} {status[0].decode()}" if status else str(code)


def asks_to_wait(error: smtplib.SMTPResponseException) -> bool:
    """Return whether a reply before the sign-in asks the site to try again later."""
    connecting = isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError)
    return error.smtp_code == 421 or (connecting and 400 <= error.smtp_code < 500)


def mail_failure(error: Exception, *, data_started: bool) -> MailFailure:
    """Return the failure for an exception from smtplib or the network.

    Args:
        data_started: whether the site had begun to send the message itself.
    """
    replies = _replies(error)
    refused = replies and type(error) is smtplib.SMTPResponseException
    if isinstance(error, smtplib.SMTPNotSupportedError) or refused:  # STARTTLS was not offered or was refused
        return MailFailure(NOT_ENCRYPTED)
    if isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError):
        return MailFailure(UNREACHABLE)
    if replies and all(400 <= code < 600 for code, _ in replies):
        permanent = all(code >= 500 for code, _ in replies)
        return MailFailure(f"refused ({reply_code(*replies[0])})", permanent=permanent)
    if data_started:
        return MailFailure("no answer", unanswered=True)
    return MailFailure(_connection_failure(error))


def sign_in_failure(error: Exception) -> str:
    """Return why a sign-in failed, with the reply code if the reply also has an enhanced status code."""
    replies = _replies(error)
    if not replies or not 400 <= replies[0][0] < 600:
        return SIGN_IN_UNANSWERED
    failure = SIGN_IN_DELAYED if replies[0][0] < 500 else SIGN_IN_REFUSED
    code = reply_code(*replies[0])
    return f"{failure} ({code})" if " " in code else failure


def _replies(error: Exception) -> list[tuple[int, bytes | str]]:
    """Return the replies of the server, but none that smtplib makes up if a reply is too long."""
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_error == _OVERLONG:
        return []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return list(error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return [(error.smtp_code, error.smtp_error)]
    return []


def _connection_failure(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(error.__context__, ssl.SSLError):
        error = error.__context__  # smtplib hides that a TLS alert ended the connection
    if isinstance(error, ssl.SSLCertVerificationError):
        return NOT_TRUSTED
    if isinstance(error, ssl.SSLError) and str(error.reason).endswith(_ALERTS):
        return NO_CERTIFICATE
    if isinstance(error, ssl.SSLEOFError):
        return UNREACHABLE
    return NO_COMMON_ENCRYPTION if isinstance(error, ssl.SSLError) else UNREACHABLE
