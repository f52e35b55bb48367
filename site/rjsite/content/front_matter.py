"""Reads the fields above the text of a page: YAML between two lines of three dashes, validated by pydantic.

Every value is read as a text or a list of texts, so that `no` stays “no” and a date stays as it was written
until pydantic parses it. Each problem names the file and the line, and says what to write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from rjsite.content import size_limits, yaml_fields
from rjsite.content.field_messages import correction_message
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.source import read_source

FENCE = "---"
_DASHES = re.compile(r"\s*[-–—][-–— ]*")
_IN_FIELDS = re.compile(r"\s|#|- |$|[\w -]+:(?:\s|$)")

Fields = TypeVar("Fields", bound=BaseModel)
Read = tuple[dict[str, Any], dict[str, int]]  # values and line numbers, by field


@dataclass(frozen=True, slots=True)
class Document:
    """A file split into its fields and its body.

    Attributes:
        display_path: the file's name in messages.
        lines: the line number of each field.
        body_line: the line number where the body begins.
        above: the source of the fields.
    """

    display_path: Path
    fields: dict[str, Any]
    lines: dict[str, int] = field(repr=False)
    body: str = field(repr=False)
    body_line: int = 1
    above: str = field(default="", repr=False)

    def misread_fields(self) -> dict[str, str]:
        """Return a correction for each field that readers would not see as intended, by field name."""
        return yaml_fields.misread_fields(self.above)

    def validate_fields(self, model: type[Fields]) -> Fields:
        """Return the fields as an instance of a model.

        Raises:
            Unreadable: if fields are missing, unknown or invalid, with a problem for each, or if the body is
                empty.
        """
        try:
            fields = model.model_validate(self.fields)
        except ValidationError as error:
            raise Unreadable(*(self._problem(model, fault) for fault in error.errors())) from None
        if not self.body.strip():
            message = "write the text below the second line of dashes"
            raise Unreadable(Problem(self.display_path, self.body_line, message))
        return fields

    def _problem(self, model: type[BaseModel], fault: Any) -> Problem:
        name = str(fault["loc"][0])
        line = self.lines.get(name, 1)
        message = correction_message(fault, model, "“{}: ...” between the two lines of dashes")
        if fault["type"] == "too_short":
            values, *_ = get_args(model.model_fields[name].annotation)
            message = f"write one or more, like [{', '.join(get_args(values)[:2])}]"
        if fault["type"] not in ("missing", "extra_forbidden"):
            message = f"{name}: {self.misread_fields().get(name, message)}"
        return Problem(self.display_path, line, message)


def read(path: Path, display_path: Path) -> Document:
    """Return the fields and the body of a content file.

    Args:
        path: the file.
        display_path: the file's name in messages.

    Raises:
        Unreadable: if the file or its front matter cannot be read, or the text exceeds a size limit.
    """
    return parse(read_source(path, display_path), display_path)


def parse(text: str, display_path: Path) -> Document:
    """Return the fields and the body in the text of a content file.

    Raises:
        Unreadable: if the front matter cannot be read, or the text exceeds a size limit.
    """
    lines = text.splitlines()
    begin, end = _fences(lines, display_path)
    above, body = "\n".join(lines[begin + 1 : end]), "\n".join(lines[end + 1 :]) + "\n"
    for line, message in size_limits.exceeded_limits(above, body):
        raise Unreadable(Problem(display_path, begin + line + 1, message))
    fields, where = _fields(above, display_path, begin + 2)
    return Document(display_path, fields, where, body, end + 2, above)


def _fences(lines: list[str], display_path: Path) -> tuple[int, int]:
    """Return the indexes of the two lines of dashes.

    Raises:
        Unreadable: if either line is missing or the file is empty.
    """
    begin = next((number for number, line in enumerate(lines) if line.strip()), None)
    if begin is None:
        raise Unreadable(Problem(display_path, 1, "this file is empty; write the page, or delete the file"))
    if lines[begin].rstrip() != FENCE:
        raise Unreadable(
            Problem(display_path, begin + 1, f"begin the file with a line of three dashes: {FENCE}")
        )
    for number, line in enumerate(lines[begin + 1 :], begin + 1):
        if line.rstrip() == FENCE:
            return begin, number
    below = list(enumerate(lines[begin + 1 :], begin + 1))
    close = next((number for number, line in below if _DASHES.fullmatch(line)), None)
    if close is None:  # the first line that is unlike a field probably begins the text
        close = next((number for number, line in below if not _IN_FIELDS.match(line)), begin)
    message = f"close the fields with a second line of three dashes: {FENCE}"
    raise Unreadable(Problem(display_path, close + 1, message))


def _fields(text: str, display_path: Path, first: int) -> Read:
    """Return the values and line numbers of the fields. `first` is the number of their first line."""
    try:
        nodes = list(yaml_fields.nodes(text))
    except yaml.YAMLError:
        at, message = yaml_fields.find_unreadable_line(text)
        raise Unreadable(Problem(display_path, first + at, message)) from None
    fields: dict[str, Any] = {}
    where: dict[str, int] = {}
    for name, index, node in nodes:
        line = first + index
        if name in fields:
            message = f"“{name}” is here twice; keep one of them (the other is line {where[name]})"
            raise Unreadable(Problem(display_path, line, message))
        fields[name], where[name] = _plain(node), line
        if fields[name] is None:
            raise Unreadable(
                Problem(display_path, line, f"{name}: write plain words, or a list like [one, two]")
            )
    return fields, where


def _plain(value: yaml.Node) -> str | list[str] | None:
    """Return the text or list of texts in a YAML node, or None for any other kind of node."""
    if isinstance(value, yaml.SequenceNode) and all(isinstance(v, yaml.ScalarNode) for v in value.value):
        return [str(v.value) for v in value.value]
    return str(value.value) if isinstance(value, yaml.ScalarNode) else None
