"""Why a mail server did not take a mail, in fixed words: its own might echo ours."""

from __future__ import annotations

import smtplib
import ssl

# Troubles of the way to the server rather than of a mail; `TeamMail.check` tells when they are over.
UNREACHABLE = "unreachable"
NOT_TRUSTED = "certificate not trusted"
NOT_ENCRYPTED = "no encryption offered"
NO_COMMON_ENCRYPTION = "no safe encryption offered"
SIGN_IN_REFUSED = "sign-in refused"
SIGN_IN_DELAYED = "sign-in refused for now"
SIGN_IN_UNANSWERED = "sign-in not answered"
BUSY = "mail server busy"
NO_SIGN_IN = "sign-in not possible"  # nothing was tried: no mechanism that both know
NOT_IN_TEAM = "for nobody in RJSITE_TEAM_EMAIL"
ON_THE_WAY = (UNREACHABLE, NOT_TRUSTED, NOT_ENCRYPTED, NO_COMMON_ENCRYPTION, NO_SIGN_IN)
AT_THE_GATE = (SIGN_IN_REFUSED, SIGN_IN_DELAYED, SIGN_IN_UNANSWERED, BUSY)  # of `rjsite.mail.sign_in`


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


def asks_to_wait(error: smtplib.SMTPResponseException) -> bool:
    """Whether a server that answers so, before anybody signed in, has too much to do."""
    connecting = isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError)
    return error.smtp_code == 421 or (connecting and 400 <= error.smtp_code < 500)


def not_taken(error: Exception, *, given: bool) -> NotTaken:
    """The trouble behind an error.

    Args:
        given: whether the server was given the message itself.
    """
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
