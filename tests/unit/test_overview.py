"""What staff see of all content: the state of each story and page, and every problem once."""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path

import pytest

from rjsite.content import lint
from rjsite.content.library import load
from rjsite.content.overview import overview
from support.service import SERVICE

TODAY = date(2026, 3, 1)


@pytest.fixture
def content(content: Path) -> Path:
    """Return the content of the invented service with our house rules."""
    shutil.copy(SERVICE / "house-rules.toml", content)
    return content


def seen(content):
    """Return the overview of a content folder."""
    library = load(content, drafts=True, today=TODAY)
    return overview(library, content, lint.check(library, content, TODAY))


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (("", ""), "Public"),
        (("known: full", "known: full\ndraft: true"), "Draft"),
        (
            ("published: 2026-02-01", "published: 2026-03-10"),
            "Not published until 10 March 2026",
        ),
        (("permission: 2026-01-31", "permission:"), "This version is not shown, because of a problem"),
        (("known: full", "known: perhaps"), "This version is not shown, because of a problem"),
    ],
)
def test_a_story_has_the_state_in_which_the_public_sees_it(content, change, state):
    story = content / "case-studies" / "the-shop-window.md"
    story.write_text(story.read_text().replace(*change))

    (row,) = seen(content).stories

    assert (row.name, row.state) == ("the-shop-window", state)
    assert row.problems or "problem" not in state


def test_a_story_that_cannot_be_read_is_named_by_its_file(content):
    (content / "case-studies" / "a-torn-page.md").write_text("no fields")

    first, second = seen(content).stories

    assert (first.title, first.page) == ("a-torn-page.md", None)
    assert second.page.address == "/case-studies/the-shop-window"


def test_a_file_name_in_another_encoding_is_shown_in_letters_that_can_be_sent(content):
    (content / "case-studies" / os.fsdecode(b"caf\xe9.md")).write_text("no fields")

    row = seen(content).stories[0]

    assert (row.name, row.title) == (r"caf\udce9", r"caf\udce9.md")
    assert len(row.problems) == 1


def test_a_problem_of_another_file_is_named_apart(content):
    (content / "redirects.toml").write_text('"/old" = "/nowhere"')

    found = seen(content)

    assert [problem.path.name for problem in found.others if "/nowhere" in problem.message] == [
        "redirects.toml"
    ]
