"""The error pages, which are part of the content. If none can be shown, plain text gives the phone number."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from flask import Flask, Response, current_app, make_response, render_template, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException

from rjsite.settings import Settings
from rjsite.web.live_content import library, without_dead_links

OUR_CODE = Path(__file__).parents[1]

log = logging.getLogger("rjsite.errors")


def show(status: int) -> Response:
    """Return the error page for a status. A status without its own page gets the page for 404 or 500."""
    content = library()
    page = content.errors.get(str(status)) or content.errors.get("404" if status < 500 else "500")
    if page is None:
        return _plain(content.facts["phone"].value, status)
    if request_ctx.url_adapter is None:  # for an unknown host; the links of the page need no host
        request_ctx.url_adapter = current_app.url_map.bind("")
    return make_response(without_dead_links(render_template("page.html", page=page, here="")), status)


def _plain(phone: str, status: int) -> Response:
    """Return plain text with the phone number, in case even the error page cannot be rendered."""
    text = f"This page does not work at the moment. Call us free on {phone}.\n"
    return Response(text, status, content_type="text/plain; charset=utf-8")


def _known(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return error.get_response()  # type: ignore[return-value]
    response = show(status)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _unknown(error: Exception) -> Response:
    """Return the error page for status 500, and log where the error occurred.

    The log gets the type of the exception and its place in the code, but not its message, which could
    contain answers.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = next((f for f in reversed(frames) if Path(f.filename).is_relative_to(OUR_CODE)), None)
    place = f"{Path(ours.filename).relative_to(OUR_CODE)}:{ours.lineno}" if ours else "outside our code"
    log.error("%s at %s (%s)", type(error).__name__, place, request.endpoint)
    try:
        return show(500)
    except Exception:
        return _plain(library().facts["phone"].value, 500)


def init_app(app: Flask, _settings: Settings) -> None:
    """Register the error handlers."""
    app.register_error_handler(HTTPException, _known)
    app.register_error_handler(Exception, _unknown)
