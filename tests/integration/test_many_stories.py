"""A thousand stories load, are in order and can be filtered. `make bench` measures ten thousand."""

from __future__ import annotations

import time

from rjsite.content.library import STORIES, Library, load
from rjsite.content.stories import PAGE_SIZE, Listing
from support.many_stories import write_stories

COUNT = 1_000
SECONDS = 2  # measured: under 0.5


def listing(library: Library, **asked: str) -> Listing:
    """Return what the list of stories shows for an address."""
    found = library.story_index.listing("Stories", STORIES, asked)
    assert found
    return found


def test_a_thousand_stories_load_and_list_correctly(content):
    (content / "case-studies" / "the-shop-window.md").unlink()
    write_stories(content, COUNT, seed=1)

    began = time.process_time()
    library = load(content)
    took = time.process_time() - began

    assert library.problems == ()
    assert len(library.stories) == len(library.by_slug) == COUNT
    assert took < SECONDS
    days = [story.published for story in library.stories]
    assert days == sorted(days, reverse=True)

    first = listing(library)
    last = listing(library, page=str(first.pages))
    assert first.total == COUNT
    assert first.pages == -(-COUNT // PAGE_SIZE)
    assert first.stories == library.stories[:PAGE_SIZE]
    assert last.stories == library.stories[-(COUNT % PAGE_SIZE or PAGE_SIZE) :]
    chosen = listing(library, harm="hate", ended="met")
    assert chosen.total == sum("hate" in s.harm and s.ended == "met" for s in library.stories) > 10


def test_the_same_seed_makes_the_same_stories(tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_stories(tmp_path / name, 5, seed)

    def words(name):
        return [path.read_text() for path in sorted((tmp_path / name / "case-studies").iterdir())]

    assert words("a") == words("b") != words("c")
