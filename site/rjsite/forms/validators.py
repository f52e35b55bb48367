"""The filters and validators of a question, for WTForms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from wtforms.validators import DataRequired, Email, Length, Regexp, StopValidation, ValidationError

from rjsite.forms.definition import Conditions, Question

Validator = Callable[[Any, Any], object]

_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029\v\f]")
_PUNCTUATION = r"[\s+().\u2010-\u2015\u2212-]*"
_PHONE = re.compile(rf"(?:{_PUNCTUATION}\d){{7,20}}{_PUNCTUATION}")  # digits of any script


def tidy(text: str | None, dropped: tuple[str, ...] = ("Cc", "Cs")) -> str:
    """Return a trimmed text with uniform line endings and without control characters other than tabs.

    Letters of any script and emoji stay as they were typed. Lone surrogates are dropped too, because neither
    emails nor databases can contain them.

    Args:
        text: what was typed.
        dropped: the Unicode categories of the characters to drop.
    """
    text = _LINE_ENDS.sub("\n", text or "")
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in dropped).strip()


def tidy_line(text: str | None) -> str:
    """Return a tidied text in one line, with spaces instead of line breaks and tabs."""
    return re.sub(r"[\n\t]+", " ", tidy(text))


def tidy_number(text: str | None) -> str:
    """Return a phone number or an email address without the invisible characters that pasting can add."""
    return tidy_line(tidy(text, ("Cc", "Cs", "Cf")))


def validators(question: Question) -> list[Validator]:
    """Return the validators of a question, in the order in which they run."""
    chain: list[Validator] = [stop_unless_asked]
    if question.optional_when:
        chain.append(optional_when(question.optional_when))
    chain.append(DataRequired(question.missing) if question.required else stop_if_empty)
    if question.limit:
        message = question.too_long.replace("%", "%%")  # WTForms puts numbers into this message with %
        chain.append(Length(max=question.limit, message=message))
    if question.kind == "phone":
        chain.append(Regexp(_PHONE, message=question.malformed, matcher=re.fullmatch))
    if question.kind == "email":
        chain.append(Email(question.malformed))
    if question.alone and question.malformed:
        chain.append(chosen_alone(question.alone, question.malformed))
    return chain


def stop_unless_asked(form: Any, field: Any) -> None:
    """End the validation of a question, with no error, if the question was not asked."""
    if field.name not in form.given:
        raise StopValidation


def stop_if_empty(_form: Any, field: Any) -> None:
    """End the validation of an optional question, with no error, if there is no answer.

    The Optional validator of WTForms checks the raw input, but this one checks the result of the filters.
    """
    if not field.data:
        raise StopValidation


def optional_when(conditions: Conditions) -> Validator:
    """Return a validator that lets a required question be left empty under some conditions.

    Args:
        conditions: the questions and answers that make the question optional.
    """

    def validate(form: Any, field: Any) -> None:
        if form.holds(conditions):
            stop_if_empty(form, field)

    return validate


def chosen_alone(value: str, message: str) -> Validator:
    """Return a validator that rejects one choice if others are chosen too.

    Args:
        value: the choice that may be chosen only on its own.
        message: the error if it was chosen together with others.
    """

    def validate(_form: Any, field: Any) -> None:
        if value in field.data and len(field.data) > 1:
            raise ValidationError(message)

    return validate
