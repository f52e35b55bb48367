"""What keeps a story from the live site, whatever else the check says of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from rjsite.content.lint import readability
from rjsite.content.lint.rules import Rules
from rjsite.content.model import Story
from rjsite.content.problem import Problem


def live_problems(story: Story, rules: Rules, today: date) -> Iterator[Problem]:
    """Permission that is missing or still to come, missing content notes, and text left from the new file."""
    document = story.document

    def problem(field: str, words: str) -> Problem:
        return Problem(document.shown, document.lines.get(field, 1), words)

    if not story.permission and not story.draft and story.slug not in rules.no_permission_yet:
        words = f"write the day on which the people in it agreed, like {today}; or keep it as a draft"
        yield problem("permission", words)
    if story.permission and story.permission > today:
        words = f"this day is still to come; write the day on which they agreed, like {today}"
        yield problem("permission", f"permission: {words}")
    written = readability.plain(f"{story.title}. {story.summary} {document.body}")
    for note, word in rules.notes_needed(written):
        if note not in story.content_notes:
            words = f"add “{note}” to content_notes, because the story says “{word}”"
            yield problem("content_notes", words)
    for number, line in enumerate(document.body.splitlines(), document.body_line):
        for words in rules.signs(line, not_shown=True):
            yield Problem(document.shown, number, words)
