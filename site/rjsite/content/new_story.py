"""A file for a new story, with every field explained in its place."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any, get_args

from rjsite.content.fields import (
    SUMMARY_WORDS,
    Beginner,
    Ending,
    Harm,
    Known,
    Names,
    Note,
    Teller,
    Way,
)
from rjsite.content.markup import slug

_FILE = """\
---
# Write after each colon. Lines that begin with # are help: leave them or take them out, nobody sees them.

# The heading of the story. Keep the quotation marks.
title: {title}

# What happened and what came of it, in {words} words at most. It stands on the card in the list of stories.
summary:

# The kind of harm: one or more of these, like [theft, threats].
# {harm}
harm: []

# How people took part: one or more of these, like [letter, meeting].
# {way}
way: []

# Who asked for restorative justice first. One of:
# {began_by}
began_by: not known

# How it ended. One of:
# {ended}
ended: not known

# Who tells the story. One of:
# {told_by}
told_by: not known

# A town or an area, like Southampton. Leave "not stated" where it could show who the people are.
place: not stated

# What may upset a reader: none, or one or more of these, like [violence, death].
# {content_notes}
content_notes: []

# Have the names been changed? One of:
# {names_changed}
names_changed:

# How much of the story we know. One of:
# {known}
known:

# The date on which the people in it agreed to its publication, like {today}.
permission:

# The address of a video, beginning with https://. Leave it empty where there is none.
video:

# The day from which the public sees the story. A day to come is fine.
published: {today}

# The day on which somebody last read it and found it right.
last_checked: {today}

# Take this line out when the story may be seen. Until then only people who work on the site see it.
draft: true
---

Write here what happened, in one or two short sentences.

## How it began

Write here who asked first, and how.

## What happened

Write here what each person wanted, and what was done.

## What changed {{: .changed }}

Write here what changed for each person. Where we do not know, say so.
"""


def write_story(folder: Path, title: str, today: date) -> Path:
    """Write the file of a new story.

    Args:
        folder: as `content/`. title: of the story; it makes the file's name. today: stands as its dates.

    Raises:
        ValueError: where no address can be made of the title.
        FileExistsError: where there is a story of that name; its file stays as it is.
    """
    words = " ".join(title.split())
    if not re.search(r"[a-z0-9]", words, re.IGNORECASE):
        raise ValueError("write a title with letters in it")
    path = folder / "case-studies" / f"{slug(words)}.md"
    lists: dict[str, Any] = {
        "harm": Harm,
        "way": Way,
        "began_by": Beginner,
        "ended": Ending,
        "told_by": Teller,
        "content_notes": Note,
        "names_changed": Names,
        "known": Known,
    }
    with path.open("x", encoding="utf-8") as file:
        file.write(
            _FILE.format(
                title=json.dumps(words, ensure_ascii=False),  # YAML reads a quoted string of JSON
                words=SUMMARY_WORDS,
                today=today,
                **{name: ", ".join(get_args(values)) for name, values in lists.items()},
            )
        )
    return path
