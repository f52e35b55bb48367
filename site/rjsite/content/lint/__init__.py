"""Reads every word of the site by the rules of content/house-rules.toml: a guard, not a proof.

People read the words too (service design, section 4). It knows nothing of Flask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from rjsite.content.library import Library
from rjsite.content.lint.across_files import Addresses, whole_findings
from rjsite.content.lint.document import document_findings
from rjsite.content.lint.facts import fact_findings
from rjsite.content.lint.hard_coded_facts import written_out
from rjsite.content.lint.live_rules import live_problems
from rjsite.content.lint.rules import Rules, load_rules
from rjsite.content.lint.toml_files import table_findings
from rjsite.content.problem import Problem, Severity, Unreadable


def check(library: Library, folder: Path, today: date) -> list[Problem]:
    """What is wrong with the words, in the order of the files.

    Args:
        library: with drafts, as it was read from `folder`. today: tells what is old.

    Returns:
        Findings, each with file, line and what to write. `library.problems` are not among them.
    """
    try:
        rules = load_rules(folder / "house-rules.toml", Path(folder.name, "house-rules.toml"))
        found = _findings(library, folder, rules, today)
        live = [problem for story in library.stories for problem in live_problems(story, rules, today)]
        return sorted([*live, *{replace(problem, severity=Severity.PLEASE_MEND) for problem in found}])
    except Unreadable as unreadable:
        return sorted(unreadable.problems)


def _findings(library: Library, folder: Path, rules: Rules, today: date) -> Iterator[Problem]:
    addresses = Addresses(library, rules.allowed.addresses)
    for page in library.every_page:
        for line, words in document_findings(page, rules, addresses, today):
            yield Problem(page.document.shown, line, words)
    yield from table_findings(library, folder, rules)
    yield from fact_findings(library, folder, rules)
    yield from written_out(library, folder)
    yield from whole_findings(library, folder, addresses)
