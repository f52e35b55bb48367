"""A newcomer's story: made by one command, broken in every way, and explained in one line each time."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from rjsite.content import schema
from rjsite.content.library import load
from support import commands
from support.service import SERVICE

NAME = "case-studies/the-broken-fence.md"
FILLED = {
    "summary:": "summary: A fence was broken. Two people met.",
    "harm: []": "harm: [theft]",
    "way: []": "way: [meeting]",
    "names_changed:": "names_changed: yes",
    "known:": "known: full",
    "permission:": "permission: 2026-01-31",
    "agreed_by:": "agreed_by: both",
    "draft: true\n": "",
    "Write here what happened, in one or two short sentences.": "A fence was broken.",
    "Write here who asked first, and how.": "One of them called us.",
    "Write here what each person wanted, and what was done.": "They met.",
    "Write here what changed for each person. Take this part out if the end is not known.": (
        "The fence is whole."
    ),
}


@pytest.fixture
def content(content: Path) -> Path:
    """Return the content of the invented service with our house rules and every page checked today."""
    shutil.copy(SERVICE / "house-rules.toml", content)
    for path in content.rglob("*.md"):
        path.write_text(path.read_text().replace("2026-02-01", date.today().isoformat()))  # noqa: DTZ011
    story = content / "case-studies" / "the-shop-window.md"
    story.write_text(story.read_text() + "\n## What changed {: .changed }\n\nThe window is whole.\n")
    return content


Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def rjsite(content: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command on the invented service and returns its status and lines."""
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(content))
    monkeypatch.setattr("rjsite.cli.content.ROOT", content.parent)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    def run(*arguments: str) -> tuple[int, list[str]]:
        result = commands.run(*arguments)
        return result.exit_code, result.output.splitlines()

    return run


@pytest.fixture
def fresh(content: Path, rjsite: Run) -> Path:
    """Return the file that the command writes."""
    assert rjsite("new-story", "The broken fence")[0] == 0
    return content / NAME


@pytest.fixture
def story(fresh: Path) -> Path:
    """Return the same file, filled in as it says."""
    words = fresh.read_text()
    for empty, filled in FILLED.items():
        assert re.search(f"^{re.escape(empty)}", words, re.MULTILINE), empty
        words = re.sub(f"^{re.escape(empty)}", filled, words, count=1, flags=re.MULTILINE)
    fresh.write_text(words)
    return fresh


# -- the new file ----------------------------------------------------------------------------------------


def test_the_command_says_where_the_file_is_and_what_to_do_next(content, rjsite):
    status, lines = rjsite("new-story", "The broken fence")

    assert status == 0
    assert (content / NAME).is_file()
    assert lines[0].startswith("The story is in ")
    assert NAME in lines[0]
    assert [line[:2] for line in lines[1:]] == ["1.", "2.", "3.", "4."]
    assert "make check" in "".join(lines)


def test_a_new_file_explains_every_field_and_gives_every_fixed_list(fresh):
    words = fresh.read_text()
    help_before = re.findall(r"((?:^# .+\n)+)(\w+):", words, re.MULTILINE)

    assert [name for _, name in help_before] == list(schema.StoryFields.model_fields)
    lists = (
        schema.Harm,
        schema.Way,
        schema.Beginner,
        schema.Ending,
        schema.Teller,
        schema.Agreed,
        schema.Note,
        schema.Names,
        schema.Known,
    )
    for values in lists:
        assert f"# {', '.join(get_args(values))}\n" in words


def test_a_new_file_is_a_draft_of_today(fresh):
    words = fresh.read_text()

    assert "\ndraft: true\n" in words
    assert words.count(f": {date.today()}\n") == 2  # noqa: DTZ011


def test_a_new_file_as_it_is_says_what_to_fill_in(fresh, rjsite):
    status, lines = rjsite("check")

    found = [line.split(": ")[1] for line in lines[:-1]]
    assert status == 1
    assert found == ["summary", "harm", "way", "names_changed", "known"]


def test_words_of_the_new_file_that_nobody_replaced_are_named(story, rjsite):
    story.write_text(story.read_text().replace("They met.", "Write here what each wanted."))

    _, lines = rjsite("check")

    assert len(lines) == 2
    assert "“Write here” is from the new file; write the words of the story in its place" in lines[0]


def test_a_filled_file_has_nothing_to_fix_and_goes_out(content, story, rjsite):
    assert rjsite("check") == (0, ["3 pages, 2 stories, 0 to fix"])
    assert set(load(content).by_slug) == {"the-broken-fence", "the-shop-window"}


@pytest.mark.parametrize("title", ["The caf\udce9", "The \x07 bell"])
def test_a_title_that_cannot_be_written_leaves_no_file(content, rjsite, title):
    before = sorted(content.rglob("*"))

    status, (*_usage, line) = rjsite("new-story", title)

    assert status == 2
    assert "This title cannot be used: write the title in letters that can be printed" in line
    assert sorted(content.rglob("*")) == before


def test_a_story_that_is_there_is_never_written_over(content, story, rjsite):
    before = story.read_bytes()

    status, lines = rjsite("new-story", "The BROKEN   fence!")

    assert status == 1
    assert lines == [f"There is a story of that name already: {story}. Choose another title."]
    assert story.read_bytes() == before


