"""Markdown to safe HTML, cut into the parts a template knows how to show.

Raw HTML is switched off, and what Markdown makes is cleaned with nh3 before it reaches a page.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

import nh3
from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markupsafe import Markup

if TYPE_CHECKING:
    from rjsite.content.page import Group, Story

# parts whose "###" headings begin an item of a list
WITH_ITEMS = frozenset({"choices", "steps", "promises", "quotes", "questions", "pictures", "write"})
PARTS = WITH_ITEMS | {"stories", "talk", "note", "changed", "site-map", "paper"}

_HEADING = re.compile(r"^(#{2,3})\s+(?P<words>.*?)\s*(?:\{:(?P<marks>[^}]*)\})?\s*$")
_LINKED = re.compile(r"^\[(?P<words>.+)\]\((?P<href>[^)\s]+)\)$")
_LINK_ALONE = re.compile(r"<(p|li)>(?=<a [^>]*>[^<]*</a></\1>)")  # easier to hit than a link in a sentence

_TAGS = {
    "p", "ul", "ol", "li", "strong", "em", "a", "blockquote", "h2", "h3", "h4", "br", "hr",
    "table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "abbr", "span", "code",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"lang", "dir", "id"},
    "a": {"href"},
    "th": {"scope"},
    "td": {"data-label"},
    "abbr": {"title"},
    "ol": {"start"},
}


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a part: a step, a choice card, a question."""

    title: str
    href: str
    id: str
    tone: str  # icon or colour, as the writer named it
    html: Markup


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one second-level heading."""

    part: str
    title: str
    id: str
    html: Markup
    line: int  # of the heading, counted in the body
    items: tuple[Item, ...] = ()
    names: tuple[str, ...] = ()  # of part "stories": which ones
    stories: tuple[Story, ...] = ()
    groups: tuple[Group, ...] = ()


class _TableLabels(Treeprocessor):
    """Row heads, and column names on each cell, so that a narrow screen can show rows as blocks."""

    def run(self, root: Element) -> None:
        for table in root.iter("table"):
            names = ["".join(cell.itertext()) for cell in table.iterfind("thead/tr/th")]
            for cell in table.iterfind("thead/tr/th"):
                cell.set("scope", "col")
            for row in table.iterfind("tbody/tr"):
                for name, cell in zip(names, row, strict=False):
                    cell.set("data-label", name)
                if len(row):
                    row[0].tag = "th"
                    row[0].attrib.pop("data-label", None)
                    row[0].set("scope", "row")


class _House(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the library's name)
        md.preprocessors.deregister("html_block")
        md.inlinePatterns.deregister("html")
        md.treeprocessors.register(_TableLabels(md), "table-labels", 5)


# Building a Markdown object takes longer than a page does; it is not safe to share between threads.
_markdown = Markdown(extensions=["tables", "def_list", "attr_list", "sane_lists", _House()])
_lock = threading.Lock()


def to_html(text: str) -> Markup:
    """Markdown (facts already put in) as HTML that is safe to show."""
    if not text.strip():
        return Markup("")
    with _lock:
        html = _markdown.reset().convert(text)
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"https", "mailto", "tel"},
        link_rel=None,
    )
    return Markup(_LINK_ALONE.sub(r'<\1 class="next">', clean))  # noqa: S704 (cleaned above)


def slug(words: str) -> str:
    """An address or id from words: lower case, hyphens, plain letters."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower().replace("'", "")).strip("-") or "section"


def opening_and_sections(text: str) -> tuple[Markup, tuple[Section, ...]]:
    """The text before the first second-level heading, and the sections after it."""
    opening, *rest = _cut(text, 2)
    taken: set[str] = set()
    sections = tuple(_section(block, taken) for block in rest)
    return to_html(opening.text), sections


@dataclass(frozen=True, slots=True)
class _Block:
    words: str
    part: str
    id: str
    text: str
    line: int


def _cut(text: str, level: int) -> list[_Block]:
    """Cut at headings of one level; the first block has no heading."""
    blocks: list[_Block] = []
    heading, lines, at = _heading("", ""), list[str](), 1
    for number, line in enumerate(text.splitlines(), 1):
        found = _HEADING.match(line)
        if found and len(found[1]) == level:
            blocks.append(_Block(*heading, "\n".join(lines), at))
            heading, lines, at = _heading(found["words"], found["marks"] or ""), [], number
        else:
            lines.append(line)
    blocks.append(_Block(*heading, "\n".join(lines), at))
    return blocks


def _heading(words: str, marks: str) -> tuple[str, str, str]:
    """Words, part and id of a heading; marks are like ".steps #how"."""
    part = next((mark[1:] for mark in marks.split() if mark.startswith(".")), "")
    name = next((mark[1:] for mark in marks.split() if mark.startswith("#")), "")
    return words, part, name


def _section(block: _Block, taken: set[str]) -> Section:
    html, items, names = to_html(""), tuple[Item, ...](), tuple[str, ...]()
    if block.part in WITH_ITEMS:
        opening, *rest = _cut(block.text, 3)
        html, items = to_html(opening.text), tuple(_item(entry, taken) for entry in rest)
    elif block.part == "stories":
        text, names = _names(block.text)
        html = to_html(text)
    else:
        html = to_html(block.text)
    title, _ = _words_and_link(block.words)
    return Section(block.part, title, _unique(block.id or slug(title), taken), html, block.line, items, names)


def _item(block: _Block, taken: set[str]) -> Item:
    title, href = _words_and_link(block.words)
    return Item(title, href, _unique(block.id or slug(title), taken), block.part, to_html(block.text))


def _words_and_link(words: str) -> tuple[str, str]:
    found = _LINKED.match(words)
    return (found["words"], found["href"]) if found else (words, "")


def _unique(name: str, taken: set[str]) -> str:
    number = 1
    found = name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found)
    return found


def _names(text: str) -> tuple[str, tuple[str, ...]]:
    """Split a story section into its own words and the names in its list."""
    lines = text.splitlines()
    names = tuple(line[2:].strip() for line in lines if line.startswith("- "))
    return "\n".join(line for line in lines if not line.startswith("- ")), names


def parts_used(text: str) -> Iterator[tuple[int, str]]:
    """Line and name of every part that a body asks for."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _HEADING.match(line) if line.startswith("##") and "{" in line else None
        if found and len(found[1]) == 2 and (part := _heading("", found["marks"] or "")[1]):
            yield number, part
