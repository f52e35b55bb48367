"""Writes the file of a new or changed story, with the questions of the schema, so nobody has to know YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from rjsite.content.front_matter import FENCE, Document
from rjsite.content.markdown import slug
from rjsite.content.schema import StoryFields

Values = Mapping[str, str | list[str]]  # the answer or answers for each field

LONGEST_NAME = 80  # characters
_PLAIN = re.compile(r"[^\W_](?:[\w .,;()?/’–“”-]*[\w.,;()?/’–“”-])?")  # needs no quotes in YAML
# Characters that YAML refuses, or that the check refuses because they are invisible.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")

# The text of a new story, with what to write in each part.
FIRST_BODY = """\
Write here what happened, in one or two short sentences.

## How it began

Write here who asked first, and how.

## What happened

Write here what each person wanted, and what was done.

## What changed {: .changed }

Write here what changed for each person. Take this part out if the end is not known.
"""


def is_list(name: str) -> bool:
    """Return whether a field can have several values."""
    return Ellipsis in get_args(StoryFields.model_fields[name].annotation)


def choices(name: str) -> tuple[str, ...]:
    """Return the values that a field can have, or () if they are not listed in the schema."""
    kind = StoryFields.model_fields[name].annotation
    kinds = (kind, *get_args(kind))  # the values may be inside a tuple or an optional type
    values = chain.from_iterable(get_args(kind) for kind in kinds)
    return tuple(value for value in values if isinstance(value, str))


def is_day(name: str) -> bool:
    """Return whether the value of a field is a date."""
    kind = StoryFields.model_fields[name].annotation
    return date in (kind, *get_args(kind))


def any_answer(name: str, today: date) -> str | list[str]:
    """Return an answer that the schema accepts for a field."""
    if is_day(name):
        return f"{today}"
    if is_list(name):  # the harm “not known” needs no content note, and a list of all notes lacks none
        return list(choices(name)) if name == "content_notes" else [choices(name)[-1]]
    if values := choices(name):
        return values[-1]
    field = StoryFields.model_fields[name]
    return "true" if field.annotation is bool else "" if field.default == "" else "Words"


def story_name(title: str) -> str:
    """Return the file name (without `.md`) for a story with this title. It is also the slug in the address.

    Raises:
        ValueError: if the title cannot be turned into an address.
    """
    if not re.search(r"[a-z0-9]", title, re.IGNORECASE):
        raise ValueError("write a title with letters in it")
    return slug(title)[:LONGEST_NAME].rstrip("-")


def story_text(values: Values, body: str, *, explained: bool = False) -> str:
    """Return the content of a story's file.

    Args:
        values: the answer for each field, as it was typed or chosen.
        body: the text below the fields.
        explained: whether to put the question and the choices above each field.
    """
    lines: list[str] = []
    for name, field in StoryFields.model_fields.items():
        value = values.get(name, "")
        if explained:
            lines += [*([""] if lines else []), *(f"# {line}" for line in _explained(name))]
        if explained or value or field.default not in ("", False):
            lines.append(f"{name}: {_yaml(value)}".rstrip())
    text = _UNSEEN.sub("", re.sub("\r\n?", "\n", body)).strip("\n")
    return "\n".join([FENCE, *lines, FENCE, "", text, ""])


def _explained(name: str) -> Iterator[str]:
    field, values = StoryFields.model_fields[name], choices(name)
    yield " ".join(filter(None, [field.title, field.description]))
    if is_list(name):
        yield f"Write one or more of these, like [{', '.join(values[:2])}]:"
    elif values:
        yield "Write one of these:"
    elif is_day(name):
        yield "Write it like 2026-03-09."
    if values:
        yield ", ".join(values)


def _yaml(value: str | list[str]) -> str:
    """Return a value as one line of YAML. A JSON string is valid YAML."""
    if isinstance(value, list):
        return f"[{', '.join(value)}]"
    text = " ".join(_UNSEEN.sub("", value).split())
    return text if not text or _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def first_values(today: date) -> dict[str, str | list[str]]:
    """Return the initial values of a new story. Fields without an initial value are left out."""
    values: dict[str, str | list[str]] = {name: [] for name in StoryFields.model_fields if is_list(name)}
    days = dict.fromkeys(("last_checked", "published"), f"{today}")
    not_known = dict.fromkeys(("began_by", "ended", "told_by"), "not known")
    return {**values, **not_known, "place": "not stated", **days}


def write_story(folder: Path, title: str, today: date) -> Path:
    """Write the file of a new story (a draft with every field explained) and return its path.

    Args:
        folder: the content folder.
        title: the title of the story, which also gives the file its name.
        today: the initial value of the dates in the file.

    Raises:
        ValueError: if the title has no letter or digit for an address, or has unprintable characters.
        FileExistsError: if there is a file with the same name already. The existing file is not changed.
    """
    title = " ".join(title.split())
    name = story_name(title)
    if not title.isprintable():
        raise ValueError("write the title in letters that can be printed, from a terminal that uses UTF-8")
    path = folder / "case-studies" / f"{name}.md"
    values: Values = {**first_values(today), "title": title, "draft": "true"}
    with path.open("x", encoding="utf-8") as file:
        file.write(story_text(values, FIRST_BODY, explained=True))
    return path


def values_of(document: Document) -> dict[str, str | list[str]]:
    """Return the answers in a file: as parsed by the schema if all are valid, or else as written."""
    try:
        read = dict(StoryFields.model_validate(document.fields))
    except ValidationError:
        read = document.fields
    return {name: _value(name, read.get(name, "")) for name in StoryFields.model_fields}


def _value(name: str, read: Any) -> str | list[str]:
    if is_list(name):
        return [str(value) for value in (read if isinstance(read, list | tuple) else [read])]
    if isinstance(read, bool):
        return "true" if read else ""
    return "" if read is None else str(read)
