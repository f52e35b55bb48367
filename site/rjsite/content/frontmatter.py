"""The lines above a page: YAML between two lines of three dashes, typed by pydantic.

Every value is read as text, so `no` stays "no" and a date stays as it was written until the model
types it. Each fault comes out as file, line and what to write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from rjsite.content.problem import Problem, Unreadable

FENCE = "---"
_WORD = r"[^\W_][\w .()/-]*"
_LINE = re.compile(
    rf"([a-z_]{{1,40}}):(?: +(?:([^\W_][\w ,.;!?()/’-]*)|\[((?:{_WORD}(?:, *{_WORD})*)?)\]))? *"
)

Fields = TypeVar("Fields", bound=BaseModel)
Read = tuple[dict[str, Any], dict[str, int]]  # values and lines, by the name of the field


@dataclass(frozen=True, slots=True)
class Document:
    """A file split into its fields and its body."""

    shown: Path
    fields: dict[str, Any]
    lines: dict[str, int] = field(repr=False)
    body: str = field(repr=False)
    body_line: int = 1

    def typed(self, model: type[Fields]) -> Fields:
        """The fields as a model.

        Raises:
            Unreadable: one problem for each field that does not fit; or where no words stand below them.
        """
        try:
            fields = model.model_validate(self.fields)
        except ValidationError as error:
            raise Unreadable(*(self._problem(model, fault) for fault in error.errors())) from None
        if not self.body.strip():
            words = "write the text below the second line of dashes"
            raise Unreadable(Problem(self.shown, self.body_line, words))
        return fields

    def _problem(self, model: type[BaseModel], fault: Any) -> Problem:
        name = str(fault["loc"][0])
        line = self.lines.get(name, 1)
        match fault["type"]:
            case "missing":
                words = f"add a line “{name}: ...” between the two lines of dashes"
            case "extra_forbidden":
                words = f"“{name}” is not a field; use one of: {', '.join(model.model_fields)}"
            case "literal_error":
                words = f"{name}: write one of: {fault['ctx']['expected']}"
            case "too_short":
                values, *_ = get_args(model.model_fields[name].annotation)
                words = f"{name}: write one or more, like [{', '.join(get_args(values)[:2])}]"
            case _:
                words = f"{name}: {fault['msg'].removeprefix('Value error, ')}"
        return Problem(self.shown, line, words)


def read(path: Path, shown: Path) -> Document:
    """Read one content file.

    Args:
        path: the file. shown: its name in messages.

    Raises:
        Unreadable: where the file or its front matter cannot be read; every problem names its line.
    """

    def stop(words: str) -> Unreadable:
        return Unreadable(Problem(shown, 1, words))

    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise stop("save the file as UTF-8 (your editor's “Save with encoding”)") from None
    except OSError:
        raise stop("this file cannot be opened; put it back, or delete it") from None
    fences = [number for number, line in enumerate(lines) if line.rstrip() == FENCE]
    if fences[:1] != [0]:
        raise stop("begin the file with a line of three dashes: ---")
    if len(fences) == 1:
        raise stop("close the fields with a second line of three dashes: ---")
    end = fences[1]
    fields, where = _at_once(lines[1:end]) or _fields("\n".join(lines[1:end]), shown)
    return Document(shown, fields, where, "\n".join(lines[end + 1 :]) + "\n", end + 2)


def _at_once(lines: list[str]) -> Read | None:
    """Fields of one line each and without signs, as YAML reads them and ten times as fast; else None."""
    fields: dict[str, Any] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None or found[1] in fields:
            return None
        name, words, many = found.groups()
        fields[name] = (words or "").rstrip() if many is None else [w.strip() for w in many.split(",") if w]
    return fields, {name: line for line, name in enumerate(fields, 2)}


def _fields(text: str, shown: Path) -> Read:
    try:
        node = yaml.compose(text, Loader=yaml.CBaseLoader)
    except yaml.YAMLError as error:
        raise Unreadable(_slip(error, text, shown)) from None
    if not isinstance(node, yaml.MappingNode | None):
        raise Unreadable(Problem(shown, 2, "write each field on a line of its own, as “name: words”"))
    fields: dict[str, Any] = {}
    where: dict[str, int] = {}
    for key, value in node.value if node else ():
        line, name = key.start_mark.line + 2, str(key.value)
        if name in fields:
            words = f"“{name}” stands twice; keep one of them (the other is line {where[name]})"
            raise Unreadable(Problem(shown, line, words))
        fields[name], where[name] = _plain(value), line
        if fields[name] is None:
            raise Unreadable(Problem(shown, line, f"{name}: write plain words, or a list like [one, two]"))
    return fields, where


def _plain(value: yaml.Node) -> str | list[str] | None:
    """Words, or a list of words; None for anything else."""
    if isinstance(value, yaml.SequenceNode) and all(isinstance(v, yaml.ScalarNode) for v in value.value):
        return [str(v.value) for v in value.value]
    return str(value.value) if isinstance(value, yaml.ScalarNode) else None


def _slip(error: yaml.YAMLError, text: str, shown: Path) -> Problem:
    """The likely slip behind a YAML error, in words for staff."""
    lines = text.splitlines()
    tab = next((number for number, line in enumerate(lines) if "\t" in line), None)
    if tab is not None:
        return Problem(shown, tab + 2, "a tab stands here; use spaces in its place")
    mark = getattr(error, "context_mark", None) or getattr(error, "problem_mark", None)
    at = mark.line if mark else 0
    line = lines[at] if at < len(lines) else ""
    words = "this line cannot be read; write “name: words”, and put words with signs like # [ & in quotes"
    if "mapping values" in str(error) or line.count(":") > 1:
        name = line.split(":")[0].strip() or "title"
        words = f'put the {name} in quotes, because it holds a colon: {name}: "..."'
    return Problem(shown, at + 2, words)
