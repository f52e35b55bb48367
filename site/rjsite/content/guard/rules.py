"""The rules, as content/house-rules.toml says them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rjsite.content.problem import Problem, Unreadable
from rjsite.content.toml import read_toml


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Length(_Part):
    """How long sentences and paragraphs may be."""

    sentence: int
    short_sentence: int
    short_in: tuple[str, ...]
    average: float
    paragraph: int
    grade_from_words: int


class _Dates(_Part):
    last_checked_months: int


class _Allowed(_Part):
    allowed: tuple[str, ...]


class _Say(_Part):
    words: tuple[str, ...]
    say: str


class _Links(_Part):
    empty: tuple[str, ...]
    also: tuple[str, ...]


class _Unfinished(_Part):
    words: tuple[str, ...]


class Rules(_Part):
    """All rules. Words are compared without regard to upper case, and with one kind of apostrophe."""

    length: Length
    dates: _Dates
    names: _Allowed
    once: tuple[_Say, ...]
    never: tuple[_Say, ...]
    initials: _Allowed
    links: _Links
    content_notes: dict[str, tuple[str, ...]]
    unfinished: _Unfinished

    def sentence_limit(self, path: Path) -> int:
        """Words that a sentence of this file may have."""
        inside = Path(*path.parts[1:])
        short = any(inside.is_relative_to(name) for name in self.length.short_in)
        return self.length.short_sentence if short else self.length.sentence

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return either(self.names.allowed)

    @cached_property
    def _never(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple((either(entry.words), entry.say) for entry in self.never)

    @cached_property
    def _once(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple((either(entry.words), entry.say) for entry in self.once)

    @cached_property
    def _any(self) -> re.Pattern[str]:
        return either([word for entry in (*self.never, *self.once) for word in entry.words])

    def slips(self, words: str) -> Iterator[tuple[str, str, bool]]:
        """Words that may not stand, what to do instead, and whether one on a page is allowed.

        Args:
            words: without quotations.
        """
        if not self._any.search(words):
            return
        rest = self._names.sub(" ", words)
        for pattern, say in self._never:
            for found in pattern.finditer(rest):
                yield found[0], say, False
        for pattern, say in self._once:
            for found in pattern.finditer(rest):
                yield found[0], say, True

    @cached_property
    def _notes(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        return tuple((note, either(words)) for note, words in self.content_notes.items())

    def notes_needed(self, words: str) -> Iterator[tuple[str, str]]:
        """Content notes that words call for, each with the word; a word counts once."""
        for note, pattern in self._notes:
            if found := pattern.search(words):
                yield note, found[0]
                words = pattern.sub(" ", words)


def either(words: tuple[str, ...] | list[str]) -> re.Pattern[str]:
    """A pattern for any of the words, whole, with either kind of apostrophe."""
    longest_first = sorted(words, key=len, reverse=True)
    any_of = "|".join(re.escape(word).replace("'", "['’]") for word in longest_first)
    return re.compile(rf"(?<![\w-])(?:{any_of})(?![\w-])", re.IGNORECASE)


def load_rules(path: Path, shown: Path) -> Rules:
    """Read the rules.

    Raises:
        Unreadable: with a problem for each thing to mend.
    """
    raw = read_toml(path, shown)
    try:
        return Rules.model_validate(raw)
    except ValidationError as error:
        raise Unreadable(
            *(Problem(shown, 1, f"{'.'.join(map(str, e['loc']))}: {e['msg']}") for e in error.errors())
        ) from None
