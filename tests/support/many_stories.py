"""Writes ten thousand made-up stories, which depend only on the seed.

To run it by hand: `python tests/support/many_stories.py FOLDER [HOW_MANY] [SEED]`, with the content folder.
"""

from __future__ import annotations

import random
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

from rjsite.content.schema import NOTE_FOR, Beginner, Ending, Harm, Known, Names, Teller, Way

FIRST_DAY = date(2001, 1, 1)
WHAT = ("A fence", "A garden", "A letter", "A quarrel", "A window", "The bicycle", "The bus", "The van")
WHERE = ("at the corner", "by the shop", "in the lane", "in the yard", "near the park", "on the green")
SENTENCES = (
    "A neighbour came home and found it broken.",
    "Our team met both of them, one after the other.",
    "They asked what happened, and who was there.",
    "He wrote a letter and we read it to her.",
    "She wanted to know why.",
    "They agreed what to do next.",
)


def write_stories(folder: Path, count: int = 10_000, seed: int = 1) -> None:
    """Write stories into `folder`/case-studies.

    Args:
        folder: the content folder.
        count: the number of stories.
        seed: the same seed gives the same stories.
    """
    chance = random.Random(seed)
    where = folder / "case-studies"
    where.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (where / f"story-{number:05}.md").write_text(_story(chance, number), encoding="utf-8")


def _story(chance: random.Random, number: int) -> str:
    harms = chance.sample(get_args(Harm), chance.randint(1, 2))
    fields: dict[str, Any] = {
        "title": f"{chance.choice(WHAT)} {chance.choice(WHERE)}, number {number}",
        "summary": chance.choice(SENTENCES),
        "harm": _list(harms),
        "way": _list(chance.sample(get_args(Way), chance.randint(1, 2))),
        "began_by": chance.choice(get_args(Beginner)),
        "ended": chance.choice(get_args(Ending)),
        "told_by": chance.choice(get_args(Teller)),
        "place": chance.choice(("Southampton", "Portsmouth", "not stated")),
        "content_notes": _list(sorted({NOTE_FOR[harm] for harm in harms if harm in NOTE_FOR})),
        "names_changed": chance.choice(get_args(Names)),
        "known": chance.choice(get_args(Known)),
        "permission": "2026-01-31",
        "agreed_by": "both",
        "video": "",
        "published": FIRST_DAY + timedelta(days=chance.randrange(9_000)),
        "last_checked": "2026-11-21",
    }
    above = "\n".join(f"{name}: {value}" for name, value in fields.items())
    body = "\n\n".join(" ".join(chance.sample(SENTENCES, 2)) for _ in range(4))
    return f"---\n{above}\n---\n\n{body}\n\n## What changed {{: .changed }}\n\n{chance.choice(SENTENCES)}\n"


def _list(words: list[str]) -> str:
    return f"[{', '.join(words)}]"


if __name__ == "__main__":
    given = sys.argv[1:]
    write_stories(Path(given[0]), *map(int, given[1:3]))
