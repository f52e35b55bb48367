"""Splitting text into words and sentences, and measuring how hard it is to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_END = re.compile(r"[.!?…][\"”’)\]]*\s+(?=\S)")
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"\{:[^}]*\}|\*\*|\*(?=\w)|(?<=[\w.,!?”])\*|`")
_WORD = re.compile(r"[^\s\w]*\w\S*")
_LONG_NUMBER = re.compile(r"(?<=\d) (?=\d)")
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+")
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|‘[^’]*’(?!\w)")
_SMALL = frozenset({"a", "an", "and", "for", "in", "of", "on", "or", "the", "to"})
_INITIALS = re.compile(r"(?<![\w-])[A-Z]{2,}s?(?![\w-])")
_NEAR = 14  # words on either side within which initials are explained


def plain(markdown: str) -> str:
    """Return the Markdown of a paragraph, item or heading as the text that a reader sees."""
    text = _LINK.sub(r"\1", _IMAGE.sub("", markdown))
    return re.sub(r"\s+", " ", _MARKS.sub("", text)).strip()


def unquoted(text: str) -> str:
    """Return the text without what is in quotation marks."""
    return _QUOTED.sub(" ", text)


def sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph."""
    parts, start = [], 0
    for end in _END.finditer(text):
        parts.append(text[start : end.end()].strip())
        start = end.end()
    parts.append(text[start:].strip())
    return [sentence for sentence in parts if re.search(r"\w", sentence)]


def words(sentence: str) -> list[str]:
    """Return the words of a sentence. A phone number counts as one."""
    return _WORD.findall(_LONG_NUMBER.sub("", sentence))


def average(spoken: Sequence[str]) -> float:
    """Return the average number of words in a sentence."""
    return sum(len(words(sentence)) for sentence in spoken) / len(spoken)


def grade(spoken: Sequence[str]) -> float:
    """Return the school grade that the sentences ask of a reader: the Automated Readability Index.

    It counts letters, words and sentences but no syllables, so two people who count by hand get the
    same figure. Email and web addresses are left out.
    """
    said = [word for sentence in spoken for word in words(_ADDRESS.sub("", sentence))]
    if not said:
        return 0.0
    letters = sum(1 for word in said for sign in word if sign.isalnum())
    return 4.71 * letters / len(said) + 0.5 * len(said) / len(spoken) - 21.43


def unexplained_initials(text: str, allowed: Sequence[str]) -> Iterator[str]:
    """Yield initials whose full words stand nowhere near them, each once.

    Args:
        text: the whole text of a page.
        allowed: initials that need no full words.
    """
    seen = set(allowed)
    tokens = re.findall(r"[A-Za-z]+(?:['’][a-z]+)?", text)
    places: dict[str, list[int]] = {}
    for at, token in enumerate(tokens):
        places.setdefault(token.rstrip("s"), []).append(at)
    for found in _INITIALS.finditer(text):
        name = found[0].rstrip("s")
        if name not in seen:
            seen.add(name)
            if not any(_explained(name, tokens, at) for at in places.get(name, ())):
                yield name


def _explained(name: str, tokens: Sequence[str], at: int) -> bool:
    """Return whether the initials at this place are explained near it."""
    if tokens[at + 1 : at + 2] == ["means"]:
        return True
    before, after = tokens[max(0, at - _NEAR) : at], tokens[at + 1 : at + 1 + _NEAR]
    return any(_spells(name, side) for side in (before, after))


def _spells(name: str, tokens: Sequence[str]) -> bool:
    """Return whether words in a row begin with these letters, with or without small words."""
    large = "".join(token[0] for token in tokens if token.lower() not in _SMALL)
    return name.lower() in large.lower() or name.lower() in "".join(token[0] for token in tokens).lower()
