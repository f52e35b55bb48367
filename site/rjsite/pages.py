"""Information pages and stories: GET only, the same for everyone, rendered once."""

from __future__ import annotations

import hashlib
from datetime import date

from flask import Blueprint, Flask, Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import SecurityError

from rjsite.content.library import HOME, STORIES, Library
from rjsite.content.listing import Listing, listing
from rjsite.content.page import Page, Story
from rjsite.safety import NO_STORE
from rjsite.settings import Settings
from rjsite.site_content import library

bp = Blueprint("pages", __name__)
HTML = "text/html; charset=utf-8"
FRESH = "private, no-cache"
OTHERS = ("/sent", "/exit")  # answered elsewhere


@bp.get(STORIES, strict_slashes=False)
def stories() -> ResponseReturnValue:
    """The list of stories, or what of it an address asks for, at its one true address."""
    content = library()
    found = content.pages.get(STORIES) or abort(404)
    if request.full_path == f"{STORIES}?" and STORIES in content.rendered:
        return _answer(content, found)
    asked = listing(found.title, STORIES, content.stories, request.args) or abort(404)
    if request.full_path.rstrip("?") != asked.address:
        return redirect(asked.address, 301)
    if asked.address == STORIES:
        return _answer(content, found, asked)
    return _response(_render_list(found, asked).encode())


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
        known = target in content.forms or target in OTHERS or _find(content, target.partition("#")[0])
        if target != address and known:
            return redirect(target, 301)
    return abort(404)


def _answer(content: Library, found: Page, asked: Listing | None = None) -> Response:
    """The page as it is rendered when it is first asked for."""
    if found.address not in content.rendered:
        made = _render_list(found, asked) if asked else _render(found)
        content.rendered[found.address] = made.encode()
    html = content.rendered[found.address]
    if any(section.part == "write" for section in found.sections):
        # what is written there must not stay in the browser
        return Response(html, content_type=HTML, headers={"Cache-Control": NO_STORE})
    return _response(html)


def _response(html: bytes) -> Response:
    """HTML with a strong ETag."""
    response = Response(html, content_type=HTML)
    response.set_etag(hashlib.sha256(html).hexdigest()[:24])
    response.headers["Cache-Control"] = FRESH
    response.make_conditional(request)
    return response


def _render(found: Page) -> str:
    if isinstance(found, Story):
        return render_template("story.html", **_given(found), story=found)
    return render_template("home.html" if found.address == HOME else "page.html", **_given(found))


def _render_list(found: Page, asked: Listing) -> str:
    return render_template("stories.html", **{**_given(found), "here": asked.address}, listing=asked)


def _given(found: Page) -> dict[str, object]:
    """What every page tells its template."""
    return {
        "page": found,
        "here": found.address,
        "noindex": found.noindex,
        "bare": False,
        "description": found.description,
    }


def day(value: date) -> str:
    """A date as people read it: 3 March 2026."""
    return f"{value.day} {value:%B %Y}"


def init_app(app: Flask, settings: Settings) -> None:
    """Register the pages and what their templates use."""
    app.jinja_env.filters["day"] = day
    app.jinja_env.globals["site_url"] = lambda: site_url(settings)
    app.register_blueprint(bp)


def site_url(settings: Settings) -> str:
    """The address of the site, without a slash at its end; in development as the visitor wrote it."""
    try:
        return settings.public_url or request.url_root.rstrip("/")
    except SecurityError:  # a host that is not ours gets no address of ours
        return ""
