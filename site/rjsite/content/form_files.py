"""Reads the definitions of the forms from content/forms/*.toml.

A form is never left out because of a mistake in its file. If a definition cannot be used, the site keeps the
forms that it shows now or, when it starts, uses the last good ones. Without those, it does not start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rjsite.content.field_messages import unknown_field_message
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.toml import line_of, lines_in, read_as, read_toml, validation_problems
from rjsite.forms.definition import FormDefinition, Question, SharedQuestions


def load_forms(folder: Path, display_path: Path) -> dict[str, FormDefinition]:
    """Return all forms by address.

    Args:
        folder: a folder like `content/forms`. Its subfolder `shared` contains questions for several forms.
        display_path: the folder's name in messages.

    Raises:
        Unreadable: if the forms cannot be used. The exception lists every problem.
    """
    problems: list[Problem] = []
    forms: dict[str, FormDefinition] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            form = _load(path, display_path / path.name)
        except Unreadable as unreadable:
            problems += unreadable.problems
            continue
        if same := forms.get(form.address):
            message = f"{same.key}.toml has the same address; give this form an address of its own"
            problems.append(Problem(display_path / path.name, line_of(path, "address"), message))
        forms[form.address] = form
    if not forms and not problems:
        problems.append(Problem(display_path, 1, "there are no forms here; each is a file NAME.toml"))
    if problems:
        raise Unreadable(*problems)
    return forms


def _load(path: Path, display_path: Path) -> FormDefinition:
    tables = read_toml(path, display_path)
    if "key" in tables:  # not a field in the file: the key is the file's name
        line = lines_in(path, display_path).of(("key",))
        raise Unreadable(Problem(display_path, line, unknown_field_message("key", FormDefinition)))
    _put_shared_questions(tables, path.parent / "shared", display_path.parent / "shared")
    try:
        return FormDefinition.model_validate({**tables, "key": path.stem})
    except ValidationError as error:
        raise Unreadable(*_form_problems(error, path, display_path)) from None


def _put_shared_questions(tables: dict[str, Any], folder: Path, display_path: Path) -> None:
    """Replace the names of shared files in each step with the questions in those files."""
    steps = tables.get("step")
    for step in steps if isinstance(steps, list) else ():
        names = step.get("use") if isinstance(step, dict) else None
        if isinstance(names, list):
            step["use"] = [
                question for name in names for question in _shared(f"{name}.toml", folder, display_path)
            ]


def _shared(name: str, folder: Path, display_path: Path) -> tuple[Question, ...]:
    return read_as(SharedQuestions, folder / name, display_path / name).questions


def _form_problems(error: ValidationError, path: Path, display_path: Path) -> Iterator[Problem]:
    """Yield the problems in a form. An error that names a question is reported at the question's line."""
    lines = lines_in(path, display_path)
    problems = validation_problems(error, FormDefinition, lines, display_path)
    for problem, fault in zip(problems, error.errors(), strict=True):
        named = f'name = "{fault.get("ctx", {}).get("question")}"'
        at = [number for number, line in enumerate(lines.written, 1) if line.strip() == named]
        yield replace(problem, line=at[-1]) if at else problem
