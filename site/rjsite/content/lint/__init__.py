"""Checks all content: its words against the rules in content/house-rules.toml, and its facts and links.

The checks find only what a program can find, so people still have to read the texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from rjsite.content.library import Library
from rjsite.content.lint.cross_file import Addresses, cross_file_problems
from rjsite.content.lint.document import document_findings
from rjsite.content.lint.facts import fact_findings
from rjsite.content.lint.hard_coded_facts import HardCodedFactFinder
from rjsite.content.lint.public_stories import live_problems
from rjsite.content.lint.rules import Rules, load_rules
from rjsite.content.lint.toml_files import table_findings
from rjsite.content.problem import Problem, Severity, Unreadable


def check(library: Library, folder: Path, today: date) -> list[Problem]:
    """Return the problems in the content, in the order of the files.

    Args:
        library: the content of `folder`, with drafts.
        folder: the content folder.
        today: the date that decides which pages are old and which permissions are in force.

    Returns:
        The problems that these checks find, without those that reading the content found. If the rules or
        service.toml cannot be used, only the problems in the first of these two files that cannot be used.
    """
    try:
        rules = load_rules(folder / "house-rules.toml", Path(folder.name, "house-rules.toml"))
        problems = _problems(library, folder, rules, today)
        live = [problem for story in library.stories for problem in live_problems(story, rules, today)]
        return sorted([*live, *{replace(problem, severity=Severity.PLEASE_FIX) for problem in problems}])
    except Unreadable as unreadable:
        return sorted(unreadable.problems)


def _problems(library: Library, folder: Path, rules: Rules, today: date) -> Iterator[Problem]:
    addresses = Addresses(library, rules.allowed.addresses)
    hard_coded = HardCodedFactFinder(library.facts)
    for page in library.every_page:
        for line, message in document_findings(page, rules, addresses, hard_coded, today):
            yield Problem(page.document.display_path, line, message)
    yield from table_findings(library, folder, rules, hard_coded)
    yield from fact_findings(library, folder, rules, hard_coded)
    yield from cross_file_problems(library, folder, addresses)
