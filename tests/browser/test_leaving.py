"""“Exit this page” works without delay, by click, by keyboard and without JavaScript.

Afterwards nothing can be seen or read in the page that was left. test_back.py tests what Back shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect

from support.browser import Chromium, assert_axe_clean, press_back
from support.processes import wait_until
from support.typing_in import EXIT, FORWARDS, SEND, STEPS, fill, shown

STATUS = "#leaving"
LEFT = "Left: "
# When the page is replaced, this logs what had been done to it by then, in order, and how long after the key
# press or click. Nothing that happens later counts.
WATCH = """(said) => {
    const names = { HTML: "hidden", TITLE: "title", LINK: "icon" };
    const observer = new MutationObserver(() => {});
    observer.observe(document, { subtree: true, childList: true, attributes: true });
    let pressed;
    for (const kind of ["keyup", "click"]) {
        addEventListener(kind, () => { pressed = performance.now(); }, { capture: true });
    }
    navigation.addEventListener("navigate", (event) => {
        const took = performance.now() - pressed;
        const done = observer.takeRecords().map(({ target }) =>
            target.form ? "emptied" : names[target.nodeName]).filter(Boolean);
        const order = done.filter((name, index) => name !== done[index - 1]);
        const { navigationType: how, destination: { url: to } } = event;
        console.log(said + JSON.stringify({ took, order, how, to }));
    });
}"""


@pytest.fixture
def form(tab: Page, https_site: Any) -> Page:
    """Open form A."""
    tab.goto(https_site.form_a)
    return tab


@pytest.fixture
def unreachable(form: Page, https_site: Any) -> list[str]:
    """Make the site that Exit leads to send no page, so that the page that was left stays.

    Returns:
        The requests to that site.
    """
    asked: list[str] = []

    def nothing(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=204)

    form.context.route(https_site.elsewhere, nothing)
    return asked


def click(page: Page) -> None:
    page.locator(EXIT).click()


def shift(page: Page, times: int = 3) -> None:
    for _ in range(times):
        page.keyboard.press("Shift")


def is_blank(page: Page) -> bool:
    """Return whether there is nothing to see in the page or its tab."""
    icon = page.locator("link[rel=icon]")
    hidden = page.locator("html").is_hidden() and page.locator("body").is_hidden()
    return hidden and page.title() == "Loading" and "blank" in (icon.get_attribute("href") or "")


def stays(page: Page) -> bool:
    """Return whether the page was not left, and nothing says that it will be."""
    return page.locator("main").is_visible() and page.locator(STATUS).inner_text() == ""


@pytest.mark.parametrize("way", [click, shift])
def test_leaving_hides_renames_and_empties_within_100_ms_and_then_replaces(
    form: Page, https_site: Any, way: Callable[[Page], None]
) -> None:
    fill(Chromium(form), by_step=True, steps=STEPS[:2])
    form.evaluate(WATCH, LEFT)
    form.context.new_cdp_session(form).send("Emulation.setCPUThrottlingRate", {"rate": 4})  # an old phone
    entries = form.evaluate("history.length")
    said: list[str] = []
    form.on("console", lambda message: said.append(message.text))
    asked: list[str] = []
    form.on("dialog", lambda dialog: asked.append(dialog.message))

    way(form)
    form.wait_for_url(https_site.elsewhere)

    (left,) = [json.loads(line.removeprefix(LEFT)) for line in said if line.startswith(LEFT)]
    assert left["order"] == []  # before anything else, the browser was sent to the other site
    assert left["took"] < 100
    assert (left["how"], left["to"]) == ("replace", https_site.elsewhere)
    assert form.evaluate("history.length") == entries
    assert form.context.pages == [form]  # no new tab
    assert asked == []  # and no question


def at_step_3(page: Page) -> None:
    fill(Chromium(page), by_step=True, steps=STEPS[:3])


def at_the_check(page: Page) -> None:
    fill(Chromium(page), by_step=True)
    page.locator(FORWARDS).first.click()
    expect(page.locator("[data-answers]")).to_contain_text("Quillfeather")


def at_an_outcome(page: Page) -> None:
    fill(Chromium(page), by_step=True, steps=STEPS[:2])
    page.locator(FORWARDS).first.click()
    page.get_by_label("None of these").check()
    page.locator(FORWARDS).first.click()
    expect(page.locator("section.outcome")).to_be_visible()


def at_a_missing_answer(page: Page) -> None:
    at_step_3(page)
    page.get_by_label("I live there").uncheck()
    page.locator(FORWARDS).first.click()
    expect(page.locator("#problem")).to_be_focused()


def at_a_refusal(page: Page) -> None:
    fill(Chromium(page), by_step=True, phone="12")
    page.locator(FORWARDS).first.click()
    page.locator(SEND).click()
    expect(page.locator("#problem")).to_be_focused()
    assert "Quillfeather" in page.content()  # the answers came back as part of the document


@pytest.mark.parametrize(
    "get_to", [at_step_3, at_the_check, at_an_outcome, at_a_missing_answer, at_a_refusal]
)
def test_nothing_of_the_answers_can_be_read_in_the_page_that_was_left(
    form: Page, unreachable: list[str], get_to: Callable[[Page], None]
) -> None:
    get_to(form)
    held_before = shown(Chromium(form))

    click(form)

    expect(form).to_have_title("Loading")
    assert is_blank(form)
    assert held_before
    assert shown(Chromium(form)) == []


@pytest.mark.keeps_pages
def test_a_page_that_comes_back_from_memory_stays_blank_and_leaves_again(
    form: Page, https_site: Any, unreachable: list[str]
) -> None:
    """Forms never come back, because the cookie removes them from memory, so another page is tested."""
    other = https_site.base_url + "/get-help-now"
    form.goto(https_site.base_url + "/stay-safe-online")
    form.evaluate("addEventListener('pageshow', (event) => { window.fromMemory = event.persisted; })")
    click(form)
    expect(form).to_have_title("Loading")
    form.goto(other)

    press_back(form)
    form.wait_for_function("() => window.fromMemory")

    assert is_blank(form)
    assert unreachable == [https_site.elsewhere] * 2


@pytest.mark.parametrize("get_to", [at_step_3, at_the_check, at_an_outcome])
def test_back_while_the_other_site_is_slow_shows_nothing_and_leaves_again(
    form: Page, https_site: Any, unreachable: list[str], get_to: Callable[[Page], None]
) -> None:
    get_to(form)
    click(form)
    expect(form).to_have_title("Loading")

    form.evaluate("() => new Promise((done) => { addEventListener('popstate', done); history.back(); })")

    assert is_blank(form)
    wait_until(lambda: unreachable == [https_site.elsewhere] * 2, "the other site is asked for again")


def test_nothing_asks_whether_to_leave_the_page(form: Page, https_site: Any) -> None:
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    form.on("dialog", accept)
    fill(Chromium(form), by_step=True, steps=STEPS[:2])

    form.goto(https_site.base_url)

    assert asked == []


def test_shift_counts_in_dots_and_words_that_are_said_politely(form: Page) -> None:
    status = form.locator(STATUS)
    expect(status).to_be_attached()  # a live region that appears with its text may stay silent
    before = status.inner_text()
    dots = status.locator("i")

    said = []
    for _ in range(2):
        shift(form, 1)
        said.append((status.inner_text(), dots.count(), status.locator("i.on").count()))

    assert before == ""
    assert said == [
        ("Press Shift 2 more times to leave", 3, 1),
        ("Press Shift 1 more time to leave", 3, 2),
    ]
    assert_axe_clean(form)


def type_capitals(page: Page) -> None:
    page.locator("#website").evaluate("field => field.focus()")
    for letter in "ALLY":
        page.keyboard.press(f"Shift+{letter}")


def hold(page: Page) -> None:
    for _ in range(20):
        page.keyboard.down("Shift")  # all but the first are key repeats
    page.keyboard.up("Shift")


def hold_three_times(page: Page) -> None:
    for _ in range(3):
        hold(page)


def change_the_language(page: Page) -> None:
    """Hold Alt and press Shift, which chooses the next keyboard layout on many machines."""
    page.keyboard.down("Alt")
    shift(page, 3)
    page.keyboard.up("Alt")


def press_something_between(page: Page) -> None:
    shift(page, 2)
    page.keyboard.press("ArrowDown")
    shift(page, 1)
    page.keyboard.press("ArrowDown")


def select_with_the_mouse(page: Page) -> None:
    for _ in range(3):
        page.keyboard.down("Shift")
        page.get_by_role("heading", level=1).click()
        page.keyboard.up("Shift")


def turn_the_wheel_sideways(page: Page) -> None:
    for _ in range(3):
        page.keyboard.down("Shift")
        page.mouse.wheel(0, 20)
        page.evaluate("() => new Promise((done) => setTimeout(done, 100))")
        page.keyboard.up("Shift")


def escape(page: Page) -> None:
    for _ in range(3):
        page.keyboard.press("Escape")


@pytest.mark.parametrize(
    "press",
    [
        type_capitals,
        hold_three_times,
        change_the_language,
        press_something_between,
        select_with_the_mouse,
        turn_the_wheel_sideways,
        escape,
    ],
)
def test_nothing_but_shift_alone_leaves(
    form: Page, unreachable: list[str], press: Callable[[Page], None]
) -> None:
    press(form)

    assert stays(form)
    assert unreachable == []


@pytest.mark.parametrize(("wait", "leaves"), [(1900, True), (2100, False)])
def test_three_presses_within_two_seconds_leave(tab: Page, https_site: Any, wait: int, leaves: bool) -> None:
    tab.clock.install()
    tab.goto(https_site.form_a)
    tab.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
    shift(tab, 2)

    tab.clock.run_for(wait)
    words_then = tab.locator(STATUS).inner_text()
    shift(tab, 1)

    if leaves:
        tab.wait_for_url(https_site.elsewhere)
    else:
        assert words_then == "You are still on this page"
        expect(tab.locator(STATUS)).to_have_text("Press Shift 2 more times to leave")


# When a screen reader goes back by heading, button or link, Shift goes down, something moves, and Shift goes
# up, or something moves a moment later if the reader is slow. The letter key never reaches the page.
MOVES = {
    "selection": "getSelection().setPosition(document.querySelectorAll('p')[step], 0)",
    "focus": "document.querySelectorAll('header a, footer a')[step].focus()",
    "scroll": "scrollTo(0, 300 + 40 * step)",
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("slow", [False, True])
def test_a_screen_reader_that_goes_back_through_the_page_stays_on_it(
    form: Page, unreachable: list[str], move: str, slow: bool
) -> None:
    for step in range(6):
        form.keyboard.down("Shift")
        if slow:
            form.keyboard.up("Shift")
        form.evaluate(f"step => {{ {MOVES[move]} }}", step)
        form.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        if not slow:
            form.keyboard.up("Shift")

    assert stays(form)
    assert unreachable == []


def test_a_screen_reader_that_passes_on_shift_alone_stays_at_a_reading_pace(
    tab: Page, https_site: Any, unreachable: list[str]
) -> None:
    tab.clock.install()
    tab.goto(https_site.form_a)
    tab.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))

    for _ in range(9):
        shift(tab, 1)
        tab.clock.run_for(1100)

    assert tab.locator("main").is_visible()
    assert unreachable == []


def while_typing(page: Page) -> None:
    page.get_by_role("button", name="Start").click()
    page.locator("#name").press_sequentially("Quill")


def until_it_scrolls(page: Page, scroll: Callable[[], None]) -> None:
    """Scroll until the page has moved, because a page that is not drawn yet ignores keys and the wheel."""

    def moved() -> bool:
        scroll()
        return bool(page.evaluate("scrollY > 0"))

    wait_until(moved, "the page to scroll")


def while_scrolling_with_the_wheel(page: Page) -> None:
    page.mouse.move(200, 200)
    until_it_scrolls(page, lambda: page.mouse.wheel(0, 400))


def while_scrolling_with_the_keyboard(page: Page) -> None:
    until_it_scrolls(page, lambda: page.keyboard.press("PageDown"))


@pytest.mark.parametrize(
    "before", [while_typing, while_scrolling_with_the_wheel, while_scrolling_with_the_keyboard]
)
def test_shift_leaves_whatever_the_hand_did_before(
    form: Page, https_site: Any, before: Callable[[Page], None]
) -> None:
    before(form)

    shift(form)

    form.wait_for_url(https_site.elsewhere)


@pytest.mark.no_script
def test_without_script_exit_answers_303_unstored_with_a_cookie_of_one_second(
    form: Page, https_site: Any
) -> None:
    with form.expect_response(https_site.base_url + "/exit") as caught:
        click(form)
    form.wait_for_url(https_site.elsewhere)

    answer = caught.value
    assert (answer.status, answer.headers["cache-control"]) == (303, "no-store")
    assert answer.headers["location"] == https_site.elsewhere
    assert (
        answer.all_headers()["set-cookie"] == "clear=1; Max-Age=1; Secure; HttpOnly; SameSite=Strict; Path=/"
    )


@pytest.mark.parametrize(
    ("address", "size"),
    [("/refer/c", (320, 640)), ("/refer/c", (320, 512)), ("/refer/c", (1280, 800)), ("/", (320, 640))],
)
def test_the_exit_link_stays_in_view_and_never_covers_what_has_the_focus(
    tab: Page, https_site: Any, address: str, size: tuple[int, int]
) -> None:
    if size[1] == 640:  # on a slow connection the page is shown in another, wider font
        tab.route("**/*.woff2", lambda route: route.abort())
    tab.set_viewport_size({"width": size[0], "height": size[1]})
    tab.goto(https_site.base_url + address)
    covered = """() => {
        const focused = document.activeElement;
        const exit = document.querySelector("a.exit");
        const [a, b] = [focused, exit].map((element) => element.getBoundingClientRect());
        const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
        const seen = b.top >= 0 && b.bottom <= innerHeight && b.left >= 0 && b.right <= innerWidth;
        const header = document.querySelector(".top");
        const top = header.contains(focused) ? 0 : header.getBoundingClientRect().bottom;
        return [focused.tagName, focused.textContent.trim() || focused.id, seen ? "" : "exit out of view",
            apart || focused === exit ? "" : "covered by exit", a.bottom > top ? "" : "covered by header"];
    }"""
    wrong = []
    visited = 0
    for key in ("Tab", "Shift+Tab"):
        while True:
            tab.keyboard.press(key)
            tag, words, *faults = tab.evaluate(covered)
            if tag == "BODY":
                break
            visited += 1
            wrong += [(key, words, fault) for fault in faults if fault]
    for part in (0, 0.3, 0.6, 1):
        tab.evaluate("part => scrollTo(0, part * document.documentElement.scrollHeight)", part)
        expect(tab.locator(EXIT)).to_be_in_viewport(ratio=1)

    assert visited > 40
    assert wrong == []
    box = tab.locator(EXIT).bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 44


def test_exit_is_absent_from_paper(form: Page) -> None:
    shift(form, 1)
    links = form.locator("a[href='/exit'], #leaving")
    seen_on_screen = links.filter(visible=True).count()

    form.emulate_media(media="print")

    assert seen_on_screen > 1
    assert links.filter(visible=True).count() == 0
