"""Reads the TOML files in the content folder, and reports every error as a `Problem` that names the line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from rjsite.content import size_limits
from rjsite.content.field_messages import correction_message
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.source import read_source

Kind = TypeVar("Kind")
Place = tuple[int | str, ...]  # the path to a value: names of tables and keys, and indexes in lists

LINE = "{} = ..."

_QUOTES = "[] \"'"
_HEADER = re.compile(r"\s*(\[{1,2})\s*([^\[\]=]+?)\s*\]{1,2}\s*(?:#.*)?")
_KEY = re.compile(r"""\s*([\w-]+|"[^"]*"|'[^']*')\s*=""")
_OPENED = re.compile(r"""[^=]*=\s*(?:\[(?!.*\])|\"{3}(?!.*\"{3})|'{3}(?!.*'{3}))""")


class Lines:
    """Finds the line of each value in a TOML file.

    Args:
        text: the content of the file.
    """

    def __init__(self, text: str) -> None:
        self.written = text.splitlines()
        self._at: dict[Place, int] = {(): 1}
        table: Place = ()
        for number, line in enumerate(self.written, 1):
            if header := _HEADER.fullmatch(line):
                table = self._table(re.split(r"\s*\.\s*", header[2]), many=header[1] == "[[")
                for end in range(1, len(table) + 1):
                    self._at.setdefault(table[:end], number)
            elif key := _KEY.match(line):
                self._at.setdefault((*table, key[1].strip("\"'")), number)

    def _table(self, names: Sequence[str], *, many: bool) -> Place:
        """Return the place of a table, given the names in its header. A list's name means its last table."""
        table: Place = ()
        for number, name in enumerate(names, 1):
            table = (*table, name.strip("\"'"))
            count = sum(1 for place in self._at if place[:-1] == table and isinstance(place[-1], int))
            if many and number == len(names):
                return (*table, count)
            if count:
                table = (*table, count - 1)
        return table

    def of(self, place: Place) -> int:
        """Return the line of a value, or of the nearest enclosing table or list if that line is unknown.

        The line of a table is the line of its key `name`, if the table has this key.
        """
        known = next(place[:end] for end in range(len(place), -1, -1) if place[:end] in self._at)
        number = self._at[known]
        rest = place[len(known) :]
        if rest and isinstance(rest[0], int):  # an item in a list, which may have several lines
            below = [
                n for n, line in enumerate(self.written[number:], number + 1) if line.strip()[:1] in "{\"'"
            ]
            return below[rest[0]] if rest[0] < len(below) and "]" not in self.written[number - 1] else number
        return self._at.get((*known, "name"), number)


def lines_in(path: Path, display_path: Path) -> Lines:
    """Return the lines of a file, or none if the file cannot be read and an earlier version is used."""
    try:
        return Lines(read_source(path, display_path))
    except Unreadable:
        return Lines("")


def read_toml(path: Path, display_path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Args:
        path: the file.
        display_path: the file's name in messages.

    Raises:
        Unreadable: if the file cannot be read (see `read_source`), exceeds a size limit, or is not TOML.
    """
    text = read_source(path, display_path)
    for line, message in size_limits.exceeded_limits_in_toml(text):
        raise Unreadable(Problem(display_path, line + 1, message))
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise Unreadable(
            Problem(display_path, 1, "there are too many levels of lists; use one level")
        ) from None
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"line (\d+)", str(error))
        lines = text.splitlines()
        opened = [number for number, line in enumerate(lines, 1) if _OPENED.match(line)]
        line = int(match[1]) if match else (opened or [1])[-1]
        raise Unreadable(Problem(display_path, line, _advice(lines[line - 1], str(error)))) from None


def _advice(line: str, error: str) -> str:
    """Return a message that says why a line is not TOML, and what to write instead."""
    name, _, value = (part.strip() for part in line.partition("="))
    name = name if re.fullmatch(r"[\w-]+", name) else f'"{name.strip(_QUOTES)}"'
    if "verwrite" in error or "twice" in error:
        return f"not TOML: “{name.strip(_QUOTES)}” is here twice; keep one of them"
    if re.match(r"[“”„‘’«»]", value):
        return f'not TOML: the quotes are curly; write straight ones: {name} = "..."'
    if line.lstrip().startswith("["):
        return "not TOML: write as many ] as [ in this line, and nothing else"
    if line.lstrip().startswith("{"):
        return 'not TOML: write { value = "...", label = "..." }, with a comma after each'
    if "(at end of document)" in error or "Unclosed" in error:
        return "not TOML: close what begins here or above, with ] or with quotes"
    if value:
        return f'not TOML: write {name} = "...", with one straight quote before the words and one after'
    return 'not TOML: write a name, then = and the words in straight quotes, like name = "..."'


def read_as(kind: type[Kind], path: Path, display_path: Path) -> Kind:
    """Return the content of a TOML file, converted to a type.

    Args:
        kind: the expected type.
        path: the file.
        display_path: the file's name in messages.

    Raises:
        Unreadable: if the file cannot be used. The exception lists every problem.
    """
    raw = read_toml(path, display_path)
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError as error:
        lines = lines_in(path, display_path)
        raise Unreadable(*validation_problems(error, kind, lines, display_path)) from None


def validation_problems(
    error: ValidationError, kind: Any, lines: Lines, display_path: Path
) -> Iterator[Problem]:
    """Yield a problem for each value that is missing, unknown or invalid.

    Args:
        error: the errors that pydantic found.
        kind: the expected type.
        lines: finds the line of each value.
        display_path: the file's name in messages.
    """
    for fault in error.errors():
        place = [part for part in fault["loc"] if part != "[key]"]  # after a name that is not allowed
        names = list(takewhile(lambda part: isinstance(part, str), reversed(place)))
        yield Problem(
            display_path,
            lines.of(fault["loc"]),
            ": ".join(
                filter(None, [".".join(map(str, reversed(names))), correction_message(fault, kind, LINE)])
            ),
        )


def line_of(path: Path, text: str) -> int:
    """Return the number of the first line that contains a text, or 1 if no line does (see `lines_in`)."""
    lines = lines_in(path, path).written
    return next((number for number, line in enumerate(lines, 1) if text in line), 1)
