"""For machines that read the site: new stories (Atom), the pages there are, what may be indexed."""

from __future__ import annotations

from datetime import date
from xml.etree.ElementTree import Element, SubElement, tostring

from flask import Blueprint, Flask, Response

from rjsite import ready
from rjsite.content.library import STORIES, Library
from rjsite.content.page import Page
from rjsite.settings import Settings
from rjsite.site_content import library

ATOM = "http://www.w3.org/2005/Atom"  # RFC 4287
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
IN_FEED = 50


def feed(content: Library, base: str) -> bytes:
    """The newest stories as an Atom feed (RFC 4287).

    Args:
        base: the address of the site, without a slash at its end.
    """
    root = Element("feed", {"xmlns": ATOM, "xml:lang": "en-GB"})
    newest = content.stories[:IN_FEED]
    for name, words in (
        ("id", f"{base}/feed.xml"),
        ("title", f"Stories: {content.facts['name']}"),
        ("updated", _moment(max((_changed(story) for story in newest), default=date(2026, 1, 1)))),
    ):
        SubElement(root, name).text = words
    SubElement(SubElement(root, "author"), "name").text = content.facts["name"].value
    SubElement(root, "link", {"rel": "self", "type": "application/atom+xml", "href": f"{base}/feed.xml"})
    SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": f"{base}{STORIES}"})
    for story in newest:
        entry = SubElement(root, "entry")
        notes = "".join(f"Note: {note}. " for note in story.content_notes)
        SubElement(entry, "id").text = f"{base}{story.address}"
        SubElement(entry, "title").text = story.title
        SubElement(entry, "published").text = _moment(story.published)
        SubElement(entry, "updated").text = _moment(_changed(story))
        SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": f"{base}{story.address}"})
        SubElement(entry, "summary").text = f"{notes}{story.summary}"
    return _xml(root)


def sitemap(content: Library, base: str) -> bytes:
    """Every page and story that may be indexed (sitemaps.org); forms may not."""
    root = Element("urlset", {"xmlns": SITEMAP})
    for page in [*content.pages.values(), *content.stories]:
        if page.listed:
            url = SubElement(root, "url")
            SubElement(url, "loc").text = f"{base}{page.address}"
            SubElement(url, "lastmod").text = _changed(page).isoformat()
    return _xml(root)


def robots(base: str) -> str:
    """What crawlers may fetch (RFC 9309). Pages that must not be indexed say so themselves."""
    return f"User-agent: *\nDisallow: /exit\n\nSitemap: {base}/sitemap.xml\n"


def _changed(page: Page) -> date:
    return page.last_checked or date(2026, 1, 1)


def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _xml(root: Element) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}'.encode()


def init_app(app: Flask, _settings: Settings) -> None:
    """Register the three addresses."""
    bp = Blueprint("feeds", __name__)

    @bp.get("/feed.xml")
    def feed_xml() -> Response:
        return ready.answer(
            "/feed.xml", lambda: ready.page(feed(library(), ready.site_url()), "application/atom+xml")
        )

    @bp.get("/sitemap.xml")
    def sitemap_xml() -> Response:
        return ready.answer(
            "/sitemap.xml", lambda: ready.page(sitemap(library(), ready.site_url()), "application/xml")
        )

    @bp.get("/robots.txt")
    def robots_txt() -> Response:
        return ready.answer(
            "/robots.txt", lambda: ready.page(robots(ready.site_url()), "text/plain; charset=utf-8")
        )

    app.register_blueprint(bp)
