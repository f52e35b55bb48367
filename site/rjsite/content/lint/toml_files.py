"""Checks TOML files: the questions and messages of the forms, and the menus."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from rjsite.content.facts import FACT_REFERENCE, Facts
from rjsite.content.library import Library
from rjsite.content.lint.hard_coded_facts import HardCodedFactFinder
from rjsite.content.lint.rendered import RenderedPage
from rjsite.content.lint.rules import Rules
from rjsite.content.lint.stray_marks import marks
from rjsite.content.lint.wording import Findings, Passage, entries, initials
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.toml import Place, lines_in, read_toml

# The values that visitors read. The others are for the team or the program.
_READ = frozenset({"title", "label", "hint", "missing", "malformed", "after", "send", "noun", "next"})

NO_REPLY = (
    "take this line out: a reply quotes the whole form into an inbox that somebody else may read; "
    "house-rules.toml names this form in no_reply"
)


class TomlFile:
    """A TOML file in the content folder, with the lines of its values.

    Raises:
        Unreadable: if the file cannot be used.
    """

    def __init__(self, folder: Path, path: Path) -> None:
        self.display_path = Path(folder.name, path.relative_to(folder))
        self.tables = read_toml(path, self.display_path)
        self.line_of = lines_in(path, self.display_path).of

    def problem(self, place: Place, message: str) -> Problem:
        """Return a problem on the line of a value."""
        return Problem(self.display_path, self.line_of(place), message)


def table_findings(
    library: Library, folder: Path, rules: Rules, hard_coded: HardCodedFactFinder
) -> Iterator[Problem]:
    """Yield the problems in the definitions of the forms and in navigation.toml."""
    for path in [folder / "navigation.toml", *sorted((folder / "forms").rglob("*.toml"))]:
        try:
            file = TomlFile(folder, path)
        except Unreadable as unreadable:
            yield from unreadable.problems
            continue
        for place, text in strings(file.tables):
            if place[-1] != "malformed":  # this message gives an invented phone number as an example
                yield from (file.problem(place, message) for message in hard_coded.messages(text))
        if path.parent == folder:
            for place, text in strings(file.tables):
                yield from (file.problem(place, message) for _, message in marks(text))
        else:
            yield from (Problem(file.display_path, *finding) for finding in _form(library, file, rules))


def _form(library: Library, file: TomlFile, rules: Rules) -> Findings:
    placed = [(file.line_of(place), text) for place, text in strings(file.tables)]
    texts = [Passage(library.facts.fill(text), lines=[line]) for line, text in placed]
    lasting = library.facts.on(date.max)
    for line, text in placed:
        yield from _facts_named(lasting, line, text)
    yield from entries(texts, rules, rules.sentence_limit(file.display_path))
    address = file.tables.get("address")  # a file of shared questions has none
    if "reply_to" in file.tables and address in rules.no_reply:
        yield file.line_of(("reply_to",)), NO_REPLY
    pages = [page for page in library.form_pages.values() if page.address == address]
    yield from initials(texts, rules, beside=[block for page in pages for block in RenderedPage(page).blocks])


def _facts_named(lasting: Facts, line: int, text: str) -> Findings:
    """Yield a finding for each fact in a text, if the fact does not exist or hides the text while unset.

    Args:
        lasting: the facts after every fact with `until` has ended.
    """
    for match in FACT_REFERENCE.finditer(text):
        name = match["name"]
        if name not in lasting:
            yield line, f"there is no fact “{name}”; see content/service.toml"
        elif not lasting.fill(text):
            yield line, f"nothing is shown here while {{{name}}} has no value; write words without it"


def strings(table: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Yield the place and the words of each visible text in a table, in order."""
    if isinstance(table, str) and next(name for name in reversed(place) if isinstance(name, str)) in _READ:
        yield place, table
    elif isinstance(table, dict):
        for key, value in table.items():
            yield from strings(value, (*place, key))
    elif isinstance(table, list):
        for number, value in enumerate(table):
            yield from strings(value, (*place, number))
