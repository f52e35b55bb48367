"""A file for a new story, with every field explained in its place."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import get_args

from rjsite.content import schema
from rjsite.content.markdown import slug

FILE = Path(__file__).with_suffix(".md")
LISTS = {
    "harm": schema.Harm,
    "way": schema.Way,
    "began_by": schema.Beginner,
    "ended": schema.Ending,
    "told_by": schema.Teller,
    "agreed_by": schema.Agreed,
    "content_notes": schema.Note,
    "names_changed": schema.Names,
    "known": schema.Known,
}


def write_story(folder: Path, title: str, today: date) -> Path:
    """Write the file of a new story, with every field explained, and return its path.

    Args:
        folder: the content folder.
        title: the title, which also gives the name of the file.
        today: stands as its dates.

    Raises:
        ValueError: if no address can be made of the title.
        FileExistsError: if there is a story of that name. Its file is not changed.
    """
    words = " ".join(title.split())
    if not re.search(r"[a-z0-9]", words, re.IGNORECASE):
        raise ValueError("write a title with letters in it")
    if not words.isprintable():
        raise ValueError("write the title in letters that can be printed, from a terminal that uses UTF-8")
    path = folder / "case-studies" / f"{slug(words)}.md"
    filled = FILE.read_text(encoding="utf-8").format(
        title=json.dumps(words, ensure_ascii=False),  # YAML reads a quoted string of JSON
        words=schema.SUMMARY_WORDS,
        today=today,
        **{name: ", ".join(get_args(values)) for name, values in LISTS.items()},
    )
    with path.open("x", encoding="utf-8") as file:
        file.write(filled)
    return path
