"""The rules of an answer: what is tidied, what is needed, what is too long or cannot be read."""

from __future__ import annotations

import re
import unicodedata

from wtforms import Field, Form
from wtforms.validators import Email, StopValidation, ValidationError

from rjsite.forms.questions import Question

_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029\v\f]")
_PHONE_PUNCTUATION = re.compile(r"[\s+().\u00ad\u2010-\u2015-]")
EMAIL_LIMIT = 254  # RFC 5321, section 4.5.3.1.3


def tidy(text: str | None) -> str:
    """A person's words as we keep them: one kind of line end, no control characters, ends trimmed.

    Any script, name or emoji stays as it was typed. Lone surrogates go with the control characters:
    no mail and no database can hold them.
    """
    text = _LINE_ENDS.sub("\n", text or "")
    return "".join(
        c for c in text if c == "\n" or c == "\t" or unicodedata.category(c) not in ("Cc", "Cs")
    ).strip()


def tidy_line(text: str | None) -> str:
    """The same for an answer of one line: line breaks become spaces."""
    return re.sub(r"[\n\t]+", " ", tidy(text))


class Asked:
    """A question that was not asked is not checked. What was typed stays in the page; it is not sent on."""

    def __init__(self, question: Question) -> None:
        self.question = question

    def __call__(self, form: Form, field: Field) -> None:
        if not was_asked(form, self.question):
            field.errors = []
            raise StopValidation


def was_asked(form: Form, question: Question) -> bool:
    """Whether every answer that opens the question was chosen."""
    return all(form[name].data in values for name, values in question.when.items())


class Answered:
    """An answer is there; spaces alone are none. An optional question may go without."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, form: Form, field: Field) -> None:
        if field.data:
            return
        raise StopValidation(self.message or None)


class NotTooLong:
    """At most so many characters, counted after tidying."""

    def __init__(self, question: Question) -> None:
        self.question = question

    def __call__(self, form: Form, field: Field) -> None:
        if len(field.data) > self.question.limit:
            raise ValidationError(self.question.too_long)


class PhoneNumber:
    """7 to 20 digits, written in any usual way (service design, section 6)."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, form: Form, field: Field) -> None:
        digits = _PHONE_PUNCTUATION.sub("", field.data)
        if not re.fullmatch(r"[0-9]{7,20}", digits):
            raise ValidationError(self.message)


class EmailAddress(Email):
    """An address that mail can be sent to; not looked up anywhere."""

    def __call__(self, form: Form, field: Field) -> None:
        if len(field.data) > EMAIL_LIMIT:
            raise ValidationError(self.message)
        super().__call__(form, field)


class Alone:
    """One of the choices cannot stand beside the others."""

    def __init__(self, question: Question) -> None:
        self.question = question

    def __call__(self, form: Form, field: Field) -> None:
        if self.question.alone in field.data and len(field.data) > 1:
            raise ValidationError(self.question.malformed)
