"""The WTForms form for writing a story, with a question for each field of the schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Field, Form, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional
from wtforms.widgets import DateInput

from rjsite.content.lint.wording import start
from rjsite.content.problem import Problem
from rjsite.content.schema import StoryFields
from rjsite.content.story_check import BODY, CheckedStory
from rjsite.content.story_file import Values, choices, is_day, is_list, story_text
from rjsite.forms.form import ChoiceField, ChoicesField

LONG = ("summary", "ask")  # questions with a larger box
YES_NO = (SelectChoice("true", "Yes"), SelectChoice("false", "No"))

# The sentences that staff tick before they hand over a story, by heading.
CHECKLIST: Mapping[str, Sequence[str]] = {
    "Everyone in it has agreed": (
        "Each person in it agreed to its publication, after reading the words or hearing them read.",
        "They know that anyone can read it, and that copies may stay on the internet after we take it down.",
        "They know how to tell us that they have changed their mind.",
        "The case is over: no court, appeal or parole decision is still to come.",
    ),
    "Nobody can tell who the people are": (
        "Names are changed or left out: people, pets, schools, employers, streets and pubs.",
        "The place is a town or larger. If few people live there, it is “not stated”.",
        "Ages, dates and sums are left out, or are not exact.",
        "No newspaper has reported any of it with a name.",
        "Someone who does not know the case has read it. They think that a neighbour, a relative or a "
        "colleague would not be sure who it is.",
        "Nobody under 18 can be recognised, on either side.",
    ),
    "It is safe to read": (
        "It names the kind of harm once, and does not describe it.",
        "The notes name what may upset a reader.",
        "It says what changed for each person, if that is known. It adds nothing to what is known.",
    ),
}


class BaseStoryForm(Form):
    """The questions, the text and the checklist of a story. `StoryForm` has a field for each question."""

    body = TextAreaField("What is the story?", render_kw={"rows": 24})

    @property
    def text(self) -> str:
        """Return the content of the story's file."""
        answers = {field.name: field.data or ([] if is_list(field.name) else "") for field in self.questions}
        return story_text({**answers, "draft": "true" if answers["draft"] == "true" else ""}, self.body.data)

    @property
    def questions(self) -> list[Field]:
        """Return the form's field for each field of the story's front matter."""
        return [self[name] for name in StoryFields.model_fields]

    @property
    def checklist(self) -> Iterator[tuple[str, list[Field]]]:
        """Yield each heading of the checklist with its boxes."""
        for group, (heading, sentences) in enumerate(CHECKLIST.items()):
            yield heading, [self[_box(group, number)] for number in range(len(sentences))]

    def show_problems(self, checked: CheckedStory) -> list[Problem]:
        """Put each problem beside its question, and return the problems that belong to no question."""
        others = []
        lines = self.body.data.split("\n")
        for problem in checked.problems:
            name, line = checked.place(problem)
            if name == BODY:
                said = f"Line {line}, “{start(lines[line - 1])}”: {problem.message}"
                self.body.errors = [*self.body.errors, said]
            elif name:
                said = problem.message.removeprefix(f"{name}: ")
                self[name].errors = [*self[name].errors, said[0].upper() + said[1:]]
            else:
                others.append(problem)
        return others

    def show_unticked(self) -> None:
        """Put an error beside each unticked box of the checklist."""
        for box in self._boxes:
            if not box.data:
                box.errors = ["Tick this if it is true"]

    @property
    def errors_in_order(self) -> list[tuple[str, str]]:
        """Return the id of the control and the message of each error, in the order of the page.

        All unticked boxes of the checklist together count as one error.
        """
        listed = [
            (
                f"{field.name}-0" if getattr(field, "choices", None) else field.name,
                f"{field.label.text} {said}",
            )
            for field in self.questions
            for said in field.errors
        ]
        unticked = [box.name for box in self._boxes if box.errors][:1]
        last = "Tick each sentence of the list that is true. If one is not, do not hand the story over yet"
        return [*listed, *((BODY, said) for said in self.body.errors), *((name, last) for name in unticked)]

    @property
    def _boxes(self) -> list[Field]:
        return [box for _, boxes in self.checklist for box in boxes]


def _field(name: str) -> Field:
    """Return the WTForms field for a field of the schema."""
    about = StoryFields.model_fields[name]
    label: dict[str, Any] = {"label": about.title, "description": about.description or ""}
    values = [SelectChoice(value, value.capitalize()) for value in choices(name)]
    if is_list(name):
        return ChoicesField(**label, choices=values)
    if values or about.annotation is bool:
        return ChoiceField(**label, choices=values or YES_NO)
    if about.default in ("", None):
        label["validators"] = [Optional()]  # sets a flag for the template
    if is_day(name):
        return StringField(**label, widget=DateInput())
    return TextAreaField(**label) if name in LONG else StringField(**label)


def _box(group: int, number: int) -> str:
    return f"sure_{group}_{number}"


_BOXES = {
    _box(group, number): BooleanField(sentence)
    for group, sentences in enumerate(CHECKLIST.values())
    for number, sentence in enumerate(sentences)
}
StoryForm: type[BaseStoryForm] = type(
    "StoryForm", (BaseStoryForm,), {**{name: _field(name) for name in StoryFields.model_fields}, **_BOXES}
)


def story_form(values: Values, body: str) -> BaseStoryForm:
    """Return the form, filled in with the values and the body of a story."""
    return StoryForm(data={**values, "draft": values.get("draft") or "false", BODY: body})


def sent_form(sent: MultiDict[str, str]) -> BaseStoryForm:
    """Return the form that was sent. The line endings of its text are normalised."""
    form = StoryForm(sent)
    form.body.data = re.sub("\r\n?", "\n", form.body.data or "").strip("\n")
    return form
