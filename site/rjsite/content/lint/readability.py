"""Splits text into words and sentences, and measures how hard it is to read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from rjsite.content.sentences import cut_sentences

_MARKS = re.compile(r"\]\([^)]*\)|\{:[^}]*\}|[*`\[]")
_WORD = re.compile(r"[^\s\w]*\w\S*")
_LONG_NUMBER = re.compile(r"(?<=\d) (?=\d)")
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+")
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|‘[^’]*’(?!\w)")
_INITIALS = re.compile(r"(?<![\w-])([A-Z]{2,})s?(?![\w-])")


def plain(markdown: str) -> str:
    """Return a text without the marks of Markdown, on one line."""
    return " ".join(_MARKS.sub("", markdown).split())


def unquoted(text: str) -> str:
    """Return the text without its quotations."""
    return _QUOTED.sub(" ", text)


def sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph."""
    return [sentence.strip() for sentence in cut_sentences(text) if re.search(r"\w", sentence)]


def words(sentence: str) -> list[str]:
    """Return the words of a sentence. A number with spaces in it, such as a phone number, is one word."""
    return _WORD.findall(_LONG_NUMBER.sub("", sentence))


def average(spoken: Sequence[str]) -> float:
    """Return the average number of words in a sentence."""
    return sum(len(words(sentence)) for sentence in spoken) / len(spoken)


def grade(spoken: Sequence[str]) -> float:
    """Return the school grade that a reader needs for the sentences: the Automated Readability Index.

    The index counts letters, words and sentences but not syllables, so that two people who count by hand get
    the same figure. Email and web addresses are left out.
    """
    said = [word for sentence in spoken for word in words(_ADDRESS.sub("", sentence))]
    if not said:
        return 0.0
    letters = sum(1 for word in said for sign in word if sign.isalnum())
    return 4.71 * letters / len(said) + 0.5 * len(said) / len(spoken) - 21.43


def unexplained_initials(text: str, allowed: Collection[str]) -> Iterator[str]:
    """Yield each set of initials that the text does not explain.

    Initials are explained by words that begin with them, by brackets around or after them, or by “means”.

    Args:
        text: the whole text of a page.
        allowed: initials that need no explanation.
    """
    for name in dict.fromkeys(match[1] for match in _INITIALS.finditer(text)):
        in_full = r"\w* ".join(name)
        explained = rf"\b{in_full}|\({name}s?\)|\b{name}s? \(|\b{name}\+? means "
        if name not in allowed and not re.search(explained, text):
            yield name
