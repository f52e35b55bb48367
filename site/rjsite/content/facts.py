"""Facts of the service, used by name in pages, forms, mail and templates.

A fact that is not set hides its whole sentence (service design, section 2): nobody invents one. A sentence
with `{!fact}` is there only until the fact is set; with several of them, until all are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from rjsite.content import fact_formats
from rjsite.content.fact_formats import FactForm
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.source import read_source
from rjsite.content.toml import Lines, read_as

USED = re.compile(r"\{(?P<quiet>[?!])?(?P<name>[a-z][a-z0-9_]*)(?P<text>\.text)?\}")
_UNIT_START = re.compile(r"\s*(?:[-*+]\s|\d+\.\s|#|\||>|:\s)")
_MARKER = re.compile(r"^\s*(?:(?:[-*+]|\d+\.|>|:)\s+)?")
_WHOLE = re.compile(r"\s*[#|]")  # headings and table rows go or stay whole
_SENTENCE_END = re.compile(r"[.!?][\"”’)\]*]*\s+(?=\S)")

# How soon the service has to answer what a fact asks; the first blocks the release.
Urgency = Literal["before launch", "soon", "when convenient"]

# Facts that the site itself uses by name, each with the form that it has.
REQUIRED: Mapping[str, FactForm] = {
    "name": "name",
    "name_short": "name",
    "name_place": "name",
    "area": "name",
    "phone": "phone",
    "relay": "relay",
    "email": "email",
    "emergency": "phone",
    "exit_url": "website",
}


def _day_in_words(value: Any) -> Any:
    """A day that is written without quotes, as TOML allows, as words."""
    return f"{value:%-d %B %Y}" if isinstance(value, date) else value


class Fact(BaseModel):
    """One fact: its words, where it links to, and what the service still has to say about it.

    Attributes:
        form: what kind of value it has (see `fact_formats`).
        link: where it leads. The link of a phone number, an email and a web address is made from the value.
        ask: what the service still has to say or to confirm. `urgency` says how soon, and `example` shows
            what kind of answer fits.
        checked: the fact that holds the day on which somebody last tried this one. Until that day is known, a
            page that shows this fact carries no date of its own ("Last checked").
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: FactForm | None = None
    value: Annotated[str, BeforeValidator(_day_in_words)] = ""
    link: str = ""
    ask: str = ""
    urgency: Urgency = "soon"
    example: str = ""
    source: str = ""
    year: str = ""
    checked: str = ""

    def __bool__(self) -> bool:
        return bool(self.value)

    def __str__(self) -> str:
        return self.value

    @property
    def markdown(self) -> str:
        """The fact as it stands in running text: a link where it has one."""
        return f"[{self.value}]({self.link})" if self.link else self.value


class Facts(dict[str, Fact]):
    """All facts by name."""

    def has(self, name: str) -> bool:
        """Whether the fact is known and set."""
        return bool(self.get(name))

    def all_checked(self, text: str) -> bool:
        """Whether nothing that `text` shows still waits for somebody to try it (see `Fact.checked`)."""
        shown = (self.get(found["name"]) for found in USED.finditer(text))
        return all(self.has(fact.checked) for fact in shown if fact and fact.checked)

    def fill(self, text: str) -> str:
        """Plain text with the facts put in. Sentences of unset facts are left out."""
        return self._put(self._kept(text), plain=True)

    def fill_markdown(self, text: str) -> str:
        """Markdown with the facts put in, less every sentence, item, row or section that lacks one."""
        if not USED.search(text):
            return text
        return "".join(shown for _, _, shown in self.units(text))

    def units(self, text: str) -> Iterator[tuple[int, str, str]]:
        """Each paragraph, item, heading and table row: its line, as written, as shown (empty if hidden)."""
        line, hidden_level = 1, 0
        for unit in _units(text):
            level = len(unit) - len(unit.lstrip("#"))
            if 0 < level <= hidden_level:
                hidden_level = 0
            if level and not hidden_level and self._lacks(unit):
                hidden_level = level
            yield line, unit, "" if hidden_level else self._put(self._kept_unit(unit), plain=False)
            line += unit.count("\n")

    def _kept_unit(self, unit: str) -> str:
        if not self._lacks(unit):
            return unit
        if _WHOLE.match(unit):
            return ""
        unmarked = _MARKER.sub("", unit, count=1)
        sentences = self._kept(unmarked)
        return f"{unit.removesuffix(unmarked)}{sentences}\n" if sentences.strip() else ""

    def _kept(self, text: str) -> str:
        """The sentences of `text` that need no unset fact."""
        return "".join(sentence for sentence in _split(text) if not self._lacks(sentence)).rstrip()

    def _lacks(self, text: str) -> bool:
        needed = {found["name"]: found["quiet"] == "!" for found in USED.finditer(text)}
        until = [name for name, negative in needed.items() if negative]
        if until and all(map(self.has, until)):
            return True
        return any(not self.has(name) for name, negative in needed.items() if not negative)

    def _put(self, text: str, *, plain: bool) -> str:
        def put(found: re.Match[str]) -> str:
            fact = self.get(found["name"], Fact())
            if found["quiet"]:
                return ""
            return fact.value if plain or found["text"] else fact.markdown

        return re.sub(r"[ \t]+(?=\n|$)", "", USED.sub(put, text))


