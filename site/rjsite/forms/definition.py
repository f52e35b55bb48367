"""The definitions of the forms and their questions, from content/forms/*.toml.

The page, the error messages, "Check your answers", the team's email and the printed form are all made from
these definitions, so each question is written in one place (docs/forms.md).

A text may name facts about the service, such as `{area}`. `FormDefinition.filled` fills them in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from rjsite.forms.reserved import RESERVED_ADDRESSES, RESERVED_NAMES, RESERVED_PREFIXES

# static/site.css has rules for this many choices. A question that a later choice opens would stay hidden.
CHOICES_THAT_OPEN = 8
# It also has rules for this many further conditions (`also`). A question with a condition beyond these would
# never be hidden.
FURTHER_OPENERS = 2

_TEXTS = ("label", "hint", "missing", "noun", "malformed", "after")  # may name facts about the service

Kind = Literal["text", "long", "phone", "email", "one", "many", "tick"]
Text = Annotated[str, Field(pattern=r"\S")]  # must not be blank


def _without_facts(line: str) -> str:
    if "{" in line:
        raise ValueError("write this without { }: facts are not filled in where only the team reads it")
    return line


TeamText = Annotated[str, AfterValidator(_without_facts)]
Conditions = dict[str, tuple[str, ...]]  # the accepted answers by question; every condition must be met
_NAMED = re.compile(r"<([^<>]*)>")  # the name of a question in a headline, replaced by the answer
_VALID_NAME = re.compile(r"[a-z][a-z0-9_-]*")


class Opener(NamedTuple):
    """A question that opens another one, and the answers that do so."""

    name: str
    values: tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Part):
    """One of the choices that a question offers."""

    value: Text
    label: Text
    hint: str = ""
    stop: str = ""  # the outcome to show instead of sending the form (content/outcomes/NAME.md)
    stop_when: Conditions = {}  # the choice leads to that outcome only under these conditions
    flag: TeamText = ""  # a line in the team's email that says what to look out for
    headline: TeamText = ""  # a line at the top of the email; <name> becomes the answer to question "name"
    caution: TeamText = ""  # what the team must or must not do, shown below the headlines
    no_reply: bool = False  # the email gets no Reply-To, because the address may be another person's
    needs_fact: str = ""  # the choice is offered only if this fact is set

    def headline_with(self, answer: Callable[[str], str]) -> str:
        """Return the headline with the answers to the questions that it names."""
        return _NAMED.sub(lambda named: answer(named[1]), self.headline)


class Question(_Part):
    """A question: its texts, its rules and its error messages."""

    name: Text
    kind: Kind
    label: Text
    hint: str = ""
    missing: str = ""  # the error if there is no answer; without this text, the question is optional
    noun: str = ""  # the first words of the error for an answer over `limit` characters
    limit: int = 0
    malformed: str = ""  # the error for an answer that a question of this kind does not allow
    choices: tuple[Choice, ...] = ()
    alone: str = ""  # for "many": the choice that excludes all others
    when: Conditions = {}  # asked only under these conditions
    optional_when: Conditions = {}  # needs no answer under these conditions
    autofill: str = ""  # the autocomplete token, used only if the person asks for it
    before: TeamText = ""  # the label in the block "BEFORE YOU CONTACT" of the team's email
    # the place of the answer in that block: 1 for how to reach the person, 2 for what else to know first
    before_rank: int = 1
    caution: TeamText = ""  # a line for the team, shown below the answer in "BEFORE YOU CONTACT"
    after: str = ""  # a text below the question

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        if (self.kind in ("one", "many")) != bool(self.choices):
            raise ValueError("give choices to the kinds “one” and “many”, and to no other")
        if self.limit and not self.noun:
            raise ValueError("add “noun”: it begins the message for an answer that is too long")
        if self.kind in ("text", "long") and not self.limit:
            raise ValueError("add “limit”: the characters an answer may have")
        values = [choice.value for choice in self.choices]
        if len(values) > len(set(values)):
            raise ValueError("give each choice a “value” of its own")
        if self.alone and self.alone not in values:
            raise ValueError(f"“alone” names no choice; write one of: {', '.join(values)}")
        if (self.kind in ("phone", "email") or self.alone) and not self.malformed:
            raise ValueError("add “malformed”: the message for an answer that is not allowed")
        return self

    @property
    def required(self) -> bool:
        """Return whether the question needs an answer, unless it is not asked or `optional_when` applies."""
        return bool(self.missing)

    @property
    def too_long(self) -> str:
        """Return the error for an answer over the limit."""
        return f"{self.noun} must be {self.limit:,} characters or less"

    @property
    def conditions(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Yield each condition: the field it is in, the other question, and the answers that meet it."""
        stops = (("stop_when", choice.stop_when) for choice in self.choices)
        for field, conditions in (("when", self.when), ("optional_when", self.optional_when), *stops):
            yield from ((field, name, values) for name, values in conditions.items())

    @property
    def opened_by(self) -> Opener | None:
        """Return the last condition in `when`, whose answers open this question, or None."""
        return Opener(*list(self.when.items())[-1]) if self.when else None

    def filled(self, fill: Callable[[str], str], has: Callable[[str], bool]) -> Question:
        """Return the question with facts filled in, without the choices that need an unset fact."""
        offered = [choice for choice in self.choices if not choice.needs_fact or has(choice.needs_fact)]
        texts = {name: fill(getattr(self, name)) for name in _TEXTS}
        choices = tuple(c.model_copy(update={"label": fill(c.label), "hint": fill(c.hint)}) for c in offered)
        return self.model_copy(update={**texts, "choices": choices})


