"""The main pages look as they did when somebody last approved them.

`make pictures` keeps their present look; check each picture before you commit it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from support.look import MAKE, PAGES, PICTURES, SIZES, TREES, Studio, add_style, open_steady, photograph

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# Colours are the same at every width, so the narrowest and a wide one are enough for the dark scheme.
LOOKS = [
    (width, scheme) for width, scheme in product(SIZES, SCHEMES) if scheme == "light" or width in (360, 1280)
]

pytestmark = pytest.mark.no_script


@pytest.fixture(scope="module")
def studio(browser: Browser) -> Iterator[Studio]:
    """Return a studio that compares pictures."""
    studio = Studio(browser)
    yield studio
    studio.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_main_page_is_read_out_and_looks_as_it_was_kept(page: Page, studio: Studio, name: str) -> None:
    """What is read out is roles, names and order, as a screen reader meets them. Looks have four widths."""
    open_steady(page, name)
    tree = f"- title: {page.title()}\n{page.locator('body').aria_snapshot()}\n"
    kept = TREES / f"{name}.txt"
    if MAKE:
        TREES.mkdir(exist_ok=True)
        kept.write_text(tree, encoding="utf-8")
    differences = [found for look in LOOKS if (found := difference(page, studio, name, *look))]

    assert tree == kept.read_text(encoding="utf-8"), "If it is right: make pictures"
    assert differences == []


def difference(page: Page, studio: Studio, name: str, width: int, scheme: Literal["light", "dark"]) -> str:
    """Return how a page differs from its kept picture, or ""."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    picture = photograph(page, width, settled=MAKE)
    if MAKE:
        studio.keep(f"{name}-{width}-{scheme}", picture)
    found = studio.difference(f"{name}-{width}-{scheme}", picture)
    # a real difference is still there in a settled picture
    return found and studio.difference(f"{name}-{width}-{scheme}", photograph(page, width))


def test_nothing_is_kept_that_is_not_compared() -> None:
    pictures = {f"{name}-{width}-{scheme}.webp" for name in PAGES for width, scheme in LOOKS}

    assert {path.name for path in PICTURES.iterdir()} == pictures
    assert {path.stem for path in TREES.iterdir()} == set(PAGES)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ("", False),
        ("h1, .intro p { transform: translateY(1px) }", False),
        ("h1 { transform: translateY(8px) }", True),
        (".intro { padding-bottom: 9rem !important }", True),
        (":root { --exit: #7A2A5C !important }", True),
        (":root { --mist: #F6EBDA !important }", True),
        ("h1 { font-family: serif }", True),
    ],
)
def test_what_an_eye_would_see_is_seen_and_one_pixel_is_not(
    page: Page, studio: Studio, change: str, seen: bool
) -> None:
    open_steady(page, "not-found")
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    before = photograph(page, 1280)
    add_style(page, change)

    found = studio.difference("a-try", photograph(page, 1280), kept=before)

    assert bool(found) == seen, found
