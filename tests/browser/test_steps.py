"""Forms A and B one topic at a time, in real Chromium: nothing leaves the page before Send."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Request, expect

from rjsite.content.library import Library
from support.browser import BOTH_WAYS, press_back
from support.forms import GOOD, STOPS, A, Answers, B, C
from support.processes import wait_until
from support.site_process import Site
from support.walk import answer, as_lists, fill, kept, press, press_send, up_to

BY_STEP = pytest.mark.parametrize("form", [A, B])


@pytest.fixture
def asked_for(page: Page) -> list[Request]:
    """List what the page asks for from here on, less its own icon and fonts."""
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request) if "/static/" not in request.url else None)
    return seen


def heading(page: Page) -> str:
    """Give the one level-one heading that is shown."""
    return page.locator("h1:visible").inner_text().replace("\n", " ")


@BY_STEP
def test_each_topic_has_its_heading_title_and_place_and_the_address_stays(
    page: Page, content: Library, form: str
) -> None:
    page.goto(form)
    whole = page.title()
    press(page, "Start")
    steps = content.forms[form].steps
    letter = form[-1].upper()

    for number, step in enumerate(steps, 1):
        assert heading(page) == step.title
        expect(page.locator("h1:visible")).to_be_focused()
        assert page.title() == f"{step.title} – {whole}"
        assert (
            page.locator(".progress:visible").inner_text() == f"Form {letter}. Step {number} of {len(steps)}"
        )
        assert page.evaluate("scrollY") == 0
        for question in step.questions:
            if question.name in GOOD[form]:
                answer(page, question.name, GOOD[form][question.name])
        press(page, "Continue")

    assert heading(page) == "Check your answers"
    assert page.url.endswith(form)


@BY_STEP
def test_every_question_and_answer_is_shown_to_be_checked_and_then_sent(
    page: Page, live_site: Site, content: Library, asked_for: list[Request], form: str
) -> None:
    page.goto(form)
    del asked_for[:]
    fill(page, GOOD[form])
    press(page, "Continue")
    questions = [question for question in content.forms[form].questions if question.name in GOOD[form]]
    rows = page.locator("[data-answers] > div")
    shown = {row.locator("dt").inner_text(): row.locator("dd").first.inner_text() for row in rows.all()}
    before_send = list(asked_for)
    mails = len(live_site.mails)

    press(page, "Send to the team")

    expect(page).to_have_title(re.compile("^We have your message"))
    wait_until(lambda: len(live_site.mails) == mails + 1, "the mail")
    assert before_send == []
    assert list(shown) == [question.label for question in questions]
    for question in questions:
        given = as_lists(GOOD[form])[question.name]
        words = [choice.label for choice in question.choices if choice.value in given] or given
        assert shown[question.label] == ("Yes" if question.kind == "tick" else "; ".join(words))


def test_a_question_left_out_is_said_to_be_not_answered(page: Page) -> None:
    page.goto(A)
    fill(page, {name: value for name, value in GOOD[A].items() if name != "safe_notes"})
    press(page, "Continue")

    row = page.locator("[data-answers] > div", has_text="anything else that helps us")

    expect(row.locator("dd").first).to_have_text("Not answered")


@BY_STEP
def test_each_step_names_what_is_missing_in_the_words_of_the_server(
    page: Page, content: Library, asked_for: list[Request], form: str
) -> None:
    page.goto(form)
    del asked_for[:]
    press(page, "Start")
    for step in content.forms[form].steps:
        press(page, "Continue")
        needed = [question for question in step.questions if question.missing and not question.when]

        links = page.locator("#problem a")
        assert links.all_inner_texts() == [question.missing for question in needed]
        assert page.title().startswith("Error: ")
        expect(page.locator("#problem")).to_be_focused()
        for question, link in zip(needed, links.all(), strict=True):
            name = question.name
            expect(page.locator(f"#{name}-error")).to_have_text(f"Error: {question.missing}")
            about = page.locator(f"[aria-describedby~='{name}-error']")
            assert about.count() == 1
            assert page.locator(".question.bad [aria-invalid=true]").count() >= 1
            link.click()
            expect(page.locator(f"[name={name}]").first).to_be_focused()
        for question in step.questions:
            if question.name in GOOD[form]:
                answer(page, question.name, GOOD[form][question.name])
        press(page, "Continue")
        expect(page.locator("#problem, .wrong, [aria-invalid]")).to_have_count(0)

    assert page.url.endswith(form)
    assert asked_for == []


def test_what_an_answer_opens_is_needed_too(page: Page) -> None:
    page.goto(A)
    fill(page, up_to(A, {"contact_by": "phone"}))
    press(page, "Continue")

    assert page.locator("#problem a").all_inner_texts() == [
        "Enter your phone number",
        "Select yes if we can leave a message",
        "Select yes if we can say who we are",
    ]


def test_enter_goes_on_and_never_sends_before_the_check(page: Page, asked_for: list[Request]) -> None:
    page.goto(A)
    del asked_for[:]
    press(page, "Start")
    answer(page, "adult", "yes")
    page.get_by_label("What should we call you?").fill("Ally")

    page.keyboard.press("Enter")

    assert heading(page) == "How to reach you safely"
    assert asked_for == []


def test_back_and_forward_go_one_step_and_keep_the_answers(page: Page) -> None:
    page.goto(A)
    fill(page, up_to(A, {"link": ["live"]}))

    press_back(page)
    back = heading(page)
    press_back(page)
    first = heading(page)
    page.evaluate("history.forward()")
    expect(page.locator("h1:visible")).to_have_text("How to reach you safely")
    press(page, "Back")
    expect(page.locator("h1:visible")).to_have_text("About you")

    assert (back, first) == ("How to reach you safely", "About you")
    assert kept(page) == as_lists(up_to(A, {"link": ["live"]}))


def test_an_answer_can_be_changed_from_the_check(page: Page) -> None:
    page.goto(A)
    fill(page, GOOD[A])
    press(page, "Continue")

    page.get_by_role("button", name="Change Phone number").click()
    focused = page.evaluate("document.activeElement.id")
    page.get_by_label("Phone number", exact=True).fill("07700 900 982")
    press(page, "Continue")

    assert focused == "phone"
    assert heading(page) == "Check your answers"
    expect(page.locator("[data-answers] > div", has_text="Phone number").first).to_contain_text(
        "07700 900 982"
    )


def test_what_was_typed_for_another_choice_is_neither_shown_nor_sent(page: Page, live_site: Site) -> None:
    page.goto(A)
    fill(page, up_to(A, {"phone": "01632 960 777"}))
    answer(page, "contact_by", "email")
    answer(page, "email", "ally@example.com")
    answer(page, "say_who", "no")
    press(page, "Continue")
    fill(page, {"link": ["live"], "agree": "yes"})
    press(page, "Continue")
    checked = page.locator("[data-answers]").inner_text()

    press(page, "Send to the team")

    expect(page).to_have_title(re.compile("^We have your message"))
    reference = page.locator(".reference").inner_text()
    mail = live_site.mail_folder / f"{reference}.eml"
    wait_until(mail.exists, "the mail")
    assert "ally@example.com" in checked
    assert "960 777" not in checked
    assert "960 777" not in mail.read_text()


@pytest.mark.parametrize(("form", "change", "outcome"), STOPS)
@BOTH_WAYS
def test_a_stop_is_told_in_place_sends_nothing_and_loses_nothing(
    page: Page,
    live_site: Site,
    content: Library,
    asked_for: list[Request],
    form: str,
    change: Answers,
    outcome: str,
    script: bool,
) -> None:
    page.goto(form)
    whole = page.title()
    del asked_for[:]
    mails = len(live_site.mails)
    # form C is one page, and so is every form without script
    answers = {**GOOD[form], **change} if form == C or not script else up_to(form, change)
    fill(page, answers)

    press(page, "Continue" if script and form != C else "Send to the team")

    expect(page.locator("h1:visible")).to_have_text(content.outcomes[outcome].title)
    if script:
        expect(page.locator("h1:visible")).to_be_focused()
        assert asked_for == []
        assert page.title() == whole
    press(page, "Back" if script else "Back to the form")
    expect(page.locator("h1:visible")).not_to_have_text(content.outcomes[outcome].title)
    assert kept(page) == as_lists(answers)
    assert page.locator("#problem, .wrong").count() == 0
    assert len(live_site.mails) == mails


def test_coming_back_to_a_form_after_sending_shows_it_empty_at_its_start(whole: Page) -> None:
    whole.goto("/stay-safe-online")
    whole.goto(A)
    fill(whole, GOOD[A])
    press_send(whole)
    expect(whole).to_have_title(re.compile("^We have your message"))

    press_back(whole)

    expect(whole.get_by_role("button", name="Start", exact=True)).to_be_visible()
    assert kept(whole) == {}


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the focus is on what is wanted (an expression of `on`)."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(f"(on => {wanted})(document.activeElement)"):
            return
    raise AssertionError(f"Tab does not reach {wanted}")


def answer_by_keys(page: Page, name: str, value: str) -> None:
    """Reach a question by Tab, and answer it by Space, arrows or typing; radios are one stop of Tab."""
    tab_to(
        page, f"on.name === '{name}' && (on.type !== 'checkbox' || on.value === '{value}')".replace("\n", " ")
    )
    kind = page.evaluate("document.activeElement.type")
    if kind not in ("radio", "checkbox"):
        page.keyboard.insert_text(value)
        return
    page.keyboard.press("Space")
    while page.evaluate("document.activeElement.value") != value:
        page.keyboard.press("ArrowDown")


@BOTH_WAYS
def test_form_a_is_filled_in_and_sent_by_keyboard_alone(page: Page, live_site: Site, script: bool) -> None:
    page.goto(A)
    if script:
        tab_to(page, "on.textContent === 'Start'")
        page.keyboard.press("Enter")
    for name, value in GOOD[A].items():
        for one in as_lists({name: value})[name]:
            answer_by_keys(page, name, one)
        if script and name in ("adult", "safe_notes", "about", "agree"):  # the last of their steps
            tab_to(page, "on.textContent === 'Continue'")
            page.keyboard.press("Enter")
    tab_to(page, "on.textContent === 'Send to the team'")
    page.keyboard.press("Enter")

    expect(page).to_have_title(re.compile("^We have your message"))
    mail = live_site.mail_folder / f"{page.locator('.reference').inner_text()}.eml"
    wait_until(mail.exists, "the mail")
    assert "Polish" in mail.read_text()
