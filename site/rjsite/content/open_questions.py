"""What the service has still to supply, decide or permit, read from the content itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rjsite.content.fact_formats import GIVE
from rjsite.content.fact_uses import Use, fact_uses
from rjsite.content.library import Library
from rjsite.content.model import Story
from rjsite.content.problem import Problem
from rjsite.content.source import read_source
from rjsite.content.toml import Lines

_IN_TEMPLATE = re.compile(r"\bfacts\.(?:get\(\")?(?P<name>[a-z_]+)")
_SENTENCES = 3  # of one fact that are shown, at most
_INTRO = """\
# What the service has still to say

`rjsite release-check --write docs/to-confirm.md` makes this page from the content, and a test fails when it
is old. Answers go into `content/service.toml`; permissions and videos into the file of each story.

To answer a question, find the name of the fact in `content/service.toml` and write the answer below it, in
straight quotation marks. Take the line `ask` out once the answer is final. For example:

```toml
[hours]
form = "phrase"
value = "Monday to Friday, 9am to 5pm"
```
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
    path = folder / "service.toml"
    lines, uses = Lines(read_source(path, path)), [*_in_templates(templates), *fact_uses(library, folder)]
    unset, shown = list[tuple[Problem, Sequence[str]]](), list[tuple[Problem, Sequence[str]]]()
    for name, fact in library.facts.items():
        if fact.ask:
            here = [use for use in uses if use.name == name]
            waits = list(dict.fromkeys(use.place for use in here))
            said = list(dict.fromkeys(use.sentence for use in here if use.sentence))[:_SENTENCES]
            give = GIVE[fact.form] if fact.form else ""
            words = f"{name}: {fact.ask}" + (f"; give {give}" if give else "")
            words += f", for “{'” and “'.join(said)}”" if said else ""
            words += f" (for {', '.join(waits)})" if waits else ""
            words += f"; the site says now: {fact.value}" if fact.value else ""
            problem = Problem(Path(folder.name, path.name), lines.of((name,)), words)
            pages = ", ".join(f"`{address}`" if "/" in address else address for address in waits) or "none"
            cells = (fact.ask, give, " … ".join(said), pages)
            if fact.value:
                shown.append((problem, (name, fact.value, *cells)))
            else:
                unset.append((problem, (name, *cells)))
    hides, says = "The site hides every sentence that needs one of these.", "The site says this now."
    asked = ("Question", "What to give", "What it completes", "Pages")
    yield Table("Not known yet", hides, ("Fact", *asked), unset)
    yield Table("Shown, and to be confirmed", says, ("Fact", "Words", *asked), shown)


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


def _in_templates(templates: Path) -> Iterator[Use]:
    """Facts that stand around every page or form."""
    for path in sorted(templates.rglob("*.html")):
        for use in _IN_TEMPLATE.finditer(path.read_text(encoding="utf-8")):
            yield Use(use["name"], "all forms" if path.name == "form.html" else "all pages")


def _markdown(table: Table) -> str:
    lines = [table.head, ["---"] * len(table.head), *(cells for _, cells in table.rows)]
    rows = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"## {table.title}\n\n{table.words}\n\n{rows}\n"
