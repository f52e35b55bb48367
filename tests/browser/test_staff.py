"""Staff can write, correct, preview and hand over a story by keyboard and without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from rjsite.settings import Settings
from support.browser import axe_faults
from support.look import add_style
from support.site_process import RJSITE, Site

PROJECT = "https://github.com/nowhere/website"
TITLE = "The gate that was left open"
SLIPS = ("There were three of us there!", "a gate and a wall and a path " * 4)
STORY = f"""A gate was broken one night. {SLIPS[0]}

## What happened

The two people met. They spoke about {SLIPS[1]}for a long time.

## What changed {{: .changed }}

They greet each other now."""
MENDED = STORY.replace(SLIPS[0], "Three of us were there.").replace(SLIPS[1], "the gate ")

REACHED = """([name, value]) => {
    const at = document.activeElement;
    if ((at.name || at.textContent.trim()) !== name) return false;
    return !value || at.value === value || at.type === "radio";
}"""
FITS = """() => document.documentElement.scrollWidth <= innerWidth"""


@pytest.fixture(scope="module")
def staff_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a staff copy, and return its address."""
    site = Site(tmp_path_factory.mktemp("staff"), {"RJSITE_REPOSITORY_URL": PROJECT})
    site.command = [*RJSITE, "staff"]
    with site:
        yield f"{site.base_url}/staff/"


class Keys:
    """A person who uses only the keyboard."""

    def __init__(self, page: Page) -> None:
        """Use this page."""
        self._page, self.press = page, page.keyboard.press

    def to(self, name: str, value: str = "") -> None:
        """Press Tab until the focus is on a control or link with this name."""
        for _ in range(200):
            self.press("Tab")
            if self._page.evaluate(REACHED, [name, value]):
                return
        raise AssertionError(f"Tab never reaches {name}")

    def write(self, name: str, words: str) -> None:
        """Replace the text in a field."""
        self.to(name)
        self.press("Control+a")
        self._page.keyboard.insert_text(words)

    def choose(self, name: str, value: str) -> None:
        """Choose a radio button with the arrow keys."""
        self.to(name, value)
        for _ in range(10):
            if self._page.evaluate(
                "value => { const e = document.activeElement; return e.value === value && e.checked }", value
            ):
                return
            self.press("ArrowDown")
        raise AssertionError(f"the arrows never choose {value}")

    def submit(self, do: str) -> None:
        """Press a button of the story form."""
        self.to("do", do)
        with self._page.expect_navigation():
            self.press("Enter")


def answer(keys: Keys) -> None:
    """Answer every question of a new story."""
    keys.write("title", TITLE)
    keys.write("summary", "A gate was broken. Two people met.")
    for name, value in (("harm", "neighbours"), ("way", "meeting")):
        keys.to(name, value)
        keys.press("Space")
    for name, value in (
        ("ended", "met"),
        ("told_by", "our team"),
        ("names_changed", "yes"),
        ("known", "full"),
    ):
        keys.choose(name, value)
    keys.to("permission")
    for figure in "01052026":  # the same day, in whichever order a browser asks for day and month
        keys.press(figure)
    keys.choose("agreed_by", "both")
    keys.write("body", STORY)


@pytest.mark.no_script
def test_a_story_is_written_mended_seen_and_handed_over_by_keyboard_alone(page: Page, staff_url: str) -> None:
    keys = Keys(page)
    page.goto(staff_url)
    keys.to("Write a story")
    with page.expect_navigation():
        keys.press("Enter")
    answer(keys)

    keys.submit("check")
    expect(page.locator("#problem a")).to_have_count(2)
    expect(page.locator("#body-error")).to_contain_text("there is an exclamation mark here")
    expect(page.locator("#body-error")).to_contain_text("make two sentences")

    keys.write("body", MENDED)
    keys.submit("check")
    expect(page.locator("#notice")).to_contain_text("The check finds no problems")

    keys.to("do", "page")
    with page.expect_popup() as opened:
        keys.press("Enter")
    expect(opened.value.locator("h1")).to_have_text(TITLE)
    opened.value.close()

    for name in [box.get_attribute("name") for box in page.locator("[name^=sure]").all()]:
        keys.to(str(name))
        keys.press("Space")
    keys.submit("hand-over")
    link = page.get_by_role("link", name="Open the page for a new file on GitHub")
    name = f"{Settings.folders()[0].name}/case-studies/the-gate-that-was-left-open.md"
    assert link.get_attribute("href") == f"{PROJECT}/new/main?filename={name}"
    assert MENDED in page.locator("#file").input_value()


def test_the_text_is_copied_with_one_press(page: Page, staff_url: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{staff_url}story")
    answer(Keys(page))
    page.locator("#body").fill(MENDED)
    for box in page.locator("[name^=sure]").all():
        box.check()
    page.get_by_role("button", name="Hand over the story").click()

    page.get_by_role("button", name="Copy the text").click()

    expect(page.get_by_text("The text is copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#file").input_value()


@pytest.fixture
def staff_page(page: Page, staff_url: str, request: pytest.FixtureRequest) -> Page:
    """Open one page of the staff area."""
    slug = sorted((Settings.folders()[0] / "case-studies").glob("*.md"))[0].stem
    paths = {"list": "", "problems": "story", "take down": f"take-down/{slug}"}
    page.goto(staff_url + paths[request.param])
    if request.param == "problems":
        page.get_by_role("button", name="Hand over the story").click()
        page.locator("#problem").wait_for()
    return page


@pytest.mark.no_script
@pytest.mark.parametrize("staff_page", ["list", "problems", "take down"], indirect=True)
def test_pages_for_staff_pass_axe_and_fit_every_width_in_light_and_dark(staff_page: Page) -> None:
    faults = {}
    for scheme, width in (("light", 1280), ("dark", 320)):
        staff_page.emulate_media(
            color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
        )
        staff_page.set_viewport_size({"width": width, "height": 800})
        if found := axe_faults(staff_page):
            faults[scheme, width] = found
        for css in ("", "html { font-size: 225% !important }"):
            add_style(staff_page, css)
            if not staff_page.evaluate(FITS):
                faults[css, width] = ["scrolls sideways"]

    assert faults == {}
