"""People's ways through the site in real Chromium, with and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from email import message_from_bytes, policy

import pytest
from playwright.sync_api import Page, expect

from support.browser import BOTH_WAYS, BY_LOOK, axe_faults
from support.forms import CONTACT, GOOD, A, C
from support.mail import text_of
from support.processes import wait_until
from support.site_process import Site
from support.walk import answer, fill_by_hand, press_send

STORY, STORY_PAGE = "The shop window", "/case-studies/the-shop-window"


def walk(page: Page, site: Site) -> None:
    """Go from the home page through a story to form A, and send it."""
    page.goto(site.base_url)
    page.get_by_role("link", name=STORY).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(STORY)
    page.get_by_role("link", name="Get in touch").first.click()
    page.get_by_role("main").get_by_role("link", name="Form A, if you were harmed").click()
    page.wait_for_url(f"{site.base_url}{A}")  # this also waits until its scripts have run
    fill_by_hand(page, {**GOOD[A], "name": "Ally"})
    press_send(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your message")


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
    assert text_of(mail).startswith("Form A: a person harmed\n\nBEFORE YOU CONTACT")
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
def test_a_question_that_needs_several_answers_opens_with_all_of_them(page: Page, script: bool) -> None:
    page.goto(C)
    answer(page, "knows", "work")
    answer(page, "side", "harmed")
    answer(page, "their_adult", "no")
    with_one = page.locator("#yjs_reason").is_visible()

    answer(page, "side", "caused")

    assert not with_one
    expect(page.locator("#yjs_reason")).to_be_visible()


@pytest.mark.parametrize(
    "path", ["/", "/styleguide", "/contact", "/case-studies/", "/get-in-touch", "/nowhere", STORY_PAGE]
)
def test_axe_finds_nothing_on_a_narrow_light_screen_and_a_wide_dark_one(page: Page, path: str) -> None:
    page.emulate_media(reduced_motion="reduce")  # so that no colour is in transition
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(path)
    narrow = axe_faults(page)

    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 1280, "height": 640})
    wide = axe_faults(page, only=BY_LOOK)

    assert (narrow, wide) == ([], [])


def test_all_that_was_written_on_the_private_page_is_printed(page: Page) -> None:
    page.goto("/think-it-through")
    written = page.get_by_label("What do you want to say?")
    written.fill("\n".join(f"Line {number}" for number in range(30)))

    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert written.evaluate("area => area.scrollHeight - area.clientHeight") <= 1
