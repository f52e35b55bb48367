"""Forms A and B are shown one topic at a time, and send nothing before Send (real Chromium)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Request, Route, expect

from rjsite.content.library import Library
from support.browser import BOTH_WAYS, press_back
from support.firefox import Firefox
from support.forms import BAD_PHONE, CONTACT, GOOD, STOPS, A, Answers, B, C
from support.processes import wait_until
from support.site_process import Site
from support.walk import answer, as_lists, changed, fill, kept, press, press_send, send, up_to


@pytest.fixture
def asked_for(page: Page) -> list[Request]:
    """Return the list of all requests of the page from now on, except those for static files."""
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request) if "/static/" not in request.url else None)
    return seen


def heading(page: Page) -> str:
    """Return the one level-one heading that is shown."""
    return page.locator("h1:visible").inner_text().replace("\n", " ")


def test_each_topic_has_its_heading_title_and_place_and_the_address_stays(
    page: Page, content: Library
) -> None:
    form = B
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


def test_every_question_and_answer_is_shown_to_be_checked_and_then_sent(
    page: Page, live_site: Site, content: Library, asked_for: list[Request]
) -> None:
    form = A
    page.goto(form)
    del asked_for[:]
    fill(page, GOOD[form])
    press(page, "Continue")
    every = content.forms[form].questions
    questions = [question for question in every if question.name in GOOD[form] or not question.when]
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
        given = as_lists(GOOD[form]).get(question.name, ["Not answered"])
        words = [choice.label for choice in question.choices if choice.value in given] or given
        assert shown[question.label] == ("Yes" if question.kind == "tick" else "; ".join(words))


def test_a_question_left_out_is_said_to_be_not_answered(page: Page) -> None:
    page.goto(A)
    fill(page, {name: value for name, value in GOOD[A].items() if name != "safe_notes"})
    press(page, "Continue")

    row = page.locator("[data-answers] > div", has_text="anything else that makes this safer")

    expect(row.locator("dd").first).to_have_text("Not answered")


@pytest.mark.parametrize("form", [A, B])
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
            assert page.locator(".question.bad [aria-describedby$=-error]").count() >= 1
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


def test_a_question_is_asked_only_if_the_question_that_opens_it_is(page: Page) -> None:
    page.goto(A)
    last = page.locator(".question:has(> [name=safe_notes])")
    last.evaluate("""part => { part.dataset.when = '{"leave_message": ["yes"]}'; }""")
    fill(page, up_to(A, {"leave_message": "yes"}))
    expect(last).to_be_visible()

    answer(page, "contact_by", "call")  # nobody is asked about a message any more

    expect(last).to_be_hidden()


@pytest.mark.parametrize("begun", ["[name=name]", "[name=adult][value=yes]"])
def test_a_form_begun_before_the_script_came_stays_as_it_is(page: Page, begun: str) -> None:
    held: list[Route] = []
    page.route("**/static/form.*", lambda route: held.append(route))
    page.goto(A, wait_until="commit")
    page.locator(begun).click()
    if begun == "[name=name]":
        page.keyboard.type("Zof")
    place = page.locator(begun).bounding_box()

    held[0].continue_()
    page.wait_for_load_state()

    assert page.locator(begun).bounding_box() == place
    expect(page.locator(begun)).to_be_focused()
    for name, value in GOOD[A].items():
        answer(page, name, value)
    press(page, "Send to the team")
    expect(page).to_have_title(re.compile("^We have your message"))


def test_enter_goes_on_and_never_sends_before_the_check(page: Page, asked_for: list[Request]) -> None:
    page.goto(A)
    del asked_for[:]
    press(page, "Start")
    answer(page, "adult", "yes")
    page.get_by_label("What should we call you?").fill("Ally")

    page.keyboard.press("Enter")

    assert heading(page) == "How to reach you safely"
    assert asked_for == []


@BOTH_WAYS
@pytest.mark.parametrize("form", [A, CONTACT])
def test_enter_in_a_form_on_one_page_never_sends_it(
    page: Page, asked_for: list[Request], form: str, script: bool
) -> None:
    page.goto(form)
    if script and form == A:  # the form comes back on one page
        fill(page, changed(form, {"phone": "12"}))
        press_send(page)
        expect(page.locator("#problem")).to_be_focused()
    field = page.locator("form .question :is(input[type=text], input[type=tel]):visible").first
    field.fill("Ally")
    del asked_for[:]

    field.press("Enter")

    page.wait_for_timeout(200)
    assert asked_for == []
    expect(field).to_have_value("Ally")


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


def test_a_double_click_on_back_goes_one_step_and_loses_nothing(page: Page) -> None:
    page.goto("/stay-safe-online")
    page.goto(A)
    fill(page, {"name": "Zofia Ł"})

    page.locator("[data-back]:visible").dblclick()

    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    press(page, "Start")
    assert kept(page) == {"name": ["Zofia Ł"]}
    page.locator("[data-back]:visible").click()  # and Back works again
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()


@BOTH_WAYS
def test_once_something_is_typed_no_link_offers_to_open_the_form_anew(page: Page, script: bool) -> None:
    page.goto(CONTACT)
    link = page.locator("#fill a")
    expect(link).to_be_visible()

    page.locator("[name=message]").press_sequentially("x")
    if not script:  # CSS does not notice what was typed before the focus leaves the field
        page.keyboard.press("Tab")

    expect(link).to_be_hidden()


@BOTH_WAYS
def test_once_something_is_chosen_no_link_offers_to_open_the_form_anew(page: Page, script: bool) -> None:
    page.goto(CONTACT)

    page.locator("[name=topic]").first.check()

    expect(page.locator("#fill a")).to_be_hidden()


@BOTH_WAYS
def test_firefox_too_offers_the_link_to_autofill_on_an_empty_form(
    firefox: Firefox, base_url: str, script: bool
) -> None:
    firefox.new_tab(script, close=True)
    firefox.goto(base_url + CONTACT)

    assert firefox.run("return getComputedStyle(document.querySelector('#fill')).visibility") == "visible"


@pytest.mark.no_script
def test_a_click_on_the_link_to_autofill_straight_after_typing_opens_nothing_anew(page: Page) -> None:
    page.goto(CONTACT)
    page.locator("[name=message]").press_sequentially("x")
    place = page.locator("#fill a").bounding_box()
    assert place

    page.mouse.click(place["x"] + 9, place["y"] + 9)

    assert page.url.endswith(CONTACT)
    assert page.locator("[name=message]").input_value() == "x"


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


@pytest.mark.parametrize(("form", "change", "outcome"), [STOPS[0], STOPS[-1]])
def test_a_stop_is_told_in_place_sends_nothing_and_loses_nothing(
    page: Page,
    live_site: Site,
    content: Library,
    asked_for: list[Request],
    form: str,
    change: Answers,
    outcome: str,
) -> None:
    page.goto(form)
    whole = page.title()
    del asked_for[:]
    mails = len(live_site.mails)
    answers = changed(form, change) if form == C else up_to(form, change)  # form C is one page
    fill(page, answers)

    press(page, "Send to the team" if form == C else "Continue")

    expect(page.locator("h1:visible")).to_have_text(content.outcomes[outcome].title)
    expect(page.get_by_role("button", name="Send to the team")).to_have_count(0)  # none is shown
    expect(page.locator("h1:visible")).to_be_focused()
    assert asked_for == []
    assert page.title() == whole
    press(page, "Back")
    expect(page.locator("h1:visible")).not_to_have_text(content.outcomes[outcome].title)
    assert kept(page) == as_lists(answers)
    assert page.locator("#problem, .wrong").count() == 0
    assert len(live_site.mails) == mails


def test_back_shows_the_step_from_its_top(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto(A)
    fill(page, up_to(A, {"say_who": "no"}))
    left_at = page.evaluate("scrollY")
    press(page, "Continue")

    press_back(page)

    expect(page.locator("h1:visible")).to_have_text("How to reach you safely")
    page.wait_for_timeout(200)  # a browser restores the old scroll position shortly after Back
    assert left_at > 0
    assert page.evaluate("scrollY") == 0


def skip_to_main_content(page: Page) -> None:
    """Use the skip link by keyboard, as people do."""
    page.locator("a.skip").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_the_skip_link_stays_on_the_step_and_adds_nothing_to_go_back_through(page: Page) -> None:
    page.goto(A)
    fill(page, up_to(A, {"contact_by": "phone"}))
    address, entries = page.url, page.evaluate("history.length")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")

    skip_to_main_content(page)

    assert heading(page) == "How to reach you safely"
    expect(page.locator("h1:visible")).to_be_in_viewport()
    assert (page.url, page.evaluate("history.length")) == (address, entries)
    assert kept(page) == as_lists(up_to(A, {"contact_by": "phone"}))
    press_back(page)
    expect(page.locator("h1:visible")).to_have_text("About you")


def test_an_address_with_a_place_in_it_stays_on_the_step(page: Page) -> None:
    page.goto(A)
    fill(page, up_to(A, {"contact_by": "phone"}))

    page.evaluate("location.hash = 'main'")
    page.wait_for_function("() => location.hash === '#main'")

    assert heading(page) == "How to reach you safely"


REFUSED = {A: {"phone": "123"}, CONTACT: {"message": "x" * 2001}}
TOLD = {A: BAD_PHONE, CONTACT: "Message must be 2,000 characters or less"}


def refused(page: Page, form: str) -> Answers:
    """Send a form with an answer that the server refuses, and return all its answers."""
    answers = {**GOOD[form], **REFUSED[form]}
    send(page, form, answers)
    expect(page.locator("#problem")).to_be_focused()
    return answers


def assert_still_told(page: Page, form: str, answers: Answers) -> None:
    """Check that the title, the summary and the question still name the error, and every answer is kept."""
    (field,) = REFUSED[form]
    assert page.title().startswith("Error: ")
    assert page.locator("#problem a").all_inner_texts() == [TOLD[form]]
    expect(page.locator(f"#{field}-error")).to_have_text(f"Error: {TOLD[form]}")
    assert page.locator("[aria-invalid=true]").count() == 1
    assert kept(page) == as_lists(answers)


@pytest.mark.parametrize("form", REFUSED)
def test_the_skip_link_after_a_refusal_keeps_what_is_said(page: Page, form: str) -> None:
    answers = refused(page, form)

    skip_to_main_content(page)

    assert_still_told(page, form, answers)


def test_back_after_a_refusal_leads_from_part_to_part_and_keeps_what_is_said(
    page: Page, content: Library
) -> None:
    page.goto("/stay-safe-online")
    answers = refused(page, A)
    titles = [step.title for step in content.forms[A].steps]

    for number, title in reversed([*enumerate(titles, 1)]):
        press_back(page)
        part = page.get_by_role("heading", name=f"{number}. {title}", exact=True)
        expect(part).to_be_focused()
        page.wait_for_timeout(100)  # a browser restores the old scroll position shortly after Back
        expect(part).to_be_in_viewport()
        assert_still_told(page, A, answers)
    press_back(page)
    expect(page.locator("h1:visible")).to_be_focused()
    assert_still_told(page, A, answers)
    for _ in range(len(titles) + 1):
        page.go_forward(wait_until="commit")
    expect(page.locator("h1:visible")).to_be_focused()
    assert_still_told(page, A, answers)

    # delayed, because `evaluate` could not return if the page were already gone
    page.evaluate(f"() => void setTimeout(() => history.go(-{len(titles) + 2}), 50)")

    expect(page).to_have_url(re.compile("/stay-safe-online$"))


@pytest.mark.parametrize("form", [A, C])
def test_back_from_an_outcome_after_a_refusal_opens_every_part_again(
    page: Page, content: Library, form: str
) -> None:
    send(page, form, {**GOOD[form], "about": "x" * 1001})
    expect(page.locator("#problem")).to_be_focused()
    page.locator("[name=about]").fill("Shorter")
    link = ["none"]
    for given in GOOD[form]["link"]:
        page.locator(f"[name=link][value='{given}']").uncheck()
    answer(page, "link", link)
    answers = {**GOOD[form], "about": "Shorter", "link": link}
    press(page, "Send to the team")
    expect(page.locator("h1:visible")).to_have_text(content.outcomes["outside"].title)
    at_outcome = page.title()

    press(page, "Back")

    expect(page.locator("section.outcome")).to_have_count(0)
    expect(page.locator("h1:visible")).to_be_focused()
    assert not at_outcome.startswith("Error")
    assert not page.title().startswith("Error")
    assert all(step.is_visible() for step in page.locator(".step:not(.check)").all())
    assert kept(page) == as_lists(answers)


def test_what_the_styleguide_shows_can_be_tried(page: Page) -> None:
    page.goto("/styleguide")
    shown = page.locator(".question:visible").count()

    page.locator(".question input[type=radio]:visible").last.check()
    page.locator("#problem a").first.click()

    assert shown > 3
    assert page.evaluate("document.activeElement.closest('.question') !== null")


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
    """Press Tab until `wanted`, an expression about the focused element `on`, is true."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(f"(on => {wanted})(document.activeElement)"):
            return
    raise AssertionError(f"Tab does not reach {wanted}")


def answer_by_keys(page: Page, name: str, value: str) -> None:
    """Reach a question with Tab, which stops at radios once, and answer it with Space, arrows or text."""
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
        tab_to(page, "on.innerText === 'Start'")
        page.keyboard.press("Enter")
    for name, value in GOOD[A].items():
        for one in as_lists({name: value})[name]:
            answer_by_keys(page, name, one)
        if script and name in ("adult", "safe_notes", "about", "agree"):  # the last questions of their steps
            tab_to(page, "on.innerText === 'Continue'")
            page.keyboard.press("Enter")
    tab_to(page, "on.innerText === 'Send to the team'")
    page.keyboard.press("Enter")

    expect(page).to_have_title(re.compile("^We have your message"))
    mail = live_site.mail_folder / f"{page.locator('.reference').inner_text()}.eml"
    wait_until(mail.exists, "the mail")
    assert "Polish" in mail.read_text()
