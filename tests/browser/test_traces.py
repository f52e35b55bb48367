"""No answer is sent or stored before Send, and none stays on disk or in an address after it.

The search of the disk is tested too: it finds answers (TELLTALE) that were typed into a page without our
protections, in the same profile.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, expect

from support.browser import Chromium, chromium_launch
from support.firefox import Firefox
from support.processes import wait_until
from support.typing_in import (
    EXIT,
    FORWARDS,
    MARKERS,
    SEND,
    STEPS,
    WORDS,
    Tab,
    arrives,
    fill,
    left_on_disk,
    words_of,
)

TELLTALE = "Unprotectedly"
SIDE = re.compile(r"\b(harm|victim|offend|caus|responsib|survivor|abus)", re.IGNORECASE)
KEPT = """async () => ({
    local: localStorage.length, session: sessionStorage.length, cookie: document.cookie, named: window.name,
    databases: (await indexedDB.databases()).length, caches: (await caches.keys()).length,
    workers: (await navigator.serviceWorker.getRegistrations()).length,
    folder: await navigator.storage.getDirectory().then(async (folder) => (await folder.keys().next()).done),
})"""
NOTHING_KEPT = {
    "local": 0, "session": 0, "cookie": "", "named": "", "databases": 0, "caches": 0, "workers": 0,
    "folder": True,
}  # fmt: skip


# -- before Send -------------------------------------------------------------------------------------------


def walk_a(page: Page) -> Iterator[None]:
    """Go through form A to "Check your answers", one step at a time, and then with Back to the first step."""
    for step in STEPS:
        page.locator(FORWARDS).first.click()
        yield
        fill(Chromium(page), by_step=False, steps=[step])
        yield
    page.locator(FORWARDS).first.click()
    yield
    for _ in STEPS:
        page.locator("[data-back]:visible").click()
        yield


def walk_b(page: Page) -> Iterator[None]:
    """Go through form B to the outcome that says that the person harmed has to ask."""
    page.locator(FORWARDS).first.click()
    page.locator("[name=adult][value=yes]").check()
    page.locator("[name=victim_led][value=yes]").check()
    yield
    page.locator(FORWARDS).first.click()
    expect(page.locator("section.outcome")).to_be_visible()
    yield


@pytest.mark.parametrize(
    ("address", "walk", "way_to_leave"),
    [("/refer/a", walk_a, "link"), ("/refer/a", walk_a, "exit"), ("/refer/b", walk_b, "exit")],
)
def test_filling_in_a_form_sends_nothing_and_keeps_nothing(
    tab: Page, https_site: Any, address: str, walk: Callable[[Page], Iterator[None]], way_to_leave: str
) -> None:
    asked: list[str] = []
    wire = tab.context.new_cdp_session(tab)
    wire.send("Network.enable")
    wire.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    wire.on("Network.webSocketCreated", lambda event: asked.append(event["url"]))
    tab.context.on("request", lambda request: asked.append(request.url))
    tab.goto(https_site.base_url + address, wait_until="networkidle")
    asked.clear()
    log_before = len(https_site.site.log)
    names = []

    for _ in walk(tab):
        names.append(tab.url + " " + tab.title())
        state = tab.evaluate("history.state")
        assert isinstance(state, int)  # the number of a screen
        assert tab.evaluate(KEPT) == NOTHING_KEPT
        assert tab.context.cookies() == []

    assert [url for url in asked if "/static/" not in url] == []
    tab.locator("a.name" if way_to_leave == "link" else EXIT).click()
    there = https_site.base_url + "/" if way_to_leave == "link" else https_site.elsewhere
    tab.wait_for_url(there)
    wanted = [line for line in https_site.site.log[log_before:].splitlines() if "/static/" not in line]
    # a browser may request the icon of the other site once it is there; our page did not ask for that
    icon = {f"{https_site.elsewhere}favicon.ico"} if way_to_leave == "exit" else set()
    assert {url for url in asked if "/static/" not in url} - icon == {there}
    assert len(wanted) == (1 if way_to_leave == "link" else 0), wanted
    for cookie in tab.context.cookies():
        assert (way_to_leave, cookie["name"], cookie["value"]) == ("exit", "clear", "1")
        assert cookie["expires"] < time.time() + 1
    assert [name for name in names if SIDE.search(name.lower()) or any(word in name for word in WORDS)] == []


@pytest.mark.no_script  # then a form shows all its questions
@pytest.mark.parametrize("address", ["/refer/a", "/refer/c", "/contact", "/think-it-through"])
def test_no_field_lets_the_browser_send_what_is_typed_to_a_spelling_or_writing_service(
    page: Page, address: str
) -> None:
    page.goto(address)
    fields = page.locator("main :is(textarea, input:is([type=text], [type=tel], [type=email]))")

    assert fields.count() >= 1
    offered = fields.evaluate_all(
        "all => all.filter((e) => e.spellcheck || e.writingSuggestions !== 'false').map((e) => e.id)"
    )
    assert offered == []


# -- after Send --------------------------------------------------------------------------------------------


def send(tab: Tab, site: Any) -> None:
    tab.goto(site.form_a)
    fill(tab, by_step=True)
    tab.click(FORWARDS)
    tab.click(SEND)
    arrives(tab, f"{site.base_url}/sent")


def send_after_a_refusal(tab: Tab, site: Any) -> None:
    tab.goto(site.form_a)
    fill(tab, by_step=True, phone="12")
    tab.click(FORWARDS)
    tab.click(SEND)
    wait_until(lambda: bool(tab.run("return document.querySelector('#problem')?.id")), "the refusal")
    tab.type("#phone", MARKERS["phone"])
    tab.click(SEND)
    arrives(tab, f"{site.base_url}/sent")


def leave(tab: Tab, site: Any) -> None:
    tab.goto(site.form_a)
    fill(tab, by_step=True)
    tab.click(FORWARDS)
    tab.click(EXIT)
    arrives(tab, site.elsewhere)


def send_without_script(tab: Tab, site: Any) -> None:
    tab.goto(site.form_a)
    fill(tab, by_step=False)
    tab.click(SEND)
    arrives(tab, f"{site.base_url}/sent")


def stop_half_way(tab: Tab, site: Any) -> None:
    tab.goto(site.form_a)
    fill(tab, by_step=True, steps=STEPS[:3])


def trust_another(tab: Tab, site: Any) -> None:
    """Send the form of the other site."""
    tab.goto(site.elsewhere + "form")
    tab.type("[name=name]", TELLTALE)
    tab.click("button")
    arrives(tab, site.elsewhere + "taken")


def trust_another_half_way(tab: Tab, site: Any) -> None:
    """Type into that form, and leave it open. When this is on disk, everything typed earlier is, too."""
    tab.goto(site.elsewhere + "form")
    tab.type("[name=about]", TELLTALE)


ACTS = (trust_another, send_after_a_refusal, leave, stop_half_way, trust_another_half_way)


def holds_telltale(files: Iterable[Path]) -> bool:
    """Return whether a browser has written what it keeps about its open tabs."""
    return any(TELLTALE in words_of(file) for file in files)


def test_chromium_keeps_no_answer_on_disk(
    playwright: Playwright, https_site: Any, certificate: Path, tmp_path: Path
) -> None:
    launch = chromium_launch("Chromium", certificate)
    with playwright.chromium.launch_persistent_context(tmp_path, **launch) as context:
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setScriptExecutionDisabled", {"value": True})
        send_without_script(Chromium(page), https_site)
        for act in ACTS:
            act(Chromium(context.new_page()), https_site)
        session = (tmp_path / "Default" / "Sessions").glob
        wait_until(lambda: holds_telltale(session("Session_*")), "the session")
        if_killed_now = left_on_disk(tmp_path, TELLTALE)

    when_closed = left_on_disk(tmp_path, TELLTALE)

    assert list(if_killed_now) == list(when_closed) == [TELLTALE]
    assert any("Sessions/" in file for file in if_killed_now[TELLTALE])
    assert "Default/Web Data" in when_closed[TELLTALE]


def test_firefox_keeps_no_answer_on_disk(https_site: Any, tmp_path: Path) -> None:
    with Firefox(tmp_path, as_people_have_it=True) as firefox:
        firefox.new_tab(script=False)
        send_without_script(firefox, https_site)
        for act in ACTS:
            firefox.new_tab()
            act(firefox, https_site)
        session = firefox.profile / "sessionstore-backups"
        wait_until(lambda: holds_telltale(session.glob("recovery.jsonlz4")), "the session")
        if_killed_now = left_on_disk(firefox.profile, TELLTALE)

    when_closed = left_on_disk(firefox.profile, TELLTALE)

    assert list(if_killed_now) == list(when_closed) == [TELLTALE]
    assert "sessionstore-backups/recovery.jsonlz4" in if_killed_now[TELLTALE]
    assert {"formhistory.sqlite", "sessionstore.jsonlz4"} <= set(when_closed[TELLTALE])


def test_the_reference_stays_in_no_address(tab: Page, https_site: Any) -> None:
    send(Chromium(tab), https_site)

    reference = tab.locator(".reference").inner_text()

    assert tab.evaluate("location.href") == f"{https_site.base_url}/sent"
    wire = tab.context.new_cdp_session(tab)
    entries = wire.send("Page.getNavigationHistory")["entries"]
    assert [entry["url"] for entry in entries if "sent" in entry["url"]] == [f"{https_site.base_url}/sent"]
    tab.reload()
    assert reference not in tab.content()
