"""Whatever goes wrong at Send, every answer is still on the page, which says what to do (real Chromium)."""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from shutil import copytree

import pytest
from playwright.sync_api import Page, Route, expect

from rjsite.content.library import Library
from rjsite.forms.token import Signer
from support.browser import BOTH_WAYS
from support.forms import BAD_PHONE, CONTACT, GOOD, A, C
from support.mail import text_of
from support.processes import wait_until
from support.service import SERVICE
from support.site_process import Site
from support.walk import as_lists, fill, kept, press, press_send, send

NOT_SENT = "We could not send this. Your answers are still on this page."


def assert_kept_and_told(page: Page, words: str, form: str) -> None:
    """Check that every answer is on the page, and that the notice has these words and the focus."""
    notice = page.locator("#notice")
    expect(notice).to_contain_text(words)
    expect(notice).to_be_focused()
    assert kept(page) == as_lists(GOOD[form])


def sent_reference(page: Page) -> str:
    """Wait for the thank-you page, and return the reference on it."""
    expect(page).to_have_title(re.compile("^We have your message"))
    return page.locator(".reference").inner_text()


def mails_of(site: Site, reference: str, many: int) -> list[EmailMessage]:
    """Wait for this many emails with a reference, check that there are no more, and return them in order."""

    def found() -> list[EmailMessage]:
        raw = [path.read_bytes() for path in site.mails if path.name.startswith(reference)]
        return [message_from_bytes(one, policy=policy.default) for one in raw]

    wait_until(lambda: len(found()) >= many, f"{many} emails of {reference}")
    assert site.run("outbox", "list").stdout.count(reference) == many
    return found()


