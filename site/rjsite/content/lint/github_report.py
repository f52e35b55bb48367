"""Findings as GitHub shows them: on the changed lines, and as a table in the summary of a run."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from rjsite.content.problem import Problem

IN_TABLE = 1000  # GitHub takes no summary of more than a megabyte


def annotation(problem: Problem) -> str:
    """A finding as GitHub shows it on the changed line; it shows ten in a run at most."""
    file = _escaped(problem.file).replace(":", "%3A").replace(",", "%2C")
    return f"::error file={file},line={problem.line}::{_escaped(problem.words)}"


def _escaped(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def add_to_summary(path: Path, problems: Sequence[Problem]) -> None:
    """Add all findings to the file of a run's summary, as HTML: in Markdown, marks would go missing."""
    head = "".join(f"<th>{name}</th>" for name in ("File", "Line", "What to write"))
    rows = [
        "".join(f"<td>{escape(str(cell))}</td>" for cell in (problem.file, problem.line, problem.words))
        for problem in problems[:IN_TABLE]
    ]
    lines = [f"<tr>{row}</tr>" for row in [head, *rows]]
    more = len(problems) - len(rows)
    rest = f"<p>{more:,} more are in the log.</p>\n" if more else ""
    with path.open("a", encoding="utf-8") as file:
        file.write("<table>\n" + "\n".join(lines) + f"\n</table>\n{rest}")
