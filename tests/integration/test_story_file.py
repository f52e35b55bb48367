"""The file of a story that was typed into a form says what was typed, and has the same problems."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from rjsite.content import lint
from rjsite.content.front_matter import parse
from rjsite.content.library import Library, load
from rjsite.content.schema import StoryFields
from rjsite.content.source import clean
from rjsite.content.story_check import check_story, published_with, read_story
from rjsite.content.story_file import (
    FIRST_BODY,
    any_answer,
    choices,
    first_values,
    is_day,
    is_list,
    story_name,
    story_text,
)
from support.service import SERVICE

TODAY = date(2026, 3, 1)
NAME = "a-new-story"
GOOD = {
    **first_values(TODAY),
    "title": "The broken fence",
    "summary": "A fence was broken. Two people met.",
    "harm": ["theft"],
    "way": ["meeting", "letter"],
    "content_notes": [],
    "names_changed": "yes",
    "known": "full",
    "permission": "2026-01-31",
    "agreed_by": "both",
}
WORDS = "A fence was broken.\n\n## What changed {: .changed }\n\nThe fence is whole."


def answers(name: str) -> st.SearchStrategy[str | list[str]]:
    """Return a strategy for what a browser could send as the answer to one question."""
    if is_list(name):
        return st.lists(st.sampled_from(choices(name)), unique=True)
    if choices(name):
        return st.sampled_from(["", *choices(name)])
    if StoryFields.model_fields[name].annotation is bool:
        return st.sampled_from(["", "true"])
    return st.dates().map(str) | st.text() if is_day(name) else st.text() | st.just(str(GOOD.get(name, "")))


ANSWERS = st.fixed_dictionaries({name: answers(name) for name in StoryFields.model_fields})
MARKS = [
    "---\n",
    "\n\n",
    "## ",
    "# ",
    "{phone}",
    "{: .changed }",
    "- ",
    "> ",
    "**",
    "[a](/b)",
    "<b>",
    "\r\n",
    "\t",
]
BODIES = st.text() | st.lists(st.sampled_from([*MARKS, "Words.", "perpetrator"])).map("".join)
whatever_was_typed = settings(
    deadline=None,
    max_examples=30,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def content(content: Path) -> Path:
    """Return the content of the invented service with our house rules."""
    shutil.copy(SERVICE / "house-rules.toml", content)
    return content


@pytest.fixture
def library(content: Path) -> Library:
    """Return the library that is read from that content."""
    return load(content, drafts=True, today=TODAY)


@whatever_was_typed
@given(values=ANSWERS, body=st.sampled_from(["Words.", "---", "title: another\n---\n", ""]))
@example(values={**GOOD, "title": 'A "letter": what came of it # 1', "place": "- [x]: {y}"}, body="---")
@example(values={**GOOD, "title": "\\", "summary": "“Sorry”", "permission": "yesterday: 1"}, body="")
@example(values={**GOOD, "title": "\ufeff\x85\u2028\ufffe\x9b'", "video": "|", "ask": "> a\n---\nb"}, body="")
def test_every_answer_can_be_read_back_from_the_file(values, body):
    document = parse(clean(story_text(values, body).encode(), Path("x.md")), Path("x.md"))

    for name, value in values.items():
        read = document.fields.get(name, "")
        assert read == value if is_list(name) else printed(read) == printed(str(value))
    assert document.misread_fields() == {}


def printed(text: str) -> str:
    """Return the characters that a reader sees."""
    return "".join(c for c in text if c.isprintable() and c != " ")


@whatever_was_typed
@given(values=ANSWERS | st.just(GOOD), body=BODIES | st.just(WORDS))
@example(values=GOOD, body=WORDS)
@example(values=GOOD, body="<<<<<<< a")
@example(values={**GOOD, "summary": "A [link](/nowhere)."}, body=f"The perpetrator came.\n\n{WORDS}")
@example(values=first_values(TODAY), body=FIRST_BODY)
def test_the_check_of_a_story_is_the_check_of_its_file(content, library, values, body):
    known = lint.check(library, content, TODAY)
    text = story_text(values, body)

    checked = check_story(read_story(text, NAME, library, content, TODAY), library, content, TODAY, known)

    path = content / "case-studies" / f"{NAME}.md"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        written = load(content, drafts=True, today=TODAY)
        found = {*written.problems, *lint.check(written, content, TODAY)}
    finally:
        path.unlink()
    assert (checked.story is None) == (NAME not in written.by_slug)
    if checked.story:
        assert set(checked.problems) == found - set(known)
    else:  # the rest is checked as well, so that everything can be fixed together
        assert set(checked.problems) >= found - set(known) > set()


def test_a_good_story_has_no_problem(content, library):
    read = read_story(story_text(GOOD, WORDS), NAME, library, content, TODAY)

    assert check_story(read, library, content, TODAY, lint.check(library, content, TODAY)).problems == []


@pytest.mark.parametrize(
    ("field", "answer", "words"),
    [
        ("title", "", "write some words here"),
        ("summary", "word " * 31, "use 30 words at most; these are 31"),
        ("harm", [], "write one or more, like [burglary, theft]"),
        ("permission", "", "write the day on which the people in it agreed"),
        ("last_checked", "soon", "write the date as year-month-day"),
    ],
)
def test_a_problem_is_placed_at_its_question(content, library, field, answer, words):
    read = read_story(story_text({**GOOD, field: answer}, WORDS), NAME, library, content, TODAY)

    checked = check_story(read, library, content, TODAY, lint.check(library, content, TODAY))

    assert [checked.place(problem) for problem in checked.problems] == [(field, 0)]
    assert words in checked.problems[0].message


def test_a_problem_of_the_text_is_placed_at_the_line_in_the_box(content, library):
    body = f"A fence was broken.\n\nThe perpetrator came.\n\n{WORDS}"
    read = read_story(story_text(GOOD, body), NAME, library, content, TODAY)

    (problem,) = check_story(read, library, content, TODAY, lint.check(library, content, TODAY)).problems

    assert read.place(problem) == ("body", 3)


def test_answers_and_text_are_checked_together(content, library):
    values = {**GOOD, "harm": ["violence"], "names_changed": "", "video": "a film"}
    read = read_story(story_text(values, f"The perpetrator came.\n\n{WORDS}"), NAME, library, content, TODAY)

    problems = check_story(read, library, content, TODAY, lint.check(library, content, TODAY)).problems

    assert [read.place(problem) for problem in problems] == [
        ("content_notes", 0), ("names_changed", 0), ("video", 0), ("body", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("name", StoryFields.model_fields)
def test_any_answer_is_one_that_the_schema_takes(name):
    answers = {field: any_answer(field, TODAY) for field in StoryFields.model_fields}

    StoryFields.model_validate({**answers, **({name: GOOD[name]} if name in GOOD else {})})


def test_a_heading_that_another_page_links_to_is_missed_when_it_goes(content, library):
    home = content / "pages" / "index.md"
    home.write_text(home.read_text() + "\nRead [what changed](/case-studies/the-shop-window#what-changed).\n")
    shop = content / "case-studies" / "the-shop-window.md"
    shop.write_text(shop.read_text() + "\n## What changed {: .changed }\n\nThe window is whole.\n")
    library = load(content, drafts=True, today=TODAY)
    text = shop.read_text().replace("## What changed", "## What came of it")

    read = read_story(text, "the-shop-window", library, content, TODAY)
    problems = check_story(read, library, content, TODAY, lint.check(library, content, TODAY)).problems

    assert [str(problem.path) for problem in problems] == ["content/pages/index.md"]
    assert "has no part #what-changed" in problems[0].message


def test_a_draft_and_a_story_that_waits_can_be_seen_as_they_will_be_published(content, library):
    for change in ({"draft": "true", "permission": ""}, {"published": "2026-05-01"}):
        read = read_story(story_text({**GOOD, **change}, WORDS), NAME, library, content, TODAY)
        assert read.story is not None
        assert read.story.not_public

        assert published_with(read.story, content, TODAY).by_slug[NAME].not_public == ""


def test_a_story_takes_the_place_of_the_one_with_its_name(library):
    changed = library.with_story(replace(library.by_slug["the-shop-window"], title="Another title"))

    assert [story.title for story in changed.stories] == ["Another title"]


@pytest.mark.parametrize(
    ("title", "name"), [("The broken fence!", "the-broken-fence"), ("a" * 300, "a" * 80), ("Ünder", "under")]
)
def test_the_name_of_a_file_is_made_of_the_title_and_fits_any_disk(title, name):
    assert story_name(title) == name


@pytest.mark.parametrize("title", ["", "???", "Ж"])
def test_a_title_without_a_letter_makes_no_name(title):
    with pytest.raises(ValueError, match="write a title with letters in it"):
        story_name(title)
