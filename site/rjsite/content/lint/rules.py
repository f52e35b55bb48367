"""The rules in content/house-rules.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from rjsite.content.schema import Note
from rjsite.content.toml import read_as


def any_word_pattern(words: Any) -> re.Pattern[str]:
    """Return a pattern that finds any of these whole words, in upper or lower case.

    A straight apostrophe in a word also matches a curly one. Without words, the pattern finds nothing.

    Raises:
        ValueError: if `words` is not a list of texts, or if a text is empty and would be found everywhere.
    """
    if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise ValueError("write a list of words in quotation marks")
    if not all(map(str.strip, words)):
        raise ValueError("there is no word between two quotation marks; write one, or take them out")
    longest_first = sorted(words, key=len, reverse=True)
    any_of = "|".join(re.escape(word).replace("'", "['’]") for word in longest_first) or "(?!)"
    return re.compile(rf"(?<![\w-])(?:{any_of})(?![\w-])", re.IGNORECASE)


def _finds_something(sign: re.Pattern[str]) -> re.Pattern[str]:
    if sign.search(""):
        raise ValueError("this pattern matches every line; write one for the sign")
    return sign


AnyOf = Annotated[re.Pattern[str], BeforeValidator(any_word_pattern)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Length(_Part):
    """The limits for the length of sentences and paragraphs."""

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
    find: Annotated[re.Pattern[str], AfterValidator(_finds_something)]
    say: str
    not_shown: bool = False  # whether the sign keeps a story off the live site


class Rules(_Part):
    """All rules, with their names in the file."""

    last_checked_months: Annotated[int, Field(ge=1, le=1200)]
    no_permission_yet: tuple[str, ...]
    no_reply: tuple[str, ...] = ()
    empty_links: tuple[str, ...]
    length: Length
    allowed: _Allowed
    once: tuple[_Words, ...]
    never: tuple[_Words, ...]
    sign: tuple[_Sign, ...]
    content_notes: dict[Note, AnyOf]

    def sentence_limit(self, path: Path) -> int:
        """Return the maximum number of words in a sentence of a file."""
        inside = Path(*path.parts[1:])
        short = any(inside.is_relative_to(name) for name in self.length.short_in)
        return self.length.short_sentence if short else self.length.sentence

    def banned_words(self, text: str) -> Iterator[tuple[str, str, bool]]:
        """Yield each restricted word, what to write instead, and whether a page may use it once.

        Args:
            text: the text that readers see, without quotations.
        """
        rest = self.allowed.names.sub(" ", text)
        for rules, once in ((self.never, False), (self.once, True)):
            for rule in rules:
                for match in rule.words.finditer(rest):
                    yield match[0], rule.say, once

    def signs(self, line: str, *, not_shown: bool) -> Iterator[str]:
        """Yield what to write instead of each forbidden sign in a line.

        Args:
            line: a line of Markdown.
            not_shown: whether to look for the signs that keep a story off the live site, or for all others.
        """
        for rule in self.sign:
            if rule.not_shown is not_shown and (match := rule.find.search(line)):
                yield rule.say.replace("FOUND", match[0])

    def notes_needed(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield each content note that a text needs, with the first word that requires it.

        Words that require a note do not count for the notes below it in the file.
        """
        for note, pattern in self.content_notes.items():
            if match := pattern.search(text):
                yield note, match[0]
                text = pattern.sub(" ", text)


def load_rules(path: Path, display_path: Path) -> Rules:
    """Return the rules in a file.

    Raises:
        Unreadable: if the file cannot be used. The exception lists every problem.
    """
    return read_as(Rules, path, display_path)
