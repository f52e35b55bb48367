"""People's ways through the site in real Chromium, with and without script."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from rjsite.settings import Settings
from support.browser import assert_axe_clean, press_back
from support.processes import wait_until
from support.site_process import Site

STORY = "Theft from an older couple"
NEUTRAL = "Stay safe online"

both_ways = pytest.mark.parametrize(
    "script",
    [pytest.param(True, id="script"), pytest.param(False, id="no-script", marks=pytest.mark.no_script)],
)


@pytest.fixture(scope="module")
def leaving_site(live_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose exit leads to a page of another host on this machine, since no other can be reached."""
    folder = tmp_path_factory.mktemp("leaving")
    content = folder / "content"
    shutil.copytree(Settings.model_fields["content_dir"].default, content)
    facts = content / "service.toml"
    neutral = f"http://localhost:{live_site.port}/stay-safe-online"
    facts.write_text(facts.read_text().replace("https://www.bbc.co.uk/weather", neutral))
    with Site(folder, {"RJSITE_CONTENT_DIR": str(content)}) as site:
        yield site


def fill_form_a(page: Page) -> None:
    """Answer what form A needs, by label, as a person does."""
    page.get_by_label("What should we call you?").fill("Ally")
    page.locator("fieldset", has_text="Are you 18 or over?").last.get_by_label("Yes", exact=True).check()
    page.get_by_label("Phone call").check()
    page.get_by_label("Phone number", exact=True).fill("01632 960 001")
    page.locator("fieldset", has_text="can we leave a message?").last.get_by_label("No", exact=True).check()
    page.get_by_label("No, do not say who you are").check()
    page.get_by_label("I live there").check()
    page.get_by_label("In a few words, what is this about?").fill("A window of the corner shop.")
    page.get_by_label("I agree that the team").check()


def send(page: Page) -> None:
    """Press the button of the form."""
    page.get_by_role("button", name="Send to the team").click()


def walk(page: Page, site: Site) -> None:
    """From the home page by a story to form A, and send it."""
    page.goto(site.base_url)
    assert_axe_clean(page)
    page.get_by_role("link", name=STORY).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(STORY)
    assert_axe_clean(page)
    page.get_by_role("link", name="If you were harmed").first.click()
    page.get_by_role("main").get_by_role("link", name="Start form A").first.click()
    assert_axe_clean(page)
    fill_form_a(page)
    send(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your message")
    assert_axe_clean(page)


@both_ways
def test_from_home_by_a_story_to_a_sent_form_a(
    page: Page, start_site: Callable[..., Site], script: bool
) -> None:
    site = start_site()

    walk(page, site)

    shown = page.inner_text("main")
    found = re.search(r"[2346789FHKMQRWXY]{4}-[2346789FHKMQRWXY]{4}", shown)
    assert found
    assert "Ally" not in shown
    wait_until(lambda: len(site.mails) == 1, "the mail")
    mail = message_from_bytes(site.mails[0].read_bytes(), policy=policy.default)
    assert mail["Subject"] == f"Website form {found[0]}"
    assert mail.get_content().startswith("BEFORE YOU CONTACT")  # type: ignore[attr-defined]
    assert page.context.storage_state()["origins"] == []
    if script:
        assert page.url == f"{site.base_url}/sent"


def test_a_slip_leads_to_the_summary_and_from_there_to_the_field(page: Page) -> None:
    page.goto("/refer/a")
    page.get_by_label("In a few words, what is this about?").fill("A window of the corner shop.")

    send(page)

    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.locator("#problem")).to_be_focused()
    assert_axe_clean(page)
    page.get_by_role("link", name="Select how you want us to contact you").click()
    expect(page.locator("#contact_by-0")).to_be_focused()
    expect(page.get_by_label("In a few words, what is this about?")).to_have_value(
        "A window of the corner shop."
    )


@both_ways
def test_a_question_opens_with_its_answer_and_not_before(page: Page, script: bool) -> None:
    page.goto("/refer/a")
    hidden_at_first = page.get_by_label("Phone number", exact=True).is_hidden()

    page.get_by_label("Phone call").check()

    assert hidden_at_first
    expect(page.get_by_label("Phone number", exact=True)).to_be_visible()
    expect(page.get_by_label("Email address", exact=True)).to_be_hidden()


@pytest.mark.parametrize("path", ["/", "/refer/a", "/contact", "/case-studies/", "/get-in-touch", "/nowhere"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    new_context: Callable[..., BrowserContext], path: str, scheme: str, width: int
) -> None:
    page = new_context(color_scheme=scheme, viewport={"width": width, "height": 640}).new_page()
    page.goto(path)

    sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    assert sideways == 0
    assert_axe_clean(page)


@both_ways
def test_leaving_empties_the_page_and_replaces_it_in_the_history(
    page: Page, leaving_site: Site, script: bool
) -> None:
    page.goto(leaving_site.base_url)
    page.goto(f"{leaving_site.base_url}/refer/a")
    page.get_by_label("What should we call you?").fill("Ally")

    page.locator("a.exit").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(NEUTRAL)
    press_back(page)
    if script:
        expect(page.get_by_role("heading", level=1)).to_contain_text("A safe way to talk")
    else:
        expect(page.get_by_label("What should we call you?")).to_have_value("")


def test_shift_three_times_leaves_and_capital_letters_do_not(page: Page, leaving_site: Site) -> None:
    page.goto(f"{leaving_site.base_url}/refer/a")
    page.get_by_label("What should we call you?").click()
    for letter in "ALLY":
        page.keyboard.press(f"Shift+{letter}")
    stayed = page.get_by_label("What should we call you?").input_value()

    for _ in range(3):
        page.keyboard.press("Shift")

    assert stayed == "ALLY"
    expect(page.get_by_role("heading", level=1)).to_have_text(NEUTRAL)


def test_all_that_was_written_on_the_private_page_is_printed(page: Page) -> None:
    page.goto("/think-it-through")
    written = page.get_by_label("What do you want to say?")
    written.fill("\n".join(f"Line {number}" for number in range(30)))

    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert written.evaluate("area => area.scrollHeight - area.clientHeight") <= 1
