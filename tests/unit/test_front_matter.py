"""A mistake in a content file is one problem with file, line and what to write, and the rest is published."""

from __future__ import annotations

from datetime import date

import pytest

from rjsite.content.library import load

NAME = "content/case-studies/the-shop-window.md"


@pytest.fixture
def story(content):
    return content / "case-studies" / "the-shop-window.md"


def problems(content) -> list[str]:
    return [str(problem) for problem in load(content).problems]


def test_a_folder_without_a_slip_has_no_problem(content):
    assert problems(content) == []


SLIPS = [
    ("summary: A window was broken. Two people met.\n", "", 1, "add a line “summary: ...”"),
    ("last_checked: 2026-02-01\n", "", 1, "add a line “last_checked: ...”"),
    ("published: 2026-02-01", "published: 1 February 2026", 16, "write the date as year-month-day"),
    ("published: 2026-02-01", "published: 2026-02-30", 16, "there is no such day"),
    ("published: 2026-02-01", "published:", 16, "write the date as year-month-day"),
    ("harm: [theft]", "harm: [arson]", 4, "harm: write one of: 'burglary'"),
    ("harm: [theft]", "harm: []", 4, "harm: "),
    ("way: [meeting]", "way: phone", 5, "way: write one of: 'meeting'"),
    ("title: The shop window", "title: The window: what came after", 2, "put the title in quotes"),
    ("title: The shop window", "title:", 2, "title: write some words here"),
    ("harm: [theft]", "title: Another\nharm: [theft]", 4, "“title” is here twice"),
    ("harm: [theft]", "\tharm: [theft]", 4, "there is a tab here"),
    ("harm: [theft]", "harm: [theft", 4, "this line cannot be read"),
    ("harm: [theft]", "harm: {theft: much}", 4, "harm: write plain words, or a list"),
    ("video:\n", "video:\nauthor: me\n", 16, "“author” is not a field; use one of: title"),
    ("names_changed: yes", "names_changed: perhaps", 11, "names_changed: write one of: 'yes'"),
    ("known: full", "known: full\ndraft: maybe", 13, "draft: write true or false"),
    ("summary: A window", "summary: " + "word " * 40, 3, "use 30 words at most"),
    ("harm: [theft]", "harm: [sexual harm]", 10, "add “sexual harm” to content_notes"),
    ("harm: [theft]", "harm: [theft, child sexual abuse]", 10, "add “child abuse” to content_notes"),
    ("harm: [theft]", "harm: [domestic abuse]", 10, "add “domestic abuse” to content_notes"),
    ("A window was broken.\n", "", 19, "write the text below"),
    ("A window was broken.\n", "Call {nothing}.\n", 20, "there is no fact “nothing”"),
    ("A window was broken.\n", "Words.\n\n## A {: .wonder }\n\nMore.\n", 22, "there is no part “wonder”"),
    ("title: The shop window", "title: “The shop: a window”", 2, "the quotes “ ” around the title are curly"),
    ("title: The shop window", 'title: "The shop" window', 2, "write one straight quote before the title"),
    ("title: The shop window", 'title: "The shop window', 2, "write one straight quote before the title"),
    ("title: The shop window", "title: 'It's a window'", 2, "write one straight quote before the title"),
    ("title: The shop window", "title: [The shop window]", 2, "title: put the words in straight quotes"),
    ("title: The shop window", "title: #4, the shop window", 2, "title: “#4, the shop window” is not shown"),
    ("title: The shop window", "title: *The* shop", 2, 'put the title in straight quotes: title: "..."'),
    ("summary: A window", "summary A window", 3, "this line cannot be read; write “name: words”"),
    ("summary: A window", "summary:A window", 3, "write a space after the colon: summary: A window"),
    ("summary: A window", "\nWords.\nsummary: A window", 4, "if the text begins here, a line --- above it"),
    ("harm: [theft]", " harm: [theft]", 4, "take out the spaces before “harm”"),
    ("harm: [theft]", "harm: [theft\n  threats", 4, "write the list like [one, two], with both brackets"),
    ("harm: [theft]", "harm: [\n  theft,\n]\nway [meeting]", 7, "this line cannot be read; write “name"),
    ("title: The shop window", "title The shop window", 2, "this line cannot be read; write “name: words”"),
    ("title: The shop window", "  title: The shop window", 2, "take out the spaces before “title”"),
    ("harm: [theft]", "harm: [theft]]", 4, "write the list like [one, two], with both brackets"),
    ("harm: [theft]", "harm:\n  - theft\n threats", 6, "take out the spaces before “threats”"),
    ("harm: [theft]", "harm: [theft]\a", 4, "there is an invisible control character here"),
    ("harm: [theft]", "harm: [theft]\x80", 4, "write the list like [one, two], with both brackets"),
    ("harm: [theft]", "harmm: [theft]\nharm: [theft]", 4, "perhaps you mean “harm”"),
    ("content_notes: []", "content_notes: [none, violence]", 10, "content_notes: write one of: 'sexual"),
    ("---\n\nA window", "—\n\nA window", 18, "close the fields with a second line of three dashes: ---"),
    ("---\ntitle", "title", 1, "begin the file with a line of three dashes"),
    ("---\n\nA window", "\nA window", 19, "close the fields with a second line of three dashes"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "slip", "line", "words"), SLIPS)
def test_a_slip_is_named_with_file_line_and_what_to_write(content, story, right, slip, line, words):
    before, _, after = story.read_text().rpartition(right)  # a summary may have an earlier one
    story.write_text(before + slip + after)

    (found,) = problems(content)

    place, _, said = found.partition(": ")
    assert place == f"{NAME}:{line}"
    assert words in said
    assert not said.startswith(":")


