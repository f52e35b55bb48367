"""Pages as ready bytes: rendered once, compressed once, and answered before Flask is asked.

A view hands over what may be kept. A change of content is another library, which begins with no pages, so
that everything changes together. Whatever is not kept goes to Flask: what is sent, /sent, /exit, errors.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import brotli
from flask import Flask, Response, current_app, request
from werkzeug.exceptions import SecurityError
from werkzeug.http import parse_accept_header
from werkzeug.sansio.utils import host_is_trusted

from rjsite.content.library import Library
from rjsite.services import current_services, services_of
from rjsite.settings import Settings
from rjsite.web.live_content import library
from rjsite.web.security import NO_STORE, fixed_headers, log_line

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HTML = "text/html; charset=utf-8"
FRESH = "private, no-cache"
KEPT = 500  # pages, lists and stories; about 30 kB each
_TOKEN = re.compile(rb'(?<=name="form_token" value=")[^"]+')

Headers = list[tuple[str, str]]


class Ready(Protocol):
    """What can be answered at once."""

    def answer(self, environ: WSGIEnvironment) -> tuple[int, Headers, bytes]:
        """Status, headers and body."""


class Page:
    """A page that is the same for everyone, in each coding that browsers ask for.

    Args:
        hard: take the time to make it as small as it gets.
    """

    def __init__(self, body: bytes, kind: str, cache: str, *, hard: bool) -> None:
        digest = hashlib.sha256(body).hexdigest()[:24]
        packed = {
            "": body,
            "br": brotli.compress(body, quality=11 if hard else 5),
            "gzip": gzip.compress(body, 9 if hard else 6, mtime=0),
        }
        self.coded = {coding: (self._headers(coding, digest, cache), data) for coding, data in packed.items()}
        self.kind = kind

    @staticmethod
    def _headers(coding: str, digest: str, cache: str) -> Headers:
        """What a 304 carries too (RFC 9110, section 15.4.5). A strong tag differs with the coding."""
        tag = [("ETag", f'"{digest}{coding and "-"}{coding}"')] if cache != NO_STORE else []
        return [*tag, ("Cache-Control", cache), ("Vary", "Accept-Encoding")]

    def answer(self, environ: WSGIEnvironment) -> tuple[int, Headers, bytes]:
        """The page, or 304 where the visitor has it."""
        coding = _coding(environ.get("HTTP_ACCEPT_ENCODING", ""))
        headers, body = self.coded[coding]
        known = environ.get("HTTP_IF_NONE_MATCH")
        if known and headers[0][0] == "ETag" and (headers[0][1] in known or known == "*"):
            return 304, headers, b""
        extra = [("Content-Encoding", coding)] if coding else []
        return 200, [("Content-Type", self.kind), *headers, *extra], body


class FormPage:
    """A form with a token of its own for each visitor.

    It may be compressed: the token is new in every answer, and nobody can have text put beside it, so the
    length of an answer tells nothing (BREACH).

    Args:
        body: the page with some token.
        new_token: makes another.
    """

    def __init__(self, body: bytes, new_token: Callable[[], str]) -> None:
        self.before, self.after = _TOKEN.split(body)
        self.new_token = new_token

    def answer(self, environ: WSGIEnvironment) -> tuple[int, Headers, bytes]:
        """Return status, headers and the page with a new token."""
        body = b"".join((self.before, self.new_token().encode(), self.after))
        headers = [("Content-Type", HTML), ("Cache-Control", NO_STORE), ("Vary", "Accept-Encoding")]
        if not _coding(environ.get("HTTP_ACCEPT_ENCODING", ""), ("gzip",)):
            return 200, headers, body
        return 200, [*headers, ("Content-Encoding", "gzip")], gzip.compress(body, 6, mtime=0)


@lru_cache(maxsize=256)  # browsers send a few
def _coding(accepted: str, offered: tuple[str, ...] = ("br", "gzip")) -> str:
    """The best coding that a visitor takes; empty for none."""
    found = parse_accept_header(accepted)
    return next((coding for coding in offered if found.quality(coding) > 0), "")


def answer(address: str, make: Callable[[], Ready], *, keep: bool = True) -> Response:
    """Answer from a view with what is kept for an address of ours; make it where it is not there yet."""
    kept, key = current_services().page_cache.pages_of(library()), site_url() + address
    found = kept.get(key)
    if found is None:
        found = make()
        if keep:
            while len(kept) >= KEPT:
                kept.pop(next(iter(kept), ""), None)
            kept[key] = found
    status, headers, body = found.answer(request.environ)
    return Response(body, status, headers)


def page(body: str | bytes, kind: str = HTML, *, cache: str = FRESH, hard: bool = True) -> Page:
    """Words as a page."""
    return Page(body.encode() if isinstance(body, str) else body, kind, cache, hard=hard)


def site_url() -> str:
    """The address of the site, without a slash at its end; in development as the visitor wrote it."""
    try:
        return current_app.config["PUBLIC_URL"] or request.url_root.rstrip("/")
    except SecurityError:  # a host that is not ours gets no address of ours
        return ""


class Layer:
    """Answers what is kept; passes everything else on.

    Args:
        app: whose content is shown. below: answers the rest.
    """

    def __init__(self, app: Flask, settings: Settings, below: WSGIApplication) -> None:
        self.app = app
        self.below = below
        self._pages: tuple[Library | None, dict[str, Ready]] = (None, {})
        self.public_url = settings.public_url
        self.fixed = list(fixed_headers(settings).items())
        self.ours = lru_cache(maxsize=256)(lambda host: host_is_trusted(host, settings.hosts))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request (PEP 3333)."""
        method, started = environ["REQUEST_METHOD"], time.perf_counter()
        found = self._found(method, environ)
        if found is None:
            return self.below(environ, start_response)
        status, headers, body = found.answer(environ)
        length = [("Content-Length", str(len(body)))] if status == 200 else []
        start_response(f"{status} {HTTPStatus(status).phrase}", [*headers, *length, *self.fixed])
        log_line(method, environ["PATH_INFO"], status, started)
        return [body] if method == "GET" else []

    def pages_of(self, shown: Library) -> dict[str, Ready]:
        """Return the pages that were made of a library, by their URLs. Another library has none yet."""
        if self._pages[0] is not shown:
            self._pages = (shown, {})
        return self._pages[1]

    def _found(self, method: str, environ: WSGIEnvironment) -> Ready | None:
        host, query = environ.get("HTTP_HOST", ""), environ.get("QUERY_STRING", "")
        if method not in ("GET", "HEAD") or not self.ours(host):
            return None
        site = self.public_url or f"{environ['wsgi.url_scheme']}://{host}"
        kept = self.pages_of(services_of(self.app).content.now())
        return kept.get(f"{site}{environ['PATH_INFO']}{query and '?'}{query}")


def init_app(app: Flask, settings: Settings) -> Layer:
    """Stand before Flask."""
    app.config["PUBLIC_URL"] = settings.public_url
    layer = Layer(app, settings, app.wsgi_app)
    app.wsgi_app = layer  # type: ignore[method-assign]
    return layer
