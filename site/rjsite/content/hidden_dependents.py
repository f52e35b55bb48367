"""Hides what depends on text that a missing fact hides: a section, a table, a list or sub-items."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rjsite.content.sentences import NUMBER, cut_sentences

_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d+\.)\s+")
_SENTENCES = re.compile(r"\W*(?:\d+\.\s+\W*)?[^\Wa-z].*[.!?][\"”’)*]*\s*", re.DOTALL)
_ROW = re.compile(r"\s*\|")
_DEFINITION = re.compile(r"[ \t]*:\s")


def hide_dependents(units: list[str], shown: list[str]) -> list[str]:
    """Return what to show of each unit, given what facts leave of it.

    Args:
        units: the units of a text, from `cut_units`.
        shown: each unit with facts filled in; empty if facts hide it.
    """
    left = list(shown)
    for hide in (_sections, _tables, _within_items, _definitions, _lists, _within_items, _empty_sections):
        hide(units, left)
    return _numbered(units, left)


def _level(unit: str) -> int:
    return len(unit) - len(unit.lstrip("#"))


def _indent(unit: str) -> int:
    line = unit.expandtabs(4)
    return len(line) - len(line.lstrip())


def _hide(left: list[str], numbers: range) -> None:
    left[numbers.start : numbers.stop] = [""] * len(numbers)


def _section(units: list[str], start: int) -> range:
    """Return the numbers of the units below a heading."""
    below = range(start + 1, len(units))
    return range(
        start + 1, next((n for n in below if 0 < _level(units[n]) <= _level(units[start])), len(units))
    )


def _sections(units: list[str], left: list[str]) -> None:
    for number, unit in enumerate(units):
        if _level(unit) and not left[number]:
            _hide(left, _section(units, number))


def _empty_sections(units: list[str], left: list[str]) -> None:
    """Hide each heading below which facts have left nothing, unless the heading is a link itself."""
    for number in reversed(range(len(units))):
        if not _level(units[number]) or "](" in units[number]:
            continue
        below = _section(units, number)
        had, has = (any(texts[n].strip() for n in below) for texts in (units, left))
        if had and not has:
            _hide(left, range(number, below.stop))


def _runs(units: list[str], kind: re.Pattern[str]) -> Iterator[range]:
    """Yield the numbers of the units of each run of a kind, such as the rows of a table."""
    start = 0
    while start < len(units):
        stop = start
        while stop < len(units) and kind.match(units[stop]):
            stop += 1
        if stop > start:
            yield range(start, stop)
        start = max(stop, start + 1)


def _tables(units: list[str], left: list[str]) -> None:
    """Hide each table whose first row or whose every other row is hidden."""
    for rows in _runs(units, _ROW):
        head, *others = (left[n] for n in rows)
        if not head or (others[1:] and not any(others[1:])):
            _hide(left, rows)


def _within_items(units: list[str], left: list[str]) -> None:
    """Hide what is indented below a hidden item of a list."""
    hidden_at: int | None = None
    for number, unit in enumerate(units):
        if not unit.strip():
            continue
        if hidden_at is not None and _indent(unit) > hidden_at:
            left[number] = ""
        else:
            hidden_at = _indent(unit) if _ITEM.match(unit) and not left[number] else None


def _definitions(units: list[str], left: list[str]) -> None:
    """Hide a term that has no definition left, and the definitions of a hidden term."""
    for rows in _runs(units, _DEFINITION):
        term = rows.start - 1
        if term >= 0 and not (left[term] and any(left[n] for n in rows)):
            _hide(left, range(term, rows.stop))


def _below(units: list[str], start: int) -> range:
    """Return the numbers of the units of the list or table that a paragraph or an item introduces."""
    least = _indent(units[start]) + 1 if _ITEM.match(units[start]) else 0
    stop = start + 1
    for number in range(start + 1, len(units)):
        unit, inside = units[number], stop > start + 1
        listed = _ITEM.match(unit) or _ROW.match(unit) or (inside and _indent(unit))
        if unit.strip() and not (listed and _indent(unit) >= least):
            break
        stop = number + 1 if unit.strip() else stop
    return range(start + 1, stop)


def _lists(units: list[str], left: list[str]) -> None:
    """Hide a sentence that introduces nothing, and the items that only complete a hidden sentence."""
    for number, unit in enumerate(units):
        below = _below(units, number) if unit.rstrip().endswith(":") else ()
        if not below:
            continue
        if left[number].rstrip().endswith(":"):
            if not any(left[n].strip() for n in below):
                before = "".join(list(cut_sentences(left[number]))[:-1]).rstrip()
                left[number] = before and f"{before}\n"
        else:
            for n in below:
                if _ITEM.match(units[n]) and not _SENTENCES.fullmatch(left[n]):
                    left[n] = ""


def _numbered(units: list[str], left: list[str]) -> list[str]:
    """Return the units, with the number of a hidden item for the item after it."""
    number = ""
    for place, unit in enumerate(units):
        numbered = NUMBER.match(unit)
        same = numbered and (not number or _indent(number) == _indent(unit))
        if numbered and not left[place]:
            number = number if number and same else numbered[0]
        elif numbered and number and same:
            left[place], number = number + left[place][numbered.end() :], ""
        elif unit[:1].strip():  # the list has ended
            number = ""
    return left
