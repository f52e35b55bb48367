"""What people who use a screen reader hear, where no accessibility checker can judge it."""

from __future__ import annotations

import time

import pytest
from werkzeug.serving import BaseWSGIServer

from rjsite.content.library import Library
from rjsite.intake import Intake, NotStored
from rjsite.settings import Settings
from support.forms import CONTACT, GOOD, A, B
from support.screen_reader import Listener
from support.visitor import REFERENCE, Visitor

# This script gives answers that a test is not about, because that is quicker than the keyboard.
ANSWER = """
for (const [name, value] of Object.entries(arguments[0])) {
    for (const field of document.getElementsByName(name)) {
        if (field.type === "radio" || field.type === "checkbox") field.checked = field.value === value;
        else field.value = value;
    }
}
"""
MESSAGE = {"message": "Can you help?", "reply_by": "none"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Accept one form per hour from each address."""
    return settings.model_copy(update={"ratelimit_forms": "1 per hour"})


def test_what_is_missing_is_heard_each_time(listener: Listener, base_url: str, content: Library) -> None:
    step = content.forms[A].steps[0]
    missing = [question.missing for question in step.questions]
    listener.open(base_url + A)
    listener.press_button("Start")
    listener.hears(step.title)

    listener.press_button("Continue")
    listener.hears("There is a problem")
    listener.press_button("Continue")
    listener.hears("There is a problem")
    listener.press("Tab")
    listener.hears(missing[0], "link")
    listener.press("Return")
    listener.hears(step.questions[0].label, "invalid", missing[0])
    listener.press("Return")  # does the same as Continue; the focus is still in the field
    listener.hears("There is a problem")
    listener.press("Down")
    listener.hears(missing[0])


def test_each_step_and_what_an_answer_opens_are_heard(
    listener: Listener, base_url: str, content: Library
) -> None:
    first, second, *_ = steps = content.forms[A].steps
    listener.open(base_url + A)
    listener.press_button("Start")
    listener.hears(first.title, f"Step 1 of {len(steps)}")

    listener.browser.run(ANSWER, {"name": "Ally", "adult": "yes"})
    listener.press_button("Continue")
    listener.hears(second.title, f"Step 2 of {len(steps)}")
    listener.press("r")
    listener.hears("radio button")
    listener.press("space")
    listener.hears("A question has opened below")


def test_an_outcome_is_heard_and_the_way_back(listener: Listener, base_url: str, content: Library) -> None:
    step = content.forms[B].steps[0]
    listener.open(base_url + B)
    listener.press_button("Start")
    listener.hears(step.title)
    listener.browser.run(ANSWER, {"adult": "no"})

    listener.press_button("Continue")
    listener.hears(content.outcomes["under-18"].title)
    listener.press_button("Back")
    listener.hears(step.title)


def test_sending_is_heard_and_then_the_reference(
    listener: Listener, base_url: str, content: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, sent = Intake.accept, content.pages["/sent"]
    monkeypatch.setattr(Intake, "accept", lambda *given: (time.sleep(4), accept(*given)))
    listener.open(base_url + CONTACT)
    listener.browser.run(ANSWER, MESSAGE)

    listener.press_button(content.forms[CONTACT].send)

    listener.hears("Sending", sent.title, "Your reference is", sent.sections[0].title)
    assert REFERENCE.search(listener.heard)


def test_it_is_heard_that_a_form_was_not_sent(
    listener: Listener,
    base_url: str,
    content: Library,
    server: BaseWSGIServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise NotStored

    not_sent, too_many = content.errors["503"].title, content.errors["429"].title
    listener.open(base_url + CONTACT)
    listener.browser.run(ANSWER, MESSAGE)

    with monkeypatch.context() as broken:
        broken.setattr(Intake, "accept", refuse)
        listener.press_button(content.forms[CONTACT].send)
        listener.hears(f"{not_sent} panel")
        listener.press("Down")
        listener.hears("Your answers are still on this page")
    Visitor(base_url).send(GOOD[A])
    listener.press_button(content.forms[CONTACT].send)
    listener.hears(f"{too_many} panel")
    server.shutdown()
    server.server_close()
    listener.press_button(content.forms[CONTACT].send)
    listener.hears(f"{not_sent} panel")


def test_a_content_note_is_heard_with_the_link_of_its_story(
    listener: Listener, base_url: str, content: Library
) -> None:
    story = next(story for story in content.story_index.stories if story.content_notes)
    listener.open(f"{base_url}/case-studies/")

    listener.find("h", story.title)

    listener.hears(story.title, "link", "Note", story.content_notes[0])


def test_a_cell_of_a_table_is_heard_with_its_heading(listener: Listener, base_url: str) -> None:
    listener.open(f"{base_url}/how-it-works")
    cells = "return [...document.querySelectorAll('table :is(th, td)')].map((cell) => cell.innerText)"
    names = listener.browser.run(cells)
    assert isinstance(names, list)
    (first, _, third), row, next_row = names[:3], names[3:6], names[6:9]

    listener.press("t")
    listener.hears("table", "3 columns", first)
    listener.press("alt+shift+Down")
    listener.hears(row[0])
    listener.press("alt+shift+Right")
    listener.hears(row[1])
    listener.press("alt+shift+Right")
    listener.hears(third, row[2])
    listener.press("alt+shift+Down")
    listener.hears(next_row[0], next_row[2])


def test_shift_with_a_letter_stays_and_three_times_shift_leaves(listener: Listener, base_url: str) -> None:
    listener.open(base_url + A)
    listener.press("ctrl+End")
    for letter, part in {"h": "heading", "b": "button", "k": "link"}.items():
        for _ in range(4):
            listener.hold("shift", letter)
        listener.hears(part)
        assert listener.browser.url == base_url + A, letter

    time.sleep(1)  # so that the page is at rest
    listener.press("Shift_L")
    listener.hears("Press Shift 2 more times to leave", "You are still on this page")
    listener.press("Shift_L", "Shift_L", "Shift_L")
    listener.hears("Finished loading")
    assert not listener.browser.url.startswith(base_url)
