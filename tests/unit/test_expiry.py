"""There is a notice before a fact or permission ends, and a command lists the state of each permission."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest
import time_machine

from rjsite.content.clock import UK
from rjsite.content.library import load
from support import commands
from support.service import SERVICE

STORY = "case-studies/the-shop-window.md"
PLACE = f"content/{STORY}:15: "


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UK)


def write(content: Path, name: str, right: str, words: str) -> None:
    """Replace words in a file."""
    path = content / name
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, words, 1))


@pytest.fixture
def content(content: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return content with a story whose permission ends on 9 May, and make commands use it."""
    write(content, STORY, "agreed_by: both", "agreed_by: person harmed\nask_again: 2026-05-09")
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(content))
    monkeypatch.setattr("rjsite.cli.content.ROOT", content.parent)
    return content


@pytest.mark.parametrize(
    ("month", "day", "announced"),
    [
        (4, 8, []),
        (4, 9, ["ends on 9 May 2026; ask the people in it again"]),
        (5, 8, ["ends on 9 May 2026; ask the people in it again"]),
        (5, 9, ["ended on 9 May 2026; ask the people in it again"]),
        (12, 1, ["ended on 9 May 2026; ask the people in it again"]),
    ],
)
@pytest.mark.parametrize("drafts", [True, False])
def test_the_end_of_a_permission_is_announced_for_thirty_days_and_from_then_on(
    content: Path, drafts: bool, month: int, day: int, announced: list[str]
):
    library = load(content, drafts=drafts, today=at(month, day).date())

    assert [words.split("”")[1].split(",")[0].strip() for words in library.expiry_messages] == announced


FACTS = '[hours]\nform = "phrase"\nvalue = "9am to 5pm"\nuntil = 2026-05-09\n'


@pytest.mark.parametrize(
    ("month", "day", "announced"),
    [
        (4, 8, []),
        (
            4,
            9,
            ["phone ends on 9 May 2026 and stays", "hours ends on 9 May 2026, and what needs it is left out"],
        ),
        (
            5,
            9,
            [
                "phone ended on 9 May 2026 and is still shown",
                "hours ended on 9 May 2026 and is no longer shown",
            ],
        ),
    ],
)
def test_the_end_of_a_fact_is_announced_for_thirty_days_and_from_then_on(
    content: Path, month: int, day: int, announced: list[str]
):
    write(content, STORY, "ask_again: 2026-05-09\n", "")
    write(content, "service.toml", "[phone]\n", "[phone]\nuntil = 2026-05-09\n")
    write(content, "service.toml", "[exit_url]", f"{FACTS}[exit_url]")

    found = load(content, today=at(month, day).date()).expiry_notices

    lines = (content / "service.toml").read_text().splitlines()
    assert {lines[problem.line - 1] for problem in found} <= {"until = 2026-05-09"}
    assert [problem.message.startswith(said) for problem, said in zip(found, announced, strict=True)] == [
        True for _ in announced
    ]


def test_words_for_a_time_are_announced_for_as_long_as_they_are_shown(content: Path):
    write(content, STORY, "ask_again: 2026-05-09\n", "")
    paused = '[forms_paused]\nform = "sentence"\nvalue = "No forms now."\nuntil = 2026-09-09\n\n'
    write(content, "service.toml", "[exit_url]", f"{paused}[exit_url]")

    (words,) = load(content, today=at(1, 9).date()).expiry_messages

    assert words.startswith("forms_paused ends on 9 September 2026")


def test_the_release_check_announces_what_ends_and_does_not_count_it(content: Path):
    write(content, "service.toml", "[exit_url]", f"{FACTS}[exit_url]")
    with time_machine.travel(at(5, 8)):
        lines = commands.run("release-check").stdout.splitlines()

    assert [line.partition(": ")[2].partition(" on ")[0] for line in lines[-3:-1]] == [
        "the permission for “The shop window” ends",
        "hours ends",
    ]
    assert lines[-1] == f"{len(lines) - 3} to resolve before release"


def test_a_draft_that_nobody_sees_announces_nothing(content: Path):
    write(content, STORY, "names_changed", "draft: true\nnames_changed")

    assert load(content, drafts=True, today=at(5, 9).date()).expiry_notices == ()


@pytest.mark.parametrize(
    ("month", "day", "state"),
    [
        (1, 1, "No permission in force yet"),
        (4, 8, "Active"),
        (4, 9, "Ending within 30 days"),
        (5, 9, "Ended"),
    ],
)
def test_the_command_lists_each_story_by_how_its_permission_stands(
    content: Path, month: int, day: int, state: str
):
    with time_machine.travel(at(month, day)):
        result = commands.run("consent")

    lines = result.stdout.splitlines()
    heading = next(line for line in lines if line.startswith(state))
    assert result.exit_code == 0
    assert heading.endswith("(1)")
    assert lines[lines.index(heading) + 1] == (
        f"  content/{STORY}: person harmed, 31 January 2026, ends on 9 May 2026"
    )
    assert sum(line.endswith("(0)") for line in lines) == 3


def test_the_check_fails_only_once_a_permission_has_ended(content: Path):
    shutil.copy(SERVICE / "house-rules.toml", content)
    write(
        content,
        STORY,
        "A window was broken.\n",
        "A window was broken.\n\n## Now {: .changed }\n\nIt is whole.\n",
    )
    with time_machine.travel(at(5, 8)) as clock:
        soon = commands.run("check", "--github")
        clock.move_to(at(5, 9))
        ended = commands.run("check", "--github")

    said = "the permission for “The shop window” {} on 9 May 2026; ask the people in it again, then write"
    assert soon.exit_code == 0
    assert soon.stdout.startswith(PLACE + said.format("ends"))
    assert f"::warning file=content/{STORY},line=15::the permission" in soon.stdout
    assert soon.stdout.endswith("3 pages, 1 stories, 0 to fix\n")
    assert ended.exit_code == 1
    assert ended.stdout.startswith(PLACE + said.format("ended"))
    assert f"::error file=content/{STORY},line=15::the permission" in ended.stdout
    assert ended.stdout.endswith("3 pages, 1 stories, 1 to fix\n")
