"""Numbers and email addresses that are written out where the name of their fact belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rjsite.content import fact_formats
from rjsite.content.fact_formats import EMAIL
from rjsite.content.facts import Facts
from rjsite.content.library import Library
from rjsite.content.lint.document import fields_shown
from rjsite.content.lint.toml_files import strings
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.source import read_source
from rjsite.content.toml import Lines, read_toml

_NUMBER = r"(?<![\w/.-])(?:\+44|0)[\d ()-]{8,}\d(?!\w)"
_SHORTEST = 5  # figures; 999 and the like never change, and stand in names too
# Numbers that Ofcom keeps for drama, and addresses kept for examples (RFC 2606).
_MADE_UP = re.compile(r"01632960|07700900|08081570|02079460|.*@(?:.*\.)?example(?:\.(?:com|org|net))?$")


class WrittenOut:
    """Finds numbers and addresses in a text."""

    def __init__(self, facts: Facts) -> None:
        self.names = {
            _plain(fact.value): name
            for name, fact in facts.items()
            if fact.form in ("phone", "text", "relay", "email") and len(_plain(fact.value)) >= _SHORTEST
        }
        known = "|".join(re.escape(facts[name].value) for name in self.names.values())
        known = rf"(?<![\w@.-])(?:{known})(?![\w@-])|" if known else ""
        self._any = re.compile(rf"{known}(?:tel|mailto):[^)\s>]+|{_NUMBER}|{EMAIL.pattern}", re.IGNORECASE)

    def find(self, text: str) -> Iterator[tuple[str, str]]:
        """Each as it is written, and the name of its fact; without a name where no fact has it."""
        for found in self._any.finditer(text):
            plain = _plain(re.sub(r"^(?:tel|mailto):", "", found[0]))
            real = not _MADE_UP.match(plain) and ("@" in plain or not fact_formats.fault("phone", plain))
            if (name := self.names.get(plain, "")) or real:
                yield found[0], name


def _plain(value: str) -> str:
    """What two ways of writing the same number or address have in common."""
    return value.lower() if "@" in value else fact_formats.digits(value)


def written_out(library: Library, folder: Path) -> Iterator[Problem]:
    """Every number and address in pages, forms, menus and facts that would not change with its fact."""
    searched = WrittenOut(library.facts)
    for page in library.every_page:
        shown = page.document.shown
        for number, line in enumerate(page.document.body.splitlines(), page.document.body_line):
            yield from (Problem(shown, number, _instead(*found)) for found in searched.find(line))
        for name in fields_shown(page):
            for found, _ in searched.find(str(page.document.fields.get(name, ""))):
                words = (
                    f"take “{found}” out; the {name} holds no facts, so it would stay when the number changes"
                )
                yield Problem(shown, page.document.lines.get(name, 1), words)
    for path in [folder / "navigation.toml", *sorted((folder / "forms").rglob("*.toml"))]:
        with suppress(Unreadable):  # which table_findings names
            yield from _in_table(path, Path(folder.name, path.relative_to(folder)), searched)
    yield from _in_facts(library.facts, searched, folder)


def _in_table(path: Path, shown: Path, searched: WrittenOut) -> Iterator[Problem]:
    lines = Lines(read_source(path, shown))
    for place, words in strings(read_toml(path, shown)):
        if place[-1] != "malformed":  # shows how to write a number, by one that is made up
            line = lines.of(place)
            yield from (Problem(shown, line, _instead(*found)) for found in searched.find(words))


def _in_facts(facts: Facts, searched: WrittenOut, folder: Path) -> Iterator[Problem]:
    """Values that repeat the value of another fact."""
    path, shown = folder / "service.toml", Path(folder.name, "service.toml")
    written, lines = read_toml(path, shown), Lines(read_source(path, shown))
    for name, fact in facts.items():
        if fact.form in ("sentence", "phrase", "address"):
            for found, other in searched.find(written[name].get("value", "")):
                if other:
                    yield Problem(shown, lines.of((name, "value")), _instead(found, other))


def _instead(found: str, name: str) -> str:
    if name:
        return f"write {{{name}}} in place of “{found}”, so that it changes where the fact does"
    return f"add “{found}” as a fact to content/service.toml, and write its name here, like {{phone}}"
