"""Reports problems to GitHub: as annotations of lines, and as a table in the summary of a run."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from rjsite.content.problem import Problem, Severity

IN_TABLE = 1000  # GitHub refuses summaries of more than a megabyte


def annotation(problem: Problem) -> str:
    """Return the command that makes GitHub show a problem at its line.

    GitHub shows at most ten errors and ten warnings of each step.
    """
    file = _escaped(problem.file).replace(":", "%3A").replace(",", "%2C")
    level = "warning" if problem.severity is Severity.ENDS else "error"
    return f"::{level} file={file},line={problem.line}::{_escaped(problem.message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def add_to_summary(path: Path, problems: Sequence[Problem]) -> None:
    """Add a table of problems to the summary of a run. HTML, unlike Markdown, shows all marks as written."""
    head = "".join(f"<th>{name}</th>" for name in ("File", "Line", "What to write"))
    rows = [
        "".join(f"<td>{escape(str(cell))}</td>" for cell in (problem.file, problem.line, problem.message))
        for problem in problems[:IN_TABLE]
    ]
    lines = [f"<tr>{row}</tr>" for row in [head, *rows]]
    more = len(problems) - len(rows)
    rest = f"<p>{more:,} more are in the log.</p>\n" if more else ""
    with path.open("a", encoding="utf-8") as file:
        file.write("<table>\n" + "\n".join(lines) + f"\n</table>\n{rest}")
