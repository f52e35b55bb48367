"""The words in TOML files by the rules: questions and messages of the forms, and the facts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rjsite.content.guard import text
from rjsite.content.guard.document import banned, units
from rjsite.content.guard.rules import Rules
from rjsite.content.library import Library
from rjsite.content.problem import Problem

# what a visitor reads; the rest is for the team or the program
_READ = frozenset({"title", "label", "hint", "missing", "malformed", "after", "send", "noun", "next"})


def table_findings(library: Library, folder: Path, rules: Rules) -> Iterator[Problem]:
    """What is wrong in the definitions of the forms and in service.toml."""
    for path in sorted((folder / "forms").rglob("*.toml")):
        yield from _form(library, path, Path(folder.name, path.relative_to(folder)), rules)
    yield from _facts(library, folder / "service.toml", Path(folder.name, "service.toml"), rules)


def _form(library: Library, path: Path, shown: Path, rules: Rules) -> Iterator[Problem]:
    written = path.read_text(encoding="utf-8")
    lines = _Lines(written)
    spoken = [
        (lines.of(words), library.facts.fill(words)) for words in _strings(tomllib.loads(written), _READ)
    ]
    yield from _words(spoken, shown, rules)
    page = library.form_pages.get(next((f.address for f in library.forms.values() if f.key == path.stem), ""))
    beside = [unit.words for unit in units(page, library.facts)] if page else []
    said = " . ".join([*(words for _, words in spoken), *beside])
    for name in text.unexplained_initials(said, rules.initials.allowed):
        if line := next((line for line, words in spoken if name in words), 0):
            yield Problem(shown, line, f"say what {name} means: write the full words, then ({name})")


def _facts(library: Library, path: Path, shown: Path, rules: Rules) -> Iterator[Problem]:
    lines = _Lines(path.read_text(encoding="utf-8"))
    spoken = []
    for name, fact in library.facts.items():
        head = lines.of(f"[{name}]")
        if fact.value:
            spoken.append((lines.of(fact.value), fact.value))
        if not (fact.value or fact.ask):
            yield Problem(shown, head, f'add to [{name}] a value = "..." or an ask = "..." for the service')
        if name.startswith("figure_") and not (fact.source and fact.year):
            yield Problem(shown, head, f'add to [{name}] a source = "..." and a year = "..."')
    yield from _words(spoken, shown, rules)


def _words(spoken: list[tuple[int, str]], shown: Path, rules: Rules) -> Iterator[Problem]:
    limit = rules.sentence_limit(shown)
    for line, said in spoken:
        for sentence in text.sentences(said):
            if (count := len(text.words(sentence))) > limit:
                yield Problem(shown, line, f"this has {count} words; make it {limit} at most")
        for at, words in banned([(line, said, None)], rules):
            yield Problem(shown, at, words)


def _strings(table: Any, names: frozenset[str], name: str = "") -> Iterator[str]:
    """Every text below a table that stands under one of the names, in order."""
    if isinstance(table, str) and name in names:
        yield table
    elif isinstance(table, dict):
        for key, value in table.items():
            yield from _strings(value, names, key)
    elif isinstance(table, list):
        for value in table:
            yield from _strings(value, names, name)


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
