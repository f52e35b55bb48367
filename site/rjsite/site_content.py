"""The library the app shows: read at the start; in development read again when a file changes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from flask import Flask, current_app

from rjsite.content.library import Library, load
from rjsite.content.problem import Unreadable
from rjsite.settings import Settings

log = logging.getLogger("rjsite.content")


class LiveLibrary:
    """Holds one library at a time and swaps it whole."""

    def __init__(self, folder: Path, *, production: bool) -> None:
        self.folder = folder
        self.production = production
        self._lock = threading.Lock()
        self._seen = self._fingerprint()
        self._library = self._load()

    def now(self) -> Library:
        """The library as it is now."""
        if not self.production:
            with self._lock:
                seen = self._fingerprint()
                if seen != self._seen:
                    self._seen = seen
                    self._library = self._reloaded()
        return self._library

    def _load(self) -> Library:
        library = load(self.folder, drafts=not self.production)
        for problem in library.problems:
            log.error("left out: %s", problem)
        return library

    def _reloaded(self) -> Library:
        """The content anew; where it cannot be used at all, what was there before."""
        try:
            return self._load()
        except Unreadable as unreadable:
            for problem in unreadable.problems:
                log.error("not taken up: %s", problem)
            return self._library

    def _fingerprint(self) -> int:
        found = (path for path in self.folder.rglob("*") if path.suffix in (".md", ".toml"))
        return hash(tuple(sorted((str(p), s.st_mtime_ns, s.st_size) for p in found for s in [p.stat()])))


def init_app(app: Flask, settings: Settings) -> None:
    """Read the content and give templates what every page needs."""
    live = LiveLibrary(settings.content_dir, production=settings.production)
    app.extensions["rjsite.content"] = live

    @app.context_processor
    def _everywhere() -> dict[str, object]:
        library = live.now()
        return {"facts": library.facts, "nav": library.navigation}


def library() -> Library:
    """The library of the present app."""
    live: LiveLibrary = current_app.extensions["rjsite.content"]
    return live.now()
