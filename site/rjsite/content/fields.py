"""What stands above each kind of file, with the fixed lists of a story.

The lists are the design's (service design, section 11). A story with a harm that needs a content note
and lacks it does not go out.
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
Ending = Literal["met", "messages passed on", "letter written", "the other person said no", "not known"]
Teller = Literal["our team", "person harmed", "person responsible", "family", "not known"]
Note = Literal["sexual harm", "child abuse", "domestic abuse", "violence", "death", "hate", "self-harm"]
Names = Literal["yes", "no names used", "not stated"]
Known = Literal["full", "most", "part", "outline", "not stated"]

NOTE_FOR = {
    "sexual harm": "sexual harm",
    "child sexual abuse": "child abuse",
    "domestic abuse": "domestic abuse",
    "violence": "violence",
    "hate": "hate",
}
SUMMARY_WORDS = 30


def _one_line(value: Any) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text:
        raise ValueError("write some words after the colon")
    return text


def _many(value: Any) -> Any:
    return list(filter(None, [value])) if isinstance(value, str) else value


def _date(value: Any) -> date:
    if not (isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)):
        raise ValueError("write the date as year-month-day, like 2026-03-09")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day; write year-month-day, like 2026-03-09") from None


def _yes(value: Any) -> bool:
    if value not in ("true", "false"):
        raise ValueError("write true or false")
    return bool(value == "true")


Words = Annotated[str, BeforeValidator(_one_line)]
Many = BeforeValidator(_many)
Day = Annotated[date, BeforeValidator(_date)]
DayOrNone = Annotated[date | None, BeforeValidator(lambda value: None if value == "" else _date(value))]
Flag = Annotated[bool, BeforeValidator(_yes)]


class _Titled(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    title: Words


class PlainFields(_Titled):
    """Above an outcome or an error page."""

    last_checked: Day


class PageFields(_Titled):
    """Above a page."""

    description: Annotated[Words, Field(max_length=160)]
    last_checked: Day
    head: str = ""
    crumb: str = ""
    version: str = ""
    grade: Annotated[int, Field(ge=1, le=12)] = 6
    listed: Flag = True


class StoryFields(_Titled):
    """Above a story."""

    summary: Words
    harm: Annotated[tuple[Harm, ...], Many, Field(min_length=1)]
    way: Annotated[tuple[Way, ...], Many, Field(min_length=1)]
    began_by: Beginner = "not known"
    ended: Ending = "not known"
    told_by: Teller
    place: Words
    content_notes: Annotated[tuple[Note, ...], Many]
    names_changed: Names
    known: Known = "not stated"
    permission: DayOrNone
    video: str = ""
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
