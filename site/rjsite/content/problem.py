"""Problems in content files, for people to correct."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """The effect of a problem on the live site."""

    MUST_NOT_BE_SHOWN = "must not be shown"  # a story is left out; other files keep their last good version
    PLEASE_FIX = "please fix"  # only the check fails
    ENDS = "ends"  # only a notice; the check does not fail


def printable(path: Path) -> str:
    """Return the name of a file, with escapes if there are characters that cannot be printed."""
    name = str(path)
    return name if name.isprintable() else name.encode("unicode_escape").decode()


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A problem in a file, and what to write instead. The caller decides how to react to it.

    Attributes:
        path: the file, relative to the parent of the content folder.
        message: what to write.
    """

    path: Path
    line: int
    message: str
    severity: Severity = Severity.MUST_NOT_BE_SHOWN

    @property
    def file(self) -> str:
        """Return the name of the file, with escapes for characters that cannot be printed."""
        return printable(self.path)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class Unreadable(Exception):
    """Raised for a file that cannot be used at all.

    Args:
        problems: the reasons.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems
