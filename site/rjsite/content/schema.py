"""The fields at the top of each kind of Markdown file, their valid values, and the questions about a story.

A story about a harm that needs a content note is not shown without that note.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

Harm = Literal[
    "burglary", "theft", "violence", "threats", "dangerous driving", "sexual harm", "child sexual abuse",
    "domestic abuse", "hate", "neighbours", "not known",
]  # fmt: skip
Way = Literal["meeting", "letter", "messages passed on", "talk with our team", "not known"]
Beginner = Literal["person harmed", "person responsible", "family", "police", "our team", "not known"]
Ending = Literal[
    "met", "messages passed on", "letter written", "the other person did not take part", "not known"
]
Teller = Literal["our team", "person harmed", "person responsible", "family", "not known"]
Note = Literal["sexual harm", "child abuse", "domestic abuse", "violence", "death", "hate", "self-harm"]
Names = Literal["yes", "no names used", "not stated"]
Known = Literal["full", "most", "part", "outline", "not stated"]
Agreed = Literal["person harmed", "person responsible", "both", "nobody identifiable"]

NOTE_FOR = {
    "sexual harm": "sexual harm",
    "child sexual abuse": "child abuse",
    "domestic abuse": "domestic abuse",
    "violence": "violence",
    "hate": "hate",
}
SUMMARY_WORDS = 30


_NONE = ("none", "no", "nothing", "nil", "n/a", "-", "–", "—")
_NOT_STATED = ("not stated", "not known", "unknown", "not given", *_NONE)
_AROUND = " \"'“”„‘’."
_DASH = re.compile(r"[-‐-―]")
_DAY = re.compile(r"([0-9]{4})[-‐-―./]([0-9]{1,2})[-‐-―./]([0-9]{1,2})")


def _one_line(value: Any) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text:
        a_list = 'put the words in straight quotes, because [ begins a list: "..."'
        raise ValueError(a_list if isinstance(value, list) else "write some words here")
    return text


def _fixed(value: Any) -> Any:
    """Return a value in lower case, with plain spaces and hyphens, and without marks around it."""
    if isinstance(value, list):
        return list(map(_fixed, value))
    return _DASH.sub("-", " ".join(value.lower().strip(_AROUND).split())) if value else value


def _many(value: Any) -> Any:
    return list(filter(None, map(_fixed, value.split(",")))) if isinstance(value, str) else _fixed(value)


def _notes(value: Any) -> Any:
    """Return the content notes of a story, or an empty list for “none” and the like."""
    notes = _many(value)
    return [] if len(notes) == 1 and notes[0] in _NONE else notes


def _place(value: Any) -> str:
    """Return the place, or “not stated” for any way of saying that the place is unknown."""
    text = _one_line(value)
    return "not stated" if _fixed(text) in _NOT_STATED or text in _NONE else text


def _date(value: Any) -> date:
    match = _DAY.fullmatch(str(value).strip(_AROUND))
    if not match:
        raise ValueError("write the date as year-month-day, like 2026-03-09")
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        raise ValueError("there is no such day; write year-month-day, like 2026-03-09") from None


def _yes(value: Any) -> bool:
    answer = _fixed(value)
    if answer not in ("true", "yes", "on", "false", "no", "off"):
        raise ValueError("write true or false")
    return answer in ("true", "yes", "on")


Words = Annotated[str, BeforeValidator(_one_line), Field(max_length=300)]
Fixed = BeforeValidator(_fixed)
FixedOrNone = BeforeValidator(lambda value: _fixed(value) or None)
Many = BeforeValidator(_many)
Day = Annotated[date, BeforeValidator(_date)]
DayOrNone = Annotated[date | None, BeforeValidator(lambda value: None if value == "" else _date(value))]
Flag = Annotated[bool, BeforeValidator(_yes)]


class _Titled(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    title: Words


class PlainFields(_Titled):
    """The fields of an outcome or an error page."""

    last_checked: Day


class PageFields(_Titled):
    """The fields of a page."""

    description: Annotated[Words, Field(max_length=160)]
    last_checked: Day
    head: str = ""
    crumb: str = ""
    version: str = ""
    grade: Annotated[int, Field(ge=1, le=12)] = 6
    listed: Flag = True
    draft: Flag = False


def _asked(question: str, hint: str = "") -> Any:
    """Return a field with a question and a hint for staff, shown in new files and in the staff copy."""
    return Field(title=question, description=hint)


class StoryFields(_Titled):
    """The fields of a story."""

    title: Annotated[Words, _asked("What is the title of the story?")]
    summary: Annotated[
        Words,
        _asked(
            f"What is it about, in {SUMMARY_WORDS} words at most?",
            "Say what happened and what came of it. This is on the card in the list of stories.",
        ),
    ]
    harm: Annotated[tuple[Harm, ...], Many, Field(min_length=1), _asked("What kinds of harm were there?")]
    way: Annotated[tuple[Way, ...], Many, Field(min_length=1), _asked("How did people take part?")]
    began_by: Annotated[Beginner, Fixed, _asked("Who asked for restorative justice first?")] = "not known"
    ended: Annotated[Ending, Fixed, _asked("How did it end?")] = "not known"
    told_by: Annotated[Teller, Fixed, _asked("Who tells the story?")]
    place: Annotated[
        str,
        BeforeValidator(_place),
        _asked(
            "Where did it happen?",
            "Give a town or an area. If that could show who the people are, write: not stated.",
        ),
    ]
    content_notes: Annotated[
        tuple[Note, ...],
        BeforeValidator(_notes),
        _asked("What may upset a reader?", "Readers see these notes before the story. There may be none."),
    ]
    names_changed: Annotated[Names, Fixed, _asked("Have the names been changed?")]
    known: Annotated[Known, Fixed, _asked("How much of the story is told?")] = "not stated"
    permission: Annotated[
        DayOrNone,
        _asked(
            "On which day did the people in it agree that the website may show it?",
            "You can leave this empty only in a draft.",
        ),
    ]
    agreed_by: Annotated[
        Agreed | None,
        FixedOrNone,
        _asked("Who agreed?", "You can leave this empty in a draft."),
    ] = None
    ask_again: Annotated[
        DayOrNone,
        _asked(
            "From which day do you have to ask them again?",
            "The story is hidden from that day. Leave this empty if they set no end date.",
        ),
    ] = None
    video: Annotated[
        str,
        _asked(
            "What is the address of the video?",
            "It begins with https://. Leave this empty if there is no video.",
        ),
    ] = ""
    ask: Annotated[
        str,
        _asked(
            "What does the service still have to tell us about this story?",
            "This goes into the list of open questions. Readers do not see it.",
        ),
    ] = ""
    last_checked: Annotated[Day, _asked("On which day did somebody last read it and find it right?")]
    published: Annotated[
        Day,
        Field(default_factory=lambda given: given.get("last_checked", date.min)),
        _asked("From which day can readers see it?", "Until this day, the story is hidden."),
    ]
    draft: Annotated[
        Flag, _asked("Is it still a draft?", "Only people who work on the site see a draft.")
    ] = False

    @field_validator("summary")
    @classmethod
    def _short(cls, summary: str) -> str:
        count = len(summary.split())
        if count > SUMMARY_WORDS:
            raise ValueError(f"use {SUMMARY_WORDS} words at most; these are {count}")
        return summary

    @field_validator("video")
    @classmethod
    def _encrypted(cls, video: str) -> str:
        if video.lower().strip(_AROUND) in _NONE:
            return ""
        if video and not re.fullmatch(r"https://[^\s/]+\.[^\s/]+/\S*", video):
            raise ValueError("write the address of the video, beginning with https://")
        return video

    @field_validator("content_notes")
    @classmethod
    def _noted(cls, notes: tuple[Note, ...], info: ValidationInfo) -> tuple[Note, ...]:
        needed = [NOTE_FOR[harm] for harm in info.data.get("harm", []) if harm in NOTE_FOR]
        lacking = [note for note in needed if note not in notes]
        if lacking:
            raise ValueError(f"add “{lacking[0]}” to content_notes, because of the harm this story tells of")
        return notes
