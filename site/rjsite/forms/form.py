"""From the definition of a form to the WTForms form that reads and checks what came back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, assert_never

from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import Field, HiddenField, StringField

from rjsite.forms.definition import Choice, Form, Question, Step
from rjsite.forms.referral import Answer, Referral
from rjsite.forms.spam import signs_of_spam
from rjsite.forms.token import Signer, Token
from rjsite.forms.validators import fault, tidy, tidy_line, tidy_number

TRAP = "website"


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
    keys: Sequence[str]

    class Meta:
        csrf = False  # it needs a cookie; our own token stands in its place

        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """What was sent in fields; neither files nor JSON, which Flask-WTF would take in as well."""
            if isinstance(formdata, MultiDict):
                return formdata
            return request.form if form.is_submitted() else None

        def get_translations(self, _form: Any) -> None:
            """None: no message of WTForms is shown."""

    form_token = HiddenField()
    website = HiddenField()

    @property
    def came_back(self) -> Token:
        """The token that came with the answers."""
        return self._opened

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._signer = Signer(self.keys, self.definition.key)
        self._opened = self._signer.open(self.form_token.data or "")

    @property
    def token(self) -> str:
        """The token for the page: the one that came while it is good, else a new one for the same answers."""
        if not self.is_submitted():
            return self._signer.fresh()
        return self._signer.again(self._opened.nonce) if self.waited_too_long else str(self.form_token.data)

    @property
    def waited_too_long(self) -> bool:
        """Whether the page was open too long, or its token cannot be read."""
        return self._opened.state != "good"

    @cached_property
    def asked(self) -> list[Question]:
        """The questions whose every condition holds; what was typed at others is not checked or sent on."""
        asked: list[Question] = []
        given: dict[str, Sequence[str]] = {}  # what opens a question stands before it
        for q in self.definition.questions:
            if all(set(values).intersection(given.get(name, ())) for name, values in q.when.items()):
                asked.append(q)
                given[q.name] = self.values(q)
        return asked

    def validate(self, extra_validators: Any = None) -> bool:
        """Check what was asked, and keep the words for each fault at its field."""
        for q in self.asked:
            words = fault(q, self[q.name].data)
            self[q.name].errors = [words] if words else []
        return not any(self[q.name].errors for q in self.asked)

    def stop(self) -> str:
        """The outcome that an answer leads to in place of sending; empty where none does."""
        for question in self.asked:
            for choice in self.chosen(question):
                if choice.stop and len(self.values(question)) == 1:
                    return choice.stop
        return ""

    def values(self, question: Question) -> list[str]:
        """What was typed or chosen in answer to a question; empty without an answer."""
        data = self[question.name].data
        return data if isinstance(data, list) else [data] if data else []

    def chosen(self, question: Question) -> Iterator[Choice]:
        """The choices selected in answer to a question."""
        values = self.values(question)
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
        names = {q.name for q in step.questions}
        return [q for q in step.questions if not (q.opened_by and q.opened_by.name in names)]

    def opened(self, question: Question, index: int) -> list[Question]:
        """The questions that stand after choice number `index`: it is the last one that opens them."""
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
        """What the person told us, ready for the outbox."""
        first = sorted((q for q in self.asked if q.before), key=lambda q: q.before_rank)
        answers = tuple(self._answer(q, q.label) for q in self.asked)
        typed = [value for q in self.asked if not q.choices for value in self.values(q)]
        reply_to = (self.values(q) for q in self.asked if q.name == self.definition.reply_to)
        return Referral(
            key=self.definition.key,
            form=self.definition.name,
            reference=self._opened.reference,
            submission=self._opened.submission,
            nonce=self._opened.nonce,
            sent_at=datetime.now(UTC),
            before=tuple(self._answer(q, q.before) for q in first),
            flags=tuple(choice.flag for q in self.asked for choice in self.chosen(q) if choice.flag),
            answers=answers,
            reply_to="".join(next(reply_to, ())),
            spam=signs_of_spam(self[TRAP].data or "", self._opened.age, typed),
            privacy_version=privacy_version,
        )

    def _answer(self, question: Question, words: str) -> Answer:
        labels = ["Yes"] if question.kind == "tick" else [choice.label for choice in self.chosen(question)]
        values = self.values(question)
        return Answer(question.name, words, tuple(values), tuple(labels) if values else ())


def form_class(definition: Form, keys: Sequence[str]) -> type[QuestionForm]:
    """The WTForms class of a form.

    Args:
        definition: with the service's facts already in its words. keys: sign and open its token.
    """
    fields: dict[str, Any] = {q.name: _field(q) for q in definition.questions}
    return type("AskedForm", (QuestionForm,), {"definition": definition, "keys": keys, **fields})


def _field(question: Question) -> Field:
    """The field that reads the answer; one for each kind of question."""
    values = [choice.value for choice in question.choices]
    match question.kind:
        case "one":
            return One(values=values, default="")
        case "many":
            return Many(values=values, default=[])
        case "tick":
            return One(values=["yes"], default="")
        case "long":
            return StringField(filters=[tidy], default="")
        case "text":
            return StringField(filters=[tidy_line], default="")
        case "phone" | "email":
            return StringField(filters=[tidy_number], default="")
    assert_never(question.kind)
