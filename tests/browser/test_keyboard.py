"""On every main page, Tab reaches all controls in reading order; all are seen, and none traps the focus."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from support.browser import assert_axe_clean
from support.look import LARGER, SPACING, add_style

PAGES = ["/", "/how-it-works", "/case-studies/", "/contact", "/no-such-page", "/questions"]
WINDOWS = [(1280, 800), (360, 640)]

# What Tab has to reach, in document order; in a group of radio buttons only one.
REACHABLE = """() => {
    const groups = new Set();
    window.stops = [...document.querySelectorAll("a[href], button, input, textarea, select, summary")]
        .filter((e) => e.tabIndex >= 0 && e.checkVisibility({visibilityProperty: true}))
        .filter((e) => e.type !== "radio" || (!groups.has(e.name) && groups.add(e.name)));
    return window.stops.length;
}"""
# Returns where the focus is, and what is wrong with the way it is shown.
FOCUS = """() => {
    const at = document.activeElement;
    if (at === document.body) return ["left", ""];
    const index = window.stops.indexOf(at);
    const box = at.getBoundingClientRect();
    const rings = [getComputedStyle(at), getComputedStyle(at, "::after")];
    const ring = rings.some((s) => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 3);
    const name = `${at.tagName} ${(at.textContent || at.id).trim().slice(0, 40)}`;
    if (!ring) return [index, `${name}: no outline`];
    if (box.top < 0 || box.bottom > innerHeight + 1 || box.left < 0 || box.right > innerWidth + 1)
        return [index, `${name}: out of view`];
    const line = at.getClientRects()[0];
    for (const y of [line.top + 3, line.bottom - 3]) {
        const top = document.elementFromPoint(line.left + line.width / 2, y);
        const free = top && (at.contains(top) || top.contains(at));
        if (!free) return [index, `${name}: under ${top?.className}`];
    }
    return [index, ""];
}"""


@pytest.mark.parametrize(("width", "height"), WINDOWS, ids=["wide", "phone"])
@pytest.mark.parametrize("address", PAGES)
def test_tab_reaches_everything_in_reading_order_and_the_focus_is_always_seen(
    page: Page, address: str, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address)
    count = page.evaluate(REACHABLE)
    reached, wrong = [], []
    for _ in range(count + 1):
        page.keyboard.press("Tab")
        index, fault = page.evaluate(FOCUS)
        if index == "left":
            break
        reached.append(index)
        wrong += [fault] if fault else []

    assert wrong == []
    assert reached == list(range(count)), "left out, out of order, or the focus is kept"


@pytest.mark.parametrize(
    ("width", "height", "style"),
    [(360, 640, ""), (320, 520, SPACING), (768, 740, LARGER)],
    ids=["phone", "spacing", "larger"],
)
def test_shift_and_tab_lead_back_the_same_way(page: Page, width: int, height: int, style: str) -> None:
    """Each focus that scrolls the page up comes to a stop below the row that stays in view."""
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/how-it-works")
    add_style(page, style)
    page.evaluate(REACHABLE)
    page.locator("footer a").last.focus()
    back, wrong = [], []
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        index, fault = page.evaluate(FOCUS)
        back.append(index)
        wrong += [fault] if fault else []

    assert wrong == []
    assert back == list(range(back[0], back[0] - 12, -1))


def test_the_skip_link_leads_past_header_and_menu(page: Page) -> None:
    page.goto("/how-it-works")

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("size", [(360, 640), (360, 300), (800, 600)])
def test_the_next_tab_after_the_menu_is_opened_is_in_its_list(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto("/how-it-works")
    button = page.get_by_role("button", name="Menu", exact=True)
    button.focus()

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    expect(page.locator("nav.menu a").first).to_be_focused()
    assert page.get_by_role("navigation", name="Menu").count() == 1  # screen readers find the menu only once
    assert_axe_clean(page)
    page.keyboard.press("Shift+Tab")
    expect(button).to_be_focused()


def test_every_menu_is_called_menu(page: Page) -> None:
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto("/how-it-works")

        assert page.get_by_role("navigation", name="Menu", exact=True).count() == 1, width
        assert page.get_by_role("navigation", name="Menu").count() == 1, width


def test_what_only_parts_the_breadcrumb_is_not_read_out(page: Page) -> None:
    page.goto("/case-studies/a-broken-fence")
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    said = [node.get("name", {}).get("value", "") for node in tree if not node["ignored"]]

    assert "Stories" in said
    assert [words for words in said if words.strip() == "/"] == []
