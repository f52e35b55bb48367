"""Every information page and story as files, which a web server serves while the site itself is away.

DIR/current leads to the files as they are now; it is led elsewhere in one step, when all is written.
`pages` holds what a browser may keep if it asks again, `unkept` what it may not, `files` what stays the same
for ever. A file is named after its address: /privacy is pages/privacy.html, and / is pages/.html.
deploy/nginx-published.conf serves them; where the site does not answer, it shows /site-away, and /too-long
for what is too large to be passed on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

from rjsite import errors, pages, static_files
from rjsite.safety import NO_STORE
from rjsite.settings import Settings
from rjsite.site_content import library

CURRENT = "current"


def publish(app: Flask, settings: Settings, folder: Path) -> tuple[int, int]:
    """Write what changed since the last time, and take away what is no more.

    Args:
        app: shows the content. folder: for nothing else; made where it is missing.

    Returns:
        How many files there are, copies not counted, and how many of them are new or changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = folder / CURRENT
    release = Path(tempfile.mkdtemp(prefix="release-", dir=folder))
    release.chmod(0o755)
    count = changed = 0
    for name, body in _files(app, settings):
        count += 1
        changed += _put(release / name, before / name, body)
    link = release / "link"
    link.symlink_to(release.name)
    link.replace(before)
    for old in folder.glob("release-*"):
        if old != release:
            shutil.rmtree(old)
    return count, changed


def _files(app: Flask, settings: Settings) -> Iterator[tuple[str, bytes]]:
    with app.test_request_context(base_url=settings.public_url or None):
        content = library()
        for page in [*content.pages.values(), *content.stories]:
            if page.address not in pages.OTHERS:
                place = "unkept" if pages.cache_of(page) == NO_STORE else "pages"
                yield f"{place}{page.address}.html", pages.render(page).encode()
        for name, status in (("site-away", 500), ("too-long", 413)):
            yield f"unkept/{name}.html", errors.show(status).data
    for name, body in static_files.hashed(static_files.SOURCE).values():
        yield f"files{static_files.PREFIX}{name}", body


def _put(path: Path, before: Path, body: bytes) -> bool:
    """Write a file with its compressed copies, or take those that are there already; whether it is new.

    The time of a file is made of its bytes, for nginx makes its ETag of time and size: so the tag changes
    whenever the bytes do, and is the same on every machine.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if before.is_file() and before.read_bytes() == body:
        for ending in ("", ".br", ".gz"):
            if (kept := before.with_name(before.name + ending)).exists():
                os.link(kept, path.with_name(path.name + ending))
        return False
    stamp = int.from_bytes(hashlib.sha256(body).digest()[:4]) >> 1
    for copy in static_files.write(path, body):
        os.utime(copy, (stamp, stamp))
    return True
