"""Reads the text of printed pages and its position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from rjsite.forms.definition import FormDefinition, Question


class Paper:
    """A PDF as printed."""

    def __init__(self, pdf: bytes | Path) -> None:
        """Read the PDF from bytes or from a file."""
        self.pdf = PdfReader(BytesIO(pdf) if isinstance(pdf, bytes) else pdf)
        self.sizes = set[float]()  # of its letters, in points
        self.lowest: list[float] = []  # how far down each page has words: 0 at the top, 1 at the foot
        self.pages = [squeeze(self._read(page)) for page in self.pdf.pages]

    def _read(self, page: Any) -> str:
        """Return the text of a page, and note how small and how low its words are."""
        heights: list[float] = []

        def note(words: str, into: list[float], at: list[float], _font: object, size: float) -> None:
            if words.strip():
                heights.append(at[4] * into[1] + at[5] * into[3] + into[5])
                self.sizes.add(round(size * at[0] * into[0], 1))

        text: str = page.extract_text(visitor_text=note)
        height = float(page.mediabox.height)
        self.lowest.append(1 - min(heights, default=height) / height)
        return text

    @property
    def structure(self) -> Any:
        """Return the root of the structure tree."""
        root: Any = self.pdf.trailer["/Root"]
        return root["/StructTreeRoot"]

    @property
    def text(self) -> str:
        """Return all text without spaces, because line breaks do not matter."""
        return "".join(self.pages)

    def holds(self, *words: str) -> bool:
        """Return whether the PDF contains these words in this order."""
        return in_order(self.text, words)

    def together(self, *words: str) -> bool:
        """Return whether one page contains these words in this order."""
        return any(in_order(page, words) for page in self.pages)


def squeeze(words: str) -> str:
    """Return a text without spaces."""
    return "".join(words.split())


def in_order(text: str, words: Iterable[str]) -> bool:
    """Return whether a text without spaces contains these words in this order."""
    at = 0
    for word in map(squeeze, words):
        at = text.find(word, at)
        if at < 0:
            return False
        at += len(word)
    return True


def says(question: Question) -> Iterator[str]:
    """Yield all texts of a question: the label, the hint and the choices."""
    yield from (question.label, question.hint)
    for choice in question.choices:
        yield from (choice.label, choice.hint)


def opened(form: FormDefinition) -> Iterator[tuple[str, Question]]:
    """Yield each question that depends on an earlier answer, preceded by the labels of those answers."""
    by_name = {question.name: question for question in form.questions}
    for question in form.questions:
        if when := question.opened_by:
            choices = by_name[when.name].choices
            labels = [f"“{choice.label}”" for choice in choices if choice.value in when.values]
            yield "any of these" if len(labels) == len(choices) else " or ".join(labels), question
