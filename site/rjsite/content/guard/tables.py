"""The words in TOML files by the rules: questions and messages of the forms, and the facts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rjsite.content.guard.rules import Rules
from rjsite.content.guard.units import Found, Unit, banned, initials, long_sentences, units
from rjsite.content.library import Library
from rjsite.content.problem import Problem

# what a visitor reads; the rest is for the team or the program
_READ = frozenset({"title", "label", "hint", "missing", "malformed", "after", "send", "noun", "next"})


def table_findings(library: Library, folder: Path, rules: Rules) -> Iterator[Problem]:
    """What is wrong in the definitions of the forms and in service.toml."""
    forms = sorted((folder / "forms").rglob("*.toml"))
    for findings, path in [(_facts, folder / "service.toml"), *((_form, path) for path in forms)]:
        shown = Path(folder.name, path.relative_to(folder))
        for line, words in findings(library, path, rules, rules.sentence_limit(shown)):
            yield Problem(shown, line, words)


def _form(library: Library, path: Path, rules: Rules, limit: int) -> Found:
    written = path.read_text(encoding="utf-8")
    lines = _Lines(written)
    said = [
        Unit("entry", lines.of(words), library.facts.fill(words))
        for words in _strings(tomllib.loads(written))
    ]
    yield from _words(said, rules, limit)
    pages = (library.form_pages[form.address] for form in library.forms.values() if form.key == path.stem)
    yield from initials(said, rules, beside=[unit for page in pages for unit in units(page)])


def _facts(library: Library, path: Path, rules: Rules, limit: int) -> Found:
    lines = _Lines(path.read_text(encoding="utf-8"))
    for name, fact in library.facts.items():
        head = lines.of(f"[{name}]")
        if fact.value:
            yield from _words([Unit("entry", lines.of(fact.value), fact.value)], rules, limit)
        elif not fact.ask:
            yield head, f'add to [{name}] a value = "..." or an ask = "..." for the service'
        if name.startswith("figure_") and not (fact.source and fact.year):
            yield head, f'add to [{name}] a source = "..." and a year = "..."'


def _words(said: Sequence[Unit], rules: Rules, limit: int) -> Found:
    yield from long_sentences(said, limit)
    for unit in said:
        yield from banned([unit], rules)


def _strings(table: Any, name: str = "") -> Iterator[str]:
    """Every text below a table that a visitor reads, in order."""
    if isinstance(table, str) and name in _READ:
        yield table
    elif isinstance(table, dict):
        for key, value in table.items():
            yield from _strings(value, key)
    elif isinstance(table, list):
        for value in table:
            yield from _strings(value, name)


class _Lines:
    """Finds texts in a file, each time from where the last one was found; from the top if need be."""

    def __init__(self, written: str) -> None:
        self.lines = written.splitlines()
        self.last = 0

    def of(self, words: str) -> int:
        first = words.splitlines()[0] if words else ""
        order = [*range(self.last, len(self.lines)), *range(self.last)]
        self.last = next((n for n in order if first in self.lines[n]), self.last)
        return self.last + 1
