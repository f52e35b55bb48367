"""Finds problems within one file or between files, while the files are read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from rjsite.content import markdown
from rjsite.content.facts import FACT_REFERENCE, Facts
from rjsite.content.front_matter import Document
from rjsite.content.problem import Problem, Severity, Unreadable
from rjsite.content.toml import line_of
from rjsite.forms.definition import FormDefinition

RESTART = "restart the site"
LONGEST_FILE_NAME = 100  # characters, without “.md”; the published files have longer endings


def missing_outcomes(
    forms: Mapping[str, FormDefinition], outcomes: Collection[str], folder: Path, display_path: Path
) -> Iterator[Problem]:
    """Yield a problem for each answer that leads to an outcome that is missing or cannot be used."""
    for form in forms.values():
        for stop in form.stops:
            if stop not in outcomes:
                line = line_of(folder / f"{form.key}.toml", f'stop = "{stop}"')
                message = f"write content/outcomes/{stop}.md, or correct it"
                yield Problem(display_path / f"{form.key}.toml", line, message)


def changed_addresses(
    forms: Mapping[str, FormDefinition], before: Mapping[str, FormDefinition], folder: Path
) -> Iterator[Problem]:
    """Yield a problem for each address at which a form appeared or disappeared while the site was running."""
    for address in sorted(forms.keys() ^ before.keys()):
        form = forms.get(address) or before[address]
        message = f"{RESTART}: a change to the address {address} takes effect only then"
        yield Problem(folder / f"{form.key}.toml", 1, message)


def check_file_name(path: Path, display_path: Path) -> None:
    """Check that the name of a file can be used in an address, and for its published page.

    Raises:
        Unreadable: if the name cannot be used. The message says what to do.
    """
    if len(path.stem) > LONGEST_FILE_NAME:
        message = f"give the file a shorter name: {LONGEST_FILE_NAME} characters at most, without “.md”"
        raise Unreadable(Problem(display_path, 1, message))
    name = markdown.slug(path.stem)
    if path.stem == name:
        return
    message = f"name the file {name}.md: small letters, figures and hyphens only"
    if path.with_name(f"{name}.md").exists():
        message = f"{name}.md has the same address; rename this file, or delete one of the two"
    raise Unreadable(Problem(display_path, 1, message))


def body_problems(document: Document, facts: Facts) -> Iterator[Problem]:
    """Yield a problem for each use of an unknown fact or part in a body."""
    for match in FACT_REFERENCE.finditer(document.body):
        if match["name"] not in facts:
            number = document.body_line + document.body.count("\n", 0, match.start())
            yield Problem(
                document.display_path, number, f"there is no fact “{match['name']}”; see content/service.toml"
            )
    for number, part in markdown.parts_used(document.body):
        if part not in markdown.PARTS:
            message = f"there is no part “{part}”; use one of: {', '.join(sorted(markdown.PARTS))}"
            yield Problem(
                document.display_path, document.body_line + number - 1, message, Severity.PLEASE_FIX
            )
