"""Turns Markdown into safe HTML, divided into sections that the templates can show.

Raw HTML is disabled, and nh3 cleans the resulting HTML before it reaches a page.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from xml.etree.ElementTree import Element

import nh3
from markdown import Markdown
from markdown.extensions import Extension
from markdown.extensions.attr_list import AttrListExtension
from markdown.extensions.def_list import DefListExtension
from markdown.extensions.sane_lists import SaneListExtension
from markdown.extensions.tables import TableExtension
from markdown.treeprocessors import Treeprocessor
from markupsafe import Markup

# parts in which each "###" heading begins an item
WITH_ITEMS = frozenset({"choices", "steps", "promises", "quotes", "questions", "pictures", "write"})
PARTS = WITH_ITEMS | {"stories", "talk", "note", "changed", "site-map", "paper"}
AROUND = ("help-panel", "leaving", "live", "main", "menu")  # the ids in the frame of every page

_SECTION, _ENTRY = (re.compile(rf"^{level}[ \t]+(.*)$", re.MULTILINE) for level in ("##", "###"))
_MARKS = re.compile(r"\{:([^}]*)\}$")  # the attribute list at the end of a heading, like "{: .steps #how }"
_LINKED = re.compile(r"^\[(?P<text>.+)\]\((?P<href>[^)\s]+)\)$")
_LINK_ALONE = re.compile(r"<(p|li)>(?=<a [^>]*>[^<]*</a></\1>)")  # a block that is one link, made easy to tap
_LONG_ADDRESS = re.compile(r'(<a href="mailto:[^>]*>)([^<]{33,})')  # too long for the narrowest screen

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
    """One item of a part, such as a step, a choice or a question."""

    title: str
    href: str
    id: str
    tone: str  # the icon or colour that the writer named
    html: Markup


@dataclass(frozen=True, slots=True)
class Section:
    """The text under one second-level heading."""

    part: str
    title: str
    id: str
    html: Markup
    items: tuple[Item, ...] = ()
    names: tuple[str, ...] = ()  # the slugs of the stories that a part “stories” lists


class _TableLabels(Treeprocessor):
    """Marks the headings of columns and rows, and labels cells so that narrow screens can stack them."""

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


class _Renderer(threading.local):
    """Keeps a Markdown object for each thread, because it is slow to create and threads cannot share one."""

    def __init__(self) -> None:
        extensions = [
            TableExtension(),
            DefListExtension(),
            AttrListExtension(),
            SaneListExtension(),
            _House(),
        ]
        self.markdown = Markdown(extensions=extensions)


_renderer = _Renderer()


def to_html(text: str, title: str = "") -> Markup:
    """Return safe HTML for a Markdown text with its facts already filled in.

    Args:
        title: the heading above the text, used as the label of tables for screen readers.
    """
    if not text.strip():
        return Markup("")
    html = _renderer.markdown.reset().convert(text)
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"https", "mailto", "tel"},
        link_rel=None,
    )
    clean = _LONG_ADDRESS.sub(lambda match: match[1] + re.sub(r"(?=[@.])", "<wbr>", match[2]), clean)
    if title:
        clean = clean.replace("<table", Markup('<table aria-label="{}"').format(title))
    return Markup(_LINK_ALONE.sub(r'<\1 class="next">', clean))  # noqa: S704 (cleaned above)


def slug(text: str) -> str:
    """Return an address or id for a text: lower-case ASCII letters, digits and hyphens.

    If nothing in the text can be written in this way, the result is “section”.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower().replace("'", "")).strip("-") or "section"


def opening_and_sections(text: str, title: str) -> tuple[Markup, tuple[Section, ...]]:
    """Return the text before the first second-level heading, and the sections after it.

    Args:
        title: the heading of the page, above the opening text.
    """
    opening, blocks = _cut(text, _SECTION)
    taken = set(AROUND)
    return to_html(opening, title), tuple(_section(*block, taken, title) for block in blocks)


def _cut(text: str, heading: re.Pattern[str]) -> tuple[str, list[tuple[str, str, str]]]:
    """Return the text before the first heading, and the title, attribute list and text of each heading."""
    opening, *rest = heading.split(text)
    return opening, [(*_marked(line), below) for line, below in zip(rest[::2], rest[1::2], strict=True)]


def _marked(heading: str) -> tuple[str, str]:
    """Return the title and the attribute list of a heading."""
    heading = heading.strip()
    match = _MARKS.search(heading)
    return (heading[: match.start()].rstrip(), match[1]) if match else (heading, "")


def _section(heading: str, marks: str, text: str, taken: set[str], above: str) -> Section:
    part = _mark(".", marks)
    items, names = tuple[Item, ...](), tuple[str, ...]()
    if part in WITH_ITEMS:
        text, blocks = _cut(text, _ENTRY)
        items = tuple(_item(*block, taken) for block in blocks)
    elif part == "stories":
        names = tuple(line[2:].strip() for line in text.splitlines() if line.startswith("- "))
        text = "\n".join(line for line in text.splitlines() if not line.startswith("- "))
    title, _ = _text_and_link(heading)
    return Section(part, title, _id(title, marks, taken), to_html(text, title or above), items, names)


def _item(heading: str, marks: str, text: str, taken: set[str]) -> Item:
    title, href = _text_and_link(heading)
    return Item(title, href, _id(title, marks, taken), _mark(".", marks), to_html(text, title))


def _mark(sign: str, marks: str) -> str:
    return next((mark[1:] for mark in marks.split() if mark.startswith(sign)), "")


def _text_and_link(heading: str) -> tuple[str, str]:
    match = _LINKED.match(heading)
    return (match["text"], match["href"]) if match else (heading, "")


def _id(title: str, marks: str, taken: set[str]) -> str:
    """Return an id that no other heading on the page has."""
    name = _mark("#", marks) or slug(title)
    unused = next(f for n in count(1) if (f := f"{name}-{n}" if n > 1 else name) not in taken)
    taken.add(unused)
    return unused


def parts_used(text: str) -> Iterator[tuple[int, str]]:
    """Yield each part that a body uses, as the line within the body and the name of the part."""
    for heading in _SECTION.finditer(text):
        if part := _mark(".", _marked(heading[1])[1]):
            yield text.count("\n", 0, heading.start()) + 1, part
