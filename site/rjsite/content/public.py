"""What the public sees: all content, less the stories that must not be shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from rjsite.content.guard.live import live_problems
from rjsite.content.guard.rules import Rules, load_rules
from rjsite.content.library import Library
from rjsite.content.page import Story
from rjsite.content.problem import Problem, Severity, Unreadable

RULES = "house-rules.toml"
_NONE: dict[str, Any] = {"no_permission_yet": (), "sign": (), "content_notes": {}}
NO_RULES = Rules.model_construct(**_NONE)  # of a service that has no such file


def for_the_public(library: Library, folder: Path, today: date) -> Library:
    """The library without the stories that must not be shown; its problems name each of them, and why.

    Args:
        library: as it was read from `folder`.
    """
    problems = sorted({*library.problems, *_by_the_rules(library.stories, folder, today)})
    left_out = {problem.path.stem for problem in problems if _of_a_story(problem)}
    return replace(library.without(left_out), problems=tuple(problems))


def _by_the_rules(stories: Sequence[Story], folder: Path, today: date) -> Iterator[Problem]:
    """What the rules say against stories; where the rules cannot be read, no story may be shown."""
    path, shown = folder / RULES, Path(folder.name, RULES)
    try:
        rules = load_rules(path, shown) if path.exists() else NO_RULES
    except Unreadable as unreadable:
        yield from unreadable.problems
        for story in stories:
            yield Problem(story.document.shown, 1, f"this story is not shown while {shown} cannot be read")
        return
    for story in stories:
        yield from live_problems(story, rules, today)


def _of_a_story(problem: Problem) -> bool:
    return problem.severity is Severity.MUST_NOT_BE_SHOWN and problem.path.parts[1:2] == ("case-studies",)
