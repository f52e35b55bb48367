"""Reads the library that the app shows, at the start and whenever it may have changed.

The library is read again on a signal, on a new day and when the content folder is replaced. In development,
it is also read again when a file changes, and a plain page that says what to correct replaces each page whose
file has a problem.
"""

from __future__ import annotations

import logging
import re
import signal
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

from flask import Flask, Response, current_app, g, request
from markupsafe import Markup

from rjsite.content import clock
from rjsite.content.last_good import LastGood, is_withdrawn
from rjsite.content.library import GONE, HOME, STORIES, Library, address_of, load
from rjsite.content.lint.public_stories import public_library
from rjsite.content.list_file import HIDDEN_STORIES, ListFile
from rjsite.content.problem import Problem, Unreadable
from rjsite.services import page_services_of
from rjsite.settings import Settings
from rjsite.web import papers

CHECK_EVERY = 0.1  # seconds; nobody saves a file, or hides a story, and reloads the page faster than that

log = logging.getLogger("rjsite.content")

_LINK = re.compile(r'<a\b[^>]*?\shref="(?P<address>/[^"#?]*)[^"]*"[^>]*>(?P<text>.*?)</a>', re.DOTALL)


class LiveLibrary:
    """Keeps one library at a time and replaces it as a whole, so that a request sees a single version.

    Args:
        folder: the content folder.
        production: whether this is the public site.
        data: the data folder, with the last good version of each file and the list of hidden stories.
    """

    def __init__(self, folder: Path, *, production: bool, data: Path) -> None:
        self.folder = folder
        self.production = production
        self.last_reload_succeeded = True  # whether the content could be read at the last attempt
        self._last_good = LastGood(folder, data / "content-last-good") if production else None
        self._hidden = ListFile(data, HIDDEN_STORIES)
        self._reading = threading.Lock()
        self._replacing = threading.Lock()
        self._place: object = None  # the path and inode of the content folder when it was last checked
        self._checked_at = time.monotonic()
        self._seen = self._state()
        self._library = self._loaded = self._load(None)
        self._to_keep = self._loaded.usable
        self._show()

    def now(self) -> Library:
        """Return the current library without hidden stories, after looking for changes if that is due."""
        now = time.monotonic()
        if now - self._checked_at >= CHECK_EVERY:
            self._checked_at = now
            self._check()
        return self._library

    def _check(self) -> None:
        """Read the content if it has changed. In production, other requests do not wait for it to be read."""
        if self._seen != self._state() and self._reading.acquire(blocking=not self.production):
            try:
                if self._seen != self._state():
                    self._reload_locked()
            finally:
                self._reading.release()
        if self._hidden.stamp() != self._hidden_stamp:
            self._show()

    def _show(self, read: Library | None = None) -> None:
        """Show the given library, or else the last one that was read, without hidden stories."""
        with self._replacing:
            self._loaded = loaded = read or self._loaded
            self._hidden_stamp = self._hidden.stamp()
            try:
                self._library = loaded.without(self._hidden.read())
            except OSError:  # it is unknown which stories are hidden
                message = "this list in the data folder cannot be read, so no story is shown"
                problem = Problem(Path(HIDDEN_STORIES), 1, message)
                log.error("%s", problem)
                library = loaded.without(loaded.by_slug)
                self._library = replace(library, problems=(*library.problems, problem))

    def reload(self) -> None:
        """Read the content again. Meanwhile, production shows the old library without withdrawn stories."""
        with self._reading:
            self._reload_locked()
        content = self._library
        log.info("content loaded: %d pages, %d stories", len(content.pages), len(content.stories))

    def reload_on_sighup(self) -> None:
        """Read the content again on each SIGHUP, in a separate thread, so that the server keeps running."""
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=self.reload).start())

    def keep_last_good(self) -> None:
        """Copy usable files to the data folder, once each time the content has been read."""
        files, self._to_keep = self._to_keep, {}
        if files and self._last_good:
            try:
                self._last_good.keep(files)
            except OSError as error:
                log.error("the last good version of the content cannot be saved: %s", error.strerror)

    def _reload_locked(self) -> None:
        self.keep_last_good()
        self._seen = self._state()
        if self.production:
            self._show(self._loaded.without(self._withdrawn()))
        self.last_reload_succeeded = False
        try:
            self._show(self._load(self._loaded))
            self._to_keep = self._loaded.usable
            self.last_reload_succeeded = True
        except Unreadable as unreadable:
            for problem in unreadable.problems:
                log.error("not loaded: %s", problem)
        except Exception as error:  # whatever a file contains, the site continues with the library it has
            log.error("not loaded: %s", type(error).__name__)
            self._place = None  # a folder that was unavailable is read again once it is back
        self.keep_last_good()

    def _withdrawn(self) -> list[str]:
        """Return the slugs of stories that were deleted or made drafts, or whose permission has ended.

        These stories are withdrawn before the rest of the content is read.
        """
        files, today = self.folder / "case-studies", clock.today()
        return [
            story.slug
            for story in self._loaded.stories
            if story.has_ended(today) or is_withdrawn(files / f"{story.slug}.md")
        ]

    def _load(self, kept: Library | None) -> Library:
        today = clock.today()
        folder = self.folder.resolve(strict=bool(kept))  # it may be a link whose target changes at any time
        library = load(folder, drafts=not self.production, today=today, kept=kept, last_good=self._last_good)
        if self.production:
            library = public_library(library, folder, today, self._last_good)
        library = replace(library, withdrawn_papers=papers.withdrawn(library))
        for problem in library.problems:
            log.error("to fix: %s", problem)
        return library

    def _state(self) -> tuple[date, object]:
        """Return the date and what identifies the folder or, in development, the files in it.

        After `rjsite update-content`, the path is always new, but the inode may be that of an older folder.
        """
        today = clock.today()
        if not self.production:
            return today, self._hash_of_files()
        with suppress(OSError):  # while the folder's disk is unavailable, the old library is shown
            self._place = self.folder.resolve(strict=True), self.folder.stat().st_ino
        return today, self._place

    def _hash_of_files(self) -> int:
        """Return a value that changes whenever a content file is changed, added or removed."""
        stats = []
        for path in sorted(path for path in self.folder.rglob("*") if path.suffix in (".md", ".toml")):
            with suppress(OSError):  # it is gone again, or is a link to nothing, as Emacs makes for each edit
                stat = path.stat()
                stats.append((path, stat.st_mtime_ns, stat.st_size))
        return hash(tuple(stats))


