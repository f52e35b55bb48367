"""Splits Markdown into units (paragraphs, list items, headings and table rows), and units into sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

MARKER = re.compile(r"^\s*(?:(?:[-*+]|\d+\.|>|:)\s+)?")  # marks a list item, quotation or definition
NUMBER = re.compile(r"[ \t]*\d+\.(?=\s)")  # at the start of an item of a numbered list
WHOLE = re.compile(r"\s*[#|]")  # headings and table rows are not split into sentences
_UNIT_START = re.compile(r"\s*(?:[-*+]\s|\d+\.\s|#|\||>|:\s)")
_IN_QUOTATION = re.compile(r"\s*>[ \t]*(?![\s#|>]|[-*+]\s|\d+\.\s)")  # another line of a quotation
# The next sentence does not begin with a small letter, so “9 a.m. on” and “Why me? website” are not split. It
# may begin after the > of another line of a quotation.
_SENTENCE_END = re.compile(r"[.!?][\"”’)\]*_]*\s+(?:> )?(?=[^\sa-z])")
_ABBREVIATION = re.compile(
    r"(?<![^\s(“])(?:e\.g|i\.e|etc|approx|Mrs?|Ms|Dr|St|Prof|Rev|Tel|Ext|[A-Z])\.\s+"
    r"|[ap]\.m\.\s+(?=(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)"
)
_MARKS = tuple(  # each pair, with a group for the mark that opens, and marks that open and close
    map(re.compile, (r"(\()|\)", r"(\[)|\]", "(“)|”", r"\*\*", r"(?<!\*)\*(?!\*)", r"(?<![\w{])_|_(?![\w}])"))
)


def sentences(text: str) -> Iterator[tuple[str, str]]:
    """Yield each sentence, heading and table cell, with the sentence before it in the same unit, or ""."""
    for unit in cut_units(text):
        if WHOLE.match(unit):
            yield from ((cell, "") for cell in unit.split("|"))
        else:
            yield from (
                (then, first) for first, then in pairwise(["", *cut_sentences(MARKER.sub("", unit, count=1))])
            )


def cut_sentences(text: str) -> Iterator[str]:
    """Yield each sentence of a unit, with any spaces after the sentence."""
    starts = [0, *(end.end() for end in _SENTENCE_END.finditer(text)), len(text)]
    return (text[start:end] for start, end in pairwise(starts))


def cut_whole_sentences(text: str) -> Iterator[str]:
    """Yield each sentence as `cut_sentences` does, but never a part of a quotation, a link or bold words.

    An abbreviation ends no sentence either. Each sentence can be hidden without damage to the others.
    """
    marks = [mark for mark in _MARKS if not _is_open(mark, text)]
    after_abbreviations = {match.end() for match in _ABBREVIATION.finditer(text)} - {len(text)}
    start = end = 0
    for sentence in cut_sentences(text):
        end += len(sentence)
        if end not in after_abbreviations and not any(_is_open(mark, text[start:end]) for mark in marks):
            yield text[start:end]
            start = end
    if start < end:
        yield text[start:end]


def _is_open(mark: re.Pattern[str], text: str) -> bool:
    """Return whether more marks open than close. Of marks that do both, an odd number is open."""
    found = list(mark.finditer(text))
    if not mark.groups:
        return len(found) % 2 == 1
    opening = sum(match[1] is not None for match in found)
    return opening > len(found) - opening


def cut_units(text: str) -> Iterator[str]:
    """Yield each paragraph, list item, heading and table row, with its line endings."""
    unit = ""
    for line in text.splitlines(keepends=True):
        quoted = unit.lstrip()[:1] == ">" and unit.strip() != ">" and _IN_QUOTATION.match(line)
        begins = not line.strip() or not unit.strip() or _UNIT_START.match(line) or WHOLE.match(unit)
        if unit and begins and not quoted:
            yield unit
            unit = ""
        unit += line
    if unit:
        yield unit