def sentences(text: str) -> Iterator[tuple[str, str]]:
    """Each sentence, heading and cell as it is written, with the sentence before it in its paragraph."""
    for unit in _units(text):
        if _WHOLE.match(unit):
            yield from ((cell, "") for cell in unit.split("|"))
        else:
            yield from (
                (then, first) for first, then in pairwise(["", *_split(_MARKER.sub("", unit, count=1))])
            )


def _split(text: str) -> Iterator[str]:
    starts = [0, *(end.end() for end in _SENTENCE_END.finditer(text)), len(text)]
    return (text[start:end] for start, end in pairwise(starts))


def _units(text: str) -> Iterator[str]:
    """Paragraphs, list items, headings and table rows, each with its line ends."""
    unit = ""
    for line in text.splitlines(keepends=True):
        if unit and (not line.strip() or not unit.strip() or _UNIT_START.match(line) or _WHOLE.match(unit)):
            yield unit
            unit = ""
        unit += line
    if unit:
        yield unit


def load_facts(path: Path, shown: Path) -> Facts:
    """Read service.toml.

    Args:
        path: the file. shown: its name in messages.

    Returns:
        The facts. One whose value is no answer (“tbc”) counts as not set, so nobody reads it.

    Raises:
        Unreadable: with one problem for each thing to mend.
    """
    written = read_as(dict[str, Fact], path, shown)
    facts = Facts({name: _settled(fact, name, written) for name, fact in written.items()})
    if lacking := list(_lacking(facts, written, path, shown)):
        raise Unreadable(*lacking)
    return facts


def _settled(fact: Fact, name: str, written: Mapping[str, Fact]) -> Fact:
    """A fact with the facts that its value names put in, and with the link that its form gives it."""
    named = {found["name"]: written.get(found["name"], Fact()).value for found in USED.finditer(fact.value)}
    known = all(
        value and fact_formats.is_answer(value) and not USED.search(value) for value in named.values()
    )
    value = USED.sub(lambda found: fact_formats.dialled(named[found["name"]]), fact.value).strip()
    if not (known and fact_formats.is_answer(value)):
        value = ""
    elif fact.form == "date" and (day := fact_formats.as_day(value)):
        value = f"{day:%-d %B %Y}"
    form = REQUIRED.get(name, fact.form)
    made = fact_formats.link(form, value)
    return fact.model_copy(update={"form": form, "value": value, "link": fact.link if made is None else made})


def _lacking(facts: Facts, written: Mapping[str, Fact], path: Path, shown: Path) -> Iterator[Problem]:
    """Facts that nothing works without, and that are not there or cannot be used."""
    lines = Lines(read_source(path, shown))
    for name, form in REQUIRED.items():
        fact, value = facts.get(name, Fact()), written.get(name, Fact()).value
        if not fact and any(found["name"] in REQUIRED for found in USED.finditer(value)):
            continue  # the one that it names is asked for
        if value and not fact:
            words = f"“{value}” is no answer; write {fact_formats.GIVE[form]}"
            yield Problem(shown, lines.of((name, "value")), f"{name}: {words}")
        elif not fact:
            yield Problem(shown, lines.of((name,)), f'add [{name}] with a value = "..."')
        elif fact_formats.link(form, fact.value) == "":
            yield Problem(shown, lines.of((name, "value")), f"{name}: {fact_formats.fault(form, fact.value)}")
