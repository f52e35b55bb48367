"""The main menu, the footer and the groups of the site map, from navigation.toml."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from rjsite.content.page import Group, Link, Page
from rjsite.content.problem import Problem
from rjsite.content.toml import line_of


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Link(_Checked):
    label: str
    page: str


class _Group(_Checked):
    title: str
    pages: list[str]


class _File(_Checked):
    menu: list[_Link] = []
    footer: list[_Link] = []
    group: list[_Group] = []


@dataclass(frozen=True, slots=True)
class Navigation:
    """Ways round the site; only to what exists."""

    menu: tuple[Link, ...] = ()
    footer: tuple[Link, ...] = ()
    groups: tuple[Group, ...] = ()


def navigation(
    raw: Mapping[str, Any],
    path: Path,
    shown: Path,
    pages: Mapping[str, Page],
    left_out: Container[str] = (),
) -> tuple[Navigation, list[Problem]]:
    """Link the entries of navigation.toml to the pages there are.

    Args:
        raw: the file's tables. path: the file. shown: its name in messages. pages: all, by address.
        left_out: addresses of pages with a slip in their own file, which is named there.

    Returns:
        The navigation, and a problem for each entry without a page and each page without an entry.
    """
    try:
        read = _File.model_validate(raw)
    except ValidationError as error:
        return Navigation(), [
            Problem(shown, 1, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}")
            for fault in error.errors()
        ]
    mapped = [address for group in read.group for address in group.pages]
    named = [*mapped, *(link.page for link in (*read.menu, *read.footer))]
    problems = [
        Problem(shown, line_of(path, f'"{address}"'), f"there is no page {address}; write it or take it out")
        for address in named
        if address not in pages and address not in left_out
    ] + [
        Problem(shown, 1, f"add {address} to a group, so that the site map has it")
        for address, page in sorted(pages.items())
        if page.listed and address not in mapped
    ]
    menu, footer = (
        tuple(Link(link.label, link.page) for link in links if link.page in pages)
        for links in (read.menu, read.footer)
    )
    groups = tuple(
        Group(group.title, tuple(Link(pages[a].short, a) for a in group.pages if a in pages))
        for group in read.group
    )
    return Navigation(menu, footer, groups), problems
