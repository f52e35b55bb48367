"""The forms that a fact can have: what kind of value each takes, what is wrong with one, where it links."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Literal

FactForm = Literal[
    "name", "phrase", "sentence", "number", "phone", "relay", "text", "email", "website", "address",
    "date", "note",
]  # fmt: skip

# What a person has to write for each form, in the order in which messages list the forms.
GIVE: Mapping[str, str] = {
    "name": "a name, without a full stop at its end",
    "phrase": "part of a sentence, without a full stop; a capital begins it only in a name",
    "sentence": "one or more whole sentences, each with its full stop",
    "number": "a number in figures, like 343 or 85%",
    "phone": "one phone number, like 01632 960 001, and nothing else",
    "text": "one number for text messages, and nothing else",
    "relay": 'value = "18001 {phone}"',
    "email": "one email address, like name@example.org, and nothing else",
    "website": "one web address that begins with https://, and nothing else",
    "address": "a postal address in one line, with commas and no full stop at its end",
    "date": f"a day, like {date(2026, 3, 9):%-d %B %Y}",
    "note": "words for the people who keep this website; they are not printed",
}

# Placeholders in place of an answer, without punctuation: "n/a" is "n a" here.
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
_PHONE_INSIDE = re.compile(r"(?<!\d)\+?\(?\d[\d ()-]*\d(?!\d)")
EMAIL = re.compile(r"[^@\s<>(),:;\"“”]+@[\w-]+(?:\.[\w-]+)+")
_EXAMPLE = re.compile(r"@(?:[\w-]+\.)*example\.(?:com|org|net)", re.IGNORECASE)
_WEBSITE = re.compile(r"(?:https://)?[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/\S*)?")
_ENDS = re.compile(r"[.!?][\"”’)]*$")
_STARTS_PART = re.compile(r"(?:we|you|they|it|i|there|please|call|yes|no)\b", re.IGNORECASE)
_SENTENCE_INSIDE = re.compile(r"[.!?][\"”’)]*\s+[A-Z]")
_DAY_OR_MONTH = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|January|February|March|April|May|June|July|August"
    r"|September|October|November|December|Christmas|Easter"
)


def is_answer(value: str) -> bool:
    """Return whether a value is an answer, and not only a placeholder such as “tbc”."""
    plain = " ".join(re.findall(r"[^\W_]+", value.lower()))
    bracketed = re.fullmatch(r"\s*(?:\[.*\]|<.*>)\s*", value)
    return not (plain in _PLACEHOLDERS or _PLACEHOLDER_INSIDE.search(plain) or bracketed)


def dialled(number: str) -> str:
    """Return a number as people in this country dial it, without +44."""
    return _ABROAD.sub("0", number)


def digits(number: str) -> str:
    """Return only the digits of a number as people here dial it, with a + before those of another country."""
    here = dialled(number)
    return "+" * here.startswith(("+", "(+")) + re.sub(r"\D", "", here)


def link(form: FactForm | None, value: str) -> str | None:
    """Return where a value links to: None if its form has no link, “” if the value has a mistake."""
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


def fault(form: FactForm | None, value: str, names: str = "") -> str:
    """Return what to write in place of a value that does not have its form, or nothing if it has.

    Args:
        form: the form of the fact.
        value: its value.
        names: text whose words begin with a capital wherever they stand.
    """
    if "\n" in value:
        return "write it on one line, with one quote before it and one after"
    match form:
        case "phrase":
            return _not_a_phrase(value, names)
        case "name":
            return _ends_a_sentence(value) or _begins_small(value)
        case "address":
            return _ends_a_sentence(value)
    check = _CHECKS.get(form or "note")
    return check(value) if check else ""


def _not_a_phrase(value: str, names: str) -> str:
    first = re.split(r"[\s,;:’'-]", value, maxsplit=1)[0]
    if _SENTENCE_INSIDE.search(value) or _STARTS_PART.match(value):
        return f"this is a sentence of its own; write {GIVE['phrase']}"
    if message := _ends_a_sentence(value):
        return message
    usual = (
        _DAY_OR_MONTH.fullmatch(first)
        or first[1:] != first[1:].lower()
        or re.search(rf"\b{re.escape(first)}\b", names)
    )
    if first[:1].isupper() and not usual:
        return (
            f'begin it with a small letter, for it stands within a sentence: "{value[0].lower()}{value[1:]}"'
        )
    return ""


def _ends_a_sentence(value: str) -> str:
    end = _ENDS.search(value)
    return f'take out the “{end[0]}” at its end: "{value[: end.start()]}"' if end else ""


def _begins_small(value: str) -> str:
    return f'begin it with a capital: "{value[0].upper()}{value[1:]}"' if value[:1].islower() else ""


def _not_sentences(value: str) -> str:
    if re.match(r"(?:yes|no)\b", value, re.IGNORECASE) or len(value.split()) < 3:
        return f"the page shows this as it stands; write {GIVE['sentence']}"
    if message := _begins_small(value):
        return message
    return "" if _ENDS.search(value) else f'end it with a full stop: "{value}."'


def _not_a_phone(value: str) -> str:
    if not _ONE_PHONE.fullmatch(value):
        inside = [
            match[0].strip()
            for match in _PHONE_INSIDE.finditer(value)
            if _LONG_ENOUGH.fullmatch(digits(match[0]))
        ]
        only = f'"{inside[0]}"' if len(inside) == 1 else GIVE["phone"]
        return f"the page says the words around the number; write only {only}"
    number = digits(value)
    if _LONG_ENOUGH.fullmatch(number) and set(number[4:]) != {"0"}:
        return ""
    if _TEXT.fullmatch(number):
        return 'nobody can call this number; where it is for texts, write form = "text"'
    return f"this is no phone number; write {GIVE['phone']}"


def _not_a_text_number(value: str) -> str:
    number = digits(value)
    usable = _TEXT.fullmatch(number) or (_LONG_ENOUGH.fullmatch(number) and len(number) >= 10)
    if _ONE_PHONE.fullmatch(value) and usable:
        return ""
    return f"write {GIVE['text']}; the page says the words around it"


def _not_an_email(value: str) -> str:
    if _EXAMPLE.search(value):
        return "this is the address of an example; write the real one"
    inside = re.findall(EMAIL, value)
    only = f'"{inside[0]}"' if len(inside) == 1 else GIVE["email"]
    return "" if EMAIL.fullmatch(value) else f"write only {only}"


def as_day(value: str) -> date | None:
    """Return the day that a value names, like 9 March 2026 or 2026-03-09, or None if it names none."""
    for pattern in ("%d %B %Y", "%Y-%m-%d"):
        with suppress(ValueError):
            return datetime.strptime(value, pattern).date()  # noqa: DTZ007 (a day has no zone)
    return None


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "sentence": _not_sentences,
    "phone": _not_a_phone,
    "text": _not_a_text_number,
    "email": _not_an_email,
    "number": lambda value: "" if re.fullmatch(r"\d[\d,.]*%?", value) else f"write {GIVE['number']}",
    "website": lambda value: "" if _WEBSITE.fullmatch(value) else f"write {GIVE['website']}",
    "date": lambda value: "" if as_day(value) else f"write {GIVE['date']}",
}
