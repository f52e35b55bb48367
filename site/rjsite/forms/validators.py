"""The rules of an answer: what is tidied, what is needed, what is too long or cannot be read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import assert_never

from email_validator import EmailNotValidError, validate_email

from rjsite.forms.definition import Question

_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029\v\f]")
_PHONE_PUNCTUATION = re.compile(r"[\s+().\u2010-\u2015\u2212-]")
EMAIL_LIMIT = 254  # RFC 5321, section 4.5.3.1.3


def tidy(text: str | None, dropped: tuple[str, ...] = ("Cc", "Cs")) -> str:
    """A person's words as we keep them: one kind of line end, no control characters, ends trimmed.

    Any script, name or emoji stays as it was typed. Lone surrogates go with the control characters:
    no mail and no database can hold them.
    """
    text = _LINE_ENDS.sub("\n", text or "")
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in dropped).strip()


def tidy_line(text: str | None) -> str:
    """The same for an answer of one line: line breaks become spaces."""
    return re.sub(r"[\n\t]+", " ", tidy(text))


def tidy_number(text: str | None) -> str:
    """The same for a phone number or an email address, less the marks nobody sees that pasting brings."""
    return tidy_line(tidy(text, ("Cc", "Cs", "Cf")))


def fault(question: Question, answer: str | Sequence[str]) -> str:
    """What is wrong with a tidied answer, in the words of the question; empty where nothing is.

    Spaces alone are no answer, and an optional question may go without one.
    """
    if not answer:
        return question.missing
    if question.limit and len(answer) > question.limit:
        return question.too_long
    return "" if _well_formed(question, answer) else question.malformed


def _well_formed(question: Question, answer: str | Sequence[str]) -> bool:
    """Whether an answer can be what its kind says."""
    match question.kind:
        case "phone":
            return bool(re.fullmatch(r"[0-9]{7,20}", _PHONE_PUNCTUATION.sub("", str(answer))))
        case "email":
            return _is_address(str(answer))
        case "many":
            return question.alone not in answer or len(answer) == 1
        case "text" | "long" | "one" | "tick":
            return True
    assert_never(question.kind)


def _is_address(text: str) -> bool:
    """Whether mail can be sent there; it is not looked up anywhere."""
    if len(text) > EMAIL_LIMIT:
        return False
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True
