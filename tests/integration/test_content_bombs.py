"""Content that was made to break the site leads to a message or a short delay, but never stops the site."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from rjsite.content import front_matter, markdown, size_limits
from rjsite.content.library import load
from rjsite.content.problem import Unreadable

LAUGHS = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))])
FRONT = {
    "a billion laughs": LAUGHS,
    "five thousand brackets": "title: " + "[" * 5000,
    "fifty thousand brackets": "title: " + "[" * 50_000,
    "thousands of fields": "\n".join(f"field{n}: x" for n in range(5000)),
    "a merge": "a: &a {x: 1}\nb:\n  <<: *a",
    "a program": "a: !!python/object/apply:os.system [exit]\nb: [!!python/name:os.system x, {a: b}]",
}
FIELDS = "title: A bomb\ndescription: Words.\nlast_checked: 2026-02-01"
STORY_FIELDS = (
    "title: A bomb\nsummary: Words.\nharm: [theft]\nway: [meeting]\ntold_by: our team\nplace: not stated\n"
    "content_notes: []\nnames_changed: yes\npermission: 2026-01-31\nlast_checked: 2026-02-01"
)
BODIES = {
    **{f"nothing but {sign}": sign * 20_000 for sign in "[*_`<!(&\\"},
    "brackets on lines": "[a\n" * 5000,
    "pictures": "![" * 10_000,
    "unfinished links": "[a](" * 1000,
    "many unfinished links": "[a](b " * 3000,
    "tags": "<b " * 3000,
    "quotations within each other": ">" * 30_000,
    "quotations and lists": "> - " * 500 + "x",
    "numbers within each other": "1. " * 3000,
    "plus signs": "+ " * 3000,
    "lists within each other": "\n".join(" " * (4 * n) + "- x" for n in range(150)),
    "lists within each other by tabs": "\n".join("\t" * n + "- x" for n in range(150)),
    "meanings of meanings": "a\n: b\n" * 1500,
    "a table of ten thousand columns": "|a" * 10_000 + "\n" + "|-" * 10_000,
    "a long word": "x" * 20_000,
    "a deep title": "## " + "[" * 5000 + "](/)" * 5000,
    "a heading of spaces": "## a" + " " * 5000 + "{:",
    "escapes": ("\\`" * 100 + "\n") * 200,
    "unfinished emphasis": ("**a" * 100 + "\n") * 150,
    "the same heading": "## a\n" * 4000,
    "underlines": "=\n" * 8000,
    "lines across": "---\n" * 8000,
    "lines": "a\n\n" * 10_000,
    "a zero byte": "Words.\0",
    "signs of the Markdown library": "Words.\x02klzzwxh:0\x03",
    "forty megabytes": "Words. " * 6_000_000,
}
TABLES = {
    "lists": "a = " + "[" * 90_000,
    "tables": "a = " + "{a=" * 30_000,
    "names": ".".join("a" * 20_000) + " = 1",
    "forty megabytes": "# " + "x" * 40_000_000,
    "a zero byte": 'a = "\0"',
}


FILES = [
    "pages/bomb.md",
    "case-studies/bomb.md",
    "navigation.toml",
    "redirects.toml",
    "service.toml",
    "forms/ask.md",
    "forms/ask.toml",
    "outcomes/outside.md",
    "errors/404.md",
]


def put(content: Path, name: str, words: str) -> None:
    (content / name).parent.mkdir(exist_ok=True)
    (content / name).write_text(words)


@pytest.mark.parametrize("kind", FRONT)
def test_a_bomb_in_front_matter_is_a_message_with_a_line(tmp_path, kind):
    file = tmp_path / "page.md"
    file.write_text(f"---\n{FRONT[kind]}\n---\n\nWords.\n")
    began = time.thread_time()

    with pytest.raises(Unreadable, match=r"page\.md:\d+: "):
        front_matter.read(file, file.relative_to(tmp_path))

    assert time.thread_time() - began < 2


@pytest.mark.parametrize(
    ("name", "fields", "kind"),
    [
        *(("pages/bomb.md", FIELDS, kind) for kind in BODIES),
        ("case-studies/bomb.md", STORY_FIELDS, "tags"),  # every text has the same limits
        ("forms/ask.md", FIELDS, "tags"),
    ],
)
def test_a_bomb_in_a_text_is_named_in_a_moment_and_never_rendered(content, name, fields, kind):
    put(content, name, f"---\n{fields}\n---\n\n{BODIES[kind]}\n")
    began = time.thread_time()

    library = load(content)

    assert time.thread_time() - began < 2
    (problem,) = (problem for problem in library.problems if problem.path.name == Path(name).name)
    assert str(problem.path) == f"content/{name}"
    assert "/bomb" not in library.pages
    assert "bomb" not in library.by_slug
    assert "/" in library.pages


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("redirects.toml", kind) for kind in TABLES),
        *(
            (name, "lists")
            for name in ("navigation.toml", "service.toml", "forms/ask.toml", "forms/deep.toml")
        ),
    ],
)
def test_a_bomb_in_a_table_is_a_message(content, name, kind):
    running = load(content)
    put(content, name, TABLES[kind])
    began = time.thread_time()

    library = load(content, kept=running)

    assert time.thread_time() - began < 5
    assert {str(problem.path) for problem in library.problems} >= {f"content/{name}"}
    assert "/" in library.pages
    assert "/ask" in library.forms


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "a link to elsewhere") for name in FILES),
        *(("pages/bomb.md", kind) for kind in ("a folder elsewhere", "a pipe", "a device", "a circle")),
    ],
)
def test_what_is_no_file_of_the_content_folder_is_named_and_never_read(content, tmp_path, kind, name):
    running, path = load(content), content / name
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / path.name).write_text(path.read_text() if path.exists() else f"---\n{FIELDS}\n---\nSecret.\n")
    path.unlink(missing_ok=True)
    match kind:
        case "a link to elsewhere":
            path.symlink_to(outside / path.name)
        case "a folder elsewhere" if path.parent != content:
            path.parent.rename(content.parent / "before")
            path.parent.symlink_to(outside, target_is_directory=True)
        case "a pipe":
            os.mkfifo(path)
        case "a device":
            path.symlink_to("/dev/zero")
        case _:
            path.symlink_to(path)

    library = load(content, kept=running)

    assert [problem for problem in library.problems if str(problem.path) == f"content/{name}"]
    assert "/bomb" not in library.pages
    assert "bomb" not in library.by_slug
    assert "/ask" in library.forms


def test_a_link_within_the_content_folder_is_a_file_of_it(content):
    (content / "pages" / "help.md").write_text(f"---\n{FIELDS}\n---\nWords.\n")
    (content / "pages" / "again.md").symlink_to("help.md")

    assert "/again" in load(content).pages


def test_the_longest_text_within_the_limits_is_rendered_in_a_moment():
    lines = [
        "[" * size_limits.OPEN_BRACKETS,
        *["*_" * 10] * (size_limits.SIGNS // 40),
        *["[a](b) & < " * 20] * 190,
    ]
    text = "\n".join(lines)[: size_limits.MARKDOWN_BYTES - 1000]
    assert list(size_limits.exceeded_limits("", text)) == []
    began = time.thread_time()

    markdown.opening_and_sections(text, "Title")

    assert time.thread_time() - began < 10  # about one second on an idle machine


def test_rendering_one_page_never_delays_another():
    slow = threading.Thread(target=markdown.to_html, args=["[" * 1500])
    slow.start()
    time.sleep(0.1)

    markdown.to_html("Words.")

    assert slow.is_alive()
    slow.join()
