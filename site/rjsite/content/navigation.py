"""The menu, the footer and the groups of the site map, as navigation.toml lists them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from rjsite.content.model import Group, Link, Page
from rjsite.content.problem import Problem, Severity
from rjsite.content.toml import line_of


class _WrittenGroup(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    pages: list[str]


class Written(BaseModel):
    """The file as it is written."""

    model_config = ConfigDict(extra="forbid")

    menu: tuple[Link, ...] = ()
    footer: tuple[Link, ...] = ()
    group: tuple[_WrittenGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class Navigation:
    """The links of the menu, the footer and the site map. Each leads to a page that exists."""

    menu: tuple[Link, ...] = ()
    footer: tuple[Link, ...] = ()
    groups: tuple[Group, ...] = ()


def navigation(written: Written, pages: Mapping[str, Page]) -> Navigation:
    """Return the entries of navigation.toml that lead to a page. `pages` has the pages by address."""
    menu, footer = (
        tuple(link for link in links if link.page in pages) for links in (written.menu, written.footer)
    )
    groups = tuple(
        Group(group.title, tuple(Link(label=pages[a].short, page=a) for a in group.pages if a in pages))
        for group in written.group
    )
    return Navigation(menu, footer, groups)


def navigation_problems(
    written: Written, path: Path, shown: Path, pages: Mapping[str, Page], left_out: Container[str]
) -> Iterator[Problem]:
    """Yield a problem for each entry without a page, and for each page without an entry.

    Args:
        written: the file as it is written.
        path: the file.
        shown: its name in messages.
        pages: all pages by their addresses.
        left_out: the addresses of pages that have a problem or are drafts, and so are not among the pages.
    """
    mapped = [address for group in written.group for address in group.pages]
    for address in [*mapped, *(link.page for link in (*written.menu, *written.footer))]:
        if address not in pages and address not in left_out:
            message = f"there is no page {address}; write it or take it out"
            yield Problem(shown, line_of(path, f'"{address}"'), message, Severity.PLEASE_MEND)
    for address, page in sorted(pages.items()):
        if page.listed and address not in mapped:
            message = f"add {address} to a group, so that the site map has it"
            yield Problem(shown, 1, message, Severity.PLEASE_MEND)
