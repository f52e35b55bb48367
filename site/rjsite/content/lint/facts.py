"""Checks service.toml: each fact must fit its form and the sentences that use it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rjsite.content import fact_formats
from rjsite.content.fact_formats import FORMAT_HINTS
from rjsite.content.fact_uses import Use, fact_uses
from rjsite.content.facts import FACT_REFERENCE, REQUIRED, TEMPORARY, Fact, Facts, load_facts
from rjsite.content.library import Library
from rjsite.content.lint.hard_coded_facts import HardCodedFactFinder, replacement_advice
from rjsite.content.lint.rules import Rules
from rjsite.content.lint.toml_files import TomlFile
from rjsite.content.lint.wording import Passage, entries
from rjsite.content.problem import Problem

_SHOWN = 60  # characters of a value in a message
_WORD = re.compile(r"[\w’'-]+")


def fact_findings(
    library: Library, folder: Path, rules: Rules, hard_coded: HardCodedFactFinder
) -> Iterator[Problem]:
    """Yield the problems in service.toml.

    Raises:
        Unreadable: if service.toml cannot be used.
    """
    file = TomlFile(folder, folder / "service.toml")
    # raises Unreadable if the facts in the file cannot be used; the library then has other facts
    load_facts(folder / "service.toml", file.display_path)
    uses = defaultdict[str, list[Use]](list)
    for use in fact_uses(library, folder):
        uses[use.name].append(use)
    for name, fact in library.facts.items():
        written = file.tables.get(name, {})
        value = str(written.get("value", ""))
        problems = [
            *_entry(name, fact, written),
            *_named(value, file.tables),
            *(list(_beside(fact, uses[name])) or _value(fact, value, library.facts)),
            *_link(fact, written.get("link", "")),
            *_written_out(fact, value, hard_coded),
        ]
        yield from (file.problem((name, *key), message) for key, message in problems)
        if fact.value:
            text = Passage(fact.value, lines=[file.line_of((name, "value"))])
            for finding in entries([text], rules, rules.sentence_limit(file.display_path)):
                yield Problem(file.display_path, *finding)


Keyed = Iterator[tuple[tuple[str, ...], str]]  # the key of a line, and what to write there


def _entry(name: str, fact: Fact, written: Mapping[str, Any]) -> Keyed:
    """Yield a finding for each line missing from an entry, and for a form that the fact must not have."""
    if name in TEMPORARY:
        if written.get("value") and not fact.until:
            yield (
                (),
                f'add to [{name}] an until = "...", the day on which it ends, so that it is not forgotten',
            )
    elif not written.get("value") and not fact.ask:
        yield (), f'add to [{name}] a value = "..." or an ask = "..." for the service'
    if name.startswith("figure_") and not (fact.source and fact.year):
        yield (), f'add to [{name}] a source = "..." and a year = "..."'
    form, needed = written.get("form"), {**REQUIRED, **TEMPORARY}.get(name)
    if needed and form != needed:
        yield (("form",) if form else ()), f'write form = "{needed}" in [{name}]'
    elif not form:
        yield (), f'add to [{name}] a form = "...", with one of: {", ".join(FORMAT_HINTS)}'


def _named(value: str, written: Mapping[str, Mapping[str, Any]]) -> Keyed:
    """Yield a finding for each fact in a value that does not exist or whose own value names a fact."""
    for match in FACT_REFERENCE.finditer(value):
        if match["name"] not in written:
            yield (
                ("value",),
                f"there is no fact “{match['name']}”; write {{name}} with the name of one in this file",
            )
        elif FACT_REFERENCE.search(str(written[match["name"]].get("value", ""))):
            yield (
                ("value",),
                f"write the words of {{{match['name']}}} here; its own value names a fact as well",
            )


def _value(fact: Fact, value: str, facts: Facts) -> Keyed:
    """Yield a finding if a value is a placeholder, such as “tbc”, or does not fit the form of its fact."""
    start = " ".join(value.split())[:_SHOWN]
    if value and not fact_formats.is_answer(value):
        give = f"write {FORMAT_HINTS[fact.form]}" if fact.form else "write the answer"
        yield ("value",), f"“{start}” is not an answer; {give}, or take this line out until it is known"
    elif fact.form == "relay":
        right = f"18001 {fact_formats.dialled(facts['phone'].value)}"
        if fact_formats.digits(fact.value) != fact_formats.digits(right):
            yield (
                ("value",),
                f"this is not the phone number with 18001 before it; write {FORMAT_HINTS['relay']}",
            )
    elif fact.value and fact.form and not fact_formats.fits(fact.form, fact.value):
        yield ("value",), f"“{start}”: write {FORMAT_HINTS[fact.form]}"


def _link(fact: Fact, written: str) -> Keyed:
    """Yield a finding if a link does not begin with https://, unless the link is made from the value."""
    if written and fact.form not in ("phone", "email", "website") and not written.startswith("https://"):
        yield ("link",), "write a web address that begins with https://"


def _written_out(fact: Fact, value: str, hard_coded: HardCodedFactFinder) -> Keyed:
    """Yield a finding for each number or address in a text, if another fact already has it as its value."""
    if fact.form in ("sentence", "phrase", "address"):
        for number, name in hard_coded.find(value):
            if name:
                yield ("value",), replacement_advice(number, name)


def _beside(fact: Fact, uses: Sequence[Use]) -> Keyed:
    """Yield a finding if a value repeats words in a sentence around it."""
    within = [use.around for use in uses if use.sentence and fact.value and fact.form != "sentence"]
    for before, after in dict.fromkeys(within):
        said = list(_WORD.finditer(fact.value))
        first = _repeated(_words(before), _words(fact.value))
        last = _repeated(_words(fact.value), _words(after))
        if 0 < first + last < len(said):
            rest = fact.value[said[first].start() : said[-1 - last].end()]
            yield ("value",), f"“{before}{fact.value}{after}” says the same twice; write only “{rest}”"
            return


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _repeated(first: Sequence[str], then: Sequence[str]) -> int:
    """Return how many words at the end of one text are also at the start of the next."""
    longest = min(len(first), len(then))
    return next((n for n in range(longest, 0, -1) if first[-n:] == then[:n]), 0)
