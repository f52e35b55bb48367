"""Pages work even if the browser translates them or a reading aid marks them up.

Both wrap each piece of text in their own elements, at any time, and again whenever text changes.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from support.forms import GOOD, STOPS, A, B, C
from support.walk import as_lists, fill, kept, press, send, up_to

# Wraps text as Chrome's own translation does: <font><font>words</font></font>, in another language.
WRAP = """() => {
    const wrapped = new WeakSet();
    const skip = new Set(["SCRIPT", "STYLE", "TEXTAREA", "TITLE", "TEMPLATE"]);
    window.wrap = () => {
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const texts = [];
        while (walker.nextNode()) texts.push(walker.currentNode);
        for (const text of texts) {
            if (!text.data.trim() || wrapped.has(text) || skip.has(text.parentElement?.tagName)) continue;
            const [outer, inner] = [0, 0].map(() => document.createElement("font"));
            text.replaceWith(outer);
            outer.append(inner);
            inner.append(text);
            wrapped.add(text);
        }
    };
    window.wrap();
    const observer = new MutationObserver(() => {
        observer.disconnect();
        window.wrap();
        observer.observe(document.body, { childList: true, subtree: true, characterData: true });
    });
    observer.observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


TRANSLATE_AT_ONCE = f"addEventListener('DOMContentLoaded', {WRAP})"


def translate(page: Page) -> None:
    page.evaluate(WRAP)


@pytest.fixture
def translated(page: Page) -> Page:
    """Make the browser translate every page that it opens."""
    page.add_init_script(TRANSLATE_AT_ONCE)
    return page


@pytest.fixture
def at_the_check(page: Page, request: pytest.FixtureRequest) -> Page:
    """Fill in form A or B, translated before the first step or only before the last."""
    form, early = request.param
    page.goto(form)
    if early:
        translate(page)
    fill(page, GOOD[form])
    translate(page)
    press(page, "Continue")
    return page


@pytest.mark.parametrize("at_the_check", [(A, True), (B, False)], indirect=True)
def test_a_translated_form_lists_every_answer_and_can_be_sent(at_the_check: Page) -> None:
    page = at_the_check

    expect(page.locator("h1:visible")).to_be_focused()
    assert page.title().startswith("Check your answers – ")
    questions = page.locator("[data-answers] dt").all_inner_texts()
    answers = page.locator("[data-answers] dd:nth-of-type(1)").all_inner_texts()
    assert len(questions) == len(answers) >= 10
    assert all(words.strip() for words in questions + answers)
    assert {"Sam", "Zofia Ł"} & set(answers)

    press(page, "Send to the team")
    expect(page.locator("[data-sent]")).to_be_visible()


@pytest.mark.parametrize("form", [A, C])  # step by step, and on one page
def test_a_translated_form_can_be_sent_after_a_failure_that_restores_its_button(
    translated: Page, form: str
) -> None:
    page = translated
    page.route(
        f"**{form}", lambda route: route.abort() if route.request.method == "POST" else route.fallback()
    )

    send(page, form, GOOD[form])

    expect(page.locator("#notice")).to_be_focused()
    assert kept(page) == as_lists(GOOD[form])
    page.unroute(f"**{form}")
    press(page, "Send to the team")
    expect(page.locator("[data-sent]")).to_be_visible()


def test_a_translated_form_shows_outcomes_and_goes_back(translated: Page) -> None:
    form, slip, _ = STOPS[0]
    translated.goto(form)
    fill(translated, up_to(form, slip))
    press(translated, "Continue")

    expect(translated.locator("section.outcome h1")).to_be_focused()
    translated.locator("[data-back]:visible").click()
    expect(translated.locator("section.outcome")).to_have_count(0)
    assert kept(translated) == as_lists(up_to(form, slip))


def test_a_translated_form_says_what_is_missing(translated: Page) -> None:
    translated.goto(A)
    press(translated, "Start")
    press(translated, "Continue")

    expect(translated.locator("#problem")).to_be_focused()
    assert translated.locator("#problem li").count() == 2
    assert translated.title().startswith("Error: ")