def _problem(question: Question, message: str) -> PydanticCustomError:
    """Return the error for a question that does not fit its form."""
    return PydanticCustomError("form", "{message}", {"message": message, "question": question.name})


class SharedQuestions(_Part):
    """A file of questions that several forms ask."""

    questions: tuple[Question, ...] = Field(alias="question")


class Step(_Part):
    """A topic of a form: a numbered section or, if the form is `by_step` and JavaScript runs, a screen."""

    title: Text
    use: tuple[Question, ...] = ()  # shared questions, which are asked before `own`
    own: tuple[Question, ...] = Field((), alias="question")

    @property
    def questions(self) -> tuple[Question, ...]:
        """Return the questions of this step: the shared ones, then its own."""
        return (*self.use, *self.own)

    def filled(self, fill: Callable[[str], str], has: Callable[[str], bool]) -> Step:
        """Return the step with facts filled in. A title that needs an unset fact becomes empty."""
        questions = tuple(question.filled(fill, has) for question in self.questions)
        return self.model_copy(update={"title": fill(self.title), "use": (), "own": questions})


class FormDefinition(_Part):
    """A form: its name and address, its steps in order, and how it is shown, sent and answered."""

    key: str = Field(exclude=True)  # from the names of its files, KEY.toml and KEY.md; not written in them
    name: Text  # the name of the form in the team's email
    address: str
    steps: tuple[Step, ...] = Field(alias="step")
    by_step: bool = False  # whether JavaScript shows one step at a time
    send: str = "Send to the team"  # the label of the button that sends the form
    reply_to: str = ""  # the question whose answer becomes the Reply-To address
    next: tuple[str, ...] = ()  # lines that say what happens after the form is sent

    @field_validator("address")
    @classmethod
    def _check_address(cls, address: str) -> str:
        if not re.fullmatch(r"(?:/[a-z0-9]+(?:-[a-z0-9]+)*)+", address):
            raise ValueError("begin it with / and use small letters, figures and hyphens only")
        if address in RESERVED_ADDRESSES or address.startswith(RESERVED_PREFIXES):
            raise ValueError("the site itself uses this address; write another")
        return address

    @model_validator(mode="after")
    def _check_questions(self) -> Self:
        seen: dict[str, list[str]] = {}
        for question in self.questions:
            if question.name in RESERVED_NAMES or not _VALID_NAME.fullmatch(question.name):
                message = f"“{question.name}” cannot be a name; write another, such as best_time"
                raise _problem(question, message)
            if question.name in seen:
                raise _problem(question, f"two questions are named “{question.name}”")
            for field, name, values in question.conditions:
                if not set(values) <= set(seen.get(name, ())):
                    raise _problem(question, f"{question.name}: “{field}” names no earlier answer “{name}”")
            if (by := question.opened_by) and set(by.values) & set(seen[by.name][CHOICES_THAT_OPEN:]):
                message = f"one of the first {CHOICES_THAT_OPEN} choices of “{by.name}” has to open it"
                raise _problem(question, f"{question.name}: {message}")
            seen[question.name] = [choice.value for choice in question.choices]
        if len(self.also) > FURTHER_OPENERS:
            what = f"at most {FURTHER_OPENERS} different conditions may come before the last one"
            raise ValueError(f"{what} in all “when” of a form together")
        return self

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        names = {question.name for question in self.questions}
        if self.reply_to and self.reply_to not in names:
            raise ValueError(f"“reply_to” names no question “{self.reply_to}”")
        for question in self.questions:
            for name in _NAMED.findall("".join(choice.headline for choice in question.choices)):
                if name not in names:
                    raise _problem(question, f"{question.name}: “headline” names no question “{name}”")
        return self

    @property
    def questions(self) -> tuple[Question, ...]:
        """Return every question, in the order of the form."""
        return tuple(question for step in self.steps for question in step.questions)

    @cached_property
    def also(self) -> tuple[Opener, ...]:
        """Return the distinct conditions in `when`, except the last of each question (`opened_by`)."""
        return tuple({Opener(*item): 0 for q in self.questions for item in list(q.when.items())[:-1]})

    @property
    def stops(self) -> Iterator[str]:
        """Yield the outcomes that answers can lead to."""
        return (choice.stop for question in self.questions for choice in question.choices if choice.stop)

    def filled(self, fill: Callable[[str], str], has: Callable[[str], bool]) -> FormDefinition:
        """Return the form with facts filled in, without choices and `next` lines that need an unset fact."""
        return self.model_copy(
            update={
                "steps": tuple(step.filled(fill, has) for step in self.steps),
                "send": fill(self.send),
                "next": tuple(filter(None, map(fill, self.next))),
            }
        )
