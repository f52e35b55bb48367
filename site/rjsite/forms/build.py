"""From the definition of a form to the WTForms form that reads and checks what came back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, StringField
from wtforms.csrf.core import CSRF

from rjsite.forms.answers import (
    Alone,
    Answered,
    Asked,
    EmailAddress,
    NotTooLong,
    PhoneNumber,
    tidy,
    tidy_line,
    was_asked,
)
from rjsite.forms.questions import Choice, Form, Question, Step
from rjsite.forms.token import Signer, Token
from rjsite.referral import Answer, Referral

TRAP = "website"
NOT_ANSWERED = "Not answered"


class FormToken(CSRF):
    """Our token in the place of WTForms' own; a token past its time is a slip like any other."""

    def setup_form(self, form: Any) -> list[tuple[str, Any]]:
        self.signer = Signer(form.meta.csrf_secret, form.definition.key)
        fields: list[tuple[str, Any]] = super().setup_form(form)
        return fields

    def generate_csrf_token(self, csrf_token_field: Any) -> str:
        return self.signer.fresh()

    def validate_csrf_token(self, form: Any, field: Any) -> None:
        """Nothing here: `QuestionForm.token_state` decides, so that the answers are checked as well."""


class One(Field):
    """One choice; an unknown value counts as not chosen."""

    data: Any

    def __init__(self, *args: Any, values: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.values = values

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = next((value for value in valuelist if value in self.values), "")


class Many(One):
    """Any of the choices, each once, in the form's order; unknown values count as not chosen."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = [value for value in self.values if value in valuelist]


class QuestionForm(FlaskForm):
    """A form made of questions. Subclasses are made by `form_class`, one for each definition."""

    definition: Form

    class Meta:
        csrf = True
        csrf_class = FormToken
        csrf_field_name = "form_token"
        csrf_secret: tuple[str, ...] = ()

    website = HiddenField()

    @property
    def came_back(self) -> Token:
        """The token that came with the answers."""
        return self._opened

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._signer = Signer(self.meta.csrf_secret, self.definition.key)
        self._opened = self._signer.open(self.form_token.data or "")

    @property
    def token(self) -> str:
        """The token for the page: the one that came while it is good, else a new one for the same answers."""
        if self._opened.state == "good":
            return str(self.form_token.data)
        return self._signer.fresh(self._opened.nonce)

    @property
    def waited_too_long(self) -> bool:
        """Whether the page was open too long, or its token cannot be read."""
        return self._opened.state != "good"

    def stop(self) -> str:
        """The outcome that an answer leads to in place of sending; empty where none does."""
        for question in self.definition.questions:
            if was_asked(self, question):
                for choice in self.chosen(question):
                    if choice.stop and (not question.alone or len(self[question.name].data) == 1):
                        return choice.stop
        return ""

    def chosen(self, question: Question) -> Iterator[Choice]:
        """The choices selected in answer to a question."""
        data = self[question.name].data
        values = data if isinstance(data, list) else [data]
        return (choice for choice in question.choices if choice.value in values)

    @property
    def errors_in_order(self) -> list[tuple[str, str]]:
        """For the summary: the id each link leads to, and the message, in page order."""
        return [
            (f"{q.name}-0" if q.kind in ("one", "many") else q.name, str(self[q.name].errors[0]))
            for q in self.definition.questions
            if self[q.name].errors
        ]

    def blocks(self, step: Step) -> list[Question]:
        """The questions of a step that stand on their own."""
        return [q for q in step.questions if not self._opener(q, step)]

    def opened(self, question: Question, index: int) -> list[Question]:
        """The questions that stand after choice number `index`: it is the last one that opens them."""
        step = next(s for s in self.definition.steps if question in s.questions)
        values = [choice.value for choice in question.choices]
        return [
            q
            for q in step.questions
            if self._opener(q, step) is question
            and max(values.index(v) for v in self._offered(q, values)) == index
        ]

    def _opener(self, question: Question, step: Step) -> Question | None:
        when = question.opened_by
        return next((q for q in step.questions if when and q.name == when.name), None)

    @staticmethod
    def _offered(question: Question, values: list[str]) -> list[str]:
        return [v for v in (question.opened_by.values if question.opened_by else ()) if v in values]

    def to_referral(self, *, privacy_version: str) -> Referral:
        """What the person told us, ready for the outbox."""
        asked = [q for q in self.definition.questions if was_asked(self, q)]
        first = sorted((q for q in asked if q.before), key=lambda q: q.before_rank)
        return Referral(
            form=self.definition.name,
            reference=self._opened.reference,
            submission=self._opened.submission,
            sent_at=datetime.now(UTC),
            before=tuple(Answer(q.name, q.before, self.words(q)) for q in first),
            flags=tuple(choice.flag for q in asked for choice in self.chosen(q) if choice.flag),
            answers=tuple(Answer(q.name, q.label, self.words(q)) for q in asked),
            reply_to=self._reply_to(),
            possible_spam=bool(self[TRAP].data),
            privacy_version=privacy_version,
        )

    def words(self, question: Question) -> str:
        """The answer in words, or "Not answered"."""
        if question.kind == "tick":
            return "Yes" if self[question.name].data else NOT_ANSWERED
        if question.choices:
            return "; ".join(choice.label for choice in self.chosen(question)) or NOT_ANSWERED
        return self[question.name].data or NOT_ANSWERED

    def _reply_to(self) -> str:
        asked = (q for q in self.definition.questions if q.name == self.definition.reply_to)
        return "".join(self[q.name].data for q in asked if was_asked(self, q))


def form_class(definition: Form, keys: Sequence[str]) -> type[QuestionForm]:
    """The WTForms class of a form.

    Args:
        definition: with the service's facts already in its words. keys: sign and open its token.
    """

    class Meta(QuestionForm.Meta):
        csrf_secret = tuple(keys)

    fields: dict[str, Any] = {q.name: _field(q) for q in definition.questions}
    return type(
        f"Form{definition.key.title()}", (QuestionForm,), {"definition": definition, "Meta": Meta, **fields}
    )


def _field(question: Question) -> Field:
    rules: list[Any] = [Asked(question), Answered(question.missing)]
    if question.limit:
        rules.append(NotTooLong(question))
    values = [choice.value for choice in question.choices]
    match question.kind:
        case "one":
            return One(question.label, values=values, validators=rules, default="")
        case "many":
            rules += [Alone(question)] if question.alone else []
            return Many(question.label, values=values, validators=rules, default=[])
        case "tick":
            return BooleanField(question.label, validators=rules)
        case "long":
            return StringField(question.label, validators=rules, filters=[tidy], default="")
        case "phone":
            rules.append(PhoneNumber(question.malformed))
        case "email":
            rules.append(EmailAddress(message=question.malformed))
        case "text":
            pass
    return StringField(question.label, validators=rules, filters=[tidy_line], default="")
