"""People's ways through the site in real Chromium, with and without script."""

from __future__ import annotations

import re
from collections.abc import Callable
from email import message_from_bytes, policy

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from support.browser import BOTH_WAYS, assert_axe_clean
from support.forms import CONTACT, GOOD, A, C
from support.mail import text_of
from support.processes import wait_until
from support.site_process import Site
from support.walk import answer, fill, press_send

STORY = "The shop window"


def walk(page: Page, site: Site) -> None:
    """From the home page by a story to form A, and send it."""
    page.goto(site.base_url)
    assert_axe_clean(page)
    page.get_by_role("link", name=STORY).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(STORY)
    assert_axe_clean(page)
    page.get_by_role("link", name="Get in touch").first.click()
    page.get_by_role("main").get_by_role("link", name="Form A, if you were harmed").click()
    assert_axe_clean(page)
    fill(page, {**GOOD[A], "name": "Ally"})
    press_send(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your message")
    assert_axe_clean(page)


@BOTH_WAYS
def test_from_home_by_a_story_to_a_sent_form_a(
    page: Page, start_site: Callable[..., Site], script: bool
) -> None:
    site = start_site()

    walk(page, site)

    shown = page.inner_text("main")
    found = re.search(r"[2346789FHKMQRWXY]{4}-[2346789FHKMQRWXY]{4}", shown)
    assert found
    assert "Ally" not in shown
    wait_until(lambda: len(site.mails) == 1, "the mail")
    mail = message_from_bytes(site.mails[0].read_bytes(), policy=policy.default)
    assert mail["Subject"] == f"Website form {found[0]}"
    assert text_of(mail).startswith("Form A: a person harmed\n\nBEFORE YOU CONTACT")  # type: ignore[arg-type]
    assert page.context.storage_state()["origins"] == []
    if script:
        assert page.url == f"{site.base_url}/sent"


@BOTH_WAYS
def test_a_question_opens_with_its_answer_and_not_before(page: Page, script: bool) -> None:
    page.goto(CONTACT)
    hidden_at_first = page.get_by_label("Phone number", exact=True).is_hidden()

    answer(page, "reply_by", "phone")

    assert hidden_at_first
    expect(page.get_by_label("Phone number", exact=True)).to_be_visible()
    expect(page.get_by_label("Email address", exact=True)).to_be_hidden()


@BOTH_WAYS
def test_a_question_that_needs_two_answers_opens_with_both(page: Page, script: bool) -> None:
    page.goto(C)
    answer(page, "side", "harmed")
    answer(page, "their_adult", "no")
    with_one = page.locator("#yjs_reason").is_visible()

    answer(page, "side", "caused")

    assert not with_one
    expect(page.locator("#yjs_reason")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/refer/a", "/contact", "/case-studies/", "/get-in-touch", "/nowhere"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    new_context: Callable[..., BrowserContext], path: str, scheme: str, width: int
) -> None:
    page = new_context(color_scheme=scheme, viewport={"width": width, "height": 640}).new_page()
    page.goto(path)

    sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    assert sideways == 0
    assert_axe_clean(page)


def test_all_that_was_written_on_the_private_page_is_printed(page: Page) -> None:
    page.goto("/think-it-through")
    written = page.get_by_label("What do you want to say?")
    written.fill("\n".join(f"Line {number}" for number in range(30)))

    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert written.evaluate("area => area.scrollHeight - area.clientHeight") <= 1
