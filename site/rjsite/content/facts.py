"""Facts of the service, used by name in pages, forms, mail and templates.

A fact that is not set hides its whole sentence (service design, section 2): nobody invents one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from rjsite.content.problem import Problem, Unreadable
from rjsite.content.toml import read_toml

USED = re.compile(r"\{(?P<quiet>\?)?(?P<name>[a-z][a-z0-9_]*)(?P<text>\.text)?\}")
_UNIT_START = re.compile(r"\s*(?:[-*+]\s|\d+\.\s|#|\||>|:\s)")
_MARKER = re.compile(r"\s*(?:(?:[-*+]|\d+\.|>|:)\s+)?")
_WHOLE = re.compile(r"\s*[#|]")  # headings and table rows go or stay whole
_SENTENCE_END = re.compile(r"[.!?][\"”’)\]*]*\s+(?=\S)")

REQUIRED = ("name", "name_short", "name_place", "area", "phone", "relay", "email", "exit_url")


class Fact(BaseModel):
    """One fact: its words, where it links to, and what the service still has to say about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: str = ""
    link: str = ""
    ask: str = ""
    source: str = ""
    year: str = ""

    def __bool__(self) -> bool:
        return bool(self.value)

    def __str__(self) -> str:
        return self.value

    @property
    def markdown(self) -> str:
        """The fact as it stands in running text: a link where it has one."""
        return f"[{self.value}]({self.link})" if self.link else self.value


@dataclass(frozen=True)
class Facts(Mapping[str, Fact]):
    """All facts by name."""

    by_name: Mapping[str, Fact]

    def __getitem__(self, name: str) -> Fact:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    def has(self, name: str) -> bool:
        """Whether the fact is known and set."""
        return bool(self.by_name.get(name))

    def fill(self, text: str) -> str:
        """Plain text with the facts put in. Sentences of unset facts are left out."""
        return self._put(_kept(text, self), plain=True)

    def fill_markdown(self, text: str) -> str:
        """Markdown with the facts put in, less every sentence, item, row or section that lacks one."""
        if not USED.search(text):
            return text
        return "".join(shown for _, _, shown in self.units(text))

    def units(self, text: str) -> Iterator[tuple[int, str, str]]:
        """Each paragraph, item, heading and table row: its line, as written, as shown (empty if hidden)."""
        line, hidden_level = 1, 0
        for unit in _units(text):
            level = _heading_level(unit)
            if level and hidden_level and level <= hidden_level:
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
        marker = _MARKER.match(unit)
        start = marker.end() if marker else 0
        sentences = _kept(unit[start:], self)
        return f"{unit[:start]}{sentences}\n" if sentences.strip() else ""

    def _lacks(self, text: str) -> bool:
        return any(not self.has(found["name"]) for found in USED.finditer(text))

    def _put(self, text: str, *, plain: bool) -> str:
        def put(found: re.Match[str]) -> str:
            fact = self.by_name.get(found["name"], Fact())
            if found["quiet"]:
                return ""
            return fact.value if plain or found["text"] else fact.markdown

        return re.sub(r"[ \t]+(?=\n|$)", "", USED.sub(put, text))


def _kept(text: str, facts: Facts) -> str:
    """The sentences of `text` that need no unset fact."""
    return "".join(sentence for sentence in _sentences(text) if not facts._lacks(sentence)).rstrip()


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for end in _SENTENCE_END.finditer(text):
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]


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


def _heading_level(unit: str) -> int:
    return len(unit) - len(unit.lstrip("#")) if unit.startswith("#") else 0


def load_facts(path: Path, shown: Path) -> Facts:
    """Read service.toml.

    Args:
        path: the file. shown: its name in messages.

    Raises:
        Unreadable: with one problem for each thing to mend.
    """
    raw = read_toml(path, shown)
    try:
        by_name = TypeAdapter(dict[str, Fact]).validate_python(raw)
    except ValidationError as error:
        raise Unreadable(
            *(Problem(shown, 1, f"{'.'.join(map(str, e['loc']))}: {e['msg']}") for e in error.errors())
        ) from None
    missing = [name for name in REQUIRED if not by_name.get(name)]
    if missing:
        raise Unreadable(*(Problem(shown, 1, f'add [{name}] with a value = "..."') for name in missing))
    return Facts(by_name)
