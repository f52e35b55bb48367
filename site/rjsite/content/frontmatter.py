"""The lines above a page: YAML between two lines of three dashes, typed by pydantic.

Every value is read as text, so `no` stays "no" and a date stays as it was written until the model
types it. Each fault comes out as file, line and what to write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from rjsite.content.problem import Problem, Unreadable

FENCE = "---"
_WORD = r"[^\W_][\w .()/-]*"
_LINE = re.compile(
    rf"([a-z_]{{1,40}}):(?: +(?:([^\W_][\w ,.;!?()/’-]*)|\[((?:{_WORD}(?:, *{_WORD})*)?)\]))? *"
)

Fields = TypeVar("Fields", bound=BaseModel)


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
            Unreadable: one problem for each field that does not fit.
        """
        try:
            return model.model_validate(self.fields)
        except ValidationError as error:
            raise Unreadable(*(self._problem(model, fault) for fault in error.errors())) from None

    def _problem(self, model: type[BaseModel], fault: Any) -> Problem:
        name = str(fault["loc"][0]) if fault["loc"] else ""
        if fault["type"] == "missing":
            return Problem(self.shown, 1, f"add a line “{name}: ...” between the two lines of dashes")
        line = self.lines.get(name, 1)
        if fault["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields)
            return Problem(self.shown, line, f"“{name}” is not a field; use one of: {known}")
        if fault["type"] == "literal_error":
            return Problem(self.shown, line, f"{name}: write one of: {fault['ctx']['expected']}")
        if fault["type"] == "too_short":
            return Problem(self.shown, line, f"{name}: write one or more, like [first, second]")
        return Problem(self.shown, line, f"{name}: {fault['msg'].removeprefix('Value error, ')}")


class Checked(BaseModel):
    """The base of every model of fields: unknown fields are slips, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _one_line(value: Any) -> str:
    text = " ".join(str(value).split()) if isinstance(value, str) else ""
    if not text:
        raise ValueError("write some words after the colon")
    return text


def _many(value: Any) -> Any:
    if value == "":
        return []
    return [value] if isinstance(value, str) else value


def _date(value: Any) -> date:
    if not (isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)):
        raise ValueError("write the date as year-month-day, like 2026-03-09")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day; write year-month-day, like 2026-03-09") from None


def _date_or_none(value: Any) -> date | None:
    return None if value == "" else _date(value)


def _yes(value: Any) -> bool:
    if value not in ("true", "false"):
        raise ValueError("write true or false")
    return bool(value == "true")


Words = Annotated[str, BeforeValidator(_one_line)]
Many = BeforeValidator(_many)
Day = Annotated[date, BeforeValidator(_date)]
DayOrNone = Annotated[date | None, BeforeValidator(_date_or_none)]
Flag = Annotated[bool, BeforeValidator(_yes)]


def read(path: Path, shown: Path) -> Document:
    """Read one content file.

    Args:
        path: the file. shown: its name in messages.

    Raises:
        Unreadable: where the file or its front matter cannot be read; every problem names its line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(
            Problem(shown, 1, "save the file as UTF-8 (your editor's “Save with encoding”)")
        ) from None
    except OSError:
        raise Unreadable(Problem(shown, 1, "this file cannot be opened; put it back, or delete it")) from None
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != FENCE:
        raise Unreadable(Problem(shown, 1, "begin the file with a line of three dashes: ---"))
    try:
        end = next(i for i, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE)
    except StopIteration:
        raise Unreadable(
            Problem(shown, 1, "close the fields with a second line of three dashes: ---")
        ) from None
    fields, where = _at_once(lines[1:end]) or _fields("\n".join(lines[1:end]), shown)
    return Document(shown, fields, where, "\n".join(lines[end + 1 :]) + "\n", end + 2)


def _at_once(lines: list[str]) -> tuple[dict[str, Any], dict[str, int]] | None:
    """Fields of one line each and without signs, as YAML reads them and ten times as fast; else None."""
    fields: dict[str, Any] = {}
    where: dict[str, int] = {}
    for number, line in enumerate(lines, 2):
        found = _LINE.fullmatch(line)
        if found is None or found[1] in fields:
            return None
        name, words, many = found.groups()
        fields[name] = (words or "").rstrip() if many is None else [w.strip() for w in many.split(",") if w]
        where[name] = number
    return fields, where


def _fields(text: str, shown: Path) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        node = yaml.compose(text, Loader=yaml.CBaseLoader)
    except yaml.YAMLError as error:
        raise Unreadable(_slip(error, text, shown)) from None
    if node is None:
        return {}, {}
    if not isinstance(node, yaml.MappingNode):
        raise Unreadable(Problem(shown, 2, "write each field on a line of its own, as “name: words”"))
    return _values(node, shown)


def _values(node: yaml.MappingNode, shown: Path) -> tuple[dict[str, Any], dict[str, int]]:
    fields: dict[str, Any] = {}
    where: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 2
        name = str(key.value)
        if name in fields:
            problem = Problem(
                shown, line, f"“{name}” stands twice; keep one of them (the other is line {where[name]})"
            )
            raise Unreadable(problem)
        where[name] = line
        fields[name] = _plain(value, name, line, shown)
    return fields, where


def _plain(value: yaml.Node, name: str, line: int, shown: Path) -> str | list[str]:
    if isinstance(value, yaml.ScalarNode):
        return str(value.value)
    if isinstance(value, yaml.SequenceNode) and all(isinstance(v, yaml.ScalarNode) for v in value.value):
        return [str(v.value) for v in value.value]
    raise Unreadable(Problem(shown, line, f"{name}: write plain words, or a list like [one, two]"))


def _slip(error: yaml.YAMLError, text: str, shown: Path) -> Problem:
    """The likely slip behind a YAML error, in words for staff."""
    mark = getattr(error, "context_mark", None) or getattr(error, "problem_mark", None)
    lines = text.splitlines()
    tab = next((number for number, line in enumerate(lines) if "\t" in line), None)
    at = tab if tab is not None else mark.line if mark else 0
    line = lines[at] if at < len(lines) else ""
    if tab is not None:
        words = "a tab stands here; use spaces in its place"
    elif "mapping values" in str(error) or line.count(":") > 1:
        name = line.split(":")[0].strip() or "title"
        words = f'put the {name} in quotes, because it holds a colon: {name}: "..."'
    else:
        words = "this line cannot be read; write “name: words”, and put words with signs like # [ & in quotes"
    return Problem(shown, at + 2, words)
