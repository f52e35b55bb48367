"""What ends on a day: the permissions of stories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from enum import StrEnum

from rjsite.content.model import Story
from rjsite.content.problem import Problem, Severity

SOON = timedelta(days=30)
ASK_AGAIN = "ask the people in it again, then write the new days in permission and ask_again"


class Permission(StrEnum):
    """How the permission of a story stands on a day."""

    ENDED = "Ended: the story is not shown until the people in it agree again"
    ENDING = "Ending within 30 days: ask the people in it again"
    ACTIVE = "Active"
    MISSING = "No permission in force yet"


def permission(story: Story, today: date) -> Permission:
    """Return how the permission of a story stands."""
    if not story.permission or story.permission > today:
        return Permission.MISSING
    if story.has_ended(today):
        return Permission.ENDED
    return Permission.ENDING if story.has_ended(today + SOON) else Permission.ACTIVE


def ending_permissions(stories: Iterable[Story], today: date) -> Iterator[Problem]:
    """Yield each permission that has ended or will soon. A draft is shown to nobody, so it can wait."""
    for story in stories:
        if story.ask_again and story.has_ended(today + SOON) and not story.draft:
            ended = story.has_ended(today)
            when = f"{'ended' if ended else 'ends'} on {story.ask_again:%-d %B %Y}"
            message = f"the permission for “{story.title}” {when}; {ASK_AGAIN}"
            severity = Severity.MUST_NOT_BE_SHOWN if ended else Severity.ENDS
            yield Problem(story.document.shown, story.document.lines["ask_again"], message, severity)
