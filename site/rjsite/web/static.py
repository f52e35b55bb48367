"""Serves static files, with a hash of the content in each name, so that browsers can keep them for a year."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from mimetypes import MimeTypes
from pathlib import Path

from flask import Flask, Response, abort, redirect, request
from flask.typing import ResponseReturnValue

from rjsite.content.library import Library
from rjsite.settings import ROOT, Settings
from rjsite.web import page_cache
from rjsite.web.live_content import library

SOURCE = ROOT / "static"
PREFIX = "/static/"
A_YEAR = "max-age=31536000, public, immutable"
# Comments and indentation, which browsers do not need, and in style sheets line breaks after a sign. A `//`
# within a URL stays, as it follows no space.
_FOR_PEOPLE = {
    ".css": re.compile(r"/\*.*?\*/\n?|(?<=[{};,:(])\n\s*|^\s+", re.DOTALL | re.MULTILINE),
    ".js": re.compile(r"(?:^|\s+)//(?: [^\n]*)?$|/\*\*.*?\*/\s*|^\s+", re.DOTALL | re.MULTILINE),
}
_CSS_URL = re.compile(r'url\("([^":]+)"\)')

_types = MimeTypes()  # only the types that Python knows itself, whatever /etc/mime.types says
_types.add_type("font/woff2", ".woff2")
_types.add_type("text/javascript", ".js")


def hashed(source: Path) -> dict[str, tuple[str, bytes]]:
    """Return the hashed name and the content of each file in a folder, by its plain name ("site.css")."""
    files: dict[str, tuple[str, bytes]] = {}
    # style sheets come last, because they refer to fonts and pictures by their hashed names
    for path in sorted((p for p in source.rglob("*") if p.is_file()), key=lambda p: (p.suffix == ".css", p)):
        name = path.relative_to(source).as_posix()
        body = path.read_bytes()
        if path.suffix in _FOR_PEOPLE:
            body = _FOR_PEOPLE[path.suffix].sub("", body.decode()).encode()
        if path.suffix == ".css":
            body = _CSS_URL.sub(partial(_hashed_url, files), body.decode()).encode()
        digest = hashlib.sha256(body).hexdigest()[:12]
        files[name] = f"{name.removesuffix(path.suffix)}.{digest}{path.suffix}", body
    return files


def _hashed_url(files: Mapping[str, tuple[str, bytes]], url: re.Match[str]) -> str:
    name = PREFIX + files[url[1]][0] if url[1] in files else url[1]
    return f'url("{name}")'


def kind_of(name: str) -> str:
    """Return the Content-Type of a file with this name."""
    kind = _types.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def is_withdrawn(name: str, content: Library) -> bool:
    """Return whether a static file is a PDF that is withdrawn because it contains a fact that has ended."""
    return name.startswith("papers/") and name.removeprefix("papers/") in content.withdrawn_papers


def init_app(app: Flask, _settings: Settings) -> None:
    """Serve the files, and provide templates with `static_url` and `static_hash` (Subresource Integrity)."""
    files = hashed(SOURCE)
    urls = {own: PREFIX + name for own, (name, _) in files.items()}
    own_names = {url: own for own, url in urls.items()}
    hashes = {own: _integrity(body) for own, (_, body) in files.items()}
    app.jinja_env.globals["static_url"] = urls.__getitem__
    app.jinja_env.globals["static_hash"] = hashes.__getitem__

    @app.get(f"{PREFIX}<path:name>")
    def static(name: str) -> Response:
        """Return the file with this hashed name. It is compressed once and then cached."""
        own = own_names.get(request.path) or abort(404)
        if is_withdrawn(own, library()):
            abort(404)
        _, body = files[own]
        return page_cache.cached_response(
            request.path, lambda: page_cache.CachedPage(body, kind_of(own), cache=A_YEAR)
        )

    @app.get("/papers/<name>")
    def paper(name: str) -> ResponseReturnValue:
        """Redirect from the permanent name of a printable PDF to its hashed name."""
        own = f"papers/{name}"
        return redirect((not is_withdrawn(own, library()) and urls.get(own)) or abort(404))


def _integrity(body: bytes) -> str:
    return f"sha384-{b64encode(hashlib.sha384(body).digest()).decode()}"
