"""In browsers that lack features that the scripts use, the way out and each form still work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.browser import Chromium
from support.forms import CONTACT, GOOD, A, C
from support.typing_in import EXIT, shown
from support.walk import press_send, send


def setter_fails(owner: str, name: str) -> str:
    """Return a script after which a property cannot be set."""
    return f"Object.defineProperty({owner}, '{name}', {{ get() {{}}, set() {{ throw Error('old'); }} }});"


FIELDS = ("HTMLInputElement.prototype", "HTMLTextAreaElement.prototype")
# Scripts that run before the scripts of the site, and remove or break features.
LACKING = {
    "default values": "".join(setter_fails(field, "defaultValue") for field in FIELDS)
    + setter_fails(FIELDS[0], "defaultChecked"),
    "hidden": setter_fails("HTMLElement.prototype", "hidden"),
    "a title": setter_fails("document", "title"),
    "a clock": "Object.defineProperty(window, 'performance', { value: undefined })",
    "fetch and history": "delete window.fetch; History.prototype.replaceState = null",
    "newer methods": """["append", "after", "before", "closest", "prepend", "replaceChildren"]
        .forEach((name) => delete Element.prototype[name])""",
    "the live region": """addEventListener("DOMContentLoaded", () =>
        document.getElementById("leaving").remove())""",
}
NEEDED_TO_SEND = ["fetch", "AbortController", "DOMParser", "URLSearchParams"]


@pytest.fixture(autouse=True)
def no_script_throws(script_errors: list[str]) -> Iterator[None]:
    """Allow scripts to fail if a feature is missing, except leave.js, as nothing may stop the way out."""
    script_errors.clear()
    yield
    assert [error for error in script_errors if "/leave." in error] == []


def click(page: Page) -> None:
    page.locator(EXIT).click()


def shift(page: Page) -> None:
    for _ in range(3):
        page.keyboard.press("Shift")


# Only Shift needs a clock, to count the presses, and a live region, to announce them. A click and Shift
# share the rest.
@pytest.mark.parametrize(
    ("lacking", "way"),
    [*((lacking, click) for lacking in LACKING), ("a clock", shift), ("the live region", shift)],
)
def test_a_page_left_in_an_older_browser_is_blank_and_holds_no_answer(
    tab: Page, https_site: Any, lacking: str, way: Callable[[Page], None]
) -> None:
    tab.context.route(https_site.elsewhere, lambda route: route.fulfill(status=204))  # 204: the page stays
    tab.add_init_script(LACKING[lacking])
    tab.goto(https_site.base_url + C)
    tab.locator("[name=consent]").first.check(force=True)
    tab.locator("[name=about]").fill("Oxbow words")
    tab.locator("#ref_name").fill("Quillfeather")

    with tab.expect_request(https_site.elsewhere):
        way(tab)

    expect(tab.locator("html")).to_be_hidden()
    assert shown(Chromium(tab)) == []


@pytest.mark.parametrize(
    ("form", "lacking"), [*((A, lacking) for lacking in (*NEEDED_TO_SEND, "history")), (CONTACT, "fetch")]
)
def test_a_form_is_sent_by_browsers_that_lack_what_the_script_sends_with(
    page: Page, form: str, lacking: str
) -> None:
    fails = "History.prototype.replaceState = () => { throw Error('not allowed'); }"
    page.add_init_script(fails if lacking == "history" else f"delete window.{lacking}")

    send(page, form, GOOD[form])

    expect(page).to_have_title(re.compile("^We have your message"))


def test_a_form_that_an_older_browser_posts_keeps_every_answer_after_a_slip(page: Page) -> None:
    page.add_init_script("delete window.fetch")
    send(page, A, {**GOOD[A], "phone": "12"})
    expect(page.locator("#problem a")).to_have_count(1)

    page.locator("#phone").fill("01632 960 001")
    press_send(page)

    expect(page).to_have_title(re.compile("^We have your message"))
