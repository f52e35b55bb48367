"""The client's content has no problem and no dead link, and each page passes axe and the markup check."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Page as BrowserPage

from rjsite.content import lint
from rjsite.content.library import GONE, Library, load
from rjsite.settings import ROOT
from rjsite.web.papers import documents
from support.browser import BY_LOOK, axe_faults
from support.forms import CONTACT, A, B, C, Page, words
from support.markup import markup_errors
from support.service import CLIENT
from support.site_process import Site

PARTS = 6  # axe checks the pages in parts, so that no test takes minutes on a busy machine


@pytest.fixture(scope="module")
def client_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run the site with the client's content."""
    with Site(tmp_path_factory.mktemp("client"), {"RJSITE_CONTENT_DIR": str(CLIENT)}) as site:
        yield site


@pytest.fixture(scope="module")
def pages(client_app: Flask, library: Library) -> Mapping[str, str]:
    """Return the HTML of each page, story and form by its address."""
    visitor = client_app.test_client()
    addresses = [*library.pages, *library.forms, *(story.address for story in library.stories)]
    return {address: visitor.get(address).text for address in addresses}


def test_the_check_has_nothing_to_fix() -> None:
    content, today = load(CLIENT, drafts=True), date.today()  # noqa: DTZ011 (a day in the service's own place)

    assert [str(problem) for problem in [*content.problems, *lint.check(content, CLIENT, today)]] == []


def test_the_check_has_nothing_to_fix_when_the_open_questions_are_answered(tmp_path: Path) -> None:
    """Whoever types in an answer finds no mistakes in sentences that were hidden until then."""
    content = shutil.copytree(CLIENT, tmp_path / CLIENT.name)
    file = content / "service.toml"
    text = file.read_text()
    for name, fact in load(CLIENT, drafts=True).facts.items():
        if not fact and fact.example:
            table = re.compile(rf"^\[{name}\]\n((?:(?!\[|value\b).*\n)*)(?:value\b.*\n)?", re.MULTILINE)
            value = json.dumps(fact.example).replace("\\", r"\\")
            text = table.sub(rf"[{name}]\nvalue = {value}\n\1", text)
    file.write_text(text)

    answered, today = load(content, drafts=True), date.today()  # noqa: DTZ011 (a day in the service's own place)

    assert all(fact or not fact.example for fact in answered.facts.values())
    assert [str(problem) for problem in [*answered.problems, *lint.check(answered, content, today)]] == []


def test_every_file_is_shown(library: Library) -> None:
    shown = {
        "pages": len(library.pages),
        "case-studies": len(load(CLIENT, drafts=True).stories),
        "outcomes": len(library.outcomes),
        "errors": len(library.errors),
        "forms": len(library.form_pages),
    }

    assert shown == {name: len(list((CLIENT / name).glob("*.md"))) for name in shown}


def test_every_page_keeps_the_html_standard(pages: Mapping[str, str]) -> None:
    errors = {address: markup_errors(html) for address, html in pages.items()}

    assert {address: found for address, found in errors.items() if found} == {}


@pytest.mark.no_script  # then a form is one page and shows all its questions
@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing_on_any_page(
    page: BrowserPage, client_site: Site, pages: Mapping[str, str], part: int
) -> None:
    """Content cannot change the look of its parts, which axe checks on the invented service."""
    faults = {}
    for address in list(pages)[part::PARTS]:
        page.goto(client_site.base_url + address)
        faults[address] = axe_faults(page, without=BY_LOOK)

    assert {address: found for address, found in faults.items() if found} == {}


def test_no_link_is_dead(client_app: Flask, pages: Mapping[str, str]) -> None:
    visitor = client_app.test_client()
    read: dict[str, tuple[int, Collection[str]]] = {}  # by path: the status, and the ids on the page
    dead = set()
    for address, html in pages.items():
        for link in Page(html).all("a"):
            to = urlsplit(link.get("href", ""))
            if to.scheme or to.netloc:
                continue
            path = to.path or address
            if path not in read:
                answer = visitor.get(path, follow_redirects=path != "/exit")
                is_page = (answer.content_type or "").startswith("text/html")
                read[path] = answer.status_code, Page(answer.text).by_id if is_page else ()
                answer.close()
            status, places = read[path]
            if status not in (200, 303) or (to.fragment and to.fragment not in places):
                dead.add((address, link.get("href")))

    assert dead == set()


def test_every_old_address_leads_to_a_page(library: Library) -> None:
    there = {*library.pages, *library.forms, *(story.address for story in library.stories), GONE}

    assert {old: new for old, new in library.redirects.items() if new not in there} == {}


def test_the_home_page_leads_to_help_in_its_first_lines(pages: Mapping[str, str]) -> None:
    assert 'href="/get-help-now"' in opening(pages["/"])


def test_the_first_lines_of_help_lead_to_a_number_for_each_distress(pages: Mapping[str, str]) -> None:
    page = pages["/get-help-now"]
    sections = re.findall(r'href="#([^"]+)"', opening(page))

    assert len(sections) >= 3
    for section in sections:
        assert 'href="tel:' in page.split(f'id="{section}"', 1)[1].split("<h2", 1)[0], section
    assert "0808 802 9999" not in page  # the former number of the line for sexual violence


def opening(page: str) -> str:
    """Return the part of a page between its heading and the next heading."""
    return page.split("</h1>", 1)[1].split("<h2", 1)[0]


def promises(text: str) -> list[str]:
    """Return the sentences that promise that we will contact somebody and leave them no choice."""
    sentences = re.split(r"(?<=[.!?:])\s+", re.sub(r"<[^>]+>", " ", text))
    said = [
        s for s in sentences if re.search(r"\b[Ww]e (?:will )?(?:then )?(?:contact|reply|ring|write)\b", s)
    ]
    return [s for s in said if not re.search(r"call us|how we contact|[Ii]f we contact|before we|agreed", s)]


@pytest.mark.parametrize("form", [A, B, C])
def test_no_page_on_the_way_says_that_we_will_contact_who_will_call(
    pages: Mapping[str, str], library: Library, form: str
) -> None:
    assert promises("Our team reads it. Then we contact you in the way you choose.") != []
    assert promises(Page(pages[form]).text) == []
    assert promises(Page(pages["/sent"]).text) == []
    assert promises(documents(library)[f"form-{form[-1]}.pdf"]) == []


def test_whoever_has_sent_something_is_led_to_the_way_to_stop_it(pages: Mapping[str, str]) -> None:
    for address in ("/sent", "/questions"):
        (main,) = Page(pages[address]).all("main")
        assert "send us a message" in [words(a) for a in main.iter("a") if a.get("href") == CONTACT]


def test_paper_forms_say_whom_to_call_to_stop(library: Library) -> None:
    way = f"To stop or change what you sent, call us free on {library.facts['phone']}."
    papers = {name: re.sub(r"<[^>]+>", "", html) for name, html in documents(library).items()}
    forms = {name: text for name, text in papers.items() if name.startswith("form-")}

    assert len(forms) == 6
    assert [name for name, text in forms.items() if way not in text] == []


def test_the_team_can_look_up_each_line_that_its_mail_can_begin_with(library: Library) -> None:
    page = (ROOT / "docs" / "for-the-team.md").read_text()
    choices = [choice for form in library.forms.values() for q in form.questions for choice in q.choices]
    lines = {choice.headline.partition(" <")[0].rstrip(".") for choice in choices if choice.headline}

    assert lines
    assert [line for line in lines if f"\n| {line}" not in page] == []
