"""What stands above each kind of file, with the fixed lists of a story.

The lists are the design's (service design, section 11). A story with a harm that needs a content note
and lacks it does not go out.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from rjsite.content.frontmatter import Checked, Day, DayOrNone, Flag, Many, Words

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
Known = Literal["full", "most", "part", "outline"]

NOTE_FOR = {
    "sexual harm": "sexual harm",
    "child sexual abuse": "child abuse",
    "domestic abuse": "domestic abuse",
    "violence": "violence",
    "hate": "hate",
}
SUMMARY_WORDS = 30


class PageFields(Checked):
    """Above a page."""

    title: Words
    description: Annotated[Words, Field(max_length=160)]
    last_checked: Day
    head: str = ""
    crumb: str = ""
    version: str = ""
    grade: Annotated[int, Field(ge=1, le=12)] = 6
    listed: Flag = True


class PlainFields(Checked):
    """Above an outcome or an error page."""

    title: Words
    last_checked: Day


class StoryFields(Checked):
    """Above a story."""

    title: Words
    summary: Words
    harm: Annotated[list[Harm], Many, Field(min_length=1)]
    way: Annotated[list[Way], Many, Field(min_length=1)]
    began_by: Beginner
    ended: Ending
    told_by: Teller
    place: Words
    content_notes: Annotated[list[Note], Many]
    names_changed: Names
    known: Known
    permission: DayOrNone
    video: str
    published: Day
    last_checked: Day
    draft: Flag = False

    @field_validator("summary")
    @classmethod
    def _short(cls, summary: str) -> str:
        count = len(summary.split())
        if count > SUMMARY_WORDS:
            raise ValueError(f"use {SUMMARY_WORDS} words at most; these are {count}")
        return summary

    @field_validator("content_notes")
    @classmethod
    def _noted(cls, notes: list[Note], info: ValidationInfo) -> list[Note]:
        needed = [NOTE_FOR[harm] for harm in info.data.get("harm", []) if harm in NOTE_FOR]
        lacking = [note for note in needed if note not in notes]
        if lacking:
            raise ValueError(f"add “{lacking[0]}” to content_notes, because of the harm this story tells of")
        return notes
