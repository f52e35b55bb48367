"""Splits Markdown into units (paragraphs, list items, headings and table rows), and units into sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

MARKER = re.compile(r"^\s*(?:(?:[-*+]|\d+\.|>|:)\s+)?")  # marks a list item, quotation or definition
NUMBER = re.compile(r"[ \t]*\d+\.(?=\s)")  # at the start of an item of a numbered list
WHOLE = re.compile(r"\s*[#|]")  # headings and table rows are not split into sentences
_UNIT_START = re.compile(r"\s*(?:[-*+]\s|\d+\.\s|#|\||>|:\s)")
_SENTENCE_END = re.compile(r"[.!?][\"”’)\]*]*\s+(?=[^\sa-z])")  # not within “9 a.m. on” or “Why me? website”


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


def cut_units(text: str) -> Iterator[str]:
    """Yield each paragraph, list item, heading and table row, with its line endings."""
    unit = ""
    for line in text.splitlines(keepends=True):
        if unit and (not line.strip() or not unit.strip() or _UNIT_START.match(line) or WHOLE.match(unit)):
            yield unit
            unit = ""
        unit += line
    if unit:
        yield unit