@pytest.mark.parametrize("title", ["", "  ", "???", "..."])
def test_a_title_without_a_letter_makes_no_file(content, rjsite, title):
    before = sorted(content.rglob("*"))

    assert rjsite("new-story", title)[0] == 2
    assert sorted(content.rglob("*")) == before


@pytest.mark.parametrize(
    "title",
    ['A "letter": what came of it', "Fish & chips #2 – no, [really]", "C:\\temp", "Ünder the bridge", "yes"],
)
def test_any_title_can_be_read_back(content, rjsite, title):
    rjsite("new-story", title)

    (path,) = (p for p in (content / "case-studies").iterdir() if p.name != "the-shop-window.md")
    path.write_text(path.read_text().replace("summary:", "summary: Words").replace("[]", "[theft]", 1))
    problems = [p for p in load(content, drafts=True).problems if "title" in p.message]
    assert problems == []


# -- twelve ways to break it -----------------------------------------------------------------------------


def changed(right: str, slip: str) -> Callable[[Path], None]:
    """Return a function that breaks a file by replacing what is right."""

    def do(path: Path) -> None:
        words = path.read_text()
        assert words.count(right) == 1
        path.write_text(words.replace(right, slip))

    return do


def wrong_encoding(path: Path) -> None:
    """Save a file in Latin-1, as an old editor does."""
    path.write_bytes(path.read_text().replace("They met.", "They met in a café.").encode("latin-1"))


def empty_body(path: Path) -> None:
    """Remove everything but the fields."""
    words = path.read_text()
    path.write_text(words[: words.rindex("---\n") + 4])


def same_address(path: Path) -> None:
    """Copy a file under a name that leads to the same address."""
    path.with_name("The Broken Fence.md").write_text(path.read_text())


BREAKS = {
    "missing field": (changed("place: not stated\n", ""), 1, "add a line “place: ...”"),
    "bad date": (
        changed(f"published: {date.today()}", "published: 3 March"),  # noqa: DTZ011
        None,
        "published: write the date as year-month-day, like 2026-03-09",
    ),
    "unknown kind": (changed("harm: [theft]", "harm: [arson]"), None, "harm: write one of: 'burglary'"),
    "colon in title": (
        changed("title: The broken fence", "title: The fence: what came of it"),
        None,
        'put the title in quotes, because it holds a colon: title: "..."',
    ),
    "duplicate key": (changed("harm: [theft]", "harm: [theft]\nharm: [hate]"), None, "“harm” is here twice"),
    "tab": (changed("harm: [theft]", "\tharm: [theft]"), None, "there is a tab here; use spaces"),
    "video without https": (
        changed("video:\n", "video: videos.example/fence\n"),
        None,
        "video: write the address of the video, beginning with https://",
    ),
    "no content note": (
        changed("harm: [theft]", "harm: [sexual harm]"),
        None,
        "add “sexual harm” to content_notes",
    ),
    "banned word": (changed("They met.", "The perpetrator came."), None, "write “person responsible”"),
    "dead link": (changed("They met.", "Read [more stories](/case-study/)."), None, "write /case-studies/"),
    "wrong encoding": (wrong_encoding, None, "save the file as UTF-8"),
    "empty body": (empty_body, None, "write the text below the second line of dashes"),
    "two stories with one address": (
        same_address,
        1,
        "the-broken-fence.md has the same address; rename this file, or delete one of the two",
    ),
}  # fmt: skip
STAYS = {"banned word", "dead link", "two stories with one address"}  # the story can still be shown


@pytest.mark.parametrize("name", BREAKS)
def test_each_break_is_one_line_that_says_what_to_do(content, story, rjsite, name):
    break_it, line, said = BREAKS[name]
    break_it(story)

    status, lines = rjsite("check")

    assert status == 1
    assert len(lines) == 2, lines
    assert lines[1].endswith(" 1 to fix")
    place, at, words = lines[0].split(":", 2)
    broken = "The Broken Fence.md" if name.startswith("two") else story.name
    assert place == f"content/case-studies/{broken}"
    assert said in words
    assert line is None or int(at) == line


@pytest.mark.parametrize("name", BREAKS)
def test_the_rest_of_the_site_goes_on_after_each_break(content, story, name):
    BREAKS[name][0](story)

    library = load(content)

    assert set(library.pages) == {"/", "/case-studies/", "/sent"}
    assert set(library.forms) == {"/ask"}
    assert set(library.by_slug) == {"the-shop-window"} | ({"the-broken-fence"} if name in STAYS else set())


@pytest.mark.parametrize("name", [name for name, (_, line, _) in BREAKS.items() if line is None])
def test_the_line_of_a_break_is_the_line_in_the_file(content, story, rjsite, name):
    before = story.read_text().splitlines()
    BREAKS[name][0](story)

    at = int(rjsite("check")[1][0].split(":")[1])

    after = story.read_text(errors="replace").splitlines()
    differing = next(
        (n for n, (old, new) in enumerate(zip(before, after, strict=False), 1) if old != new), len(after) + 1
    )
    notes = next(n for n, line in enumerate(after, 1) if line.startswith("content_notes:"))
    assert at == (notes if name == "no content note" else differing)
