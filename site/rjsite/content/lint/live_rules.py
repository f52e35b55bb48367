"""The rules that can keep a story off the live site."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import get_args

from rjsite.content.lint import readability
from rjsite.content.lint.rules import Rules
from rjsite.content.model import Story
from rjsite.content.problem import Problem
from rjsite.content.schema import Agreed


def live_problems(story: Story, rules: Rules, today: date) -> Iterator[Problem]:
    """Yield the problems with permission, with content notes and with signs that must not be shown."""
    document = story.document

    def problem(field: str, message: str) -> Problem:
        return Problem(document.display_path, document.lines.get(field, 1), message)

    if not story.draft and story.slug not in rules.no_permission_yet:
        if not story.permission:
            message = f"write the day on which the people in it agreed, like {today}; or keep it as a draft"
            yield problem("permission", message)
        elif not story.agreed_by:
            who = f"who agreed, one of: {', '.join(get_args(Agreed))}"
            there = "agreed_by" in document.lines  # always so in the staff copy, whose form shows no lines
            message = f"agreed_by: write {who}" if there else f"add a line “agreed_by: ...” with {who}"
            yield problem("agreed_by" if there else "permission", message)
    if story.permission and story.permission > today:
        message = f"this day is still to come; write the day on which they agreed, like {today}"
        yield problem("permission", f"permission: {message}")
    text = readability.plain(f"{story.title}. {story.summary} {document.body}")
    for note, word in rules.notes_needed(text):
        if note not in story.content_notes:
            message = f"add “{note}” to content_notes, because the story says “{word}”"
            yield problem("content_notes", message)
    for number, line in enumerate(document.body.splitlines(), document.body_line):
        for message in rules.signs(line, not_shown=True):
            yield Problem(document.display_path, number, message)