@pytest.mark.parametrize("form", [A, C])  # step by step, and on one page
def test_the_network_cut_at_send_keeps_all_and_sending_again_is_one_case(
    page: Page, live_site: Site, form: str
) -> None:
    page.route("**/*", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    send(page, form, GOOD[form])
    assert_kept_and_told(page, NOT_SENT, form)
    expect(page.locator("#notice a[href^='tel:']")).to_have_count(1)
    assert page.title().startswith("Not sent: ")
    page.unroute("**/*")

    press(page, "Send to the team")

    mails_of(live_site, sent_reference(page), 1)


def answer_lost_on_the_way(page: Page) -> None:
    """Make POST requests reach the site, but lose the responses."""

    def lose(route: Route) -> None:
        if route.request.method == "POST":
            route.fetch(max_redirects=0)
            route.abort()
        else:
            route.continue_()

    page.route("**/*", lose)


def test_a_lost_answer_and_sending_again_is_one_mail(page: Page, live_site: Site) -> None:
    answer_lost_on_the_way(page)
    send(page, A, GOOD[A])
    assert_kept_and_told(page, NOT_SENT, A)
    page.unroute("**/*")

    press(page, "Send to the team")

    mails_of(live_site, sent_reference(page), 1)


def test_answers_changed_after_a_lost_answer_are_a_second_mail_that_says_so(
    page: Page, live_site: Site
) -> None:
    answer_lost_on_the_way(page)
    send(page, A, GOOD[A])
    assert_kept_and_told(page, NOT_SENT, A)
    page.unroute("**/*")
    page.get_by_role("button", name="Change What should we call you?").click()
    page.get_by_label("What should we call you?").fill("Quite another name")

    press_send(page)

    first, second = mails_of(live_site, sent_reference(page), 2)
    changed = second if "Quite another name" in text_of(second) else first
    assert "Changed version" in text_of(changed)
    assert str(GOOD[A]["name"]) in text_of(first if changed is second else second)


def test_no_answer_within_half_a_minute_is_told_and_loses_nothing(page: Page) -> None:
    page.clock.install()
    page.route("**/*", lambda route: None if route.request.method == "POST" else route.continue_())
    send(page, A, GOOD[A])
    expect(page.get_by_role("button", name="Sending", exact=True)).to_be_visible()

    page.clock.fast_forward(29_000)
    waiting = page.locator("#notice").count()
    page.clock.fast_forward(2_000)

    assert waiting == 0
    assert_kept_and_told(page, NOT_SENT, A)
    expect(page.get_by_role("button", name="Send to the team", exact=True)).to_be_visible()


def test_a_server_that_is_gone_loses_nothing(page: Page, start_site: Callable[..., Site]) -> None:
    site = start_site()
    page.goto(f"{site.base_url}{A}")
    fill(page, GOOD[A])
    site.kill()

    press_send(page)

    assert_kept_and_told(page, NOT_SENT, A)
    site.start()
    press(page, "Send to the team")
    mails_of(site, sent_reference(page), 1)


def test_a_page_without_the_words_for_it_still_says_that_nothing_was_sent(page: Page) -> None:
    page.route(
        f"**{CONTACT}",
        lambda route: (
            route.abort()
            if route.request.method == "POST"
            else route.fulfill(
                response=(got := route.fetch()),
                body=got.text().replace('<template id="failed-', '<template id="'),
            )
        ),
    )

    send(page, CONTACT, GOOD[CONTACT])

    expect(page.locator("#live")).to_have_text("Not sent. Your answers are still on this page.")
    assert kept(page) == as_lists(GOOD[CONTACT])
    page.unroute(f"**{CONTACT}")
    press(page, "Send to the team")
    sent_reference(page)


def test_what_is_changed_while_the_form_is_being_sent_outlasts_a_refusal(page: Page) -> None:
    held: list[Route] = []
    page.route(
        f"**{CONTACT}",
        lambda route: held.append(route) if route.request.method == "POST" else route.continue_(),
    )
    send(page, CONTACT, {**GOOD[CONTACT], "message": "x" * 2001, "say_who": "yes"})
    expect(page.get_by_role("button", name="Sending", exact=True)).to_be_visible()
    page.locator("[name=message]").fill("Shorter")
    page.locator("[name=say_who][value=no]").check()

    held[0].continue_()

    expect(page.locator("#problem")).to_be_focused()
    assert kept(page) == as_lists({**GOOD[CONTACT], "message": "Shorter", "say_who": "no"})


def test_answers_stay_with_their_words_though_a_choice_came_before_them(
    page: Page, start_site: Callable[..., Site], tmp_path: Path
) -> None:
    content = copytree(SERVICE, tmp_path / "content")
    page.goto(start_site(RJSITE_CONTENT_DIR=str(content)).base_url + CONTACT)
    answers = {**GOOD[CONTACT], "message": "x" * 2001}
    fill(page, answers)
    file = content / "forms" / "contact.toml"
    first = '{ value = "question", label = "A question" },'
    file.write_text(file.read_text().replace(first, '{ value = "idea", label = "An idea" },' + first))

    press(page, "Send to the team")

    expect(page.get_by_label("An idea", exact=True)).not_to_be_checked()  # it was added in first place
    expect(page.get_by_label("A question", exact=True)).to_be_checked()
    assert kept(page) == as_lists(answers)


@pytest.mark.parametrize("status", [500, 502, 200])
def test_any_other_fault_on_the_way_keeps_all(page: Page, status: int) -> None:
    page.route(
        "**/*",
        lambda route: (
            route.fulfill(status=status, body="<h1>Sign in to the network</h1>", content_type="text/html")
            if route.request.method == "POST"
            else route.continue_()
        ),
    )

    send(page, A, GOOD[A])

    assert_kept_and_told(page, NOT_SENT, A)


def test_where_nothing_can_keep_a_form_all_is_kept_in_the_page(
    page: Page, start_site: Callable[..., Site]
) -> None:
    site = start_site(
        RJSITE_MAIL_SERVER="127.0.0.1", RJSITE_MAIL_PORT="9", RJSITE_MAIL_DEFAULT_SENDER="a@example.org"
    )
    page.goto(f"{site.base_url}{A}")
    fill(page, GOOD[A])
    lock = sqlite3.connect(site.data_dir / "outbox.sqlite3")
    lock.execute("BEGIN IMMEDIATE")

    press_send(page)

    expect(page.locator("#notice")).to_contain_text(NOT_SENT, timeout=30_000)
    assert kept(page) == as_lists(GOOD[A])
    lock.rollback()
    lock.close()
    press(page, "Send to the team")
    sent_reference(page)


def test_too_many_forms_from_one_network_keep_all_and_say_when(
    page: Page, start_site: Callable[..., Site]
) -> None:
    site = start_site(RJSITE_RATELIMIT_FORMS="1 per 10 minutes")
    send(page, f"{site.base_url}{CONTACT}", GOOD[CONTACT])
    sent_reference(page)

    send(page, f"{site.base_url}{A}", GOOD[A])

    expect(page.locator("#notice")).to_contain_text("Wait 10 minutes, then select Send again.")
    assert kept(page) == as_lists(GOOD[A])


def test_what_is_too_long_to_send_keeps_all(page: Page) -> None:
    words = "Words. " * 10_000  # browsers take long to break a single word of this length into lines
    page.goto(CONTACT)
    fill(page, {**GOOD[CONTACT], "message": words})

    press_send(page)

    expect(page.locator("#notice")).to_contain_text("This is too long to send. Make it shorter")
    assert kept(page)["message"] == [words]


@BOTH_WAYS
def test_slips_open_every_part_of_the_form_and_keep_all(page: Page, script: bool) -> None:
    answers = {**GOOD[A], "phone": "my usual number", "about": "x" * 1001}
    told = {"phone": BAD_PHONE, "about": "What this is about must be 1,000 characters or less"}

    send(page, A, answers)

    expect(page).to_have_title(re.compile("^Error: "))
    if script:
        expect(page.locator("#problem")).to_be_focused()
    assert page.locator("#problem a").all_inner_texts() == list(told.values())
    for field, message in told.items():
        expect(page.locator(f"#{field}-error")).to_have_text(f"Error: {message}")
    assert kept(page) == as_lists(answers)
    assert all(step.is_visible() for step in page.locator(".step:not(.check)").all())
    page.locator("[name=phone]").fill("01632 960 001")
    page.locator("[name=about]").fill("Shorter")
    press(page, "Send to the team")
    sent_reference(page)


@BOTH_WAYS
def test_a_double_click_on_send_is_one_mail(page: Page, live_site: Site, script: bool) -> None:
    page.goto(CONTACT)
    fill(page, GOOD[CONTACT])

    page.get_by_role("button", name="Send to the team").dblclick()

    mails_of(live_site, sent_reference(page), 1)


def test_a_page_open_too_long_comes_back_with_all_and_is_sent_at_the_second_try(
    page: Page, live_site: Site, content: Library
) -> None:
    """A token that was signed with an unknown key is refused in the same way as one that is a day old."""
    token = Signer([secrets.token_urlsafe(36)], content.forms[A].key).new_token()
    page.route(
        f"**{A}",
        lambda route: (
            route.fulfill(
                response=(got := route.fetch()),
                body=re.sub(r'(name="form_token" value=")[^"]*', rf"\g<1>{token}", got.text()),
            )
            if route.request.method == "GET"
            else route.continue_()
        ),
    )
    send(page, A, GOOD[A])

    expect(page.locator("#notice")).to_contain_text("This page was open for a long time")
    expect(page.locator("#notice")).to_contain_text("Your answers are still here. Select Send again.")
    assert kept(page) == as_lists(GOOD[A])
    press(page, "Send to the team")
    mails_of(live_site, sent_reference(page), 1)
