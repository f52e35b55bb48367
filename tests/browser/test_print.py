"""Printed forms can be filled in by hand, and printed pages omit what only a screen needs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from rjsite.content.library import load
from support.firefox import Firefox
from support.forms import GOOD, C
from support.paper import Paper, opened, says
from support.service import PHONE, SERVICE
from support.site_process import Site
from support.walk import as_lists, fill, press

CONTENT = load(SERVICE)
FORMS = {form.address: form for form in CONTENT.forms.values() if form.key in "abc"}
PAGES = ("/", "/how-it-works", "/easy-read", "/questions", "/case-studies/")
ON_SCREEN = (
    "Exit this page",
    "Nothing you type",
    "Send to the team",
    "Check your answers",
    "Continue",
    "device fill",
)

# Fills in every field, hidden or not, with the name of the field; long ones at both ends of ten lines.
FILL = """() => {
    for (const field of document.querySelectorAll("form .question input, textarea")) {
        if (field.type === "radio" || field.type === "checkbox") continue;
        field.value = `${field.name}-first`;
        if (field.localName === "textarea") field.value += "\\n".repeat(9) + `${field.name}-last`;
    }
}"""


def printed(page: Page) -> Paper:
    """Return the page as printed, with the margins that its styles set."""
    return Paper(page.pdf(format="A4", prefer_css_page_size=True))


def assert_to_fill_in(paper: Paper, address: str) -> None:
    """Check that a printed form is short and complete, and has nothing that only a screen needs.

    Each question is whole on one page, with the answer that opens it if there is one.
    """
    form = FORMS[address]
    assert len(paper.pages) <= (5 if address == C else 4)  # people fill in A and B for themselves
    assert [q.name for q in form.questions if not paper.together(*says(q))] == []
    for answers, question in opened(form):
        assert paper.together(f"{answers}:", question.label), question.name
    for number, step in enumerate(form.steps, 1):
        assert paper.holds(f"{number}. {step.title}")
    assert paper.holds("How to fill in this form", "tick one", "Stop here", "How to send this form")
    assert [words for words in ON_SCREEN if paper.holds(words)] == []


@pytest.mark.parametrize(
    ("address", "script"),
    [*((form, True) for form in FORMS), pytest.param(C, False, id="no-script", marks=pytest.mark.no_script)],
)
def test_a_form_prints_on_few_pages_to_fill_in_by_hand(page: Page, address: str, script: bool) -> None:
    page.goto(address)

    assert_to_fill_in(printed(page), address)

    page.evaluate(FILL)
    filled = printed(page)
    written = [q for q in FORMS[address].questions if not q.choices and q.kind != "tick"]
    assert len(written) > 8
    for question in written:
        ends = [f"{question.name}-first", f"{question.name}-last"][: 2 if question.kind == "long" else 1]
        assert filled.together(question.label, question.hint, *ends), question.name


def test_a_form_prints_in_the_same_way_in_firefox(firefox: Firefox, live_site: Site) -> None:
    """The test prints form C, which has the most questions."""
    firefox.new_tab(close=True)
    firefox.goto(f"{live_site.base_url}{C}")

    assert_to_fill_in(Paper(firefox.print()), C)


@pytest.mark.parametrize("address", [address for address, form in FORMS.items() if form.by_step])
def test_print_a_copy_prints_the_answers_and_no_form_to_fill_in(page: Page, address: str) -> None:
    page.add_init_script("window.print = () => { window.printed = true; }")
    page.goto(address)
    fill(page, GOOD[address])
    press(page, "Continue")
    copy = page.get_by_role("button", name="Print a copy")
    expect(copy).to_have_accessible_description(
        "You can print a copy. Anyone who uses this device or printer may see it."
    )

    copy.click()

    assert page.evaluate("window.printed")
    paper = printed(page)
    assert len(paper.pages) <= 2
    assert paper.holds(FORMS[address].name.split(":")[0], "Last checked")
    for question in FORMS[address].questions:
        for value in as_lists(GOOD[address]).get(question.name, []):
            words = next((choice.label for choice in question.choices if choice.value == value), value)
            assert paper.holds(question.label, "Yes" if question.kind == "tick" else words), question.name
    elsewhere = ("Change", "Print a copy", "Anyone who uses", "tick one", "If you ticked", "How to send")
    assert [words for words in (*elsewhere, *ON_SCREEN) if paper.holds(words)] == []


@pytest.mark.no_script
def test_without_script_no_button_offers_to_print(page: Page) -> None:
    page.goto("/refer/a")

    assert page.locator("button").all_inner_texts().count("Print a copy") == 1
    expect(page.locator("[data-print]")).not_to_be_visible()


def test_lines_to_write_on_are_high_and_within_the_margins_and_no_words_are_small(page: Page) -> None:
    page.set_viewport_size({"width": 658, "height": 1000})  # A4 without the margins of a form
    page.goto("/refer/c")
    page.emulate_media(media="print")

    heights = page.evaluate(
        """() => [...document.querySelectorAll(".question input:not([type=radio], [type=checkbox])")]
            .map((line) => line.getBoundingClientRect().height)"""
    )
    beyond = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)
            .map((e) => e.outerHTML.slice(0, 80))"""
    )
    long = page.locator("textarea").first.evaluate("area => getComputedStyle(area).backgroundSize")
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter((e) => e.checkVisibility() && e.innerText?.trim())
            .map((e) => parseFloat(getComputedStyle(e).fontSize))"""
    )

    millimetre = 96 / 25.4
    assert min(heights) >= 8 * millimetre
    assert float(long.split()[1].removesuffix("px")) >= 8 * millimetre
    assert min(sizes) >= 16  # pixels: 12 points
    assert beyond == []


def test_pages_print_without_menus_with_addresses_and_hardly_an_empty_half(
    new_context: Callable[..., BrowserContext],
) -> None:
    page = new_context().new_page()
    empty: dict[str, float] = {}
    for address in PAGES:
        page.goto(address)
        paper = printed(page)
        assert paper.holds("Free call", PHONE, "Last checked")
        assert not paper.holds("Exit this page", "Skip to main content"), address
        assert not paper.holds("Home How it works Questions"), address
        assert paper.holds("(/"), address
        empty |= {f"{address} {n}": at for n, at in enumerate(paper.lowest[:-1], 1) if at < 0.5}

    assert empty == {}
