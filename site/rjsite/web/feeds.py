"""Files for programs: the feed of stories, the site map, robots.txt and security.txt."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from flask import Blueprint, Flask, Response, render_template, request

from rjsite.content.library import STORIES, Library
from rjsite.content.model import Page, Story
from rjsite.settings import Settings
from rjsite.web import page_cache
from rjsite.web.live_content import library

SECURITY = "/.well-known/security.txt"
PLAIN = "text/plain; charset=utf-8"
IN_FEED = 50
VALID_DAYS = 180  # how long security.txt is valid; RFC 9116 recommends less than a year
NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NO_DAY = date(2026, 1, 1)  # for a page without a date

bp = Blueprint("feeds", __name__)


def feed(content: Library, base: str) -> str:
    """Return the newest stories as an Atom feed.

    Args:
        content: the content that is shown.
        base: the URL of the site without a final slash.
    """
    newest = content.stories[:IN_FEED]
    updated = max(map(_changed, newest), default=NO_DAY)
    name = content.facts["name"].value
    return _xml("feed.xml", site=base, name=name, list=STORIES, stories=newest, updated=updated)


def sitemap(content: Library, base: str) -> str:
    """Return the site map: every page and story that search engines may list. Forms are not in it."""
    pages = [page for page in (*content.pages.values(), *content.stories) if page.listed]
    return _xml("sitemap.xml", site=base, pages=pages)


def robots(_content: Library, base: str) -> str:
    """Return robots.txt (RFC 9309). Pages that must not be indexed say so themselves."""
    return f"User-agent: *\nDisallow: /exit\n\nSitemap: {base}/sitemap.xml\n"


def security(content: Library, base: str) -> str:
    """Return security.txt (RFC 9116) with the contacts of the service. Each day it gets a new expiry date."""
    links = [content.facts[name].link for name in ("email", "phone") if name in content.facts]
    lines = [
        *(f"Contact: {link}" for link in links if link),
        f"Expires: {datetime.now(UTC).date() + timedelta(days=VALID_DAYS)}T00:00:00Z",
        "Preferred-Languages: en",
        f"Canonical: {base}{SECURITY}",
    ]
    return "\n".join(lines) + "\n"


FILES = {
    "/feed.xml": (feed, "application/atom+xml"),
    "/sitemap.xml": (sitemap, "application/xml"),
    "/robots.txt": (robots, PLAIN),
    SECURITY: (security, PLAIN),
}


def _changed(page: Page) -> date:
    """Return the date when a page was last checked, or when a story was published if that is later."""
    checked = page.last_checked or NO_DAY
    return max(checked, page.published) if isinstance(page, Story) else checked


def _xml(template: str, **given: object) -> str:
    """Return a template as XML, without the characters that XML does not allow."""
    return NOT_IN_XML.sub("", render_template(template, changed=_changed, **given))


@bp.get("/feed.xml", endpoint="feed_xml")
@bp.get("/sitemap.xml", endpoint="sitemap_xml")
@bp.get("/robots.txt", endpoint="robots_txt")
@bp.get(SECURITY, endpoint="security_txt")
def show() -> Response:
    """Return the file at the URL of the request."""
    make, kind = FILES[request.path]
    return page_cache.cached_response(
        request.path, lambda: page_cache.CachedPage(make(library(), page_cache.site_url()).encode(), kind)
    )


def init_app(app: Flask, _settings: Settings) -> None:
    """Register the blueprint."""
    app.register_blueprint(bp)
