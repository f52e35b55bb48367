"""Reads the definitions of the forms from content/forms/*.toml.

A form is never left out because of a mistake in its file: a definition that cannot be used stops the start,
and a running site keeps the forms it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rjsite.content.field_messages import not_a_field
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.source import read_source
from rjsite.content.toml import Lines, Place, line_of, read_toml, typed_problems
from rjsite.forms.definition import Form, Question, Step

_OF_FORM = [*(name for name in Form.model_fields if name not in ("key", "steps")), "step"]


def load_forms(folder: Path, shown: Path) -> dict[str, Form]:
    """Return every form, by its address.

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
        if same := forms.get(form.address):
            words = f"{same.key}.toml has the same address; give this form an address of its own"
            problems.append(Problem(shown / path.name, line_of(path, "address"), words))
        forms[form.address] = form
    if not forms and not problems:
        problems.append(Problem(shown, 1, "there are no forms here; each is a file NAME.toml"))
    if problems:
        raise Unreadable(*problems)
    return forms


def _load(path: Path, shown: Path) -> Form:
    file = _File(path, shown)
    file.only((), file.tables, _OF_FORM)
    steps = [_step(file, number, step) for number, step in enumerate(file.list_of((), "step"))]
    given = {name: value for name, value in file.tables.items() if name != "step"}
    try:
        return Form.model_validate({**given, "key": path.stem, "steps": steps})
    except ValidationError as error:
        raise Unreadable(*_of_form(error, file)) from None


class _File:
    """The tables of one file, and the line of each."""

    def __init__(self, path: Path, shown: Path) -> None:
        self.path, self.shown = path, shown
        self.tables = read_toml(path, shown)
        self.lines = Lines(read_source(path, shown))

    def stop(self, place: Place, words: str) -> Unreadable:
        """Return the error to raise for a mistake at a place."""
        return Unreadable(Problem(self.shown, self.lines.of(place), words))

    def only(self, place: Place, table: dict[str, Any], names: Sequence[str]) -> None:
        """Raise Unreadable for an unknown name, because a misspelt table would otherwise lose a question."""
        for name in table:
            if name not in names:
                raise self.stop((*place, name), not_a_field(name, names))

    def list_of(self, place: Place, name: str, *, needed: bool = True) -> list[dict[str, Any]]:
        """Return the tables of one name below a place."""
        table: Any = self.tables
        for part in place:
            table = table[part]
        tables = table.get(name, None if needed else [])
        if not isinstance(tables, list) or not all(isinstance(entry, dict) for entry in tables):
            names = [part for part in (*place, name) if isinstance(part, str)]
            raise self.stop((*place, name), f"begin each {name} with a line [[{'.'.join(names)}]]")
        return tables

    def questions(self, place: Place, *, needed: bool) -> Iterator[Question]:
        """Yield the questions below a place."""
        for number, table in enumerate(self.list_of(place, "question", needed=needed)):
            try:
                yield Question.model_validate(table)
            except ValidationError as error:
                at = (*place, "question", number)
                problems = typed_problems(error, Question, self.lines, self.shown, at)
                name = str(table.get("name") or "question")
                raise Unreadable(*(replace(p, words=f"{name}: {p.words}") for p in problems)) from None


def _step(file: _File, number: int, table: dict[str, Any]) -> Step:
    """Return a step: first the questions that it shares with other forms, then its own."""
    place = ("step", number)
    file.only(place, table, ("title", "use", "question"))
    title, use = table.get("title"), table.get("use", [])
    if not isinstance(title, str) or not title.strip():
        raise file.stop((*place, "title"), 'title: write the heading of the step, like title = "About you"')
    if not isinstance(use, list):
        raise file.stop((*place, "use"), 'use: write a list, like use = ["contact"]')
    questions: list[Question] = []
    for name in use:
        shared = file.path.parent / "shared" / f"{name}.toml"
        common = _File(shared, file.shown.parent / "shared" / shared.name)
        common.only((), common.tables, ("question",))
        questions += common.questions((), needed=True)
    return Step(title=title, questions=(*questions, *file.questions(place, needed=False)))


def _of_form(error: ValidationError, file: _File) -> Iterator[Problem]:
    """Yield the problems of a form as a whole, each at the question that it is about."""
    for problem in typed_problems(error, Form, file.lines, file.shown):
        about = [fault["ctx"].get("question") for fault in error.errors() if "ctx" in fault]
        named = [f'name = "{name}"' for name in about if name]
        at = [n for n, line in enumerate(file.lines.written, 1) if line.strip() in named]
        yield replace(problem, line=at[-1]) if at else problem
