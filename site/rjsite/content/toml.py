"""TOML files of the content folder, with problems in place of tracebacks."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from rjsite.content.problem import Problem, Unreadable

Kind = TypeVar("Kind")


def read_toml(path: Path, shown: Path) -> dict[str, Any]:
    """The file's tables.

    Args:
        path: the file. shown: its name in messages.

    Raises:
        Unreadable: where it is missing, not UTF-8 or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Unreadable(Problem(shown, 1, "this file is missing; put it back")) from None
    except UnicodeDecodeError:
        raise Unreadable(Problem(shown, 1, "save the file as UTF-8")) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise Unreadable(Problem(shown, int(line[1]) if line else 1, f"not TOML: {error}")) from None


def read_as(kind: type[Kind], path: Path, shown: Path) -> Kind:
    """The same, checked and as a value of that kind.

    Raises:
        Unreadable: with one problem for each thing to mend.
    """
    raw = read_toml(path, shown)
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError as error:
        faults = ((".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors())
        raise Unreadable(*(Problem(shown, 1, f"{where}: {words}") for where, words in faults)) from None


def line_of(path: Path, words: str) -> int:
    """The line that holds the words; 1 where none does."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if words in line), 1)
