"""Content that was made to break the site costs a message or a moment, never the site."""

from __future__ import annotations

import time

import pytest

from rjsite.content import frontmatter, markup
from rjsite.content.problem import Unreadable

LAUGHS = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))])
FRONT = {
    "a billion laughs": LAUGHS,
    "five thousand brackets": "title: " + "[" * 5000,
    "a merge": "a: &a {x: 1}\nb:\n  <<: *a",
    "a program": "a: !!python/object/apply:os.system [exit]\nb: [!!python/name:os.system x, {a: b}]",
}
MARKDOWN = {
    "quotes": ">" * 2000 + " x",
    "brackets": "[" * 1500,
    "stars": "*a_" * 2000,
    "links": "[a](" * 1000,
    "lists": "\n".join(" " * (4 * n) + "- x" for n in range(150)),
    "tags": "<b " * 3000,
}


@pytest.mark.parametrize("kind", FRONT)
def test_a_bomb_in_front_matter_is_a_message_with_a_line(tmp_path, kind):
    file = tmp_path / "page.md"
    file.write_text(f"---\n{FRONT[kind]}\n---\n\nWords.\n")
    began = time.monotonic()

    with pytest.raises(Unreadable, match=r"page\.md:\d+: "):
        frontmatter.read(file, file.relative_to(tmp_path))

    assert time.monotonic() - began < 2


@pytest.mark.parametrize("kind", MARKDOWN)
def test_a_bomb_in_markdown_is_rendered_within_seconds(kind):
    began = time.monotonic()

    assert "<script" not in markup.to_html(MARKDOWN[kind])

    assert time.monotonic() - began < 5
