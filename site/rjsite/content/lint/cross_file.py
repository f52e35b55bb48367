"""Checks several files together: addresses, titles and unused files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote

from rjsite.content.library import GONE, HOME, Library
from rjsite.content.markdown import slug
from rjsite.content.model import Page
from rjsite.content.problem import Problem
from rjsite.content.toml import line_of
from rjsite.forms.reserved import RESERVED_ADDRESSES

_ID = re.compile(r'\sid="([^"]+)"')
_USED = (
    "service.toml", "navigation.toml", "redirects.toml", "house-rules.toml",
    "pages/*.md", "case-studies/*.md", "outcomes/*.md", "errors/*.md",
    "forms/*.md", "forms/*.toml", "forms/shared/*.toml",
)  # fmt: skip

_NEEDED = {  # files that no link leads to, and what lacks words without them
    "pages/sent.md": "the page after a form was sent",
    "errors/404.md": "the page for an address that does not exist",
    "errors/500.md": "the page for an error in the site",
}


class Addresses:
    """All addresses on the site."""

    def __init__(self, library: Library, also: tuple[str, ...]) -> None:
        self.redirects = library.redirects
        stories = {story.address: story for story in library.stories}
        self.pages: dict[str, Page] = {**library.pages, **library.form_pages, **stories}
        self.known = {*self.pages, *also}

    def problem(self, href: str, page: Page) -> str:
        """Return what is wrong with the address of a link, or "" if nothing is. Other sites are not checked.

        Args:
            href: the address as it is written.
            page: the page with the link.
        """
        if href.startswith(("https://", "mailto:", "tel:")):
            return ""
        if not href.startswith(("/", "#")):
            return f"“{href}” leads nowhere; begin it with / for a page of this site, or with https://"
        address, _, fragment = href.partition("#")
        address = address.partition("?")[0]
        if address and address not in self.known:
            near = self.redirects.get(address) or "".join(
                get_close_matches(address, sorted(self.known), 1, 0.75)
            )
            instead = f"write {near}" if near else "take the link out, or write the page"
            return f"there is no page {address}; {instead}"
        target = self.pages.get(address) if address else page
        if getattr(target, "not_public", "") and not getattr(page, "not_public", ""):
            return f"{address} is not shown to the public; leave the link out until it is"
        if fragment and target and fragment not in _ids(target):
            return f"{target.address} has no part #{fragment}; name one that it has, or leave #{fragment} out"
        return ""


def _ids(page: Page) -> set[str]:
    """Return all ids on a page that a link can point to."""
    html = "".join([page.opening, *(section.html for section in page.sections)])
    items = {item.id for section in page.sections for item in section.items}
    return {"main", *_ID.findall(html), *(section.id for section in page.sections), *items}


def cross_file_problems(library: Library, folder: Path, addresses: Addresses) -> Iterator[Problem]:
    """Yield a problem for each duplicate title or address, lost redirect, and missing or unused file."""
    yield from _titles(library)
    path = folder / "redirects.toml"
    for old, new in library.redirects.items():
        if new != GONE and new.partition("#")[0] not in addresses.known:
            message = f"there is no page {new}; write the address of one there is, or “{GONE}”"
            yield Problem(Path(folder.name, path.name), line_of(path, f'"{old}"'), message)
        if (asked := _looked_up(old)) != (old.rstrip("/") or "/"):
            message = f"nobody can reach this old address; write “{asked}”, with a / first, in small letters"
            yield Problem(Path(folder.name, path.name), line_of(path, f'"{old}"'), message)
        if old != HOME and (page := addresses.pages.get(old)) and not page.not_public:
            message = f"there is a page at {old}; take this line out, or delete the page"
            yield Problem(Path(folder.name, path.name), line_of(path, f'"{old}"'), message)
    for address in library.pages.keys() & library.forms.keys():
        display_path = library.pages[address].document.display_path
        yield Problem(display_path, 1, f"{address} is the address of a form; give this file another name")
    for address in (library.pages.keys() & RESERVED_ADDRESSES) - {"/sent"}:  # the text of /sent is a page
        display_path = library.pages[address].document.display_path
        yield Problem(display_path, 1, f"the site itself uses {address}; give this file another name")
    for name, what in _NEEDED.items():
        if not (folder / name).exists():
            yield Problem(Path(folder.name, name), 1, f"put this file back; {what} has no words without it")
    yield from _unused(folder)


def _looked_up(old: str) -> str:
    """Return an old address as `rjsite.web.pages` looks it up: a lower-case path without host and query."""
    path = unquote(re.sub(r"^https?://[^/]*|[?#].*", "", old)).lower()
    return "/" + re.sub("/+", "/", path).strip("/")


def _titles(library: Library) -> Iterator[Problem]:
    first: dict[str, Page] = {}
    for page in library.every_page:
        other = first.setdefault(page.title.lower(), page)
        if other is not page:
            line = page.document.lines.get("title", 1)
            message = f"{other.document.display_path} has the same title; give this file a title of its own"
            yield Problem(page.document.display_path, line, message)


def _unused(folder: Path) -> Iterator[Problem]:
    used = {path for pattern in _USED for path in folder.glob(pattern)}
    unused = (
        "nothing uses this file; name it NAME.md in content/case-studies/ or content/pages/, or delete it"
    )
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path not in used and not path.is_dir() and not any(part.startswith(".") for part in inside.parts):
            original = path.with_name(f"{slug(path.name.partition('.')[0])}.md")
            copy = f"nothing uses this copy of {original.name}; delete it"
            yield Problem(Path(folder.name) / inside, 1, copy if original in used else unused)
