"""The words in TOML files by the rules: questions and messages of the forms, and the menus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rjsite.content.facts import USED
from rjsite.content.library import Library
from rjsite.content.lint.rules import Rules
from rjsite.content.lint.stray_marks import marks
from rjsite.content.lint.wording import Found, Unit, entries, initials, units
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.source import read_source
from rjsite.content.toml import Lines, Place, read_toml

# what a visitor reads; the rest is for the team or the program
_READ = frozenset({"title", "label", "hint", "missing", "malformed", "after", "send", "noun", "next"})

NO_REPLY = (
    "take this line out: a reply quotes the whole form into an inbox that somebody else may read; "
    "house-rules.toml names this form in no_reply"
)

File = tuple[dict[str, Any], Lines]  # its tables, and where they stand


def table_findings(library: Library, folder: Path, rules: Rules) -> Iterator[Problem]:
    """What is wrong in the definitions of the forms and in navigation.toml."""
    forms = sorted((folder / "forms").rglob("*.toml"))
    for findings, path in [(_navigation, folder / "navigation.toml"), *((_form, path) for path in forms)]:
        shown = Path(folder.name, path.relative_to(folder))
        try:
            file = read_toml(path, shown), Lines(read_source(path, shown))
        except Unreadable as unreadable:
            yield from unreadable.problems
            continue
        for line, words in findings(library, file, rules, rules.sentence_limit(shown)):
            yield Problem(shown, line, words)


def _form(library: Library, file: File, rules: Rules, limit: int) -> Found:
    tables, lines = file
    placed = [(lines.of(place), words) for place, words in strings(tables)]
    said = [Unit("entry", line, library.facts.fill(words)) for line, words in placed]
    for line, words in placed:
        yield from _facts_named(library, line, words)
    yield from entries(said, rules, limit)
    if "reply_to" in tables and tables.get("address") in rules.no_reply:
        yield lines.of(("reply_to",)), NO_REPLY
    address = tables.get("address")  # questions that forms share have none
    pages = [page for page in library.form_pages.values() if page.address == address]
    yield from initials(said, rules, beside=[unit for page in pages for unit in units(page)])


def _facts_named(library: Library, line: int, words: str) -> Found:
    """Facts in the words of a form that do not exist, or whose absence takes all the words away."""
    for found in USED.finditer(words):
        if found["name"] not in library.facts:
            yield line, f"there is no fact “{found['name']}”; see content/service.toml"
        elif not library.facts.fill(words):
            yield (
                line,
                f"nothing is shown here while {{{found['name']}}} has no value; write words without it",
            )


def _navigation(_library: Library, file: File, _rules: Rules, _limit: int) -> Found:
    tables, lines = file
    for place, words in strings(tables):
        yield from ((lines.of(place), say) for _, say in marks(words))


def strings(table: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every text below a table that a visitor reads, in order, with its place."""
    if isinstance(table, str) and next(name for name in reversed(place) if isinstance(name, str)) in _READ:
        yield place, table
    elif isinstance(table, dict):
        for key, value in table.items():
            yield from strings(value, (*place, key))
    elif isinstance(table, list):
        for number, value in enumerate(table):
            yield from strings(value, (*place, number))
