"""What the service has still to supply, decide or permit, read from the content itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rjsite.content.facts import USED
from rjsite.content.library import Library
from rjsite.content.page import Story
from rjsite.content.problem import Problem
from rjsite.content.toml import line_of

_IN_TEMPLATE = re.compile(r"\bfacts\.(?:get\(\")?(?P<name>[a-z_]+)")
_IN_FORM = re.compile(r"\{(?P<name>[a-z_]+)\}|needs_fact = \"(?P<needed>[a-z_]+)\"")
_INTRO = """\
# What the service has still to say

`rjsite release-check --write docs/to-confirm.md` makes this page from the content, and a test fails when it
is old. Answers go into `content/service.toml`; permissions and videos into the file of each story.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Gaps of one kind: each as one line, and as the cells of a row."""

    title: str
    words: str
    head: Sequence[str]
    rows: Sequence[tuple[Problem, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Release:
    """All that stands between the content and its release."""

    tables: Sequence[Table]

    def problems(self) -> Iterator[Problem]:
        """Each as one line."""
        return (problem for table in self.tables for problem, _ in table.rows)

    def markdown(self) -> str:
        """The same as a page for people."""
        return "\n".join([_INTRO, *(_markdown(table) for table in self.tables if table.rows)])


def release(library: Library, folder: Path, templates: Path) -> Release:
    """Read what is missing.

    Args:
        library: with drafts. folder: as `content/`. templates: which use facts too.
    """
    return Release([*_facts(library, folder, templates), *_stories(library.stories)])


def _facts(library: Library, folder: Path, templates: Path) -> Iterator[Table]:
    path, uses = folder / "service.toml", list(_uses(library, folder, templates))
    unset, shown = list[tuple[Problem, Sequence[str]]](), list[tuple[Problem, Sequence[str]]]()
    for name, fact in library.facts.items():
        if fact.ask:
            waits = list(dict.fromkeys(address for used, address in uses if used == name))
            words = f"{name}: {fact.ask}" + (f" (for {', '.join(waits)})" if waits else "")
            words += f"; the site says now: {fact.value}" if fact.value else ""
            problem = Problem(Path(folder.name, path.name), line_of(path, f"[{name}]"), words)
            pages = ", ".join(f"`{address}`" if "/" in address else address for address in waits) or "none"
            if fact.value:
                shown.append((problem, (name, fact.value, fact.ask, pages)))
            else:
                unset.append((problem, (name, fact.ask, pages)))
    hides, says = "The site hides every sentence that needs one of these.", "The site says this now."
    yield Table("Not known yet", hides, ("Fact", "Question", "Pages that wait"), unset)
    yield Table("Shown, and to be confirmed", says, ("Fact", "Words", "Question", "Pages"), shown)


def _stories(stories: Sequence[Story]) -> Iterator[Table]:
    def table(field: str, title: str, words: str, say: str, lacking: Sequence[Story]) -> Table:
        rows = [
            (
                Problem(s.document.shown, s.document.lines.get(field, 1), say),
                (s.title, f"`{s.document.shown}`"),
            )
            for s in lacking
        ]
        return Table(title, words, ("Story", "File"), rows)

    yield table(
        "permission",
        "Stories without permission",
        "Write the date into `permission:` in the file of each.",
        "write the date of permission, like 2026-03-09",
        [story for story in stories if not (story.permission or story.draft)],
    )
    yield table(
        "video",
        "Videos",
        "Write the address into `video:`, and what is said in it below, as the transcript.",
        "write the address of the video, and its words below",
        [story for story in stories if not story.video and re.search(r"\bvideo\b", story.summary)],
    )


def _uses(library: Library, folder: Path, templates: Path) -> Iterator[tuple[str, str]]:
    """Facts by name, each with where it is used."""
    for path in sorted(templates.rglob("*.html")):
        for use in _IN_TEMPLATE.finditer(path.read_text(encoding="utf-8")):
            yield use["name"], "all forms" if path.name == "form.html" else "all pages"
    by_key = {form.key: address for address, form in library.forms.items()}
    for path in sorted((folder / "forms").rglob("*.toml")):
        for use in _IN_FORM.finditer(path.read_text(encoding="utf-8")):
            yield use["name"] or use["needed"], by_key.get(path.stem, "all forms")
    for page in library.every_page:
        address = page.address if page.address.startswith("/") else page.document.shown.as_posix()
        for use in USED.finditer(page.document.body):
            yield use["name"], address


def _markdown(table: Table) -> str:
    lines = [table.head, ["---"] * len(table.head), *(cells for _, cells in table.rows)]
    rows = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"## {table.title}\n\n{table.words}\n\n{rows}\n"
