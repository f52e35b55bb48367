"""How pages look and behave on screens of different sizes and with the settings that readers choose.

The settings are larger text, wider spacing, less motion, more contrast, forced colours and less data.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from support.look import LARGER, PAGES, SPACING, add_style, open_steady

SCREENS = [(320, 256), (360, 740), (768, 1024), (1280, 800), (1920, 1080)]  # the first is 1280 at 400% zoom
RIGHT_TO_LEFT = "html { direction: rtl }"

# Returns text that cannot be seen because it extends beyond its own box or the window.
CUT = """() => {
    const wrong = [];
    const root = document.documentElement;
    if (root.scrollWidth > innerWidth) wrong.push(`the page is ${root.scrollWidth} of ${innerWidth} wide`);
    for (const e of document.querySelectorAll("body *")) {
        if (!e.checkVisibility() || e.closest("svg, .hidden, .trap, .skip, thead")) continue;
        const box = e.getBoundingClientRect();
        const name = `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 30)}`;
        const out = box.width && (box.left < -1 || box.right > innerWidth + 1);
        if (out) wrong.push(`${name}: out of the window`);
        const hides = getComputedStyle(e).overflowX !== "visible" && !e.matches("textarea, input");
        if (hides && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1))
            wrong.push(`${name}: cut off`);
    }
    return wrong.slice(0, 5);
}"""

pytestmark = pytest.mark.no_script


@pytest.mark.parametrize("name", PAGES)
def test_nothing_scrolls_sideways_or_is_cut_off_on_any_screen(page: Page, name: str) -> None:
    open_steady(page, name)
    found = {}
    for style in ("", LARGER, SPACING, RIGHT_TO_LEFT):
        add_style(page, style)
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            if wrong := page.evaluate(CUT):
                found[style[:30], width] = wrong

    assert found == {}


# A word of 35 letters, as a translation may have it, in each text of each part of a page.
LENGTHEN = """() => {
    document.querySelector(".menu").classList.add("open");
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("svg, .phone, .exit"))
        walker.currentNode.data = walker.currentNode.data.replace(/[a-z]{3,}/i, "m".repeat(35));
}"""
# Returns texts that extend beyond the right edge of their own part of the page.
BESIDE = """() => {
    const wrong = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        let part = walker.currentNode.parentElement;
        if (!part.checkVisibility() || part.closest(".name, .hidden, .trap, .skip, thead")) continue;
        while (/^(inline|contents)/.test(getComputedStyle(part).display)) part = part.parentElement;
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        const over = range.getBoundingClientRect().right - part.getBoundingClientRect().right;
        if (over > 1) wrong.push(`${part.outerHTML.slice(0, 60)}: ${over}`);
    }
    return wrong.slice(0, 5);
}"""


def test_a_very_long_word_is_broken_and_stays_in_its_part_of_the_page(page: Page) -> None:
    found = {}
    for name in ("home", "styleguide"):
        open_steady(page, name)
        page.evaluate(LENGTHEN)
        for width in (320, 360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 740})
            if wrong := page.evaluate(CUT) + page.evaluate(BESIDE):
                found[name, width] = wrong

    assert found == {}


# Returns where the first word of the name is, and whether any line of the name is over the word "Menu".
NAME = """() => {
    const lines = (selector, letters) => {
        const range = document.createRange();
        const part = document.querySelector(selector);
        range.selectNodeContents(part);
        if (letters) range.setEnd(part.firstChild, letters);
        return [...range.getClientRects()];
    };
    const [menu] = lines(".to-menu");
    const over = (line) => line.right > menu.left && line.bottom > menu.top + 9 && line.top < menu.bottom - 9;
    return [lines(".name b", 11).map((line) => line.right), lines(".name span").some(over)];
}"""


@pytest.mark.parametrize(("height", "style"), [(740, LARGER), (256, LARGER + SPACING)], ids=["phone", "low"])
def test_the_words_of_the_name_stay_whole_and_beside_the_menu(page: Page, height: int, style: str) -> None:
    page.set_viewport_size({"width": 320, "height": height})
    page.goto("/how-it-works")
    page.locator(".name b").evaluate("e => { e.textContent = 'Restorative Justice' }")
    add_style(page, style)

    ends, over = page.evaluate(NAME)

    assert len(ends) == 1
    assert ends[0] <= 320
    assert not over


def test_the_exit_stays_in_view_unless_the_window_is_low(page: Page) -> None:
    page.goto("/how-it-works")
    shown = {}
    for height in (256, 640, 800):
        page.set_viewport_size({"width": 360, "height": height})
        page.evaluate("scrollTo(0, 3000)")
        shown[height] = page.locator(".exit").evaluate("e => e.getBoundingClientRect().top >= 0")

    assert shown == {256: False, 640: True, 800: True}


def test_what_stays_in_view_leaves_room_to_read_with_larger_letters(page: Page) -> None:
    """Only the header row with the phone number and Exit stays. No media query can measure its height."""
    for name in ("/how-it-works", "/refer/a"):
        page.goto(name)
        add_style(page, LARGER)
        for width, height in ((360, 740), (320, 640)):
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate("scrollTo(0, 1500)")
            lowest = page.locator(".exit").evaluate("e => e.getBoundingClientRect().bottom")
            above = page.evaluate("document.elementFromPoint(20, 5).closest('.quick') !== null")
            assert (above, lowest < 0.45 * height) == (True, True), (name, width, lowest)


def test_only_the_name_itself_leads_home(page: Page) -> None:
    """A click beside the name must not lose a form."""
    page.goto("/refer/a")
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        link, words = (
            page.locator(s).evaluate("e => e.getBoundingClientRect().right") for s in (".name", ".name span")
        )
        assert link < words + 60, width


def test_every_target_that_stands_alone_is_44_pixels_high(page: Page) -> None:
    """WCAG 2.2, 2.5.5 requires this; links inside a sentence may be as high as their line."""
    small = """() => [...document.querySelectorAll("a[href], button, summary, .choice label")]
        .filter((e) => e.checkVisibility() && !e.matches(".skip"))
        .filter((e) => [...e.parentElement.childNodes].every((n) =>
            n === e || n.nodeType !== 3 || !n.textContent.trim()) && !e.parentElement.matches("td, th"))
        .map((e) => [e.textContent.trim(), Math.max(
            e.getBoundingClientRect().height, parseFloat(getComputedStyle(e, "::after").height) || 0)])
        .filter(([, height]) => height < 43.9)"""
    found = {}
    for address in ("/", "/how-it-works", "/case-studies/", "/refer/a", "/easy-read", "/refer"):
        page.goto(address)
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            if wrong := page.evaluate(small):
                found[address, width] = wrong

    assert found == {}


def test_nothing_moves_for_a_reader_who_asked_for_less_motion(page: Page) -> None:
    page.goto("/")
    moving = """() => [...document.querySelectorAll("*")].map((e) => getComputedStyle(e))
        .filter((s) => parseFloat(s.transitionDuration) > 0 || s.animationName !== "none").length"""

    page.emulate_media(reduced_motion="no-preference")
    with_motion = page.evaluate(moving)
    page.emulate_media(reduced_motion="reduce")

    assert with_motion > 0
    assert page.evaluate(moving) == 0


def test_in_forced_colours_everything_to_press_or_fill_keeps_an_edge(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    open_steady(page, "styleguide")
    bare = page.evaluate(
        """() => [...document.querySelectorAll(".exit, .button, .question :is(input, textarea), .card, .box")]
            .filter((e) => e.checkVisibility())
            .filter((e) => { const s = getComputedStyle(e);
                return !(parseFloat(s.borderTopWidth) >= 1 && s.borderTopStyle !== "none"
                    && s.borderTopColor !== getComputedStyle(document.body).backgroundColor); })
            .map((e) => e.outerHTML.slice(0, 80))"""
    )

    assert bare == []


def test_more_contrast_makes_soft_words_and_lines_strong(page: Page) -> None:
    page.emulate_media(contrast="more")
    page.goto("/")

    soft = page.locator(".card p").first.evaluate("e => getComputedStyle(e).color")

    assert soft == page.locator("body").evaluate("e => getComputedStyle(e).color")


def test_the_first_screen_of_a_phone_says_what_this_is_and_what_to_do(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto("/")
    bottom = "e => e.getBoundingClientRect().bottom"

    assert page.locator("h1").evaluate(bottom) < 300
    assert page.locator(".hero p").first.evaluate(bottom) < 450
    assert page.locator(".hero p.next").first.evaluate(bottom) < 540  # what to do next
    assert page.locator(".choices h2").evaluate("e => e.getBoundingClientRect().top") < 640


# A test cannot make a browser ask for less data, so it changes the rule for that case to apply always.
HOLD = """() => {
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]);
  const waiting = rules.filter((rule) => rule.conditionText?.includes("prefers-reduced-data"));
  waiting.forEach((rule) => { rule.media.mediaText = "all"; });
  return waiting.length;
}"""


def test_a_reader_who_saves_data_reads_in_the_letters_of_the_device(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/how-it-works")

    assert page.evaluate(HOLD) == 1
    assert page.locator("h1").evaluate("e => getComputedStyle(e).fontFamily").startswith("system-ui")
    assert page.evaluate(CUT) == []
