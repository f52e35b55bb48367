"""Creates the file of a new story."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from rjsite.content.schema import StoryFields
from rjsite.content.story_file import Values, is_list, story_name, story_text

BODY = """\
Write here what happened, in one or two short sentences.

## How it began

Write here who asked first, and how.

## What happened

Write here what each person wanted, and what was done.

## What changed {: .changed }

Write here what changed for each person. Take this part out if the end is not known.
"""


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
        file.write(story_text(values, BODY, explained=True))
    return path
