"""Removes the stories that the public must not see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from rjsite.content.last_good import LastGood
from rjsite.content.library import Library
from rjsite.content.lint.live_rules import live_problems
from rjsite.content.lint.rules import Rules, load_rules
from rjsite.content.model import Story
from rjsite.content.problem import Problem, Severity, Unreadable
from rjsite.content.size_limits import read_bytes

RULES = "house-rules.toml"
_NONE: dict[str, Any] = {"no_permission_yet": (), "sign": (), "content_notes": {}}
NO_RULES = Rules.model_construct(**_NONE)  # for a content folder without house-rules.toml


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
