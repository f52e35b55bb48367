"""Something in a content file that a person has to mend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """What a problem means for the live site."""

    MUST_NOT_BE_SHOWN = "must not be shown"  # a page stays as it was; a story is left out
    PLEASE_MEND = "please mend"  # named, and never stops anything
    ENDS = "ends"  # announced, and not even the check fails for it


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Where it is, and what to write there instead. Problems are values; the caller decides the cost."""

    path: Path  # as seen from the content folder's parent
    line: int
    words: str
    severity: Severity = Severity.MUST_NOT_BE_SHOWN

    @property
    def file(self) -> str:
        """The name of the file, with escapes for what cannot be printed on one line."""
        name = str(self.path)
        return name if name.isprintable() else name.encode("unicode_escape").decode()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words}"


class Unreadable(Exception):
    """A file that cannot be used at all; holds its problems."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems
