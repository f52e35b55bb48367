"""What an email says, as the bytes that leave."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email

from rjsite.forms.referral import FAST, Answer, Referral

UK = ZoneInfo("Europe/London")
SCHEMA_VERSION = 1  # of referral.json: raised when something is taken away or changes its meaning

# 7-bit with encoded lines of 76 at most: any server takes it, whatever the person wrote
POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)


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
    reply = ["HOW TO REPLY", *_how_to_reply(referral.reply_to), ""] if referral.reply_to else []
    flags = ["PLEASE NOTE", *(f"- {flag}" for flag in referral.flags), ""] if referral.flags else []
    answers = [line for answer in referral.answers for line in (answer.question, answer.text, "")]
    sent = referral.sent_at.astimezone(UK)
    last = [
        "ABOUT THIS FORM",
        f"Form: {referral.form}",
        f"Reference: {referral.reference}",
        *([f"Number: {number}"] if number else []),
        f"Sent: {sent:%-d %B %Y, %H:%M} UK time",
        *([f"Privacy notice: version {referral.privacy_version}"] if referral.privacy_version else []),
    ]
    blocks = [*before, *reply, *changed, *spam, *flags]
    return "\n".join([*blocks, "ANSWERS", "", *answers, *last]) + "\n"


def _lines(answers: Sequence[Answer]) -> Iterator[str]:
    for answer in answers:
        yield f"{answer.question}: {answer.text}"


def reply_to(address: str) -> str:
    """Return an address as a Reply-To header can hold it for any mail server; empty where none can."""
    try:
        return validate_email(address, check_deliverability=False, strict=True).ascii_email or ""
    except EmailNotValidError:
        return ""


def _how_to_reply(address: str) -> Iterator[str]:
    """The person's address in words: a sealed mail, and one to an odd address, has no Reply-To."""
    if not address.isprintable() or " " in address:
        yield "Look for their address in the answers, and write to it in a new email."
        return
    yield f"Write to {address}"
    if reply_to(address):
        yield "Before you send a reply, check that it goes to this address."
    else:
        yield "“Reply” does not reach this address. Copy it into a new email."


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
    return f"<{referral.reference}.{version}.{referral.submission[:16]}{digest[:8]}@{domain_of(sender)}>"


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
    if to := reply_to(referral.reply_to):
        headers["Reply-To"] = to
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
    message["X-Auto-Response-Suppress"] = "All"  # the same for Exchange, which does not heed the other
    message.set_content(text, cte="quoted-printable")
    if copy:
        message.add_attachment(copy, "application", "json", filename="referral.json")
        message.set_boundary("=_referral")  # "=_" stands in no encoded text, and each copy is the same
    return message.as_bytes()


def domain_of(address: str) -> str:
    """What stands after the @."""
    return address.rpartition("@")[2] or "localhost"
