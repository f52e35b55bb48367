"""The views of information pages and stories, which are the same for everyone."""

from __future__ import annotations

import re
from dataclasses import replace

from flask import Blueprint, Flask, abort, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue

from rjsite.content.fact_formats import day_in_words
from rjsite.content.library import GONE, HOME, STORIES, Library
from rjsite.content.markdown import parts_used
from rjsite.content.model import Page, Story
from rjsite.content.stories import Listing
from rjsite.settings import Settings
from rjsite.web import page_cache
from rjsite.web.live_content import library, without_dead_links
from rjsite.web.security import NO_STORE

bp = Blueprint("pages", __name__)
OTHERS = ("/sent", "/exit")  # rjsite.web.forms has views for these


@bp.get(STORIES, strict_slashes=False)
def stories() -> ResponseReturnValue:
    """Return the list of stories that match the filters in the URL.

    Any other spelling of the URL is redirected to the canonical one.
    """
    content = library()
    shown = content.pages.get(STORIES) or abort(404)
    listing = content.story_index.listing(shown.title, STORIES, request.args) or abort(404)
    if request.full_path.rstrip("?") != listing.address:
        return redirect(listing.address, 301)
    unfiltered = not listing.chosen  # there are too many combinations of filters to cache all of them
    return page_cache.cached_response(
        listing.address,
        lambda: page_cache.CachedPage(render_list(shown, listing).encode(), small=unfiltered),
        keep=unfiltered,
    )


@bp.get("/", defaults={"path": ""})
@bp.get("/<path:path>")
def page(path: str) -> ResponseReturnValue:
    """Return the page at a path, redirecting to its canonical URL if needed."""
    address = f"/{path}"
    content = library()
    shown = _find(content, address)
    if shown is None:
        return _redirect_or_abort(content, address)

    def make() -> page_cache.CachedPage:
        return page_cache.CachedPage(render(shown).encode(), cache=cache_control_of(shown))

    return page_cache.cached_response(address, make)


def _find(content: Library, address: str) -> Page | None:
    if address.startswith(STORIES) and address != STORIES:
        return content.by_slug.get(address.removeprefix(STORIES))
    return None if address == "/sent" else content.pages.get(address)


def _redirect_or_abort(content: Library, address: str) -> ResponseReturnValue:
    """Return a permanent redirect from an old or misspelt URL, or abort with 410 or 404."""
    plain = re.sub("/+", "/", address.lower()).rstrip("/") or HOME
    for candidate in (plain, f"{plain}/"):
        target = content.redirects.get(candidate, candidate)
        if target == GONE:
            return abort(410)
        if target != address and (_find(content, target.partition("#")[0]) or _has_other_view(target)):
            query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
            return redirect(target + (query if target == candidate else ""), 301)
    return abort(404)


def _has_other_view(address: str) -> bool:
    """Return whether another module, such as rjsite.web.forms, has a view for a URL."""
    adapter = current_app.create_url_adapter(request)
    return adapter is not None and adapter.match(address, "GET")[0] not in ("pages.page", "pages.stories")


def cache_control_of(shown: Page) -> str:
    """Return the Cache-Control of a page. Browsers must not store a page with a field to write in."""
    parts = parts_used(shown.document.body)
    return NO_STORE if any(part == "write" for _, part in parts) else page_cache.PRIVATE_NO_CACHE


def render(shown: Page) -> str:
    """Return a page or story as HTML. The list of stories is returned as its first, unfiltered page."""
    if shown.address == STORIES and (listing := library().story_index.listing(shown.title, STORIES, {})):
        return render_list(shown, listing)
    if isinstance(shown, Story):
        once = replace(shown)  # a copy: 10,000 stories that kept their rendered text would fill the memory
        return _template("story.html", once, story=once)
    return _template("home.html" if shown.address == HOME else "page.html", shown)


def render_list(shown: Page, listing: Listing) -> str:
    """Return the page of the list of stories as HTML."""
    return _template("stories.html", shown, here=listing.address, listing=listing)


def _template(name: str, shown: Page, **context: object) -> str:
    defaults = {"here": shown.address, "noindex": not shown.listed, "description": shown.description}
    return without_dead_links(render_template(name, page=shown, **{**defaults, **context}))


def init_app(app: Flask, _settings: Settings) -> None:
    """Register the blueprint, and the filter and the global that its templates use."""
    app.jinja_env.filters["day"] = day_in_words
    app.jinja_env.globals["site_url"] = page_cache.site_url
    app.register_blueprint(bp)
