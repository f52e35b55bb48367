"""The library the app shows: read at the start; read again when asked to, and on a new day.

In development it is also read again when a file changes, and a file with a slip is shown as a plain
page that says what to mend, at the address of its own page.
"""

from __future__ import annotations

import logging
import re
import signal
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

from flask import Flask, Response, g, request
from markupsafe import Markup

from rjsite.content.last_good import LastGood, is_withdrawn
from rjsite.content.library import HOME, STORIES, Library, address_of, load
from rjsite.content.list_file import HIDDEN_STORIES, ListFile
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.public_stories import for_the_public
from rjsite.services import current_services
from rjsite.settings import Settings
from rjsite.web.security import NO_STORE

log = logging.getLogger("rjsite.content")

_LINK = re.compile(r'<a\b[^>]*?\shref="(?P<address>/[^"#?]*)[^"]*"[^>]*>(?P<words>.*?)</a>', re.DOTALL)


class LiveLibrary:
    """Holds one library at a time and swaps it whole: a request sees one state of the content.

    Args:
        data: the data folder: the last good version of each file, and the stories that were hidden.
    """

    def __init__(self, folder: Path, *, production: bool, data: Path | None = None) -> None:
        self.folder = folder
        self.production = production
        self.taken_up = True  # whether the content could be read when that was last tried
        self._last_good = LastGood(folder, data / "content-last-good") if production and data else None
        self._hidden = ListFile(data, HIDDEN_STORIES) if data else None
        self._turn = threading.Lock()
        self._swap = threading.Lock()
        self._seen = self._state()
        self._library = self._whole = self._load(None)
        self._to_keep = self._whole.usable
        self._show()

    def now(self) -> Library:
        """The library as it is now. One request reads what changed; in production others do not wait.

        A story that was hidden is gone at once.
        """
        if self._seen != self._state() and self._turn.acquire(blocking=not self.production):
            try:
                if self._seen != self._state():
                    self._read_again()
            finally:
                self._turn.release()
        if self._hidden_since():
            self._show()
        return self._library

    def _hidden_since(self) -> bool:
        """Whether the list of hidden stories has changed."""
        return self._hidden is not None and self._hidden.stamp() != self._hidden_stamp

    def _show(self, read: Library | None = None) -> None:
        """Swap the library for what was read, now or before, less the stories that were hidden."""
        with self._swap:
            self._whole = whole = read or self._whole
            self._hidden_stamp = self._hidden.stamp() if self._hidden else None
            try:
                self._library = whole.without(self._hidden.read() if self._hidden else ())
            except (OSError, UnicodeError):  # nobody knows which are hidden
                words = "this list in the data folder cannot be read, so no story is shown"
                problem = Problem(Path(HIDDEN_STORIES), 1, words)
                log.error("%s", problem)
                library = whole.without(whole.by_slug)
                self._library = replace(library, problems=(*library.problems, problem))

    def take_up(self) -> None:
        """Read the content again. Requests go on with what there was until it is done."""
        with self._turn:
            self._read_again()
        found = self._library
        log.info("content taken up: %d pages, %d stories", len(found.pages), len(found.stories))

    def take_up_on_signal(self) -> None:
        """Let SIGHUP take up changed content, beside the thread that serves."""
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=self.take_up).start())

    def keep_last_good(self) -> None:
        """Write the files that can be used to the data folder, once for each time that they were read."""
        files, self._to_keep = self._to_keep, {}
        if files and self._last_good:
            try:
                self._last_good.keep(files)
            except OSError as error:
                log.error("the last good version of the content cannot be kept: %s", error.strerror)

    def _read_again(self) -> None:
        self.keep_last_good()
        self._seen = self._state()
        if self.production:
            self._show(self._whole.without(self._withdrawn()))
        self.taken_up = False
        try:
            self._show(self._load(self._whole))
            self._to_keep = self._whole.usable
            self.taken_up = True
        except Unreadable as unreadable:
            for problem in unreadable.problems:
                log.error("not taken up: %s", problem)
        except Exception as error:  # whatever a file holds, the site goes on with what it has
            log.error("not taken up: %s", type(error).__name__)
        self.keep_last_good()

    def _withdrawn(self) -> list[str]:
        """Stories that were taken away: they go first, whatever is wrong with the rest."""
        stories = self.folder / "case-studies"
        return [slug for slug in self._whole.by_slug if is_withdrawn(stories / f"{slug}.md")]

    def _load(self, kept: Library | None) -> Library:
        today = date.today()  # noqa: DTZ011 (a day in the service's own place)
        library = load(
            self.folder, drafts=not self.production, today=today, kept=kept, last_good=self._last_good
        )
        if self.production:
            library = for_the_public(library, self.folder, today, self._last_good)
        for problem in library.problems:
            log.error("to mend: %s", problem)
        return library

    def _state(self) -> tuple[date, int]:
        """The day, on which stories may be due; in development also when each file was changed."""
        today = date.today()  # noqa: DTZ011 (a day in the service's own place)
        if self.production:
            return today, 0
        found = (path for path in self.folder.rglob("*") if path.suffix in (".md", ".toml"))
        return today, hash(
            tuple(sorted((str(p), s.st_mtime_ns, s.st_size) for p in found for s in [p.stat()]))
        )


