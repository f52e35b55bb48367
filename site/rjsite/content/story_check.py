"""Checks a story that is not saved in a file yet, with the same messages as `rjsite check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from rjsite.content import front_matter, lint, size_limits
from rjsite.content.file_checks import body_problems
from rjsite.content.front_matter import FENCE, Document
from rjsite.content.library import Library, load
from rjsite.content.lint.public_stories import public_library
from rjsite.content.loader import make_story
from rjsite.content.model import Story
from rjsite.content.problem import Problem, Severity, Unreadable
from rjsite.content.source import clean
from rjsite.content.story_file import any_answer

BODY = "body"  # the name of the text below the fields


@dataclass(frozen=True)
class CheckedStory:
    """An unsaved story, with its problems.

    Attributes:
        display_path: the name of the file in messages.
        story: the story, or None if the text cannot be used.
        stand_in: the story with a valid answer instead of each invalid one, so that the rest can be checked
            as well, or None if there can be no such story.
    """

    display_path: Path
    text: str
    story: Story | None
    problems: Sequence[Problem]
    stand_in: Story | None = None

    def place(self, problem: Problem) -> tuple[str, int]:
        """Return the field that a problem is about and, for the body, the line within the body.

        The field is empty if the problem is about the whole file or another file.
        """
        lines = self.text.split("\n")
        end = lines.index(FENCE, 1)
        if problem.path != self.display_path or problem.line < 2:
            return "", 0
        if problem.line <= end:
            return lines[problem.line - 1].partition(":")[0], 0
        return BODY, max(problem.line - end - 2, 1)

    def with_problem(self, field: str, message: str) -> CheckedStory:
        """Return a copy with another problem added to a field."""
        line = next(n for n, line in enumerate(self.text.split("\n"), 1) if line.startswith(f"{field}:"))
        return replace(self, problems=[Problem(self.display_path, line, message), *self.problems])


def read_story(text: str, name: str, content: Library, folder: Path, today: date) -> CheckedStory:
    """Return the story in a text, with the problems found while reading the text.

    Args:
        text: the content of the future file.
        name: the name of the file, without `.md`.
        content: the content of `folder`, with drafts.
        today: the date that decides whether the story is public.
    """
    display_path = Path(folder.name, "case-studies", f"{name}.md")
    written = text.encode()
    if message := size_limits.too_large(len(written)):
        return CheckedStory(display_path, text, None, [Problem(display_path, 1, message)])
    try:
        document = front_matter.parse(clean(written, display_path), display_path)
    except Unreadable as unreadable:
        return CheckedStory(display_path, text, None, unreadable.problems)
    problems = list(body_problems(document, content.facts))
    try:
        story = make_story(document, name, content.facts)
    except Unreadable as unreadable:
        stand_in = _stand_in(document, unreadable.problems, name, content, today)
        return CheckedStory(display_path, text, None, [*unreadable.problems, *problems], stand_in)
    story = replace(story, not_public=story.why_not_public(today))
    return CheckedStory(display_path, text, story, problems, story)


def _stand_in(
    document: Document, problems: Sequence[Problem], name: str, content: Library, today: date
) -> Story | None:
    wrong = {problem.line for problem in problems}
    fields = {
        field: any_answer(field, today) if document.lines[field] in wrong else answer
        for field, answer in document.fields.items()
    }
    try:
        return make_story(replace(document, fields=fields), name, content.facts)
    except Unreadable:  # the body is empty or a field is missing
        return None


def check_story(
    read: CheckedStory, content: Library, folder: Path, today: date, known: Sequence[Problem]
) -> CheckedStory:
    """Return the story with every problem that the saved file would cause, in this file or in another.

    While the story has invalid answers, problems in other files are left out. A story without a stand-in is
    returned unchanged.

    Args:
        read: the result of `read_story` with the same content.
        known: the problems that `lint.check` finds in the current content.
    """
    if read.stand_in is None:
        return read
    problems = lint.check(content.with_story(read.stand_in), folder, today)
    new = {p for p in problems if p.path == read.display_path or p not in known or _prevents_check(p)}
    if read.story is None:  # leave out other files, and stand-in answers, which the writer did not give
        wrong = {problem.line for problem in read.problems}
        new = {problem for problem in new if problem.path == read.display_path and problem.line not in wrong}
    return replace(read, problems=sorted(new.union(read.problems)))


def _prevents_check(problem: Problem) -> bool:
    """Return whether a problem in the rules or the facts has kept `lint.check` from checking anything."""
    return problem.severity is Severity.MUST_NOT_BE_SHOWN and problem.path.suffix == ".toml"


def published_with(story: Story, folder: Path, today: date) -> Library:
    """Return the content that the public would see if the story were published today.

    Raises:
        Unreadable: if the facts or the forms cannot be used.
    """
    public = public_library(load(folder, today=today), folder, today)
    return public.with_story(replace(story, draft=False, not_public=""))
