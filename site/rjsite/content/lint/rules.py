"""The rules, as content/house-rules.toml says them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from rjsite.content.toml import read_as


def either(words: Any) -> re.Pattern[str]:
    """A pattern for any of the words, whole, with either kind of apostrophe and in any case."""
    if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise ValueError("write a list of words in quotation marks")
    longest_first = sorted(words, key=len, reverse=True)
    any_of = "|".join(re.escape(word).replace("'", "['’]") for word in longest_first)
    return re.compile(rf"(?<![\w-])(?:{any_of})(?![\w-])", re.IGNORECASE)


AnyOf = Annotated[re.Pattern[str], BeforeValidator(either)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Length(_Part):
    sentence: int
    short_sentence: int
    short_in: tuple[str, ...]
    average: float
    paragraph: int
    grade_from_words: int


class _Allowed(_Part):
    names: AnyOf
    initials: tuple[str, ...]
    addresses: tuple[str, ...]


class _Words(_Part):
    words: AnyOf
    say: str


class _Sign(_Part):
    find: re.Pattern[str]
    say: str
    not_shown: bool = False  # a story that has it is not shown on the live site


class Rules(_Part):
    """All rules."""

    last_checked_months: int
    no_permission_yet: tuple[str, ...]
    no_reply: tuple[str, ...] = ()
    empty_links: tuple[str, ...]
    length: _Length
    allowed: _Allowed
    once: tuple[_Words, ...]
    never: tuple[_Words, ...]
    sign: tuple[_Sign, ...]
    content_notes: dict[str, AnyOf]

    def sentence_limit(self, path: Path) -> int:
        """Words that a sentence of this file may have."""
        inside = Path(*path.parts[1:])
        short = any(inside.is_relative_to(name) for name in self.length.short_in)
        return self.length.short_sentence if short else self.length.sentence

    @cached_property
    def _any(self) -> re.Pattern[str]:
        return re.compile("|".join(rule.words.pattern for rule in (*self.never, *self.once)), re.IGNORECASE)

    def slips(self, words: str) -> Iterator[tuple[str, str, bool]]:
        """Words that may not stand, what to do instead, and whether one on a page is allowed.

        Args:
            words: without quotations.
        """
        if not self._any.search(words):
            return
        rest = self.allowed.names.sub(" ", words)
        for rules, once in ((self.never, False), (self.once, True)):
            for rule in rules:
                for found in rule.words.finditer(rest):
                    yield found[0], rule.say, once

    def signs(self, line: str, *, not_shown: bool) -> Iterator[str]:
        """What to write in place of signs that may not stand in a line.

        Args:
            not_shown: of those that keep a story from the live site, or of the others.
        """
        for rule in self.sign:
            if rule.not_shown is not_shown and (found := rule.find.search(line)):
                yield rule.say.replace("FOUND", found[0])

    def notes_needed(self, words: str) -> Iterator[tuple[str, str]]:
        """Content notes that words call for, each with the word; a word counts once."""
        for note, pattern in self.content_notes.items():
            if found := pattern.search(words):
                yield note, found[0]
                words = pattern.sub(" ", words)


def load_rules(path: Path, shown: Path) -> Rules:
    """Read the rules.

    Raises:
        Unreadable: with a problem for each thing to mend.
    """
    return read_as(Rules, path, shown)
