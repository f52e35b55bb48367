"""Every page of the site, in every state, follows the same rules."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from flask import abort
from werkzeug.test import TestResponse

from rjsite import create_app
from rjsite.services import services_of
from rjsite.settings import Settings
from support.forms import CONTACT, GOOD, STOPS, A, B, C, Page, send, words
from support.markup import markup_errors
from support.service import SERVICE

PAGE, PRIVATE = "private, no-cache", "no-store"
FIXED = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), "
    "display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), "
    "payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
OTHERS = {"Vary", "Content-Type", "Content-Length", "Cache-Control", "ETag", "Date", "Allow", "Retry-After"}
NOT_A_PAGE = {  # endpoints for machines and files
    "feeds.feed_xml",
    "feeds.robots_txt",
    "feeds.security_txt",
    "feeds.sitemap_xml",
    "health.alive",
    "health.ready",
    "paper",  # a PDF; see test_papers
    "static",
}
LOADED = {"preload", "stylesheet", "icon"}  # links that a browser fetches by itself
TRY = "/try-an-error/"


@dataclass(frozen=True)
class Visit:
    """One response of the site."""

    name: str
    page: str  # the page that is shown, however it was reached; no other page has the same title
    cache: str
    response: TestResponse

    @cached_property
    def html(self) -> Page:
        """Return the page in the response."""
        return Page(self.response.text)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """Return a site on which every page can be reached, with an address for each error."""
    folder = tmp_path_factory.mktemp("every")
    app = create_app(Settings.load(mode="development", data_dir=folder / "var", ratelimit_forms="2 per day"))
    app.add_url_rule(f"{TRY}<int:status>", "try_an_error", lambda status: abort(status))
    return app


@pytest.fixture(scope="module")
def library(app):
    return services_of(app).content.now()


@pytest.fixture(scope="module")
def visits(app, library) -> list[Visit]:
    return list(_visits(app, library))


def _visits(app, library) -> Iterator[Visit]:
    client = app.test_client()
    for address in [*library.pages, *(story.address for story in library.stories)]:
        if address != "/sent":
            cache = PRIVATE if address == "/think-it-through" else PAGE  # people write on that page
            yield Visit(address, address, cache, client.get(address))
    for form in library.forms:
        yield Visit(form, form, PRIVATE, client.get(form))
        yield Visit(f"{form} filled in by the device", form, PRIVATE, client.get(f"{form}?fill=1"))
        empty = send(client, form, dict.fromkeys(GOOD[form], ""))
        yield Visit(f"{form} empty", f"{form} slips", PRIVATE, empty)
        old = client.post(form, data=GOOD[form])
        yield Visit(f"{form} open too long", f"{form} old", PRIVATE, old)
        slips = client.post(form, data={})
        yield Visit(f"{form} open too long and empty", f"{form} slips", PRIVATE, slips)
    for form, change, stop in STOPS:
        yield Visit(f"{form} stops: {stop}", form, PRIVATE, send(client, form, change))
    for status in (400, 403, 404, 405, 410, 413, 429, 500, 503):
        yield Visit(f"error {status}", f"error {status}", PRIVATE, client.get(f"{TRY}{status}"))
    yield Visit("no such page", "error 404", PRIVATE, client.get("/no/such/page"))
    yield Visit("another host", "error 400", PRIVATE, client.get("/", headers={"Host": "evil.example"}))
    yield Visit("posted to a page", "error 405", PRIVATE, client.post("/privacy"))
    thanks = send(client, A)
    yield Visit("sent, with a reference", "/sent", PRIVATE, client.get(thanks.headers["Location"]))
    yield Visit("sent, later", "/sent", PRIVATE, client.get("/sent"))
    yield Visit("/styleguide", "/styleguide", PRIVATE, client.get("/styleguide"))
    send(client, A)
    for form in library.forms:
        yield Visit(f"{form} too often", f"{form} too often", PRIVATE, send(client, form))
    yield from _not_kept(app, client, library)


def _not_kept(app, client, library) -> Iterator[Visit]:
    services_of(app).outbox.max_waiting = 0
    services_of(app).limiter.enabled = False
    for form in library.forms:
        yield Visit(f"{form} not kept", f"{form} not kept", PRIVATE, send(client, form))


# -- the rules: each returns what is wrong with one visit --------------------------------------------------


def is_html(v: Visit) -> list[str]:
    """Return headers that are wrong, missing or unknown. Every page is HTML."""
    wrong = [name for name, value in FIXED.items() if v.response.headers.getlist(name) != [value]]
    wrong += [name for name, _ in v.response.headers if name not in FIXED and name not in OTHERS]
    return wrong + ([] if v.response.content_type == "text/html; charset=utf-8" else ["Content-Type"])


def is_kept_by_no_cache(v: Visit) -> list[str]:
    """Return the headers for caches if they are wrong."""
    cache, tag = v.response.headers.getlist("Cache-Control"), "ETag" in v.response.headers
    return [] if (cache, tag) == ([v.cache], v.cache == PAGE) else [f"{cache}, ETag: {tag}"]


def follows_the_standard(v: Visit) -> list[str]:
    """Return errors in the markup."""
    return markup_errors(v.response.text)


def has_one_heading_first(v: Visit) -> list[str]:
    """Return what is wrong with headings. There is one h1, no level is skipped, and none is empty."""
    levels = [int(h.tag[1]) for h in v.html.all("h1", "h2", "h3", "h4", "h5", "h6")]
    wrong = [f"{levels.count(1)} h1"] if levels.count(1) != 1 else []
    inside = [int(h.tag[1]) for h in v.html.by_id["main"].iter() if h.tag in ("h1", "h2", "h3", "h4")]
    wrong += [f"h{b} after h{a}" for a, b in pairwise(inside) if b > a + 1]
    return wrong + [h.tag for h in v.html.all("h1", "h2", "h3", "h4") if not words(h)]


def is_in_english(v: Visit) -> list[str]:
    """Return the language if it is not British English."""
    (html,) = v.html.all("html")
    return [] if html.get("lang") == "en-GB" else [str(html.get("lang"))]


def has_ids_once_and_ties_to_what_is_there(v: Visit) -> list[str]:
    """Return ids that occur more than once, and references to ids that do not exist."""
    ids = [element.attrib["id"] for element in v.html.all() if "id" in element.attrib]
    wrong = [name for name in ids if ids.count(name) > 1]
    for element in v.html.all():
        for attribute in ("for", "aria-describedby", "aria-labelledby", "aria-controls"):
            wrong += [name for name in element.get(attribute, "").split() if name not in ids]
        href = element.get("href", "")
        wrong += [href] if href.startswith("#") and href[1:] not in ids else []
    return wrong


def names_every_table(v: Visit) -> list[str]:
    """Return tables without a name, which a screen reader says before the cells."""
    return [words(table)[:40] for table in v.html.all("table") if not table.get("aria-label")]


def runs_nothing_inline(v: Visit) -> list[str]:
    """Return scripts, styles and event handlers in the page itself, and elements that embed others."""
    wrong = [element.tag for element in v.html.all("style", "base", "iframe", "object", "embed")]
    for element in v.html.all():
        wrong += [name for name in element.attrib if name == "style" or name.startswith("on")]
        wrong += [value for value in element.attrib.values() if value.lower().startswith("javascript:")]
    return wrong + [words(script) or "no src" for script in v.html.all("script") if not script.get("src")]


def loads_only_from_us(v: Visit) -> list[str]:
    """Return the addresses of resources that are not static files of the site."""
    loaded = [e.attrib["href"] for e in v.html.all("link") if e.get("rel") in LOADED]
    loaded += [e.attrib["src"] for e in v.html.all() if "src" in e.attrib]
    loaded += [e.attrib["srcset"] for e in v.html.all() if "srcset" in e.attrib]
    return [address for address in loaded if not address.startswith("/static/")]


def opens_no_tab(v: Visit) -> list[str]:
    """Return links that open another tab, use plain HTTP, or have no address or no text."""
    links = v.html.all("a")
    wrong = [link.get("href", "") for link in links if "target" in link.attrib or "href" not in link.attrib]
    schemes = {"", "https", "mailto", "tel"}
    wrong += [link.get("href", "") for link in links if urlsplit(link.get("href", "")).scheme not in schemes]
    return wrong + [link.get("href", "") for link in links if not words(link)]


def begins_with_ways_past_and_out(v: Visit) -> list[str]:
    """Return “skip” or “exit” unless the page begins with the skip link and then the exit link."""
    body = v.html.all("body")[0]
    first, second = [e for e in body.iter() if e.tag in ("a", "button", "input")][:2]
    wrong = [] if (first.get("href"), words(first)) == ("#main", "Skip to main content") else ["skip"]
    return wrong + ([] if (second.get("href"), words(second)) == ("/exit", "Exit this page") else ["exit"])


def sets_no_cookie(v: Visit) -> list[str]:
    """Return the cookies that are set."""
    return v.response.headers.getlist("Set-Cookie")


def was_looked_at_this_year(v: Visit) -> list[str]:
    """Return the dates of the last check if there is more than one, or one that is more than a year ago."""
    checked = [p for p in v.html.all("p", class_="checked") if words(p).startswith("Last checked ")]
    times = [e.attrib["datetime"] for p in checked for e in p.iter("time")]
    today = date.today()  # noqa: DTZ011 (a day as the service writes it)
    known = [date.fromisoformat(day) for day in times]
    this_year = [day for day in known if today - timedelta(365) < day <= today + timedelta(1)]
    return [] if len(times) == len(this_year) <= 1 else [f"{times}"]


def shows_no_code(v: Visit) -> list[str]:
    """Return remains of templates, missing facts and internal errors."""
    return re.findall(r"[{}]|\bNone\b(?! of these)|Traceback|Undefined|csrf|CSRF", v.html.text)


def shows_no_half_sentence(v: Visit) -> list[str]:
    """Return paragraphs with an unpaired quotation mark: a fact that is not set has hidden the rest."""
    paragraphs = [words(element) for element in v.html.all("p", "li", "td", "h2", "h3")]
    return [text for text in paragraphs if text.count("“") != text.count("”")]


RULES = [
    is_html,
    is_kept_by_no_cache,
    follows_the_standard,
    has_one_heading_first,
    is_in_english,
    has_ids_once_and_ties_to_what_is_there,
    names_every_table,
    runs_nothing_inline,
    loads_only_from_us,
    opens_no_tab,
    begins_with_ways_past_and_out,
    sets_no_cookie,
    was_looked_at_this_year,
    shows_no_code,
    shows_no_half_sentence,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_page_keeps_the_rules_of_the_house(visits, rule):
    broken = {visit.name: wrong for visit in visits if (wrong := rule(visit))}

    assert broken == {}


def test_every_page_has_the_phone_number_and_the_way_out(visits, library):
    phone, leave = library.facts["phone"], library.facts["exit_url"].link

    lacking = {
        visit.name
        for visit in visits
        if not [a for a in visit.html.all("a", href=phone.link) if phone.value in words(a)]
        or not visit.html.all("a", href="/exit", data_exit=leave)
    }

    assert lacking == set()


def test_every_page_answers_as_it_should(visits):
    expected = {
        "empty": 422,
        "open too long": 422,
        "open too long and empty": 422,
        "too often": 429,
        "not kept": 503,
        "no such page": 404,
        "another host": 400,
        "posted to a page": 405,
    }
    expected |= {f"error {status}": status for status in (400, 403, 404, 405, 410, 413, 429, 500, 503)}

    def status(name: str) -> int:
        return expected.get(name, expected.get(name.partition(" ")[2], 200))

    assert {v.name: v.response.status_code for v in visits if v.response.status_code != status(v.name)} == {}


def test_every_page_has_a_title_of_its_own(visits):
    pages = defaultdict(set)
    for visit in visits:
        pages[visit.html.title].add(visit.page)

    assert {title: names for title, names in pages.items() if len(names) > 1} == {}


def test_titles_never_say_which_side_a_visitor_is_on(visits):
    forms = [v for v in visits if v.page.partition(" ")[0] in (A, B, C, CONTACT)]

    told = re.compile("harmed|caused|victim|offender|responsible", re.IGNORECASE)
    assert {v.name: v.html.title for v in forms if told.search(v.html.title)} == {}


def test_forms_and_what_follows_them_are_not_for_search_engines(visits):
    indexed = {v.name for v in visits if not v.html.all("meta", name="robots", content="noindex")}

    assert {v.name for v in visits if v.cache == PRIVATE} & indexed == {"/think-it-through"}
    assert {"/", "/case-studies/"} <= indexed


def test_every_link_leads_to_a_page_and_every_fragment_to_its_target(visits, app):
    client, targets, lost = app.test_client(), {}, set()
    for visit in visits:
        for link in visit.html.all("a", "link"):
            address = urlsplit(link.get("href", ""))
            if address.scheme or address.netloc or not address.path:
                continue
            if address.path not in targets:
                answer = client.get(address.path, follow_redirects=address.path.startswith("/papers/"))
                targets[address.path] = answer.status_code, answer.content_type or "", answer.get_data()
                answer.close()
            status, kind, body = targets[address.path]
            there = status == (303 if address.path == "/exit" else 200)
            if there and address.fragment and kind.startswith("text/html"):
                there = address.fragment in Page(body.decode()).by_id
            if not there:
                lost.add((visit.name, link.attrib["href"], status))

    assert lost == set()
    assert len(targets) > 20


def test_every_resource_of_a_page_is_there_and_may_be_kept_for_a_year(visits, app):
    client = app.test_client()
    addresses = {e.attrib["href"] for v in visits for e in v.html.all("link") if e.get("rel") in LOADED}
    addresses |= {e.attrib["src"] for v in visits for e in v.html.all("script", "img")}

    for address in sorted(addresses):
        answer = client.get(address)
        assert (answer.status_code, address) == (200, address)
        assert answer.headers["Cache-Control"] == "max-age=31536000, public, immutable"
        assert {n: answer.headers.get(n) for n in FIXED} == FIXED
        assert "Set-Cookie" not in answer.headers
        answer.close()


def test_no_route_is_missing_from_this_list(app, visits):
    seen = {"try_an_error", "refer.leave"}  # the first is this test's own; test_pages tests the second
    routes, addresses = app.url_map.bind("localhost"), {v.page.partition(" ")[0] for v in visits}
    seen |= {routes.match(address)[0] for address in addresses if address.startswith("/")}

    assert {rule.endpoint for rule in app.url_map.iter_rules()} == seen | NOT_A_PAGE


@pytest.mark.parametrize("folder", ["pages", "case-studies", "forms", "outcomes", "errors"])
def test_no_file_of_the_content_is_missing_from_this_list(library, visits, folder):
    pages = {
        "pages": library.pages,
        "case-studies": {story.address: story for story in library.stories},
        "forms": library.form_pages,
        "outcomes": library.outcomes,
        "errors": library.errors,
    }[folder]
    shown = {words(h) for v in visits for h in v.html.all("h1", "h2")}

    assert {page.title for page in pages.values()} - shown == set()
    assert len(pages) == len(list((SERVICE / folder).glob("*.md")))


def test_over_https_browsers_are_told_to_stay_with_it(tmp_path):
    site = create_app(
        Settings.load(mode="development", data_dir=tmp_path, public_url="https://www.nowhere.example")
    )

    answer = site.test_client().get("/", base_url="https://www.nowhere.example")

    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"


def test_a_form_fresh_from_the_site_is_empty(app, library):
    client = app.test_client()

    for form in library.forms:
        page = Page(client.get(form).text)
        assert [name for name, given in page.answers.items() if any(given)] == ["form_token"]
