"""In every state of a form, axe (with AAA rules) and the markup check find nothing, and it fits the window.

Form A is tested step by step and form C on one page; without JavaScript, form A is on one page, too. The
states of forms B and CONTACT, and those of form C without JavaScript, come from the same templates and kinds
of question. All outcomes of a form have one template.
"""

from __future__ import annotations

from collections.abc import Iterator

import html5lib
import pytest
from playwright.sync_api import Page, expect

from rjsite.content.library import Library
from support.browser import BY_LOOK, axe_faults
from support.forms import GOOD, STOPS, A, C
from support.walk import changed, fill, press, press_send, up_to

LOOKS: tuple[tuple[str, str, int], ...] = (
    ("dark", "none", 1280),
    ("light", "active", 320),
)  # colour scheme, forced colours, width; the first look is light and 320 px wide
FORMS = (A, C)


def steps(page: Page, form: str, content: Library) -> Iterator[str]:
    """Go through a form step by step, and yield at each state: opened, with answers missing, and checked."""
    yield "opening"
    press(page, "Start")
    for step in content.forms[form].steps:
        yield step.title
        press(page, "Continue")
        expect(page.locator("#problem")).to_be_focused()
        yield f"{step.title}: missing"
        fill(page, {q.name: GOOD[form][q.name] for q in step.questions if q.name in GOOD[form]})
        press(page, "Continue")
    yield "check"


def outcome(page: Page, form: str) -> Iterator[str]:
    """Bring a form to an outcome, which is shown in place, and yield the name of this state."""
    change = next(change for stopped, change, _ in STOPS if stopped == form)
    page.goto(form)
    fill(page, changed(form, change) if form == C else up_to(form, change))
    press(page, "Send to the team" if form == C else "Continue")
    expect(page.locator("section.outcome h1")).to_be_visible()
    yield "an outcome"


def states(page: Page, form: str, content: Library, script: bool) -> Iterator[str]:
    """Bring a form into each of its states, one after another, and yield the name of each."""
    page.goto(form)
    if script and form == A:
        yield from steps(page, form, content)
    else:
        yield "empty"
        press(page, "Send to the team")
        expect(page.locator("#problem")).to_be_visible()
        yield "every answer missing"
        page.goto(form)
        fill(page, GOOD[form])
    if script:
        page.route(
            "**/*", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
        )
        press_send(page)
        expect(page.locator("#notice")).to_be_focused()
        yield "not sent"
        page.unroute("**/*")
    press_send(page)
    expect(page.locator("[data-sent]")).to_be_visible()
    yield "sent"
    if script:
        yield from outcome(page, form)
    bad = {"phone": "12", "their_trusted_name": "x" * 101}
    page.goto(form)
    fill(page, {**GOOD[form], **{name: value for name, value in bad.items() if name in GOOD[form]}})
    press_send(page)
    expect(page.locator("#problem")).to_be_visible()
    yield "a slip, all open"


def other_look(form: str, state: str) -> tuple[str, str, int]:
    """Return one of LOOKS for a state of a form.

    Each part of a form is shown in many states, and several forms have the same state. So states take turns,
    and the same state of the next form has the other look.
    """
    return LOOKS[(len(state) + FORMS.index(form)) % len(LOOKS)]


def faults_of(page: Page, form: str, state: str, script: bool) -> list[str]:
    """Return the faults of the page. It looks the same without JavaScript, so its look is tested once."""
    parser = html5lib.HTMLParser()
    parser.parse(page.content())
    found = [f"markup: {error}" for error in parser.errors]
    headings = page.locator("h1:visible").count()
    found += [f"{headings} level-one headings"] if headings != 1 else []
    # everything around a form stays as it was when the form was opened
    within = "main" if script and state not in ("opening", "empty") else "html"
    found += [*axe_faults(page, within=within), *sideways(page)]
    for scheme, forced, width in [other_look(form, state)] if script else ():
        page.emulate_media(color_scheme=scheme, forced_colors=forced)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 640})
        found += [
            f"{scheme} {forced} {width}: {fault}"
            for fault in sideways(page) + axe_faults(page, only=BY_LOOK, within=within)
        ]
    page.emulate_media(color_scheme="light", forced_colors="none")
    page.set_viewport_size({"width": 320, "height": 640})
    return [f"{state}: {fault}" for fault in found]


def sideways(page: Page) -> list[str]:
    """Return a fault if the page scrolls sideways."""
    by = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"scrolls sideways by {by} px"] if by > 0 else []


# Returns the numbers of links and buttons that look different from each other and from all that were returned
# for the same document before. A look is a combination of their own classes and their parent's.
OF_EACH_LOOK = """() => {
    window.looks ??= new Set();
    const fresh = [];
    [...document.querySelectorAll("a, button")].forEach((target, number) => {
        const {tagName, className, parentElement: parent} = target;
        const part = target.closest("header, main, footer")?.tagName;
        const look = [tagName, className, parent.tagName, parent.className, part].join();
        if (!target.checkVisibility() || window.looks.has(look)) return;
        window.looks.add(look);
        fresh.push(number);
    });
    return fresh;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_pointed_at_can_be_read(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.goto(A)
    faults = []
    for step in ("Start", "Continue"):
        for number in page.evaluate(OF_EACH_LOOK):
            page.locator("a, button").nth(number).hover(force=True)
            faults += axe_faults(
                page, only=("color-contrast", "color-contrast-enhanced"), within=":hover:is(a, button)"
            )
        press(page, step)

    assert faults == []


@pytest.mark.parametrize(
    ("form", "script"),
    [(A, True), (C, True), pytest.param(A, False, id="no-script", marks=pytest.mark.no_script)],
)
def test_nothing_is_wrong_in_any_state_of_a_form_in_any_look(
    page: Page, content: Library, form: str, script: bool
) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.emulate_media(reduced_motion="reduce")  # so that no colour is in transition

    faults = [
        fault
        for state in states(page, form, content, script)
        for fault in faults_of(page, form, state, script)
    ]

    assert faults == []
