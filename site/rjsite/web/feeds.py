"""For machines that read the site: new stories (Atom), the pages there are, what may be indexed; and whom to
tell of a weakness of it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element, SubElement, tostring

from flask import Blueprint, Flask, Response, request

from rjsite.content.library import STORIES, Library
from rjsite.content.model import Page, Story
from rjsite.settings import Settings
from rjsite.web import page_cache
from rjsite.web.live_content import library

SECURITY = "/.well-known/security.txt"
PLAIN = "text/plain; charset=utf-8"
ATOM = "http://www.w3.org/2005/Atom"  # RFC 4287
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
IN_FEED = 50
VALID_DAYS = 180  # of security.txt; its RFC asks for less than a year
NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NO_DAY = date(2026, 1, 1)  # stands for the day of a page that has none


def feed(content: Library, base: str) -> bytes:
    """The newest stories as an Atom feed (RFC 4287).

    Args:
        base: the address of the site, without a slash at its end.
    """
    root = Element("feed", {"xmlns": ATOM, "xml:lang": "en-GB"})
    newest, name = content.stories[:IN_FEED], content.facts["name"].value
    _add(root, "id", f"{base}/feed.xml")
    _add(root, "title", f"Stories: {name}")
    _add(root, "updated", _moment(max(map(_changed, newest), default=NO_DAY)))
    _add(_add(root, "author"), "name", name)
    _add(root, "link", rel="self", type="application/atom+xml", href=f"{base}/feed.xml")
    _add(root, "link", rel="alternate", type="text/html", href=f"{base}{STORIES}")
    for story in newest:
        entry = _add(root, "entry")
        notes = "".join(f"Note: {note}. " for note in story.content_notes)
        _add(entry, "id", f"{base}{story.address}")
        _add(entry, "title", story.title)
        _add(entry, "published", _moment(story.published))
        _add(entry, "updated", _moment(_changed(story)))
        _add(entry, "link", rel="alternate", type="text/html", href=f"{base}{story.address}")
        _add(entry, "summary", f"{notes}{story.summary}")
    return _xml(root)


def sitemap(content: Library, base: str) -> bytes:
    """Every page and story that may be indexed (sitemaps.org); forms may not."""
    root = Element("urlset", {"xmlns": SITEMAP})
    for page in [*content.pages.values(), *content.stories]:
        if page.listed:
            url = _add(root, "url")
            _add(url, "loc", f"{base}{page.address}")
            _add(url, "lastmod", _changed(page).isoformat())
    return _xml(root)


def robots(_content: Library, base: str) -> bytes:
    """What crawlers may fetch (RFC 9309). Pages that must not be indexed say so themselves."""
    return f"User-agent: *\nDisallow: /exit\n\nSitemap: {base}/sitemap.xml\n".encode()


def security(content: Library, base: str) -> bytes:
    """Whom to tell of a weakness (RFC 9116): the service's email, then its phone. Made anew every day."""
    links = [content.facts[name].link for name in ("email", "phone") if name in content.facts]
    lines = [
        *(f"Contact: {link}" for link in links if link),
        f"Expires: {datetime.now(UTC).date() + timedelta(days=VALID_DAYS)}T00:00:00Z",
        "Preferred-Languages: en",
        f"Canonical: {base}{SECURITY}",
    ]
    return ("\n".join(lines) + "\n").encode()


FILES = {
    "/feed.xml": (feed, "application/atom+xml"),
    "/sitemap.xml": (sitemap, "application/xml"),
    "/robots.txt": (robots, PLAIN),
    SECURITY: (security, PLAIN),
}


def _changed(page: Page) -> date:
    """The day on which a page was last new or changed; a story that waited for its day is new on that day."""
    checked = page.last_checked or NO_DAY
    return max(checked, page.published) if isinstance(page, Story) else checked


def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _add(parent: Element, tag: str, words: str | None = None, **attributes: str) -> Element:
    added = SubElement(parent, tag, attributes)
    added.text = words
    return added


def _xml(root: Element) -> bytes:
    written = NOT_IN_XML.sub("", tostring(root, encoding="unicode"))
    return f'<?xml version="1.0" encoding="utf-8"?>\n{written}'.encode()


def show() -> Response:
    """The file of this address."""
    make, kind = FILES[request.path]
    return page_cache.answer(
        request.path, lambda: page_cache.page(make(library(), page_cache.site_url()), kind)
    )


def init_app(app: Flask, _settings: Settings) -> None:
    """Register the addresses."""
    bp = Blueprint("feeds", __name__)
    for address in FILES:
        bp.add_url_rule(address, PurePosixPath(address).name.replace(".", "_"), show)
    app.register_blueprint(bp)
