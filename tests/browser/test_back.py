"""After Exit and after Send, neither Back nor Forward shows an answer, even for a moment.

In these tests Chromium keeps pages in memory as it does for people, and trusts the certificate. Both browsers
are those of the operating system. Three protections were removed one by one to see the tests fail: without
`autocomplete="off"`, Chromium shows answers, with and without JavaScript. Without JavaScript, Chromium also
shows them if the cookie that lasts one second is missing, and both browsers do if `no-store` is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from support.browser import Chromium
from support.firefox import Firefox
from support.processes import wait_until
from support.typing_in import EXIT, FORWARDS, MARKERS, SEND, STEPS, Tab, arrives, fill, pressed, shown


@pytest.fixture
def chromium_tab(whole_browser: Browser) -> Iterator[Callable[[bool], Tab]]:
    """Return a function that opens a Chromium tab without a history, with or without JavaScript."""
    contexts = []

    def open_tab(script: bool) -> Tab:
        contexts.append(whole_browser.new_context(java_script_enabled=script))
        return Chromium(contexts[-1].new_page())

    yield open_tab
    for context in contexts:
        context.close()


@pytest.fixture(params=["chromium", "firefox"])
def open_tab(request: pytest.FixtureRequest) -> Callable[[bool], Tab]:
    """Return a function that opens a tab without a history, with or without JavaScript, in each browser."""
    if request.param == "chromium":
        opener: Callable[[bool], Tab] = request.getfixturevalue("chromium_tab")
        return opener
    firefox: Firefox = request.getfixturevalue("firefox")

    def open_in_firefox(script: bool) -> Tab:
        firefox.new_tab(script, close=True)
        return firefox

    return open_in_firefox


def all_that_back_and_forward_show(tab: Tab) -> list[str]:
    """Press Back for each history entry, then Forward, and return each answer that was shown on the way."""
    presses = tab.run("return history.length") - 1
    found = []
    for press in [tab.back] * presses + [tab.forward] * presses:
        pressed(press)
        found += shown(tab)
    return found


def slip_and_mend(tab: Tab) -> None:
    """Send an answer that is refused, wait for the page that shows it again, and correct the answer."""
    tab.click(SEND)
    wait_until(lambda: bool(tab.run("return document.querySelector('#problem')?.id")), "the refusal")
    tab.type("#phone", MARKERS["phone"])


@pytest.mark.parametrize(
    ("script", "slip", "how"),
    [
        pytest.param(True, False, EXIT, id="exit"),
        pytest.param(True, True, SEND, id="send-after-a-slip"),
        pytest.param(False, False, EXIT, id="exit-no-script"),
        pytest.param(False, True, SEND, id="send-after-a-slip-no-script"),
    ],
)
def test_back_shows_no_answer(
    open_tab: Callable[[bool], Tab], https_site: Any, script: bool, slip: bool, how: str
) -> None:
    tab = open_tab(script)
    tab.goto(https_site.base_url)
    tab.goto(https_site.form_a)
    fill(tab, by_step=script, **({"phone": "12"} if slip else {}))
    if script:
        tab.click(FORWARDS)  # to "Check your answers", which shows them all
    if slip:
        slip_and_mend(tab)
    shown_before = "\n".join(shown(tab))

    tab.click(how)
    arrives(tab, https_site.elsewhere if how == EXIT else f"{https_site.base_url}/sent")
    shown_after = all_that_back_and_forward_show(tab)

    assert all(words in shown_before for words in MARKERS.values())
    assert shown_after == []


def test_back_after_exit_from_a_later_page_shows_no_answer(
    chromium_tab: Callable[[bool], Tab], https_site: Any
) -> None:
    """Firefox keeps no form in memory."""
    tab = chromium_tab(True)
    tab.goto(https_site.form_a)
    fill(tab, by_step=True, steps=[["name"]])
    tab.goto(https_site.base_url)

    tab.click(EXIT)
    arrives(tab, https_site.elsewhere)

    pressed(tab.back)
    assert shown(tab) == []
    assert tab.url == https_site.form_a


def test_back_after_exit_opens_the_page_that_was_left_only_if_it_had_several_history_entries(
    open_tab: Callable[[bool], Tab], https_site: Any
) -> None:
    """This is what /stay-safe-online says about Back."""

    def leave_and_press_back(address: str, answer: Callable[[Tab], None]) -> str:
        tab = open_tab(True)
        tab.goto(https_site.base_url + "/get-help-now")
        tab.goto(https_site.base_url + address)
        answer(tab)
        tab.click(EXIT)
        arrives(tab, https_site.elsewhere)
        pressed(tab.back)
        assert shown(tab) == []
        return tab.url.removeprefix(https_site.base_url)

    def to_step_3(tab: Tab) -> None:
        fill(tab, by_step=True, steps=STEPS[:3])

    def to_a_part(tab: Tab) -> None:
        tab.click(".contents a")

    pages = ["/stay-safe-online", "/refer/a"]
    behind = {address: leave_and_press_back(address, lambda _: None) for address in pages}

    assert behind == dict.fromkeys(pages, "/get-help-now")
    # a page that comes back from memory leaves again
    assert leave_and_press_back("/refer/a", to_step_3) in ("/refer/a", https_site.elsewhere)
    assert leave_and_press_back("/stay-safe-online", to_a_part) in ("/stay-safe-online", https_site.elsewhere)


def test_back_shows_the_answers_of_a_form_without_our_care(
    open_tab: Callable[[bool], Tab], https_site: Any
) -> None:
    tab = open_tab(False)
    tab.goto(https_site.elsewhere + "form")
    tab.type("[name=name]", MARKERS["name"])

    tab.click("button")
    arrives(tab, https_site.elsewhere + "taken")

    assert MARKERS["name"] in all_that_back_and_forward_show(tab)