def problems_at(library: Library, address: str) -> list[Problem]:
    """Return the problems that are shown at a URL in development, in place of its page."""
    return [problem for problem in library.problems if address in _shown_at(problem.path, library)]


def _shown_at(path: Path, library: Library) -> Iterable[str]:
    """Return the URLs at which the problems of a content file are shown: none for outcomes and errors."""
    match path.parts[1:]:
        case ("pages", _):
            return (address_of(path.stem),)
        case ("case-studies", _):
            return (f"{STORIES}{path.stem}",)
        case ("forms", "shared", _):
            return tuple(library.forms)
        case ("forms", _):
            return tuple(form.address for form in library.forms.values() if form.key == path.stem)
        case ("navigation.toml",) if library.navigation.groups:
            return ()  # the file can be used, so its problems concern only single links and pages
        case (_,):
            return (HOME,)
    return ()


def _plain_page(problems: Iterable[Problem]) -> Response:
    items = Markup("").join(Markup("<li>{}</li>\n").format(problem) for problem in problems)
    html = Markup(
        '<!doctype html>\n<html lang="en-GB"><meta charset="utf-8"><title>To fix</title>\n'
        "<h1>This page has something to fix</h1>\n<ul>\n{}</ul>\n"
        "<p>Correct the file, save it and load this page again. The rest of the site goes on.</p>\n"
        '<p><a href="/site-map">Site map</a></p>\n'
    ).format(items)
    return Response(html, 500)


def init_app(app: Flask, settings: Settings) -> LiveLibrary:
    """Read the content, and provide templates with what every page needs."""
    live = LiveLibrary(settings.content_dir, production=settings.production, data=settings.data_dir)
    app.before_request(live.keep_last_good)
    app.jinja_env.globals["library"] = library

    @app.context_processor
    def _everywhere() -> dict[str, object]:
        content = library()
        defaults = {"noindex": True, "bare": False, "description": ""}
        return {"facts": content.facts, "nav": content.navigation, **defaults}

    if not settings.production:

        @app.before_request
        def _show_problems() -> Response | None:
            problems = problems_at(library(), request.path) if request.method == "GET" else []
            return _plain_page(problems) if problems else None

    return live


def library() -> Library:
    """Return the library of the current app, which stays the same for the whole request."""
    if "library" not in g:
        g.library = page_services_of(current_app).content.now()
    current: Library = g.library
    return current


def without_dead_links(html: str) -> str:
    """Return a page with plain text in place of each link to a page that is gone or not shown."""
    return _LINK.sub(_only_to_what_is_shown, html)


def _only_to_what_is_shown(link: re.Match[str]) -> str:
    content = library()
    address = link["address"].lower()
    if address not in content.pages and address.removeprefix(STORIES) not in content.by_slug:
        address = content.redirects.get(address, address).partition("#")[0]
    slug = address.removeprefix(STORIES).rstrip("/") if address.startswith(STORIES) else ""
    gone = address == GONE or (slug and slug not in content.by_slug)
    return link["text"] if gone or address.removeprefix("/papers/") in content.withdrawn_papers else link[0]
