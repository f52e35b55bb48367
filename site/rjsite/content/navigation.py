"""The menu, the footer and the groups of the site map, from navigation.toml."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from rjsite.content.model import Link, Page
from rjsite.content.problem import Problem, Severity
from rjsite.content.toml import line_of


class Group(BaseModel):
    """A group of pages in the site map, given by their addresses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    pages: tuple[str, ...]


class Navigation(BaseModel):
    """The links of the menu and the footer, and the groups of the site map."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    menu: tuple[Link, ...] = ()
    footer: tuple[Link, ...] = ()
    groups: tuple[Group, ...] = Field((), alias="group")

    def within(self, pages: Container[str]) -> Navigation:
        """Return a copy without menu and footer links to missing pages."""
        menu, footer = (
            tuple(link for link in links if link.page in pages) for links in (self.menu, self.footer)
        )
        return Navigation(menu=menu, footer=footer, group=self.groups)


def navigation_problems(
    written: Navigation, path: Path, display_path: Path, pages: Mapping[str, Page], left_out: Container[str]
) -> Iterator[Problem]:
    """Yield a problem for each link without a page, each page named twice, and each listed page in no group.

    Args:
        written: the navigation as read from the file.
        path: the file.
        display_path: the file's name in messages.
        pages: the usable pages by address.
        left_out: the addresses of pages that are not in `pages` because they cannot be used or are drafts.
    """
    mapped = [address for group in written.groups for address in group.pages]
    for address in [*mapped, *(link.page for link in (*written.menu, *written.footer))]:
        if address not in pages and address not in left_out:
            message = f"there is no page {address}; write it or take it out"
            yield Problem(display_path, line_of(path, f'"{address}"'), message, Severity.PLEASE_FIX)
    menu, footer = ([link.page for link in links] for links in (written.menu, written.footer))
    for place, addresses in (("the menu", menu), ("the footer", footer), ("the site map", mapped)):
        for address in sorted({address for address in addresses if addresses.count(address) > 1}):
            message = f"{address} is in {place} twice; keep one of them"
            yield Problem(display_path, line_of(path, f'"{address}"'), message, Severity.PLEASE_FIX)
    for address, page in sorted(pages.items()):
        if page.listed and address not in mapped:
            message = f"add {address} to a group, so that the site map has it"
            yield Problem(display_path, 1, message, Severity.PLEASE_FIX)
