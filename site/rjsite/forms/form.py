"""Makes a WTForms form from the definition of a form, and a referral from the answers sent in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, assert_never

from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, RadioField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import CheckboxInput

from rjsite.forms.definition import Choice, Conditions, FormDefinition, Question, Step
from rjsite.forms.referral import Answer, Referral
from rjsite.forms.spam import signs_of_spam
from rjsite.forms.token import Signer
from rjsite.forms.validators import tidy, tidy_line, tidy_number, validators


class ChoiceField(RadioField):
    """Radio buttons, or a single checkbox. An unknown value counts as not chosen."""

    def process_formdata(self, valuelist: list[str]) -> None:
        known = {choice.value for choice in self.choices}
        self.data = next((value for value in valuelist if value in known), "")


class ChoicesField(SelectMultipleField):
    """Checkboxes for any number of choices, each once and in their order. An unknown value is left out."""

    option_widget = CheckboxInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = [choice.value for choice in self.choices if choice.value in valuelist]


class QuestionForm(FlaskForm):
    """A form made of questions. `form_class` makes a subclass for each definition.

    Attributes:
        definition: the questions, with facts filled in.
        keys: the keys of the form token.
        sent_token: the token that was sent with the answers.
    """

    definition: FormDefinition
    keys: Sequence[str]

    class Meta:
        csrf = False  # Flask-WTF's token needs a cookie; the one in rjsite/forms/token.py does not

        def get_translations(self, _form: Any) -> None:
            """Return None: all messages are the site's own, and Flask-WTF's translations need an app."""

    form_token = HiddenField()
    website = HiddenField()  # a honeypot, invisible to people

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._signer = Signer(self.keys, self.definition.key)
        self.sent_token = self._signer.load(self.form_token.data or "")

    @property
    def token(self) -> str:
        """Return the token for the page: the one that was sent if it is still valid, otherwise a new one."""
        if not self.is_submitted():
            return self._signer.new_token()
        return self._signer.renew(self.sent_token.nonce) if self.token_expired else str(self.form_token.data)

    @property
    def token_expired(self) -> bool:
        """Return whether the page was open for too long or its token cannot be read."""
        return self.sent_token.state != "good"

    @cached_property
    def given(self) -> dict[str, list[str]]:
        """Return the answers to the questions that are asked, by the name of the question."""
        given: dict[str, list[str]] = {}  # earlier answers decide whether a question is asked
        for q in self.definition.questions:
            if _hold(q.when, given):
                given[q.name] = self.values(q)
        return given

    @property
    def asked(self) -> list[Question]:
        """Return the questions whose conditions are met.

        Answers to other questions are neither checked nor sent.
        """
        return [q for q in self.definition.questions if q.name in self.given]

    def holds(self, conditions: Conditions) -> bool:
        """Return whether the answers meet all these conditions."""
        return _hold(conditions, self.given)

    def stop(self) -> str:
        """Return the outcome to show instead of sending the form, or "" if no answer leads to one."""
        for question in self.asked:
            for choice in self.chosen(question):
                alone = len(self.values(question)) == 1
                if choice.stop and alone and self.holds(choice.stop_when):
                    return choice.stop
        return ""

    def values(self, question: Question) -> list[str]:
        """Return the values that were typed or chosen for a question."""
        data = self[question.name].data
        return data if isinstance(data, list) else [data] if data else []

    def chosen(self, question: Question) -> Iterator[Choice]:
        """Yield the selected choices of a question."""
        values = self.values(question)
        return (choice for choice in question.choices if choice.value in values)

    @property
    def errors_in_order(self) -> list[tuple[str, str]]:
        """Return the id and the message of each field with an error, in the order of the page."""
        return [
            (f"{q.name}-0" if q.choices else q.name, str(self[q.name].errors[0]))
            for q in self.definition.questions
            if self[q.name].errors
        ]

    def blocks(self, step: Step) -> list[Question]:
        """Return the questions in a step that no other question in the step opens."""
        names = {q.name for q in step.questions}
        return [q for q in step.questions if not (q.opened_by and q.opened_by.name in names)]

    def opened(self, question: Question, index: int) -> list[Question]:
        """Return the questions shown after choice number `index`, which is the last choice to open them."""
        value, *later = [choice.value for choice in question.choices[index:]]
        step = next(step for step in self.definition.steps if question in step.questions)
        return [
            q
            for q in step.questions
            if (by := q.opened_by)
            and by.name == question.name
            and value in by.values
            and not set(later).intersection(by.values)
        ]

    def to_referral(self, *, privacy_version: str) -> Referral:
        """Return a referral made from the answers that were sent.

        Args:
            privacy_version: the version of the privacy page at the time of sending.
        """
        first = sorted((q for q in self.asked if q.before), key=lambda q: q.before_rank)
        typed = [value for q in self.asked if not q.choices for value in self.values(q)]
        chosen = [choice for q in self.asked for choice in self.chosen(q)]
        return Referral(
            key=self.definition.key,
            form=self.definition.name,
            reference=self.sent_token.reference,
            submission=self.sent_token.submission,
            nonce=self.sent_token.nonce,
            sent_at=datetime.now(UTC),
            headlines=tuple(choice.headline_with(self._typed) for choice in chosen if choice.headline),
            cautions=tuple(choice.caution for choice in chosen if choice.caution),
            before=tuple(self._answer(q, q.before) for q in first),
            flags=tuple(choice.flag for choice in chosen if choice.flag),
            answers=tuple(self._answer(q, q.label) for q in self.asked),
            reply_to="" if any(c.no_reply for c in chosen) else self._typed(self.definition.reply_to),
            spam=signs_of_spam(self.website.data or "", self.sent_token.age, typed),
            privacy_version=privacy_version,
        )

    def _typed(self, name: str) -> str:
        """Return what was typed or chosen for a question, or "" if it was not asked."""
        return "; ".join(self.given.get(name, ()))

    def _answer(self, question: Question, label: str) -> Answer:
        """Return the answer to a question, with the label that the question has in the email."""
        labels = ["Yes"] if question.kind == "tick" else [choice.label for choice in self.chosen(question)]
        values = self.values(question)
        if not values:
            return Answer(question.name, label, ())
        return Answer(question.name, label, tuple(values), tuple(labels), question.caution)


def _hold(conditions: Conditions, given: Mapping[str, Sequence[str]]) -> bool:
    """Return whether the given answers meet all conditions."""
    return all(set(values).intersection(given.get(name, ())) for name, values in conditions.items())


def form_class(definition: FormDefinition, keys: Sequence[str]) -> type[QuestionForm]:
    """Return the WTForms class of a form.

    Args:
        definition: the form, with facts filled in.
        keys: the keys that sign and verify the form token.
    """
    fields = {question.name: _field(question) for question in definition.questions}
    return type("DefinedForm", (QuestionForm,), {"definition": definition, "keys": keys, **fields})


def _field(question: Question) -> Field:
    """Return the WTForms field for a question."""
    checks = validators(question)
    values = ["yes"] if question.kind == "tick" else [choice.value for choice in question.choices]
    offered: dict[str, Any] = {"choices": list(map(SelectChoice, values)), "validate_choice": False}
    match question.kind:
        case "one" | "tick":
            return ChoiceField(validators=checks, **offered, default="")
        case "many":
            return ChoicesField(validators=checks, **offered, default=[])
        case "long":
            return StringField(validators=checks, filters=[tidy], default="")
        case "text":
            return StringField(validators=checks, filters=[tidy_line], default="")
        case "phone" | "email":
            return StringField(validators=checks, filters=[tidy_number], default="")
    assert_never(question.kind)
