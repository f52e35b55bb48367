"""Files as editors, other systems and Git leave them are read as they were meant, or reported precisely."""

from __future__ import annotations

import pytest

from rjsite.content.library import load
from rjsite.content.problem import Unreadable

STORY = "case-studies/the-shop-window.md"
CONFLICT = "<<<<<<< HEAD\nShe lives there.\n=======\nShe lived there.\n>>>>>>> later\n"
UTF_8 = "save the file as UTF-8"


def conflict_in(words: str, before: str) -> str:
    """Return the words with two versions from Git in front of some of them."""
    assert before in words
    return words.replace(before, CONFLICT + before, 1)


@pytest.mark.parametrize("before", ["title: ", "A window was broken.\n"], ids=["fields", "text"])
@pytest.mark.parametrize("kept", ["<<<<<<<", "=======", ">>>>>>>"])
def test_two_versions_from_git_are_never_published(content, before, kept):
    story = content / STORY
    words = conflict_in(story.read_text(), before)
    marks = [mark for mark in ("<<<<<<< HEAD\n", "=======\n", ">>>>>>> later\n") if not mark.startswith(kept)]
    for mark in marks:  # one is enough, because somebody may have removed the others
        words = words.replace(mark, "")
    at = next(number for number, line in enumerate(words.splitlines(), 1) if line.startswith(kept))
    story.write_text(words)

    library = load(content)

    (problem,) = library.problems
    assert str(problem).startswith(f"content/{STORY}:{at}: Git has left two versions here; keep one")
    assert list(library.by_slug) == []


@pytest.mark.parametrize(
    ("name", "before"),
    [("forms/ask.toml", "[[step]]"), ("service.toml", "[phone]"), ("navigation.toml", "[[group]]")],
)
def test_two_versions_of_a_table_are_named_as_such(content, name, before):
    path = content / name
    path.write_text(conflict_in(path.read_text(), before))

    try:
        problems = load(content).problems
    except Unreadable as unreadable:
        problems = unreadable.problems

    (problem,) = problems
    assert str(problem).startswith(f"content/{name}:")
    assert "Git has left two versions here" in str(problem)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", [STORY, "service.toml"])
def test_a_file_in_another_unicode_is_named_for_what_it_is(content, encoding, name):
    path = content / name
    path.write_text(path.read_text(), encoding=encoding)

    try:
        problems = load(content).problems
    except Unreadable as unreadable:
        problems = unreadable.problems

    assert [str(problem)[: len(f"content/{name}:1: {UTF_8}")] for problem in problems] == [
        f"content/{name}:1: {UTF_8}"
    ]


@pytest.mark.parametrize("name", [STORY, "service.toml", "forms/ask.toml", "navigation.toml"])
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_any_line_ends_and_a_byte_order_mark_are_read(content, name, end):
    path = content / name
    path.write_bytes(b"\xef\xbb\xbf" + path.read_text().replace("\n", end).encode())

    library = load(content)

    assert library.problems == ()
    assert list(library.by_slug) == ["the-shop-window"]


def test_an_empty_file_is_called_empty(content):
    (content / STORY).write_text(" \n\n")

    assert [str(problem) for problem in load(content).problems] == [
        f"content/{STORY}:1: this file is empty; write the page, or delete the file"
    ]


@pytest.mark.parametrize("sign", list("\v\f\x1c\x85\u2028\u2029"))
def test_lines_are_counted_as_editors_count_them(content, sign):
    story = content / STORY
    with story.open("a") as file:
        file.write(f"\nA{sign}window.\n\nCall {{nobody}}.\n")

    (problem,) = load(content).problems

    assert str(problem) == f"content/{STORY}:24: there is no fact “nobody”; see content/service.toml"


def test_joined_letters_and_emoji_stay_whole(content):
    words = "می\u200cخواهم 👩\u200d👩\u200d👧"
    story = content / STORY
    story.write_text(story.read_text().replace("A window was broken.\n", f"{words}\n"))

    assert words in load(content).by_slug["the-shop-window"].opening
