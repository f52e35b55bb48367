"""Caches pages. A cached page is sent without calling Flask.

Compressed copies that browsers ask for are cached too; of a form page, only the part before the token is
compressed in advance. Views put pages into the cache of the library that is shown. When the content changes,
it is read into a new library, whose cache is empty, so that all pages change together. Flask handles whatever
is not cached, such as POST requests, filtered lists, /sent, /exit and errors.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import time
import zlib
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import brotli
from flask import Flask, Response, current_app, request
from werkzeug.exceptions import SecurityError
from werkzeug.http import parse_accept_header
from werkzeug.sansio.utils import host_is_trusted

from rjsite.services import page_services_of
from rjsite.settings import Settings
from rjsite.web.live_content import library
from rjsite.web.security import NO_STORE, fixed_headers, log_line

HTML = "text/html; charset=utf-8"
PRIVATE_NO_CACHE = "private, no-cache"
COMPRESSED_KINDS = ("application/pdf", "font/", "image/png")
MAX_PAGES = 500  # pages, lists and stories; about 30 kB each
GZIP = 16 + zlib.MAX_WBITS  # zlib's number for the gzip format
_TOKEN = re.compile(rb'(?<=name="form_token" value=")[^"]+')

Headers = list[tuple[str, str]]


def codings(kind: str) -> tuple[str, ...]:
    """Return the content codings of a Content-Type: none if its format is already compressed."""
    return () if kind.startswith(COMPRESSED_KINDS) else ("br", "gzip")


def compressed(body: bytes, coding: str, *, small: bool = True) -> bytes:
    """Return a body in a content coding, or as it is if the coding is empty.

    Args:
        body: the content of a page or file.
        coding: one of its `codings`.
        small: whether to compress the body as far as possible, which takes longer.
    """
    match coding:
        case "br":
            small_body: bytes = brotli.compress(body, quality=11 if small else 5)
            return small_body
        case "gzip":
            return gzip.compress(body, 9 if small else 6, mtime=0)
    return body


class CachedPage:
    """A page or file that is the same for everyone. It is compressed when the first browser asks for that.

    Args:
        body: the content of the response.
        kind: its Content-Type.
        cache: its Cache-Control.
        small: see `compressed`.
    """

    def __init__(
        self, body: bytes, kind: str = HTML, *, cache: str = PRIVATE_NO_CACHE, small: bool = True
    ) -> None:
        digest = hashlib.sha256(body).hexdigest()[:24]
        self.kind = kind
        self.codings = codings(kind)
        self.body_in = lru_cache(maxsize=None)(partial(compressed, body, small=small))
        vary = [("Vary", "Accept-Encoding")] if self.codings else []
        self.headers: dict[str, Headers] = {}
        for coding in ("", *self.codings):  # a 304 response has these headers too (RFC 9110, 15.4.5)
            tag = [("ETag", f'"{digest}{coding and "-"}{coding}"')] if cache != NO_STORE else []
            self.headers[coding] = [*tag, ("Cache-Control", cache), *vary]

    def response(self, environ: WSGIEnvironment) -> tuple[int, Headers, bytes]:
        """Return the page, or 304 if the browser has it already."""
        coding = _coding(environ.get("HTTP_ACCEPT_ENCODING", ""), self.codings)
        headers = self.headers[coding]
        known = environ.get("HTTP_IF_NONE_MATCH")
        if known and headers[0][0] == "ETag" and (headers[0][1] in known or known == "*"):
            return 304, headers, b""
        extra = [("Content-Encoding", coding)] if coding else []
        return 200, [("Content-Type", self.kind), *headers, *extra], self.body_in(coding)


class CachedFormPage:
    """A form page with a new token in each response. The part before the token is compressed only once.

    Compression does not enable the BREACH attack here: the token changes with each response, and the page
    contains no text from the request, so the length of a response reveals nothing.

    Args:
        body: the page with any token.
        new_token: returns another token.
    """

    def __init__(self, body: bytes, new_token: Callable[[], str]) -> None:
        self.before, self.after = _TOKEN.split(body)
        self.new_token = new_token
        self.gzip = zlib.compressobj(level=9, wbits=GZIP)
        self.before_in_gzip = self.gzip.compress(self.before) + self.gzip.flush(zlib.Z_SYNC_FLUSH)

    def response(self, environ: WSGIEnvironment) -> tuple[int, Headers, bytes]:
        """Return the status, the headers and the page with a new token."""
        rest = self.new_token().encode() + self.after
        headers = [("Content-Type", HTML), ("Cache-Control", NO_STORE), ("Vary", "Accept-Encoding")]
        if not _coding(environ.get("HTTP_ACCEPT_ENCODING", ""), ("gzip",)):
            return 200, headers, self.before + rest
        compressor = self.gzip.copy()  # the copy continues where the token begins
        body = self.before_in_gzip + compressor.compress(rest) + compressor.flush()
        return 200, [*headers, ("Content-Encoding", "gzip")], body


@lru_cache(maxsize=256)  # browsers send few different values
def _coding(accepted: str, offered: tuple[str, ...]) -> str:
    """Return the first of the offered codings that the browser accepts, or an empty string for none."""
    accept = parse_accept_header(accepted)
    return next((coding for coding in offered if accept.quality(coding) > 0), "")


def cached_response(
    address: str, make: Callable[[], CachedPage | CachedFormPage], *, keep: bool = True
) -> Response:
    """Return the cached response of a view, or a new one if none is cached.

    Args:
        address: the path and query of the canonical URL.
        make: creates a new response.
        keep: whether to cache a new response.
    """
    pages, key = library().cache, site_url() + address
    cached: CachedPage | CachedFormPage | None = pages.get(key)
    if cached is None:
        cached = make()
        if keep:
            while len(pages) >= MAX_PAGES:
                pages.pop(next(iter(pages), ""), None)
            pages[key] = cached
    status, headers, body = cached.response(request.environ)
    return Response(body, status, headers)


def site_url() -> str:
    """Return the URL of the site without a final slash; in development, it is taken from the request."""
    try:
        return page_services_of(current_app).settings.public_url or request.url_root.rstrip("/")
    except SecurityError:  # the Host header names an unknown host
        return ""


class CacheMiddleware:
    """WSGI middleware that sends cached pages and passes every other request on.

    Args:
        app: the app whose content is shown.
        settings: the settings of that app.
        wsgi_app: the WSGI application for all other requests.
    """

    def __init__(self, app: Flask, settings: Settings, wsgi_app: WSGIApplication) -> None:
        self.app = app
        self.wsgi_app = wsgi_app
        self.public_url = settings.public_url
        self.fixed = list(fixed_headers(settings).items())
        self.is_ours = lru_cache(maxsize=256)(lambda host: host_is_trusted(host, settings.hosts))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request (PEP 3333)."""
        method, started = environ["REQUEST_METHOD"], time.perf_counter()
        cached = self._cached(method, environ)
        if cached is None:
            return self.wsgi_app(environ, start_response)
        status, headers, body = cached.response(environ)
        length = [("Content-Length", str(len(body)))] if status == 200 else []
        start_response(f"{status} {HTTPStatus(status).phrase}", [*headers, *length, *self.fixed])
        log_line(method, environ["PATH_INFO"], status, started)
        return [body] if method == "GET" else []

    def _cached(self, method: str, environ: WSGIEnvironment) -> CachedPage | CachedFormPage | None:
        host, query = environ.get("HTTP_HOST", ""), environ.get("QUERY_STRING", "")
        if method not in ("GET", "HEAD") or not self.is_ours(host):
            return None
        site = self.public_url or f"{environ['wsgi.url_scheme']}://{host}"
        pages: dict[str, CachedPage | CachedFormPage] = page_services_of(self.app).content.now().cache
        return pages.get(f"{site}{environ['PATH_INFO']}{query and '?'}{query}")


def init_app(app: Flask, settings: Settings) -> None:
    """Put the cache in front of Flask."""
    app.wsgi_app = CacheMiddleware(app, settings, app.wsgi_app)  # type: ignore[method-assign]
