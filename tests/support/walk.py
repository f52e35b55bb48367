"""How a person fills in a form in a browser: one topic at a time where script runs, else all at once."""

from __future__ import annotations

from collections.abc import Mapping

from playwright.sync_api import Page

from support.forms import GOOD, Answers


def press(page: Page, button: str) -> None:
    """Press the one button of this name that is shown."""
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
    """Answer in the order of the form, and go on where the next question is in a later step."""
    page.wait_for_load_state()  # scripts decide what is shown
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
    """Press Send, after the check of the answers where there is one."""
    go_on = page.get_by_role("button", name="Continue", exact=True).locator("visible=true")
    if go_on.count():
        go_on.click()
    press(page, "Send to the team")


def kept(page: Page) -> Mapping[str, list[str]]:
    """What stands in the fields of the form in the page, by name; the token and empty fields left out."""
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
    """Answers in the same shape as `kept`."""
    return {name: [value] if isinstance(value, str) else list(value) for name, value in answers.items()}


def changed(form: str, change: Answers) -> Answers:
    """Good answers with some changed; an empty list leaves a question out."""
    return {name: value for name, value in {**GOOD[form], **change}.items() if value}


def up_to(form: str, change: Answers) -> Answers:
    """Good answers up to the one that is changed."""
    (last,) = change
    names = list(GOOD[form])
    return {**{name: GOOD[form][name] for name in names[: names.index(last)]}, **change}
