"""The fields that stand above each kind of file, and the fixed lists of values for stories.

A story with a kind of harm that needs a content note is not shown without that note.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

Harm = Literal[
    "burglary",
    "theft",
    "violence",
    "threats",
    "dangerous driving",
    "sexual harm",
    "child sexual abuse",
    "domestic abuse",
    "hate",
    "neighbours",
    "not known",
]
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


def _one_line(value: Any) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text:
        a_list = 'put the words in straight quotes, because [ begins a list: "..."'
        raise ValueError(a_list if isinstance(value, list) else "write some words after the colon")
    return text


def _fixed(value: Any) -> Any:
    """Return a value without what makes no difference: capitals, quotation marks and kinds of dashes."""
    if isinstance(value, list):
        return list(map(_fixed, value))
    return re.sub(r"[-‐-―]", "-", " ".join(value.lower().strip(_AROUND).split())) if value else value


def _many(value: Any) -> Any:
    return list(filter(None, map(_fixed, value.split(",")))) if isinstance(value, str) else _fixed(value)


def _notes(value: Any) -> Any:
    """Return the content notes of a story. Its help says that `none` means none."""
    notes = _many(value)
    return [] if len(notes) == 1 and notes[0] in _NONE else notes


def _place(value: Any) -> str:
    """Return the place as it is written, or “not stated” in whichever way that was put."""
    text = _one_line(value)
    return "not stated" if _fixed(text) in _NOT_STATED or text in _NONE else text


def _date(value: Any) -> date:
    found = re.fullmatch(r"([0-9]{4})[-‐-―./]([0-9]{1,2})[-‐-―./]([0-9]{1,2})", str(value).strip(_AROUND))
    if not found:
        raise ValueError("write the date as year-month-day, like 2026-03-09")
    try:
        return date(*map(int, found.groups()))
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


class StoryFields(_Titled):
    """The fields of a story."""

    summary: Words
    harm: Annotated[tuple[Harm, ...], Many, Field(min_length=1)]
    way: Annotated[tuple[Way, ...], Many, Field(min_length=1)]
    began_by: Annotated[Beginner, Fixed] = "not known"
    ended: Annotated[Ending, Fixed] = "not known"
    told_by: Annotated[Teller, Fixed]
    place: Annotated[str, BeforeValidator(_place)]
    content_notes: Annotated[tuple[Note, ...], BeforeValidator(_notes)]
    names_changed: Annotated[Names, Fixed]
    known: Annotated[Known, Fixed] = "not stated"
    permission: DayOrNone
    agreed_by: Annotated[Agreed | None, FixedOrNone] = None
    ask_again: DayOrNone = None
    video: str = ""
    ask: str = ""
    last_checked: Day
    published: Annotated[Day, Field(default_factory=lambda given: given.get("last_checked", date.min))]
    draft: Flag = False

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
