"""Serves static files, each under a name with the hash of its content, so that browsers keep it for a year.

WhiteNoise serves them, and the compressed copies with `.br` and `.gz` next to them.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import re
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brotli
from flask import Flask, abort, redirect
from flask.typing import ResponseReturnValue
from whitenoise import WhiteNoise

from rjsite.services import services_of
from rjsite.settings import ROOT, Settings
from rjsite.web.live_content import library
from rjsite.web.security import fixed_headers, log_line

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SOURCE = ROOT / "static"
PREFIX = "/static/"
COMPRESSED = (".html", ".css", ".js", ".svg", ".txt")
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".br": lambda body: brotli.compress(body, quality=11),
    ".gz": lambda body: gzip.compress(body, 9, mtime=0),
}
_HASHED = re.compile(r"\.[0-9a-f]{12}\.[a-z0-9]+$")
_PDF = re.compile(rf"{PREFIX}papers/([\w-]+)\.[0-9a-f]{{12}}\.pdf")
_COMMENTS = {  # a comment of a script counts only if it has its lines to itself: `//` may be part of a string
    ".css": re.compile(r"/\*.*?\*/\n?", re.DOTALL),
    ".js": re.compile(r"^ *(?://[^\n]*|/\*\*.*?\*/)\n", re.DOTALL | re.MULTILINE),
}
_CSS_URL = re.compile(r'url\("([^":]+)"\)')

log = logging.getLogger("rjsite.static")


class Files(WhiteNoise):  # type: ignore[misc]
    """WhiteNoise with a line in the log for each file, and a year instead of its ten.

    The files are written by `prepare` or with the first request for one, so that `create_app` writes none.

    Args:
        app: answers all other requests.
        folder: the folder that the files are served from.
        withdrawn: returns the names of PDFs that are not served now.
        options: see WhiteNoise.
    """

    FOREVER = 365 * 24 * 3600

    def __init__(
        self, app: WSGIApplication, folder: Path, withdrawn: Callable[[], Collection[str]], **options: Any
    ) -> None:
        super().__init__(app, **options)
        self._withdrawn = withdrawn
        self._folder = folder
        self._prepared = False
        self._preparing = threading.Lock()

    def prepare(self) -> None:
        """Write the files to their folder and serve them from there, unless that has been done."""
        with self._preparing:
            if not self._prepared:
                prepare(SOURCE, self._folder)
                self.add_files(str(self._folder), PREFIX)
                self._prepared = True

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        answer: Iterable[bytes]
        if (pdf := _PDF.fullmatch(environ["PATH_INFO"])) and f"{pdf[1]}.pdf" in self._withdrawn():
            answer = self.application(environ, start_response)  # which has no such page
            return answer
        if not self._prepared and environ["PATH_INFO"].startswith(PREFIX):
            try:
                self.prepare()
            except OSError as error:  # answered as not found, and tried again with the next request
                log.error("static files cannot be written (%s)", type(error).__name__)
        answer = super().__call__(environ, start_response)
        return answer

    @staticmethod
    def serve(static_file: Any, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with a file, and log the request."""
        started = time.perf_counter()

        def start(status: str, headers: list[tuple[str, str]]) -> Any:
            log_line(environ["REQUEST_METHOD"], environ["PATH_INFO"], int(status[:3]), started)
            return start_response(status, headers)

        answer: Iterable[bytes] = WhiteNoise.serve(static_file, environ, start)
        return answer


def hashed(source: Path) -> dict[str, tuple[str, bytes]]:
    """Return the hashed name and content of each file of a folder, by its own name ("site.css")."""
    files: dict[str, tuple[str, bytes]] = {}
    # style sheets come last, because they refer to fonts and pictures by their hashed names
    for path in sorted((p for p in source.rglob("*") if p.is_file()), key=lambda p: (p.suffix == ".css", p)):
        name = path.relative_to(source).as_posix()
        body = path.read_bytes()
        if path.suffix in _COMMENTS:
            body = _COMMENTS[path.suffix].sub("", body.decode()).encode()
        if path.suffix == ".css":
            body = _CSS_URL.sub(partial(_hashed_url, files), body.decode()).encode()
        digest = hashlib.sha256(body).hexdigest()[:12]
        files[name] = f"{name.removesuffix(path.suffix)}.{digest}{path.suffix}", body
    return files


def _hashed_url(files: Mapping[str, tuple[str, bytes]], url: re.Match[str]) -> str:
    name = PREFIX + files[url[1]][0] if url[1] in files else url[1]
    return f'url("{name}")'


def prepare(source: Path, target: Path) -> dict[str, str]:
    """Copy every static file to its hashed name, with compressed copies beside it.

    Args:
        source: a folder like `static/`.
        target: a folder that may exist already, and that another process may write to as well.

    Returns:
        The URL of each file, by its own name ("site.css").
    """
    files = hashed(source)
    target.mkdir(parents=True, exist_ok=True)
    for name, body in files.values():
        write(target / name, body, by_way_of=target.parent)  # WhiteNoise reads whatever is in the target
    return {own: PREFIX + name for own, (name, _) in files.items()}


def write(path: Path, body: bytes, by_way_of: Path | None = None) -> list[Path]:
    """Write a file with compressed copies next to it, each in one step and only if it does not exist.

    Args:
        path: the file; several processes may write it at the same time.
        body: its content.
        by_way_of: a folder of the same disk for a file that is not complete yet; by default its own folder.

    Returns:
        The file and its copies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    endings = ("", *COMPRESSORS) if path.name.endswith(COMPRESSED) else ("",)
    copies = [path.with_name(path.name + ending) for ending in endings]
    for copy, ending in zip(copies, endings, strict=True):
        if not copy.exists():
            content = COMPRESSORS[ending](body) if ending else body
            _put(copy, content, by_way_of or path.parent)
    return copies


def _put(path: Path, content: bytes, by_way_of: Path) -> None:
    part = by_way_of / f".{path.name}.{uuid.uuid4().hex}.part"
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def init_app(app: Flask, settings: Settings) -> Files:
    """Serve the files, and give templates `static_url` and `static_hash` (Subresource Integrity)."""
    files = hashed(SOURCE)
    names = {own: PREFIX + name for own, (name, _) in files.items()}
    hashes = {own: _integrity(body) for own, (_, body) in files.items()}
    headers = fixed_headers(settings)

    def add_headers(sent: object, _path: str, _url: str) -> None:
        for name, value in headers.items():
            sent[name] = value  # type: ignore[index]

    layer = Files(
        app.wsgi_app,
        settings.data_dir / "static",
        lambda: services_of(app).content.now().withdrawn_papers,
        max_age=0,
        immutable_file_test=lambda _path, url: bool(_HASHED.search(url)),
        add_headers_function=add_headers,
        allow_all_origins=False,
        mimetypes={".woff2": "font/woff2", ".js": "text/javascript"},
    )
    app.wsgi_app = layer  # type: ignore[method-assign]
    app.jinja_env.globals["static_url"] = names.__getitem__
    app.jinja_env.globals["static_hash"] = hashes.__getitem__
    _redirect_papers(app, names)

    return layer


def _redirect_papers(app: Flask, names: Mapping[str, str]) -> None:
    @app.get("/papers/<name>")
    def paper(name: str) -> ResponseReturnValue:
        """Redirect from the lasting name of a paper form to its name with the hash of its content."""
        gone = name in library().withdrawn_papers
        return redirect((not gone and names.get(f"papers/{name}")) or abort(404))


def _integrity(body: bytes) -> str:
    return f"sha384-{b64encode(hashlib.sha384(body).digest()).decode()}"
