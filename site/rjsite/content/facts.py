"""Facts about the service, which pages, forms, emails and templates use by name.

A fact that is not set hides every sentence that uses it, so that nobody has to invent a value. A sentence
with `{!fact}` is shown only while that fact is not set. With several such marks, the sentence is shown while
at least one of the facts is not set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from rjsite.content import fact_formats
from rjsite.content.fact_formats import FactForm
from rjsite.content.hidden_dependents import hide_dependents
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.sentences import MARKER, WHOLE, cut_units, cut_whole_sentences
from rjsite.content.toml import lines_in, read_as

FACT_REFERENCE = re.compile(r"\{(?P<quiet>[?!])?(?P<name>[a-z][a-z0-9_]*)(?P<text>\.text)?\}")
_FIRST = re.compile(r"\{(?P<name>[a-z][a-z0-9_]*)\}\s*(?=[A-Z{\[“*]|$)")  # a fact, then a sentence or the end

# How soon the service has to answer a question. An open question “before launch” delays the launch.
Urgency = Literal["before launch", "soon", "when convenient"]

# Facts that the program itself uses by name, and the kind of value of each.
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

# Temporary facts: a notice on every page, and a text shown instead of the questions in forms.
TEMPORARY: Mapping[str, FactForm] = {"notice": "sentence", "forms_paused": "sentence"}

# Values of these kinds are contact details, which are shown even after the day in `until`.
CONTACT: frozenset[FactForm] = frozenset({"phone", "relay", "text", "email", "address"})


class Fact(BaseModel):
    """One fact: its value, its link, and any open question about it.

    Attributes:
        form: the kind of value (see `fact_formats`).
        link: the address that the value links to. For a phone, email or website, it is made from the value.
        ask: a question for the service. `urgency` says how soon it has to be answered, and `example` is
            an invented answer.
        checked: the name of the fact that is the date on which somebody last tried this number or address.
            While that date is not set, pages that show this number or address have no “Last checked” date.
        until: the first day on which the fact counts as not set, unless the fact `stays`.
        needed: whether people need the fact to find the service or help. It is then shown even after `until`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: FactForm | None = None
    value: Annotated[str, BeforeValidator(fact_formats.day_in_words)] = ""
    link: str = ""
    ask: str = ""
    urgency: Urgency = "soon"
    example: str = ""
    source: str = ""
    year: str = ""
    checked: str = ""
    until: Annotated[date | None, BeforeValidator(fact_formats.optional_day)] = None
    needed: bool = False

    @property
    def stays(self) -> bool:
        """Return whether the fact is shown even after `until`, because people need it to find help."""
        return self.needed or bool(self.checked) or self.form in CONTACT

    def has_ended(self, today: date) -> bool:
        """Return whether `until` is today or earlier."""
        return self.until is not None and self.until <= today

    def __bool__(self) -> bool:
        return bool(self.value)

    def __str__(self) -> str:
        return self.value

    @property
    def markdown(self) -> str:
        """Return the value in Markdown, as a link if the fact has one."""
        return f"[{self.value}]({self.link})" if self.link else self.value


