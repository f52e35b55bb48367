"""The contrast of the colours in static/site.css: 7 to 1 for all text, 3 to 1 for edges and focus.

Contrast is computed from relative luminance, as WCAG 2.2 defines it. For readers who prefer more contrast,
another rule overrides some colours of the palette.
"""

from __future__ import annotations

import re
from itertools import product

import pytest

from rjsite.settings import ROOT

CSS = (ROOT / "static" / "site.css").read_text(encoding="utf-8")
TOKEN = re.compile(r"(--[\w-]+):\s*([^;]+);")
LIGHT = re.search(r"^:root \{(.*?)^\}", CSS, re.MULTILINE | re.DOTALL)
DARK = re.search(r"prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}", CSS, re.DOTALL)
MORE = re.search(r"prefers-contrast: more\) \{\s*:root \{(.*?)\}", CSS, re.DOTALL)

GROUNDS = ("paper", "surface", "mist", "sand")
TEXT = [
    *product(("ink", "soft", "link", "visited", "teal", "plum", "error", "ok"), GROUNDS),
    ("error", "error-bg"), ("ink", "error-bg"), ("ok", "ok-bg"), ("ink", "ok-bg"),
    ("on", "teal"), ("on", "teal-2"), ("on", "exit"), ("on", "exit-hover"), ("on-band", "band"),
]  # fmt: skip
EDGES = [
    *product(("edge", "teal", "plum", "error"), GROUNDS),
    *product(("ring",), (*GROUNDS, "error-bg", "ok-bg")),
]
# Focus is shown by two rings, a line and a halo around it. On each ground, at least one has to stand out.
FOCUS = ("band", "teal", "exit", *GROUNDS)


def tokens(*blocks: re.Match[str] | None) -> dict[str, str]:
    """Return the values of the tokens. Later blocks override earlier ones."""
    found: dict[str, str] = {}
    for block in blocks:
        assert block, "a block of tokens is missing from site.css"
        found |= {name[2:]: value.strip() for name, value in TOKEN.findall(block[1])}
    return found


def luminance(palette: dict[str, str], name: str) -> float:
    """Return the relative luminance of a token, which may refer to another token."""
    value, seen = palette[name], [name]
    while value.startswith("var("):
        seen.append(value[6:-1])
        assert len(seen) < 9, seen
        value = palette[seen[-1]]
    channels = [int(value[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(palette: dict[str, str], one: str, other: str) -> float:
    """Return the contrast between two tokens, from 1 to 21."""
    low, high = sorted((luminance(palette, one), luminance(palette, other)))
    return (high + 0.05) / (low + 0.05)


PALETTES = {
    "light": tokens(LIGHT),
    "dark": tokens(LIGHT, DARK),
    "light, more contrast": tokens(LIGHT, MORE),
    "dark, more contrast": tokens(LIGHT, DARK, MORE),
}
palettes = pytest.mark.parametrize("palette", PALETTES.values(), ids=list(PALETTES))


def under(palette: dict[str, str], pairs: list[tuple[str, str]], least: float) -> dict[str, float]:
    """Return the pairs whose contrast is less than `least`."""
    found = {f"{one} on {other}": round(contrast(palette, one, other), 2) for one, other in pairs}
    return {pair: ratio for pair, ratio in found.items() if ratio < least}


@palettes
def test_every_text_stands_out_seven_to_one_from_its_ground(palette):
    assert under(palette, TEXT, 7) == {}


@palettes
def test_every_edge_and_the_focus_line_stand_out_three_to_one(palette):
    assert under(palette, EDGES, 3) == {}


@palettes
def test_focus_is_seen_on_every_ground_by_its_line_or_its_halo(palette):
    best = {
        ground: max(contrast(palette, "ring", ground), contrast(palette, "halo", ground)) for ground in FOCUS
    }

    assert {ground: ratio for ground, ratio in best.items() if ratio < 3} == {}
    assert contrast(palette, "ring", "halo") >= 3


def test_the_figures_are_those_of_the_standard():
    palette = {"black": "#000000", "white": "#FFFFFF", "grey": "#767676", "same": "var(--grey)"}

    assert contrast(palette, "black", "white") == pytest.approx(21)
    assert contrast(palette, "same", "white") == pytest.approx(4.54, abs=0.01)


def test_parts_take_their_colours_from_the_tokens():
    """Other colours would ignore dark mode, more contrast and this test. Print is black and white."""
    parts = CSS[CSS.index("Base ----------") : CSS.index("---------- Print")]

    assert re.findall(r"#[0-9A-Fa-f]{3,8}\b(?=[;\s,)])|rgba?\(|hsla?\(", parts) == []