def to_mend(library: Library, address: str) -> list[Problem]:
    """The slips in the files that an address shows. Those of the whole site are shown on the first page."""
    return [problem for problem in library.problems if address in _shown_at(problem.path, library)]


def _shown_at(path: Path, library: Library) -> Iterable[str]:
    """Addresses that show what a file of the content folder says."""
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
            return ()  # it can be read, and names a page that is not there
        case (_,):
            return (HOME,)
    return ()


def _plain_page(problems: Iterable[Problem]) -> Response:
    items = Markup("").join(Markup("<li>{}</li>\n").format(problem) for problem in problems)
    html = Markup(
        '<!doctype html>\n<html lang="en-GB"><meta charset="utf-8"><title>To mend</title>\n'
        "<h1>This page has something to mend</h1>\n<ul>\n{}</ul>\n"
        "<p>Mend the file, save it and load this page again. The rest of the site goes on.</p>\n"
        '<p><a href="/site-map">Site map</a></p>\n'
    ).format(items)
    return Response(html, 500, content_type="text/html; charset=utf-8", headers={"Cache-Control": NO_STORE})


def init_app(app: Flask, settings: Settings) -> LiveLibrary:
    """Read the content and give templates what every page needs."""
    live = LiveLibrary(settings.content_dir, production=settings.production, data=settings.data_dir)
    app.before_request(live.keep_last_good)

    @app.context_processor
    def _everywhere() -> dict[str, object]:
        content = library()
        usual = {"noindex": True, "bare": False, "description": ""}
        return {"facts": content.facts, "nav": content.navigation, **usual}

    if not settings.production:

        @app.before_request
        def _say_what_to_mend() -> Response | None:
            problems = to_mend(library(), request.path) if request.method == "GET" else []
            return _plain_page(problems) if problems else None

    return live


def library() -> Library:
    """The library of the present app; the same from the first to the last line of a request."""
    if "library" not in g:
        g.library = current_services().content.now()
    found: Library = g.library
    return found


def unlinked(html: str) -> str:
    """A page with plain text in place of each link to a story that is not shown."""
    return _LINK.sub(_only_to_what_is_shown, html)


def _only_to_what_is_shown(link: re.Match[str]) -> str:
    content = library()
    address = link["address"].lower()
    address = content.redirects.get(address, address).partition("#")[0]
    slug = address.removeprefix(STORIES).rstrip("/") if address.startswith(STORIES) else ""
    return link["words"] if slug and slug not in content.by_slug else link[0]
