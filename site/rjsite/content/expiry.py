"""Finds facts and story permissions that have ended or will end soon, and makes a notice for each.

`Story.why_not_public` in `model.py` hides a story whose permission has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path

from rjsite.content import front_matter
from rjsite.content.facts import TEMPORARY, Fact, Facts
from rjsite.content.model import Story
from rjsite.content.problem import Problem, Severity, Unreadable
from rjsite.content.schema import StoryFields
from rjsite.content.toml import lines_in

SOON = timedelta(days=30)
ASK_AGAIN = "ask the people in it again, then write the new days in permission and ask_again"


class Permission(StrEnum):
    """The state of a story's permission on a given day."""

    ENDED = "Ended: the story is not shown until the people in it agree again"
    ENDING = "Ending within 30 days: ask the people in it again"
    ACTIVE = "Active"
    MISSING = "No permission in force yet"


def permission(story: Story, today: date) -> Permission:
    """Return the state of a story's permission today."""
    if not story.permission or story.permission > today:
        return Permission.MISSING
    if story.has_ended(today):
        return Permission.ENDED
    return Permission.ENDING if story.has_ended(today + SOON) else Permission.ACTIVE


def permission_has_ended(path: Path, today: date) -> bool:
    """Return whether the permission in a story's file has ended, or False if the file cannot be used."""
    try:
        fields = front_matter.read(path, path).validate_fields(StoryFields)
    except Unreadable:
        return False
    return fields.ask_again is not None and fields.ask_again <= today


def expiry_notices(facts: Facts, stories: Iterable[Story], folder: Path, today: date) -> tuple[Problem, ...]:
    """Return a notice for each fact and permission that has ended or will end soon.

    For a temporary fact (see `TEMPORARY`) there is a notice however far away its end is. For the permission
    of a draft there is none.

    Args:
        facts: the facts for today, from `Facts.on`.
        stories: all stories, including those that are not shown.
        folder: the content folder.
        today: the date that the ends are compared with.
    """
    return tuple(sorted([*_facts(facts, folder, today), *_permissions(stories, today)]))


def _facts(facts: Facts, folder: Path, today: date) -> Iterator[Problem]:
    path, display_path = folder / "service.toml", Path(folder.name, "service.toml")
    lines = lines_in(path, display_path)
    for name, fact in {**facts, **facts.ended}.items():
        needs_notice = fact.has_ended(today + SOON) or name in TEMPORARY
        if fact and fact.until and needs_notice:
            message = f"{name} {_of_fact(name, fact, f'{fact.until:%-d %B %Y}', ended=fact.has_ended(today))}"
            yield Problem(display_path, lines.of((name, "until")), message, Severity.ENDS)


def _of_fact(name: str, fact: Fact, day: str, *, ended: bool) -> str:
    """Return words that say when a fact ends or ended, what happens then, and what to do about it."""
    if fact.stays:
        kept = "and is still shown, because people need it" if ended else "and stays, because people need it"
        return f"{'ended' if ended else 'ends'} on {day} {kept}; check it, then write a later day in until"
    if not ended:
        return f"ends on {day}, and what needs it is left out then; to keep it, write a later day in until"
    papers = "" if name in TEMPORARY else " after “make papers”"
    return f"ended on {day} and is no longer shown; write its new value and day, or empty both{papers}"


def _permissions(stories: Iterable[Story], today: date) -> Iterator[Problem]:
    for story in stories:
        # the public does not see drafts, so their permissions can wait
        if story.ask_again and story.has_ended(today + SOON) and not story.draft:
            ended = story.has_ended(today)
            when = f"{'ended' if ended else 'ends'} on {story.ask_again:%-d %B %Y}"
            message = f"the permission for “{story.title}” {when}; {ASK_AGAIN}"
            severity = Severity.MUST_NOT_BE_SHOWN if ended else Severity.ENDS
            yield Problem(story.document.display_path, story.document.lines["ask_again"], message, severity)
