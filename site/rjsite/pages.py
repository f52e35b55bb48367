"""Information pages and stories: GET only, the same for everyone, rendered once."""

from __future__ import annotations

import hashlib
from datetime import date

from flask import Blueprint, Flask, Response, abort, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue

from rjsite.content.library import HOME, STORIES, Library
from rjsite.content.page import Page, Story
from rjsite.settings import Settings
from rjsite.site_content import library

bp = Blueprint("pages", __name__)
HTML = "text/html; charset=utf-8"


@bp.get("/", defaults={"path": ""})
@bp.get("/<path:path>")
def page(path: str) -> ResponseReturnValue:
    """One page by its address; another spelling of an address leads to the one true address."""
    address = f"/{path}"
    content = library()
    found = _find(content, address)
    if found is None:
        return _elsewhere(content, address)
    return _answer(content, found)


def _find(content: Library, address: str) -> Page | None:
    if address.startswith(STORIES) and address != STORIES:
        return content.by_slug.get(address.removeprefix(STORIES))
    found = content.pages.get(address)
    return None if found is None or address == "/sent" else found


def _elsewhere(content: Library, address: str) -> ResponseReturnValue:
    """A permanent redirect for an old address, upper case or a slash too many; else not found."""
    plain = address.lower().rstrip("/") or HOME
    for candidate in (plain, f"{plain}/"):
        target = content.redirects.get(candidate, candidate)
        if target != address and (_find(content, target) or target in content.forms):
            return redirect(target, 301)
    return abort(404)


def _answer(content: Library, found: Page) -> Response:
    """The page with a strong ETag; rendered when it is first asked for."""
    rendered: dict[tuple[int, str], tuple[bytes, str]] = current_app.extensions["rjsite.rendered"]
    key = (id(content), found.address)
    if key not in rendered:
        if any(known != id(content) for known, _ in rendered):
            rendered.clear()  # the content changed
        html = _render(content, found).encode()
        rendered[key] = html, hashlib.sha256(html).hexdigest()[:24]
    html, etag = rendered[key]
    response = Response(html, content_type=HTML)
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def _render(content: Library, found: Page) -> str:
    given = {"here": found.address, "noindex": found.noindex, "bare": False, "description": found.description}
    if isinstance(found, Story):
        return render_template("story.html", page=found, story=found, **given)
    if found.address == STORIES:
        return render_template("stories.html", page=found, stories=content.stories, **given)
    return render_template("home.html" if found.address == HOME else "page.html", page=found, **given)


def day(value: date) -> str:
    """A date as people read it: 3 March 2026."""
    return f"{value.day} {value:%B %Y}"


def init_app(app: Flask, _settings: Settings) -> None:
    """Register the pages and what their templates use."""
    app.jinja_env.filters["day"] = day
    app.extensions["rjsite.rendered"] = {}
    app.register_blueprint(bp)
