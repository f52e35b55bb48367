"""Finds marks that readers were not meant to see.

These are leftovers of Markdown, HTML and the braces of facts, and what came along with pasted text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BULLETS = "•·▪◦●○‣\uf0b7\uf0a7"
_NUMBER = r"(?:\d{1,2}\.|\(?(?:\d{1,2}|[a-z])\))"
_DAMAGED = "â€.|Ã[\x80-\xbf]|Â[\xa0-\xbf]"  # UTF-8 that was read in another encoding
_TARGET = r"(?:/[\w#-]|#\w|https?:|mailto:|tel:|www\.)"
_AS_IT_IS = "“FOUND” is shown as it is written; "

_MARKS = (  # the pattern of each kind, and what to write
    (r"\\", f"{_AS_IT_IS}take the backslash out"),
    (r"`+", f"{_AS_IT_IS}write ’ or quotation marks “ ”"),
    (r"\[?\^[^\]\s]*\]?", f"{_AS_IT_IS}say in the sentence what the footnote says"),
    (
        rf"!?\[[^\[\]\n]*\]\s*\(?\s*{_TARGET}[^)\s]*\)?|\[[^\[\]\n]*\({_TARGET}[^)\s]*\)?|\]\(|\)\[|\]\[",
        f"{_AS_IT_IS}write a link as [words](/address), with ] and ( side by side",
    ),
    (r"^\s*\[[ xX]?\](?=\s)", f"{_AS_IT_IS}take it out"),
    (r"\{[:.#][^}\n]*\}?", f"{_AS_IT_IS}it belongs at the end of a heading: ## Words {{: .note }}"),
    (r"\{[^}\n]*\}?|\}", f"{_AS_IT_IS}write a fact like {{phone}}, in small letters, or take it out"),
    (r"&#?\w+;", f"{_AS_IT_IS}write the sign itself"),
    (r"</?[a-zA-Z][^<>\n]*>|<!--", f"{_AS_IT_IS}take it out"),
    (
        rf"(?<=\n)[ \t]*(?:[-*+{_BULLETS}](?=[ \t])|[-{_BULLETS}](?=[A-Za-z])|{_NUMBER}(?=\s))"
        rf"|\A\s*(?:[{_BULLETS}]|[-*+–—](?=[ \t])|-(?=[A-Za-z])|\d{{1,2}}\)(?=\s))",
        "this is not shown as a list; put an empty line above it, and begin each item with “- ” or “1. ”",
    ),
    (rf"[\ufffd\ue000-\uf8ff]|{_DAMAGED}", "“FOUND” is a damaged letter; type it again"),
    (r"^\s*#+(?=\s*\w)|#{2,}", f"{_AS_IT_IS}begin the line with ##, then a space, then the words"),
    (r"\*+", f"{_AS_IT_IS}put ** right before and right after bold words, or take it out"),
    (r"(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)", f"{_AS_IT_IS}take it out"),
    (r"~{2,}|-{2,}|={2,}|(?<!\w)\+{2,}|:::", f"{_AS_IT_IS}take it out, or write a dash as –"),
    (
        r"^\s*\||\|\s*$|\|.*\|",
        "this is not shown as a table; put an empty line above it, and |---| below its first row",
    ),
    (r"^\s*>+", f"{_AS_IT_IS}put an empty line before the quotation"),
)  # fmt: skip
_ANY = re.compile("|".join(f"({pattern})" for pattern, _ in _MARKS), re.MULTILINE)


def marks(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Yield the first stray mark of each kind in the text that readers see, with what to write instead."""
    kinds: set[int] = set()
    for match in _ANY.finditer(text):
        kind = (match.lastindex or 1) - 1
        if kind not in kinds:
            kinds.add(kind)
            yield match, _MARKS[kind][1].replace("FOUND", match[0].strip())
