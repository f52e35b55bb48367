"""Composes an email: its text, its headers and the bytes that are sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.charset import QP, Charset
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from email.utils import format_datetime

from rjsite.content.clock import UK
from rjsite.forms.referral import FAST, Answer, Referral

SCHEMA_VERSION = 2  # the version of referral.json; raise it if a field is removed or changes its meaning
SECURE_MAIL = ".cjsm.net"  # people can write to Criminal Justice Secure Mail only from an account there

# 7-bit, because every server accepts that. The headers are short and need no folding or encoding; parsing
# each of them, as `EmailMessage` does, would take four times as long.
POLICY = compat32.clone(linesep="\r\n", cte_type="7bit", max_line_length=0)
UTF_8 = Charset("utf-8")
UTF_8.body_encoding = QP  # quoted-printable, in lines of at most 76 characters


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A composed message for one recipient."""

    name: str  # the name of the file that the email is written to in development
    recipient: str
    body: bytes = field(repr=False)


def subject(referral: Referral) -> str:
    """Return the subject: the reference, a mark if the form may be spam, and nothing from the answers.

    A form is not marked only because it was filled in quickly: autofill is quick, and so are tests of the
    site.
    """
    marked = referral.spam.keys() - {FAST}
    return f"Website form {referral.reference}" + (" (possible spam)" if marked else "")


def body(referral: Referral, version: int, number: int = 0) -> str:
    """Return the text: the name of the form, instructions to follow before any contact, then the rest.

    Args:
        referral: what the person sent.
        version: 1, or higher if the answers were changed.
        number: the running number, which shows whether an email is missing; 0 for no number.
    """
    first = [referral.form, *referral.headlines, *referral.cautions, ""]
    changed = (
        ["Changed version", "This replaces what the same person sent before.", ""] if version > 1 else []
    )
    spam = ["Possible spam. " + " ".join(referral.spam.values()), ""] if referral.spam else []
    before = ["BEFORE YOU CONTACT", *_lines(referral.before), ""] if referral.before else []
    reply = ["HOW TO REPLY", *_how_to_reply(referral.reply_to), ""] if referral.reply_to else []
    flags = ["PLEASE NOTE", *(f"- {flag}" for flag in referral.flags), ""] if referral.flags else []
    answers = [line for answer in referral.answers for line in (answer.question, answer.text, "")]
    sent = referral.sent_at.astimezone(UK)
    last = [
        "ABOUT THIS FORM",
        f"Reference: {referral.reference}",
        *([f"Number: {number}"] if number else []),
        f"Sent: {sent:%-d %B %Y, %H:%M} UK time",
        *([f"Privacy notice: version {referral.privacy_version}"] if referral.privacy_version else []),
    ]
    blocks = [*first, *before, *reply, *changed, *spam, *flags]
    return "\n".join([*blocks, "ANSWERS", "", *answers, *last]) + "\n"


def _lines(answers: Sequence[Answer]) -> Iterator[str]:
    for answer in answers:
        yield f"{answer.question}: {answer.text}"
        if answer.caution:
            yield answer.caution


def reply_to(address: str) -> str:
    """Return an address in the ASCII form that every mail server accepts, or "" if it has none."""
    from email_validator import EmailNotValidError, validate_email  # slow to import, so imported only here

    try:
        return validate_email(address, check_deliverability=False, strict=True).ascii_email or ""
    except EmailNotValidError:
        return ""


def _how_to_reply(address: str) -> Iterator[str]:
    """Yield instructions for replying.

    An email has no Reply-To header if it is encrypted or if the address has no ASCII form.
    """
    if not address.isprintable() or " " in address:
        yield "Look for their address in the answers, and write to it in a new email."
        return
    yield f"Write to {address}"
    if domain_of(address).lower().endswith(SECURE_MAIL):
        yield "Reply from your CJSM account."
    if reply_to(address):
        yield "Before you send a reply, check that it goes to this address."
    else:
        yield "“Reply” does not reach this address. Copy it into a new email."


def referral_json(referral: Referral, version: int, number: int = 0) -> bytes:
    """Return the referral as JSON for other programs (docs/referral-json.md)."""
    fields = {
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
        "headlines": referral.headlines,
        "cautions": [*referral.cautions, *(answer.caution for answer in referral.before if answer.caution)],
        "flags": referral.flags,
        "before_you_contact": [answer.name for answer in referral.before],
        "answers": {
            answer.name: {"question": answer.question, "values": answer.values, "labels": answer.labels}
            for answer in referral.answers
        },
    }
    return json.dumps(fields, ensure_ascii=False).encode()


def message_id(referral: Referral, version: int, sender: str) -> str:
    """Return the Message-ID. All copies of one version share it, so that mail systems recognise duplicates.

    It includes part of the digest of the answers: if the database fails, two versions may get the same
    number, and a mail server may drop the second email with the same Message-ID.
    """
    identity = f"{referral.submission[:16]}{referral.digest[:8]}"
    return f"<{referral.reference}.{version}.{identity}@{domain_of(sender)}>"


def compose(referral: Referral, version: int, recipient: str, sender: str, number: int = 0) -> bytes:
    """Return the complete message for one recipient as 7-bit bytes with CRLF line endings."""
    headers = {
        "From": sender,
        "To": recipient,
        "Subject": subject(referral),
        "Date": format_datetime(referral.sent_at.astimezone(UK)),
        "Message-ID": message_id(referral, version, sender),
    }
    if to := reply_to(referral.reply_to):
        headers["Reply-To"] = to
    return build_message(headers, body(referral, version, number), referral_json(referral, version, number))


def build_message(headers: Mapping[str, str], text: str, copy: bytes = b"") -> bytes:
    """Return a message with these headers and this text as 7-bit bytes with CRLF line endings.

    Args:
        headers: the headers by name.
        text: the plain text.
        copy: JSON that is attached as referral.json.
    """
    message: MIMENonMultipart | MIMEMultipart = MIMENonMultipart("text", "plain")
    message.set_payload(text, UTF_8)
    if copy:
        attachment = MIMEApplication(copy, "json")
        attachment.add_header("Content-Disposition", "attachment", filename="referral.json")
        # Encoded text never contains "=_". A fixed boundary makes all copies identical.
        message = MIMEMultipart(boundary="=_referral", _subparts=[message, attachment])
    for name, value in headers.items():
        message[name] = value
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: prevents automatic replies
    message["X-Auto-Response-Suppress"] = "All"  # the same for Exchange, which ignores Auto-Submitted
    return message.as_bytes(policy=POLICY)


def domain_of(address: str) -> str:
    """Return the domain of an email address, or "localhost" if there is no address."""
    return address.rpartition("@")[2] or "localhost"
