"""What a form asks: the one definition of each question, written in content/forms/*.toml.

The page, the error messages, "Check your answers", the team's email and the printed form are all made
from these values, so that a question is written in one place (docs/forms.md). No Flask, no WTForms.

Words may hold facts of the service by name, such as ``{area}``; `Form.filled` puts them in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

# Names that a question cannot have, because the form (rjsite/forms/form.py) or its page uses them. WTForms
# would run `validate_on_submit` as the validator of a question named on_submit.
TAKEN = """ asked blocks chosen data definition errors errors_in_order form form_errors form_token help-panel
 hidden_tag is_submitted keys main menu meta notice on_submit opened populate_obj post_process problem process
 sent_token stop to_referral token token_expired validate validate_on_submit values website """
# as many as static/site.css knows: a question opened by a further one would never be seen
CHOICES_THAT_OPEN = 8
FURTHER_OPENERS = 2

_FILLED = ("label", "hint", "missing", "noun", "malformed", "after")  # may hold facts of the service

Kind = Literal["text", "long", "phone", "email", "one", "many", "tick"]


Said = Annotated[str, Field(pattern=r"\S")]  # words that may not be left empty


class Opener(NamedTuple):
    """The question whose answer opens another one, and the answers that do."""

    name: str
    values: tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Part):
    """One answer that can be chosen."""

    value: Said
    label: Said
    hint: str = ""
    stop: str = ""  # the outcome shown in place of going on (content/outcomes/NAME.md)
    flag: str = ""  # a line for the team: what to look out for
    needs_fact: str = ""  # offered only where this fact of the service is set


class Question(_Part):
    """One question: its words, its rule and its messages."""

    name: Said
    kind: Kind
    label: Said
    hint: str = ""
    missing: str = ""  # the message where an answer is needed; without it the question is optional
    noun: str = ""  # begins the message for an answer over `limit` characters
    limit: int = 0
    malformed: str = ""  # the message for an answer that cannot be what it says
    choices: tuple[Choice, ...] = ()
    alone: str = ""  # of "many": the choice that cannot stand beside others
    when: dict[str, tuple[str, ...]] = {}  # asked only where each of these has one of its answers
    spelling: bool = True  # of "long": whether the browser may look after the spelling; not of names
    autofill: str = ""  # autocomplete token, used only where the person asks for it
    before: str = ""  # its name in the block "BEFORE YOU CONTACT" of the team's email
    before_rank: int = 1  # in that block: 1 how to reach the person, 2 what else to know first
    after: str = ""  # words that stand below the question

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.kind in ("one", "many")) != bool(self.choices):
            raise ValueError("give choices to the kinds “one” and “many”, and to no other")
        if self.limit and not self.noun:
            raise ValueError("add “noun”: it begins the message for an answer that is too long")
        if self.kind in ("phone", "email") and not self.malformed:
            raise ValueError("add “malformed”: the message for an answer that cannot be read")
        if self.kind in ("text", "long") and not self.limit:
            raise ValueError("add “limit”: the characters an answer may have")
        values = [choice.value for choice in self.choices]
        if len(values) > len(set(values)):
            raise ValueError("give each choice a “value” of its own")
        if self.alone and self.alone not in values:
            raise ValueError(f"“alone” names no choice; write one of: {', '.join(values)}")
        return self

    @property
    def required(self) -> bool:
        """Whether the form cannot be sent without an answer (where the question is asked at all)."""
        return bool(self.missing)

    @property
    def too_long(self) -> str:
        """The message for an answer over the limit."""
        return f"{self.noun} must be {self.limit:,} characters or less"

    @property
    def opened_by(self) -> Opener | None:
        """The answer that opens this question: the last of `when`."""
        return Opener(*list(self.when.items())[-1]) if self.when else None

    def filled(self, fill: Callable[[str], str], has: Callable[[str], bool]) -> Question:
        """The question with the service's facts in its words, less the choices it cannot offer."""
        offered = [choice for choice in self.choices if not choice.needs_fact or has(choice.needs_fact)]
        words = {name: fill(getattr(self, name)) for name in _FILLED}
        choices = tuple(c.model_copy(update={"label": fill(c.label), "hint": fill(c.hint)}) for c in offered)
        return self.model_copy(update={**words, "choices": choices})


def _wrong(question: Question, words: str) -> PydanticCustomError:
    """A mistake in how one question fits into its form."""
    return PydanticCustomError("form", "{words}", {"words": words, "question": question.name})


class Step(_Part):
    """One topic of a form: a screen where script runs, a numbered section where it does not."""

    title: str
    questions: tuple[Question, ...]


class Form(_Part):
    """A whole form: its name, its address and its topics in order."""

    key: str  # names content/forms/KEY.md, its opening words
    name: Said  # as the team's email names it
    address: str
    steps: tuple[Step, ...]
    by_step: bool = False  # shown one topic at a time where script runs
    send: str = "Send to the team"  # on its button
    reply_to: str = ""  # the question whose answer the team may reply to
    next: tuple[str, ...] = ()  # what happens after Send, a line each

    @field_validator("address")
    @classmethod
    def _reachable(cls, address: str) -> str:
        if not re.fullmatch(r"(?:/[a-z0-9]+(?:-[a-z0-9]+)*)+", address):
            raise ValueError("begin it with / and use small letters, figures and hyphens only")
        return address

    @model_validator(mode="after")
    def _linked(self) -> Self:
        seen: dict[str, list[str]] = {}
        for question in self.questions:
            if question.name in TAKEN.split() or not re.fullmatch(r"[a-z][a-z0-9_-]*", question.name):
                raise _wrong(
                    question, f"“{question.name}” cannot be a name; write another, such as best_time"
                )
            if question.name in seen:
                raise _wrong(question, f"two questions are named “{question.name}”")
            for name, values in question.when.items():
                if not set(values) <= set(seen.get(name, ())):
                    raise _wrong(question, f"{question.name}: “when” names no earlier answer “{name}”")
            if (by := question.opened_by) and set(by.values) & set(seen[by.name][CHOICES_THAT_OPEN:]):
                words = f"one of the first {CHOICES_THAT_OPEN} choices of “{by.name}” has to open it"
                raise _wrong(question, f"{question.name}: {words}")
            seen[question.name] = [choice.value for choice in question.choices]
        if self.reply_to and self.reply_to not in seen:
            raise ValueError(f"“reply_to” names no question “{self.reply_to}”")
        if len(self.also) > FURTHER_OPENERS:
            raise ValueError(f"“when” may have a first line of {FURTHER_OPENERS} kinds at most in one form")
        return self

    @property
    def questions(self) -> tuple[Question, ...]:
        """Every question, in form order."""
        return tuple(question for step in self.steps for question in step.questions)

    @cached_property
    def also(self) -> tuple[Opener, ...]:
        """The answers that a question needs besides the one it stands after, each once."""
        return tuple({Opener(*item): 0 for q in self.questions for item in list(q.when.items())[:-1]})

    @property
    def stops(self) -> Iterator[str]:
        """The outcomes that answers may lead to."""
        return (choice.stop for question in self.questions for choice in question.choices if choice.stop)

    def filled(self, fill: Callable[[str], str], has: Callable[[str], bool]) -> Form:
        """The form with the service's facts in its words, less the choices it cannot offer."""
        steps = tuple(
            Step(title=fill(step.title), questions=tuple(q.filled(fill, has) for q in step.questions))
            for step in self.steps
        )
        return self.model_copy(
            update={
                "steps": steps,
                "send": fill(self.send),
                "next": tuple(filter(None, map(fill, self.next))),
            }
        )
