"""Fixtures of a small content folder that a test can change. The conftest.py of a level imports them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rjsite.content.facts import REQUIRED
from rjsite.content.library import NOTICES

FACTS = {
    "name": "Mending Nowhere",
    "name_short": "Mending",
    "name_place": "Nowhere",
    "area": "Nowhere",
    "phone": "01632 960 001",
    "relay": "18001 {phone}",
    "email": "team@nowhere.example",
    "emergency": "999",
    "exit_url": "https://weather.example/",
}

STORY = """\
---
title: The shop window
summary: A window was broken. Two people met.
harm: [theft]
way: [meeting]
began_by: person harmed
ended: met
told_by: our team
place: not stated
content_notes: []
names_changed: yes
known: full
permission: 2026-01-31
agreed_by: both
video:
published: 2026-02-01
last_checked: 2026-02-01
---

A window was broken.
"""

FORM = """\
name = "A small form"
address = "/ask"

[[step]]
title = "About you"

[[step.question]]
name = "way"
kind = "one"
label = "How do we reach you in {area}?"
missing = "Select how we reach you in {area}"
choices = [
    { value = "phone", label = "Phone" },
    { value = "text", label = "Text", needs_fact = "can_text" },
    { value = "away", label = "I live elsewhere", stop = "outside" },
]

[[step.question]]
name = "number"
kind = "phone"
label = "Phone number"
missing = "Enter your number"
malformed = "Enter a number like 0123 456 789"
when = { way = ["phone", "text"] }
"""


def page(title: str) -> str:
    """Return the text of a short page."""
    return f"---\ntitle: {title}\ndescription: Words.\nlast_checked: 2026-02-01\n---\n\nWords of {title}.\n"


def plain(title: str) -> str:
    """Return the text of an error page or an outcome."""
    return f"---\ntitle: {title}\nlast_checked: 2026-02-01\n---\n\nWords of {title}.\n"


@pytest.fixture
def content(make_content: Callable[[Path], Path], tmp_path: Path) -> Path:
    """Return a small content folder without problems."""
    return make_content(tmp_path)


@pytest.fixture(scope="session")
def make_content() -> Callable[[Path], Path]:
    """Return a function that writes a small content folder into another folder."""
    return write_content


def write_content(parent: Path) -> Path:
    """Write the invented service and return its content folder."""
    folder = parent / "content"
    files = {
        "service.toml": "".join(
            f'[{name}]\nvalue = "{value}"\nform = "{REQUIRED[name]}"\n' for name, value in FACTS.items()
        ),
        "navigation.toml": '[[menu]]\nlabel = "Home"\npage = "/"\n\n[[group]]\ntitle = "All"\n'
        'pages = ["/", "/case-studies/"]\n',
        "redirects.toml": '"/old" = "/"\n',
        "forms/ask.toml": FORM,
        "forms/ask.md": page("Ask us"),
        "pages/index.md": page("Home"),
        "pages/case-studies.md": page("Stories"),
        "pages/sent.md": page("Sent").replace("\nlast_checked", "\nlisted: false\nlast_checked"),
        "case-studies/the-shop-window.md": STORY,
        "outcomes/outside.md": plain("Outside"),
        "errors/404.md": plain("Not found"),
        "errors/500.md": plain("Fault"),
        **{f"errors/{name}.md": plain(f"Notice {name}") for name in NOTICES},
    }
    for name, words in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words, encoding="utf-8")
    return folder
