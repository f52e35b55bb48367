"""The overview for staff: the state and the problems of each story and page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rjsite.content.library import Library
from rjsite.content.loader import address_of
from rjsite.content.model import Page
from rjsite.content.problem import Problem, Severity, printable


@dataclass(frozen=True)
class Row:
    """One story or page.

    Attributes:
        name: the name of the file, without `.md`, as it can be printed.
        page: the story or page; None if it is hidden or its file cannot be used.
        state: words that say whether the page is public.
    """

    name: str
    title: str
    page: Page | None
    state: str
    problems: Sequence[Problem]


@dataclass(frozen=True)
class Overview:
    """Every story and page, and the problems in other files."""

    stories: Sequence[Row]
    pages: Sequence[Row]
    others: Sequence[Problem]


def overview(library: Library, folder: Path, problems: Sequence[Problem]) -> Overview:
    """Return the state of all content.

    Args:
        library: the content of `folder`, with drafts.
        problems: the problems that the check finds in this content.
    """
    problems = sorted({*problems, *library.problems})
    order = {story.slug: number for number, story in enumerate(library.stories)}
    stories = sorted(
        _rows("case-studies", library.by_slug.get, folder, problems),
        key=lambda row: order.get(row.name, -1),  # stories that are hidden or cannot be used come first
    )
    pages = list(_rows("pages", lambda name: library.pages.get(address_of(name)), folder, problems))
    listed = {problem for row in (*stories, *pages) for problem in row.problems}
    return Overview(stories, pages, [problem for problem in problems if problem not in listed])


def _rows(
    kind: str, find: Callable[[str], Page | None], folder: Path, problems: Sequence[Problem]
) -> Iterator[Row]:
    """Yield a row for each Markdown file in a folder, even if the file cannot be used."""
    for path in sorted((folder / kind).glob("*.md")):
        here = [problem for problem in problems if problem.path == Path(folder.name, kind, path.name)]
        page = find(path.stem)
        yield Row(
            name=printable(Path(path.stem)),
            title=page.title if page else printable(Path(path.name)),
            page=page,
            state=_state(page, here),
            problems=here,
        )


def _state(page: Page | None, problems: Sequence[Problem]) -> str:
    if any(problem.severity is Severity.MUST_NOT_BE_SHOWN for problem in problems):
        return "This version is not shown, because of a problem"
    if page is None:
        return "Hidden"
    return page.not_public or "Public"