class Facts(dict[str, Fact]):
    """All facts by name.

    Attributes:
        ended: the facts that have ended and are no longer set, with their former values.
    """

    ended: Mapping[str, Fact] = MappingProxyType({})

    def on(self, today: date) -> Facts:
        """Return the facts for a given day. Facts that have ended have no value, unless `stays` is true."""
        ended = {
            name: fact for name, fact in self.items() if fact and fact.has_ended(today) and not fact.stays
        }
        unset = {name: fact.model_copy(update={"value": "", "link": ""}) for name, fact in ended.items()}
        facts = Facts({**self, **unset})
        facts.ended = MappingProxyType({**self.ended, **ended})
        return facts

    def has(self, name: str) -> bool:
        """Return whether a fact is set."""
        return bool(self.get(name))

    def all_checked(self, text: str) -> bool:
        """Return whether somebody has tried every number and address in a text (see `Fact.checked`)."""
        shown = (self.get(match["name"]) for match in FACT_REFERENCE.finditer(text))
        return all(self.has(fact.checked) for fact in shown if fact and fact.checked)

    def fill(self, text: str) -> str:
        """Return plain text with facts filled in, without the sentences that facts hide."""
        return self._substitute(self._visible_text(text), plain=True)

    def fill_markdown(self, text: str) -> str:
        """Return Markdown with facts filled in, without the sentences and sections that facts hide."""
        if not FACT_REFERENCE.search(text):
            return text
        return "".join(shown for _, _, shown in self.units(text))

    def units(self, text: str) -> Iterator[tuple[int, str, str]]:
        """Yield each paragraph, list item, heading and table row of a text.

        Yields:
            The number of the first line, the source text, and the text to show, which is empty if the unit is
            hidden. What depends on a hidden unit is hidden with it (see `hidden_dependents.py`).
        """
        units = list(cut_units(text))
        line = 1
        filled = [self._substitute(self._visible_unit(unit), plain=False) for unit in units]
        for unit, shown in zip(units, hide_dependents(units, filled), strict=True):
            yield line, unit, shown
            line += unit.count("\n")

    def _visible_unit(self, unit: str) -> str:
        if WHOLE.match(unit):
            return "" if self._is_hidden(unit) else unit
        unmarked = MARKER.sub("", unit, count=1)
        if not any(map(self._is_hidden, self._sentences(unmarked))):
            return unit
        sentences = self._visible_text(unmarked)
        return f"{unit.removesuffix(unmarked)}{sentences}\n" if sentences.strip() else ""

    def _visible_text(self, text: str) -> str:
        """Return a text without the sentences that facts hide."""
        return "".join(
            sentence for sentence in self._sentences(text) if not self._is_hidden(sentence)
        ).rstrip()

    def _sentences(self, text: str) -> Iterator[str]:
        """Yield each sentence. A fact of the form “sentence” that begins a sentence is yielded separately.

        A text that names no fact is yielded whole: most texts name none, and facts hide nothing in them.
        """
        for sentence in cut_whole_sentences(text) if FACT_REFERENCE.search(text) else (text,):
            while (match := _FIRST.match(sentence)) and self.get(match["name"], Fact()).form == "sentence":
                yield match[0]
                sentence = sentence[match.end() :]
            yield sentence

    def _is_hidden(self, text: str) -> bool:
        needed = {match["name"]: match["quiet"] == "!" for match in FACT_REFERENCE.finditer(text)}
        until = [name for name, negative in needed.items() if negative]
        if until and all(map(self.has, until)):
            return True
        return any(not self.has(name) for name, negative in needed.items() if not negative)

    def _substitute(self, text: str, *, plain: bool) -> str:
        def put(match: re.Match[str]) -> str:
            fact = self.get(match["name"], Fact())
            if match["quiet"]:
                return ""
            return fact.value if plain or match["text"] else fact.markdown

        return re.sub(r"[ \t]+(?=\n|$)", "", FACT_REFERENCE.sub(put, text))


def load_facts(path: Path, display_path: Path) -> Facts:
    """Return the facts about the service. A fact whose value is only a placeholder counts as not set.

    Args:
        path: the path of `service.toml`.
        display_path: the file's name in messages.

    Raises:
        Unreadable: if the file cannot be used. The exception lists every problem.
    """
    written = read_as(dict[str, Fact], path, display_path)
    for name in REQUIRED.keys() & written.keys():
        written[name] = written[name].model_copy(update={"form": REQUIRED[name], "needed": True})
    facts = Facts({name: _resolved(fact, written) for name, fact in written.items()})
    if problems := list(_required_fact_problems(facts, written, path, display_path)):
        raise Unreadable(*problems)
    return facts


def _resolved(fact: Fact, written: Mapping[str, Fact]) -> Fact:
    """Return a fact with its link, and with the facts that its value names filled in.

    The value becomes empty if it is only a placeholder or names a fact that cannot be filled in. `until`
    becomes the earliest `until` of this fact and the named facts, leaving out facts that stay.
    """
    named = {
        match["name"]: written.get(match["name"], Fact()) for match in FACT_REFERENCE.finditer(fact.value)
    }
    known = all(
        other and fact_formats.is_answer(other.value) and not FACT_REFERENCE.search(other.value)
        for other in named.values()
    )
    value = FACT_REFERENCE.sub(lambda match: fact_formats.dialled(named[match["name"]].value), fact.value)
    value = " ".join(value.split())
    if not (known and fact_formats.is_answer(value)):
        value = ""
    elif fact.form == "date" and (day := fact_formats.as_day(value)):
        value = f"{day:%-d %B %Y}"
    made = fact_formats.link(fact.form, value)
    days = [other.until for other in (fact, *named.values()) if other.until and not other.stays]
    until = min(days, default=fact.until)
    link = fact.link if made is None else made
    return fact.model_copy(update={"value": value, "link": link, "until": until})


def _required_fact_problems(
    facts: Facts, written: Mapping[str, Fact], path: Path, display_path: Path
) -> Iterator[Problem]:
    """Yield a problem for each required fact that is missing or cannot be used."""
    lines = lines_in(path, display_path)
    for name, form in REQUIRED.items():
        fact, value = facts.get(name, Fact()), written.get(name, Fact()).value
        named = {match["name"] for match in FACT_REFERENCE.finditer(value)} & REQUIRED.keys()
        if not fact and not all(map(facts.has, named)):
            continue  # the problem is reported for a required fact that this value names
        if value and not fact:
            message = f"“{value}” is not an answer; write {fact_formats.FORMAT_HINTS[form]}"
            yield Problem(display_path, lines.of((name, "value")), f"{name}: {message}")
        elif not fact:
            yield Problem(display_path, lines.of((name,)), f'add [{name}] with a value = "..."')
        elif fact_formats.link(form, fact.value) == "":
            yield Problem(
                display_path, lines.of((name, "value")), f"{name}: write {fact_formats.FORMAT_HINTS[form]}"
            )
