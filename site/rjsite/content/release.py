"""What the service has still to supply, decide or permit, read from the content itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
class Ask:
    """A question to the service about one fact."""

    name: str
    question: str
    value: str  # as shown now; empty where nothing is
    waits: tuple[str, ...]  # addresses of the pages that use it
    line: int


@dataclass(frozen=True, slots=True)
class Release:
    """All that stands between the content and its release."""

    facts_file: Path
    asks: tuple[Ask, ...]
    unpermitted: tuple[Story, ...]
    videos: tuple[Story, ...]  # that tell of a video and do not say where it is

    def problems(self) -> Iterator[Problem]:
        """Each as one line."""
        for ask in self.asks:
            where = f" (for {', '.join(ask.waits)})" if ask.waits else ""
            shown = f"; the site says now: {ask.value}" if ask.value else ""
            yield Problem(self.facts_file, ask.line, f"{ask.name}: {ask.question}{where}{shown}")
        for story in self.unpermitted:
            line = story.document.lines.get("permission", 1)
            yield Problem(story.document.shown, line, "write the date of permission, like 2026-03-09")
        for story in self.videos:
            line = story.document.lines.get("video", 1)
            yield Problem(story.document.shown, line, "write the address of the video, and its words below")

    def markdown(self) -> str:
        """The same as a page for people."""
        unset = [(a.name, a.question, _list(a.waits)) for a in self.asks if not a.value]
        shown = [(a.name, a.value, a.question, _list(a.waits)) for a in self.asks if a.value]
        parts = [
            _INTRO,
            _table(
                "Not known yet",
                "The site hides every sentence that needs one of these.",
                ("Fact", "Question", "Pages that wait"),
                unset,
            ),
            _table(
                "Shown, and to be confirmed",
                "The site says this now.",
                ("Fact", "Words", "Question", "Pages"),
                shown,
            ),
            _table(
                "Stories without permission",
                "Write the date into `permission:` in the file of each.",
                ("Story", "File"),
                [(s.title, f"`{s.document.shown}`") for s in self.unpermitted],
            ),
            _table(
                "Videos",
                "Write the address into `video:`, and what is said in it below, as the transcript.",
                ("Story", "File"),
                [(s.title, f"`{s.document.shown}`") for s in self.videos],
            ),
        ]
        return "\n".join(part for part in parts if part)


def release(library: Library, folder: Path, templates: Path) -> Release:
    """Read what is missing.

    Args:
        library: with drafts. folder: as `content/`. templates: which use facts too.
    """
    used = _used(library, folder, templates)
    path = folder / "service.toml"
    return Release(
        Path(folder.name, path.name),
        tuple(
            Ask(name, fact.ask, fact.value, tuple(used.get(name, ())), line_of(path, f"[{name}]"))
            for name, fact in library.facts.items()
            if fact.ask
        ),
        tuple(story for story in library.stories if not (story.permission or story.draft)),
        tuple(
            story for story in library.stories if not story.video and re.search(r"\bvideo\b", story.summary)
        ),
    )


def _used(library: Library, folder: Path, templates: Path) -> Mapping[str, Sequence[str]]:
    """Where each fact is used, by name."""
    found: dict[str, list[str]] = {}

    def note(name: str, address: str) -> None:
        if address not in found.setdefault(name, []):
            found[name].append(address)

    for path in sorted(templates.rglob("*.html")):
        for use in _IN_TEMPLATE.finditer(path.read_text(encoding="utf-8")):
            note(use["name"], "all forms" if path.name == "form.html" else "all pages")
    by_key = {form.key: address for address, form in library.forms.items()}
    for path in sorted((folder / "forms").rglob("*.toml")):
        for use in _IN_FORM.finditer(path.read_text(encoding="utf-8")):
            note(use["name"] or use["needed"], by_key.get(path.stem, "all forms"))
    for page in library.every_page:
        address = page.address if page.address.startswith("/") else page.document.shown.as_posix()
        for use in USED.finditer(page.document.body):
            note(use["name"], address)
    return found


def _list(addresses: Sequence[str]) -> str:
    return ", ".join(f"`{a}`" if "/" in a else a for a in addresses) or "none"


def _table(title: str, words: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"## {title}\n\n{words}\n\n{table}\n"
