"""Reads the definitions of the forms from content/forms/*.toml.

A form is never left out for a slip in its file: a definition that cannot be used stops the start, and
a running site keeps the forms it has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rjsite.content.problem import Problem, Unreadable
from rjsite.content.toml import line_of, read_toml
from rjsite.forms.questions import Form, Question, Step


def load_forms(folder: Path, shown: Path) -> dict[str, Form]:
    """Every form by its address.

    Args:
        folder: as `content/forms`; questions that several forms share are in `shared/` below it.
        shown: the folder's name in messages.

    Raises:
        Unreadable: with a problem for each thing to mend.
    """
    problems: list[Problem] = []
    forms: dict[str, Form] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            form = _load(path, shown / path.name)
        except Unreadable as unreadable:
            problems += unreadable.problems
            continue
        forms[form.address] = form
    if not forms and not problems:
        problems.append(Problem(shown, 1, "there are no forms here; each is a file NAME.toml"))
    if problems:
        raise Unreadable(*problems)
    return forms


def _load(path: Path, shown: Path) -> Form:
    raw = read_toml(path, shown)
    steps = [_step(step, path, shown) for step in _tables(raw.pop("step", None), "step", shown)]
    try:
        return Form.model_validate({**raw, "key": path.stem, "steps": steps})
    except ValidationError as error:
        problems = (Problem(shown, 1, _words(fault["loc"], fault["msg"])) for fault in error.errors())
        raise Unreadable(*problems) from None


def _step(raw: dict[str, Any], path: Path, shown: Path) -> Step:
    """A step: first the questions it shares, then its own."""
    _only(raw, ("title", "use", "question"), path, shown)
    questions: list[Question] = []
    for name in raw.get("use", []):
        shared = path.parent / "shared" / f"{name}.toml"
        shown_shared = shown.parent / "shared" / shared.name
        found = read_toml(shared, shown_shared)
        _only(found, ("question",), shared, shown_shared)
        tables = _tables(found.get("question"), "question", shown_shared)
        questions += [_question(table, shared, shown_shared) for table in tables]
    questions += [
        _question(table, path, shown) for table in _tables(raw.get("question", []), "step.question", shown)
    ]
    return Step(title=str(raw.get("title", "")), questions=tuple(questions))


def _question(raw: dict[str, Any], path: Path, shown: Path) -> Question:
    try:
        return Question.model_validate(raw)
    except ValidationError as error:
        name = str(raw.get("name", ""))
        line = line_of(path, f'name = "{name}"')
        faults = (
            Problem(shown, line, _words((name, *fault["loc"]), fault["msg"])) for fault in error.errors()
        )
        raise Unreadable(*faults) from None


def _only(found: dict[str, Any], names: tuple[str, ...], path: Path, shown: Path) -> None:
    """A slip in the name of a table must not lose a question in silence."""
    for name in found:
        if name not in names:
            words = f"“{name}” is not known here; use one of: {', '.join(names)}"
            raise Unreadable(Problem(shown, line_of(path, name), words))


def _tables(found: Any, name: str, shown: Path) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise Unreadable(Problem(shown, 1, f"begin each {name.split('.')[-1]} with a line [[{name}]]"))
    return found


def _words(where: tuple[Any, ...], message: str) -> str:
    return ": ".join([*map(str, where), message.removeprefix("Value error, ")])
