"""What shows only when all files are seen together: addresses, titles, files that nothing uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from rjsite.content.library import Library
from rjsite.content.page import Page
from rjsite.content.problem import Problem
from rjsite.content.toml import line_of

_ID = re.compile(r'\sid="([^"]+)"')
_TABLES = frozenset({"service.toml", "navigation.toml", "redirects.toml", "house-rules.toml"})
_FOLDERS = frozenset({"pages", "case-studies", "outcomes", "errors", "forms"})


class Addresses:
    """Every address there is, and what is wrong with one that is not."""

    def __init__(self, library: Library, also: tuple[str, ...]) -> None:
        self.library = library
        self.stories = {story.address: story for story in library.stories}
        self.pages = {**library.pages, **library.form_pages, **self.stories}
        self.known = {*self.pages, *also}
        self._found: dict[Path, frozenset[str]] = {}

    def fault(self, href: str, page: Page, today: date) -> str:
        """What to write in place of a link's address; empty where it leads somewhere.

        Args:
            href: as written. page: the one it stands on. today: stories of later days are not yet there.
        """
        if href.startswith(("https://", "mailto:", "tel:")):
            return ""
        if not href.startswith(("/", "#")):
            return f"“{href}” leads nowhere; begin it with / for a page of ours, or with https://"
        address, _, fragment = href.partition("#")
        address = address.partition("?")[0]
        if address and address not in self.known:
            return self._no_such(address)
        story = self.stories.get(address)
        if story and story.held and not getattr(page, "held", ""):
            return f"{address} is not published yet; leave the link out until it is"
        target = self.pages.get(address) if address else page
        if fragment and target and fragment not in self._ids(target):
            return f"{target.address} has no part #{fragment}; name one that it has, or leave #{fragment} out"
        return ""

    def _no_such(self, address: str) -> str:
        near = self.library.redirects.get(address) or next(
            iter(get_close_matches(address, sorted(self.known), 1, 0.75)), ""
        )
        return f"there is no page {address}; " + (
            f"write {near}" if near else "take the link out, or write the page"
        )

    def _ids(self, page: Page) -> frozenset[str]:
        if page.document.shown not in self._found:
            self._found[page.document.shown] = _ids(page)
        return self._found[page.document.shown]


def _ids(page: Page) -> frozenset[str]:
    """Whatever a link to a part of the page can lead to."""
    html = "".join([page.opening, *(section.html for section in page.sections)])
    items = {item.id for section in page.sections for item in section.items}
    return frozenset({"main", *_ID.findall(html), *(section.id for section in page.sections), *items})


def whole_findings(library: Library, folder: Path, addresses: Addresses) -> Iterator[Problem]:
    """Double titles and addresses, old addresses that lead nowhere, files that nothing uses."""
    yield from _titles(library)
    shown = Path(folder.name, "redirects.toml")
    for old, new in library.redirects.items():
        if new.partition("#")[0] not in addresses.known:
            line = line_of(folder / "redirects.toml", f'"{old}"')
            yield Problem(shown, line, f"there is no page {new}; write the address of one there is")
    for address in library.pages.keys() & library.forms.keys():
        path = library.pages[address].document.shown
        yield Problem(path, 1, f"{address} is the address of a form; give this file another name")
    yield from _unused(folder)


def _titles(library: Library) -> Iterator[Problem]:
    first: dict[str, Page] = {}
    for page in library.every_page:
        other = first.setdefault(page.title.lower(), page)
        if other is not page:
            line = page.document.lines.get("title", 1)
            words = f"{other.document.shown} has the same title; give this file a title of its own"
            yield Problem(page.document.shown, line, words)


def _unused(folder: Path) -> Iterator[Problem]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_dir() or any(part.startswith(".") for part in inside.parts) or _used(inside):
            continue
        words = (
            "nothing uses this file; name it NAME.md in content/case-studies/ or content/pages/, or delete it"
        )
        yield Problem(Path(folder.name) / inside, 1, words)


def _used(inside: Path) -> bool:
    match inside.parts:
        case (name,):
            return name in _TABLES
        case ("forms", _):
            return inside.suffix in (".md", ".toml")
        case ("forms", "shared", _):
            return inside.suffix == ".toml"
        case (name, _):
            return name in _FOLDERS and inside.suffix == ".md"
    return False
