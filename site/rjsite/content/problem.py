"""Something in a content file that a person has to mend."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Where it is, and what to write there instead. Problems are values; the caller decides the cost."""

    path: Path  # as seen from the content folder's parent
    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.words}"


class Unreadable(Exception):
    """A file that cannot be used at all; holds its problems."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems
