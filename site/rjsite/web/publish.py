"""Writes every information page and story to files, which a web server serves even while the site is down.

DIR/current is a symbolic link to the current files. It is replaced atomically once all files are written.
`pages` contains what browsers may store and revalidate, `unkept` what they must not store, and `files` what
never changes. A file is named after its URL: /privacy is pages/privacy.html, and / is pages/.html. With
deploy/nginx-published.conf, nginx serves these files; it shows /site-away if the site is unavailable, and
/too-long for a request that is too large.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import EEXIST, EINVAL
from pathlib import Path

from flask import Flask

from rjsite import create_app
from rjsite.content import clock
from rjsite.content.expiry import permission_has_ended
from rjsite.content.last_good import is_withdrawn
from rjsite.content.list_file import PUBLISHED_FOLDERS, ListFile
from rjsite.content.lock import locked
from rjsite.content.problem import Problem
from rjsite.services import services_of
from rjsite.settings import Settings
from rjsite.web import errors, page_cache, pages, static
from rjsite.web.live_content import library
from rjsite.web.security import NO_STORE

CURRENT = "current"
_RELEASE = re.compile(r"release-[a-z0-9_]{8}")  # as `mkdtemp` names them
ENDINGS = {"": "", "br": ".br", "gzip": ".gz"}  # the file name extension for each content coding


def publish_content(settings: Settings, folder: Path) -> tuple[int, int, list[Problem]]:
    """Read and publish the content, one process at a time for each folder.

    The published pages of stories that were withdrawn or whose permission has ended are deleted first,
    whatever problems other files have.

    Returns:
        The two numbers that `publish` returns, and the problems that keep a file from being shown as it is.

    Raises:
        Unreadable: if there is no content that could be shown.
        OSError: if the folder cannot be used, or contains something else that would be replaced or deleted.
    """
    with suppress(OSError):  # pages that cannot be deleted, because root wrote them, are replaced
        delete_stories(folder, lambda slug: _is_over(settings.content_dir / "case-studies" / f"{slug}.md"))
    _prepare(folder, settings.data_dir)
    with locked(folder):  # so that the last process to publish reads the latest content
        app = create_app(settings)
        content = services_of(app).content
        shown = None
        while shown is not content.now():  # a story may be hidden while pages are published
            shown = content.now()
            count, changed = publish(app, settings, folder)
        content.keep_last_good()
    return count, changed, content.now().not_shown


def _prepare(folder: Path, data: Path) -> None:
    """Create the folder for the pages if necessary, and add it to the list that `rjsite hide` uses.

    Raises:
        OSError: if the folder contains other files, or cannot be added to the list. The list has each folder
            before it has pages, so that no page stays where `rjsite hide` does not find it.
    """
    name = str(folder.absolute())
    if not name.isprintable() or name.endswith(" "):  # ListFile removes spaces around an entry
        raise OSError(EINVAL, "use a folder whose name can be printed and does not end with a space")
    folder.mkdir(parents=True, exist_ok=True)
    first = not os.path.lexists(folder / CURRENT)
    if any(map(_is_foreign, folder.iterdir() if first else (folder / CURRENT, *folder.glob("release-*")))):
        raise OSError(EEXIST, f"{folder} has other files in it; name a folder for the pages alone")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    ListFile(data, PUBLISHED_FOLDERS).add(name)


def _is_foreign(path: Path) -> bool:
    """Return whether a file or folder has a name that `publish` uses, but was not written by it."""
    if path.name == CURRENT:
        return os.path.lexists(path) and not (path.is_symlink() and _RELEASE.fullmatch(str(path.readlink())))
    return not _RELEASE.fullmatch(path.name)


def _is_over(story: Path) -> bool:
    return is_withdrawn(story) or permission_has_ended(story, clock.today())


def delete_stories(folder: Path, gone: Callable[[str], bool]) -> None:
    """Delete the published pages of stories that are gone, and the pages with a link to them.

    nginx gets each page whose file is missing from the site itself.
    """
    pages = folder / CURRENT / "pages"
    slugs = [path.name.removesuffix(".html") for path in (pages / "case-studies").glob("*.html")]
    if not (over := [re.escape(slug) for slug in slugs if slug and gone(slug)]):
        return
    named = re.compile(rf"/case-studies/(?:{'|'.join(over)})(?![\w-])")
    for page in pages.rglob("*.html"):
        if named.search(f"/{page.relative_to(pages)}\n{page.read_text(encoding='utf-8')}"):
            for copy in page.parent.glob(f"{page.name}*"):  # with its compressed copies
                copy.unlink(missing_ok=True)


def publish(app: Flask, settings: Settings, folder: Path) -> tuple[int, int]:
    """Write the files that have changed, keep the others, and delete those that are gone.

    Args:
        app: renders the content.
        settings: the settings of that app.
        folder: a folder that contains nothing else. It is created if necessary.

    Returns:
        The number of files, not counting compressed copies, and how many of them are new or changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = folder / CURRENT
    release = Path(tempfile.mkdtemp(prefix="release-", dir=folder))
    release.chmod(0o755)
    count = changed = 0
    try:
        for name, body in _files(app, settings):
            count += 1
            changed += _put(release / name, before / name, body)
        link = release / "link"
        link.symlink_to(release.name)
        os.sync()  # after a power cut, the link would otherwise lead to empty files
        link.replace(before)
    finally:  # if this release failed, on a full disk for example, it is deleted too
        for other in folder.glob("release-*"):
            if other.resolve() != before.resolve():
                shutil.rmtree(other, ignore_errors=True)  # a release that root published stays
    return count, changed


def out_of_date(app: Flask, settings: Settings, folder: Path) -> list[str]:
    """Return the names of the files that `publish` would write or delete."""
    current, wanted = folder / CURRENT, dict(_files(app, settings))
    paths = [path for path in current.rglob("*") if path.is_file() and path.suffix not in (".br", ".gz")]
    there = {path.relative_to(current).as_posix(): path.read_bytes() for path in paths}
    return sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))


def _files(app: Flask, settings: Settings) -> Iterator[tuple[str, bytes]]:
    with app.test_request_context(base_url=settings.public_url or None):
        content = library()
        for page in [*content.pages.values(), *content.stories]:
            if page.address not in pages.OTHERS:
                place = "unkept" if pages.cache_control_of(page) == NO_STORE else "pages"
                yield f"{place}{page.address}.html", pages.render(page).encode()
        for name, status in (("site-away", 500), ("too-long", 413)):
            yield f"unkept/{name}.html", errors.show(status).data
    for own, (name, body) in static.hashed(static.SOURCE).items():
        if not static.is_withdrawn(own, content):
            yield f"files{static.PREFIX}{name}", body


def _put(path: Path, before: Path, body: bytes) -> bool:
    """Write a file and its compressed copies, or link them if unchanged. Return whether they were written.

    nginx makes the ETag of a file from its modification time and size. The time is therefore derived from the
    content, so that the ETag changes with the content and is the same on every machine.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if before.is_file() and before.read_bytes() == body:
        for ending in ENDINGS.values():
            if (copy := before.with_name(before.name + ending)).exists():
                _link(copy, path.with_name(path.name + ending))
        return False
    stamp = int.from_bytes(hashlib.sha256(body).digest()[:4]) >> 1
    for coding in ("", *page_cache.codings(static.kind_of(path.name))):
        copy = path.with_name(path.name + ENDINGS[coding])
        copy.write_bytes(page_cache.compressed(body, coding))
        os.utime(copy, (stamp, stamp))
    return True


def _link(file: Path, to: Path) -> None:
    """Link a file, or copy it with its time if it belongs to another user and may not be linked."""
    try:
        os.link(file, to)
    except PermissionError:
        shutil.copy2(file, to)