@pytest.mark.parametrize("name", ["The Shop.md", "café.md", "the_shop.md"])
def test_a_file_name_that_makes_no_address_is_named_with_one_that_does(content, story, name):
    story.rename(story.with_name(name))

    found = problems(content)

    assert len(found) == 1
    assert found[0].startswith(f"content/case-studies/{name}:1: name the file ")


def test_a_file_name_that_is_too_long_to_be_published_is_refused(content, story):
    longest = story.rename(story.with_name(f"{'x' * 100}.md"))
    assert problems(content) == []

    longest.rename(story.with_name(f"{'x' * 101}.md"))
    (found,) = problems(content)

    assert found.endswith("x.md:1: give the file a shorter name: 100 characters at most, without “.md”")


def test_a_file_that_is_not_utf8_is_named(content, story):
    story.write_bytes(story.read_text().replace("window", "fenêtre").encode("latin-1"))

    assert problems(content) == [f"{NAME}:2: save the file as UTF-8 (your editor's “Save with encoding”)"]


@pytest.mark.parametrize("kind", ["byte order mark", "Windows line ends"])
def test_a_file_from_any_editor_can_be_read(content, story, kind):
    text = story.read_text()
    if kind == "byte order mark":
        story.write_text(text, encoding="utf-8-sig")
    else:
        story.write_bytes(text.replace("\n", "\r\n").encode())

    assert problems(content) == []


HARMLESS = [
    ("harm: [theft]", "harm: [Theft, Threats]", "harm", ("theft", "threats")),
    ("harm: [theft]", "harm: theft, threats", "harm", ("theft", "threats")),
    ("harm: [theft]", "harm: [“theft”]", "harm", ("theft",)),
    ("harm: [theft]", "harm:\n  - theft", "harm", ("theft",)),
    ("harm: [theft]", "Harm: [theft]", "harm", ("theft",)),
    ("harm: [theft]", "harm:\u00a0[theft]", "harm", ("theft",)),
    ("harm: [theft]", "harm: [theft] # as the police call it", "harm", ("theft",)),
    ("content_notes: []", "content_notes: none", "content_notes", ()),
    ("content_notes: []", "content_notes: [None]", "content_notes", ()),
    ("content_notes: []", "content_notes:", "content_notes", ()),
    ("content_notes: []", "content_notes: [self–harm]", "content_notes", ("self-harm",)),
    ("place: not stated", "place: Not stated", "place", "not stated"),
    ("place: not stated", "place: “Not stated.”", "place", "not stated"),
    ("place: not stated", "place: not known", "place", "not stated"),
    ("place: not stated", "place: Northwood", "place", "Northwood"),
    ("known: full", "known: Not stated", "known", "not stated"),
    ("names_changed: yes", "names_changed: Yes", "names_changed", "yes"),
    ("video:", "video: none", "video", ""),
    ("video:", "video: \nDraft: No", "draft", False),
    ("published: 2026-02-01", "published: 2026-2-1", "published", date(2026, 2, 1)),
    ("published: 2026-02-01", "published: “2026–02–01”", "published", date(2026, 2, 1)),
    ("Last checked: 2026-02-01", "Last checked: 2026-02-01", "last_checked", date(2026, 2, 1)),
    ("title: The shop window", 'title: "“I forgive you”"', "title", "“I forgive you”"),
    ("title: The shop window", "title: The sh\u00adop\u200b window\u202c", "title", "The shop window"),
    ("title: The shop window", "title: The shop\u2028window", "title", "The shop window"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "written", "name", "value"), HARMLESS)
def test_what_can_mean_one_thing_only_is_accepted(content, story, right, written, name, value):
    text = story.read_text().replace("last_checked:", "Last checked:")
    assert right in text
    story.write_text(text.replace(right, written, 1))

    library = load(content, today=date(2026, 5, 1))

    assert [str(problem) for problem in library.problems] == []
    assert getattr(library.by_slug["the-shop-window"], name) == value


def test_empty_lines_before_the_first_dashes_do_no_harm_and_lines_are_counted_with_them(content, story):
    story.write_text("\n\n" + story.read_text().replace("known: full", "known: all"))

    (found,) = problems(content)

    assert found.startswith(f"{NAME}:14: known: write one of: 'full'")


def test_a_broken_story_is_left_out_and_the_rest_is_there(content, story):
    story.with_name("another.md").write_text(story.read_text().replace("The shop", "Another"))
    story.write_text("nothing of use")

    library = load(content)

    assert list(library.by_slug) == ["another"]
    assert set(library.pages) == {"/", "/case-studies/", "/sent"}
    assert list(library.forms) == ["/ask"]


@pytest.mark.parametrize(
    "change",
    [("known: full", "known: full\ndraft: true"), ("published: 2026-02-01", "published: 2026-05-02")],
    ids=["draft", "not yet due"],
)
def test_drafts_and_stories_to_come_are_kept_out_unless_asked_for(content, story, change):
    story.write_text(story.read_text().replace(*change))
    today = date(2026, 5, 1)

    shown, asked_for = load(content, today=today), load(content, today=today, drafts=True)

    assert list(shown.by_slug) == []
    assert list(asked_for.by_slug) == ["the-shop-window"]
    assert shown.problems == ()


def test_a_story_goes_out_on_its_day(content, story):
    story.write_text(story.read_text().replace("published: 2026-02-01", "published: 2026-05-02"))

    assert list(load(content, today=date(2026, 5, 2)).by_slug) == ["the-shop-window"]


def test_a_slip_in_the_words_of_a_form_does_not_take_the_form_down(content):
    (content / "forms" / "ask.md").write_text("nothing of use")

    library = load(content)

    assert library.form_pages["/ask"].title == "A small form"
    assert [problem.path.name for problem in library.problems] == ["ask.md"]
