"""The rules that can keep a story off the live site, and the library without the stories that they forbid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, get_args

from rjsite.content.last_good import LastGood
from rjsite.content.library import Library
from rjsite.content.lint import readability
from rjsite.content.lint.rules import Rules, load_rules
from rjsite.content.model import Story
from rjsite.content.problem import Problem, Severity, Unreadable
from rjsite.content.schema import Agreed
from rjsite.content.size_limits import read_bytes

RULES = "house-rules.toml"
_NONE: dict[str, Any] = {"no_permission_yet": (), "sign": (), "content_notes": {}}
NO_RULES = Rules.model_construct(**_NONE)  # for a content folder without house-rules.toml


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


def public_library(library: Library, folder: Path, today: date, last_good: LastGood | None = None) -> Library:
    """Return the library without the stories that must not be shown, with a problem for each of them.

    Args:
        library: the content of `folder`.
        folder: the content folder.
        today: the date that decides which permissions are in force.
        last_good: provides earlier rules if those in the folder cannot be used.
    """
    problems, usable = set(library.problems), dict(library.usable)
    rules: Rules | None = NO_RULES
    path, display_path = folder / RULES, Path(folder.name, RULES)
    copy = last_good.of(RULES) if last_good else None
    try:
        if path.exists() or copy:
            rules = load_rules(path, display_path)
            usable[RULES] = read_bytes(path, display_path)
    except Unreadable as unreadable:
        problems.update(unreadable.problems)
        rules = load_rules(copy, display_path) if copy else None
    for story in library.stories:
        problems.update(_reasons_to_hide(story, rules, display_path, today))
    left_out = {problem.path.stem for problem in problems if _of_a_story(problem)}
    return replace(library.without(left_out), problems=tuple(sorted(problems)), usable=usable)


def _reasons_to_hide(story: Story, rules: Rules | None, display_path: Path, today: date) -> Iterator[Problem]:
    """Yield the reasons why a story must not be shown. If the rules cannot be used, no story may be shown."""
    if rules:
        yield from live_problems(story, rules, today)
    else:
        yield Problem(
            story.document.display_path, 1, f"this story is not shown while {display_path} cannot be used"
        )


def _of_a_story(problem: Problem) -> bool:
    return problem.severity is Severity.MUST_NOT_BE_SHOWN and problem.path.parts[1:2] == ("case-studies",)
