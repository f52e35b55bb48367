"""Fills in a form in a browser: step by step with JavaScript, otherwise on one page.

`fill` answers all questions in one call to the browser, which takes a tenth of the time that real clicks and
keys take. Tests of filling in itself use `fill_by_hand`.
"""

from __future__ import annotations

from collections.abc import Mapping

from playwright.sync_api import Page

from support.forms import GOOD, Answers

# Presses and answers only what can be seen, and causes the events that a click or typing would.
FILL = """answers => {
    const seen = (selector) => [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility());
    const press = (words) => seen("button").find((e) => e.textContent.trim() === words)?.click();
    press("Start");
    for (const [name, value] of answers) {
        const controls = `form [name="${name}"]`;
        if (!seen(controls).length) press("Continue");
        const [first, ...others] = seen(controls);
        if (!first) throw Error(`${name} is not shown`);
        if (first.matches("[type=radio], [type=checkbox]")) {
            for (const one of [value].flat()) {
                const choice = [first, ...others].find((e) => e.value === one);
                if (!choice.checked) choice.click();
            }
        } else {
            first.focus();
            first.value = value;
            for (const type of ["input", "change"]) first.dispatchEvent(new Event(type, {bubbles: true}));
        }
    }
}"""


def press(page: Page, button: str) -> None:
    """Press the only visible button with this name."""
    page.get_by_role("button", name=button, exact=True).locator("visible=true").click()


def answer(page: Page, name: str, value: str | list[str]) -> None:
    """Answer one question as a person does: choose, tick or type."""
    first = page.locator(f'form [name="{name}"]').first
    if first.get_attribute("type") in ("radio", "checkbox"):
        for one in [value] if isinstance(value, str) else value:
            page.locator(f'form [name="{name}"][value="{one}"]').check()
    else:
        first.fill(str(value))


def fill(page: Page, answers: Answers) -> None:
    """Answer in the order of the form, and press Continue when the next question is in a later step."""
    page.wait_for_load_state()  # scripts decide what is shown
    page.evaluate(FILL, [*answers.items()])


def fill_by_hand(page: Page, answers: Answers) -> None:
    """Do what `fill` does with the mouse and the keyboard."""
    page.wait_for_load_state()
    start = page.get_by_role("button", name="Start", exact=True)
    if start.is_visible():
        start.click()
    for name, value in answers.items():
        if not page.locator(f'form [name="{name}"]').first.is_visible():
            press(page, "Continue")
        answer(page, name, value)


def send(page: Page, form: str, answers: Answers) -> None:
    """Open a form, answer it, and press Send."""
    page.goto(form)
    fill(page, answers)
    press_send(page)


def press_send(page: Page) -> None:
    """Press Send, after Continue if the form has a step to check the answers."""
    go_on = page.get_by_role("button", name="Continue", exact=True).locator("visible=true")
    if go_on.count():
        go_on.click()
    press(page, "Send to the team")


def kept(page: Page) -> Mapping[str, list[str]]:
    """Return the values in the form by name, without the token and empty fields."""
    found: dict[str, list[str]] = page.evaluate(
        """() => {
            const kept = {};
            const form = document.querySelector("main form[method=post]");
            for (const [name, value] of new FormData(form)) {
                if (!value || name === "form_token") continue;
                (kept[name] ??= []).push(value.replaceAll("\\r\\n", "\\n"));
            }
            return kept;
        }"""
    )
    return found


def as_lists(answers: Answers) -> dict[str, list[str]]:
    """Return answers in the format of `kept`."""
    return {name: [value] if isinstance(value, str) else list(value) for name, value in answers.items()}


def changed(form: str, change: Answers) -> Answers:
    """Return the good answers with changes; an empty list omits a question."""
    return {name: value for name, value in {**GOOD[form], **change}.items() if value}


def up_to(form: str, change: Answers) -> Answers:
    """Return the good answers up to and including the changed one."""
    (last,) = change
    names = list(GOOD[form])
    return {**{name: GOOD[form][name] for name in names[: names.index(last)]}, **change}
