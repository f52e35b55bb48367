"""The kinds of value that a fact can have, such as phone or date, with their valid values and their links."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any, Literal

FactForm = Literal[
    "name", "phrase", "sentence", "number", "phone", "relay", "text", "email", "website", "address",
    "date", "note",
]  # fmt: skip

# What to write as a value of each form (kind of value). Messages list the forms in this order.
FORMAT_HINTS: Mapping[str, str] = {
    "name": "a name, with a capital at its start and without a full stop at its end",
    "phrase": "part of a sentence, without a full stop; a capital begins it only in a name",
    "sentence": "one or more whole sentences, each with a capital and a full stop",
    "number": "a number in figures, like 343 or 85%",
    "phone": "one phone number, like 01632 960 001, and nothing else",
    "text": "one number for text messages, and nothing else",
    "relay": 'value = "18001 {phone}"',
    "email": "one email address, not that of an example, and nothing else",
    "website": "one web address that begins with https://, and nothing else",
    "address": "a postal address in one line, with commas and no full stop at its end",
    "date": f"a day, like {date(2026, 3, 9):%-d %B %Y}",
    "note": "words for the people who keep this website; they are not printed",
}

# Placeholders in lower case, with spaces instead of punctuation: “n/a” is “n a”.
_PLACEHOLDERS = frozenset((
    "", "none", "nil", "na", "n a", "unknown", "not known", "not known yet", "not yet known", "not yet",
    "not sure", "not set", "not applicable", "not available", "no answer", "pending", "to follow", "to do",
    "coming soon", "do not know", "don t know", "to be decided", "to be agreed", "to be added", "x",
))  # fmt: skip
_PLACEHOLDER_INSIDE = re.compile(
    r"\b(?:tb[acd]|t b [acd]|todo|fixme|x{2,}|lorem|placeholder"
    r"|to be (?:confirmed|announced|advised|supplied|provided|completed))\b"
)

_ONE_PHONE = re.compile(r"(?:\+|\(\+)?[\d(][\d ()./–-]*\d")
_ABROAD = re.compile(r"^\(?(?:\+|00)44\)?[ -]*(?:\(?0\)?[ -]*)?")
_LONG_ENOUGH = re.compile(
    r"0[237]\d{9}|01\d{8,9}|0[589]\d{8,9}|08001111|0845464\d"  # Ofcom's National Telephone Numbering Plan
    r"|1\d\d|999|116\d{3}|(?:\+|00)(?!44)\d{8,15}"
)
_TEXT = re.compile(r"07\d{9}|[5-8]\d{4,6}")
EMAIL = re.compile(r"[^@\s<>(),:;\"“”]+@[\w-]+(?:\.[\w-]+)+")
_EXAMPLE = re.compile(r"@(?:[\w-]+\.)*example\.(?:com|org|net)", re.IGNORECASE)
_WEBSITE = re.compile(r"(?:https://)?[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/\S*)?")
_ENDS = re.compile(r".*[.!?][\"”’)]*", re.DOTALL)
_SENTENCE = re.compile(r"(?i:we|you|they|it|i|there|please|call|yes|no)\b|.*[.!?][\"”’)]*\s+[A-Z]", re.DOTALL)
_CAPITAL_NOT_MEANT = re.compile(  # no name begins with these words, so their capital is a mistake
    r"(?:About|After|All|An?|At|Before|Between|By|Each|Every|For|From|In|On|Only|The|To|Up|Weekdays|Within)\b"
)


def is_answer(value: str) -> bool:
    """Return whether a value is an answer and not a placeholder such as “tbc”."""
    plain = " ".join(re.findall(r"[^\W_]+", value.lower()))
    bracketed = re.fullmatch(r"\s*(?:\[.*\]|<.*>)\s*", value)
    return not (plain in _PLACEHOLDERS or _PLACEHOLDER_INSIDE.search(plain) or bracketed)


def dialled(number: str) -> str:
    """Return a phone number as dialled in the UK, with 0 instead of +44."""
    return _ABROAD.sub("0", number)


def digits(number: str) -> str:
    """Return the digits of a phone number as dialled in the UK. A + before a foreign number is kept."""
    here = dialled(number)
    return "+" * here.startswith(("+", "(+")) + re.sub(r"\D", "", here)


def link(form: FactForm | None, value: str) -> str | None:
    """Return the address that a value links to, "" for an invalid value, or None if its form has no link."""
    match form:
        case "phone":
            return _tel(value)
        case "email":
            return f"mailto:{value}" if EMAIL.fullmatch(value) else ""
        case "website":
            return f"https://{value.removeprefix('https://')}" if _WEBSITE.fullmatch(value) else ""
    return None


def _tel(value: str) -> str:
    if not _ONE_PHONE.fullmatch(value):
        return ""
    number = digits(value)
    if number.startswith("00"):
        return f"tel:+{number[2:]}"
    return f"tel:+44{number[1:]}" if number.startswith("0") else f"tel:{number}"


def fits(form: FactForm | None, value: str) -> bool:
    """Return whether a value fits its form. If it does not, `FORMAT_HINTS` says what to write."""
    check = _CHECKS.get(form or "note")
    return check is None or bool(check(value))


def _is_phrase(value: str) -> bool:
    return not (_ENDS.fullmatch(value) or _SENTENCE.match(value) or _CAPITAL_NOT_MEANT.match(value))


def _is_sentences(value: str) -> bool:
    too_short = re.match(r"(?:yes|no)\b", value, re.IGNORECASE) or len(value.split()) < 3
    return not (too_short or value[0].islower()) and bool(_ENDS.fullmatch(value))


def _is_phone(value: str) -> bool:
    number = digits(value)
    usable = _LONG_ENOUGH.fullmatch(number) and set(number[4:]) != {"0"}
    return bool(_ONE_PHONE.fullmatch(value) and usable)


def _takes_text(value: str) -> bool:
    number = digits(value)
    usable = _TEXT.fullmatch(number) or (len(number) >= 10 and _LONG_ENOUGH.fullmatch(number))
    return bool(_ONE_PHONE.fullmatch(value) and usable)


def as_day(value: str) -> date | None:
    """Return the date in a value such as 9 March 2026 or 2026-03-09, or None if the value is not a date."""
    for pattern in ("%d %B %Y", "%Y-%m-%d"):
        with suppress(ValueError):
            return datetime.strptime(value, pattern).date()  # noqa: DTZ007 (a day has no zone)
    return None


def day_in_words(value: Any) -> Any:
    """Return a date as people write it, such as 3 March 2026, and any other value unchanged."""
    return f"{value:%-d %B %Y}" if isinstance(value, date) else value


def optional_day(value: Any) -> date | None:
    """Return a date that was written with or without quotes, or None for an empty value.

    Raises:
        ValueError: if the value is not a date.
    """
    if value == "":
        return None
    day = as_day(str(value))
    if day is None:
        raise ValueError(f"write {FORMAT_HINTS['date']}")
    return day


_CHECKS: Mapping[FactForm, Callable[[str], object]] = {
    "phrase": _is_phrase,
    "name": lambda value: not (value[:1].islower() or _ENDS.fullmatch(value)),
    "address": lambda value: not _ENDS.fullmatch(value),
    "sentence": _is_sentences,
    "phone": _is_phone,
    "text": _takes_text,
    "email": lambda value: EMAIL.fullmatch(value) and not _EXAMPLE.search(value),
    "number": re.compile(r"\d[\d,.]*%?").fullmatch,
    "website": _WEBSITE.fullmatch,
    "date": as_day,
}
