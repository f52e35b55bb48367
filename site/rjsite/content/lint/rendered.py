"""The rendered page as readers see it, with the source line of each part.

Only the HTML shows whether a mark has worked. The HTML contains the letters and digits of the file in the
same order, so counting them finds the source line of anything that is shown.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser

from rjsite.content.lint import readability
from rjsite.content.lint.wording import Passage
from rjsite.content.model import Page

REFERENCE = re.compile(r" {0,3}\[([^\]]+)\]:")

_BLOCKS = {
    "p", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "hr", "code",
    "table", "tr", "th", "td", "dl", "dt", "dd",
}  # fmt: skip
_NOT_SHOWN = re.compile(  # attribute lists such as {: .note }, and the targets of links
    r"\{:[^}\n]*\}|(?<=\])(?:\(\s*(?:[^()\s]|\([^()]*\))*(?:\s+\"[^\"]*\")?\s*\)|\[[^\]]*\])"
)
_NUMBER = re.compile(r"^[^\w|]*\d+\.(?:\s|$)")  # the number of a list item, which HTML leaves to the browser
_LABEL = 3  # at most this many bold words at the start of a paragraph are a label, not a sentence


@dataclass
class Link:
    """A link and the part of the text that it covers."""

    href: str
    begin: int
    end: int


@dataclass(kw_only=True)
class Block(Passage):
    """A paragraph, heading, item or cell.

    Attributes:
        tag: its HTML element, “title” for a heading that the templates show, or "" outside any element.
        level: the level of a heading, or 0.
        is_quoted: whether it is part of a quotation.
        begins_bold: whether its first words are bold.
    """

    tag: str
    level: int = 0
    is_quoted: bool = False
    begins_bold: bool = False
    links: list[Link] = field(default_factory=list)

    @property
    def is_cell(self) -> bool:
        """Return whether this block is a cell of a table."""
        return self.tag in ("th", "td")

    def letters(self) -> Iterator[str]:
        """Yield the letters and digits of each line of the block, without the numbers of list items."""
        for line in self.text.split("\n"):
            yield _letters(line if self.is_cell else _NUMBER.sub("", line))

    @cached_property
    def sentences(self) -> list[str]:
        """Return the sentences without a bold label, or none for a quotation, heading or defined term."""
        if self.is_quoted or self.level or self.tag == "dt":
            return []
        sentences = readability.sentences(self.words)
        labelled = self.begins_bold and len(sentences) > 1
        return sentences[1:] if labelled and len(readability.words(sentences[0])) <= _LABEL else sentences


class RenderedPage(HTMLParser):
    """The text of a page.

    Attributes:
        blocks: its paragraphs, headings, items and cells, in order.
        lost: the number and text of the first line that is not shown as it is written, or None.
    """

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.blocks = [Block(tag="")]
        self.lost: tuple[int, str] | None = None
        self._open: list[str] = []
        self._add(page.opening)
        for section in page.sections:
            self._add_title(section.title, 2)
            self._add(section.html)
            for item in section.items:
                self._add_title(item.title, 3, item.href)
                self._add(item.html)
        self.blocks = [block for block in self.blocks if block.text.strip() or block.links]
        self._find_lines(page)

    def _add(self, written: str) -> None:
        self.feed(str(written))  # as str, because slicing Markup escapes each part
        self.close()
        self.reset()

    def _add_title(self, title: str, level: int, href: str = "") -> None:
        links = [Link(href, 0, len(title))] if href else []
        self.blocks.append(Block(title, tag="title", level=level, links=links))

    def _begin(self, tag: str) -> None:
        level = int(tag[1]) if re.fullmatch(r"h\d", tag) else 0
        self.blocks.append(Block(tag=tag, level=level, is_quoted="blockquote" in self._open))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block or a link."""
        if tag in _BLOCKS:
            self._begin(tag)
        if tag == "a":
            end = len(self.blocks[-1].text)
            self.blocks[-1].links.append(Link(dict(attrs).get("href") or "", end, end))
        if tag not in ("br", "hr", "wbr"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """End a block. Text after it belongs to the enclosing element."""
        self._open.pop()
        if tag in _BLOCKS:
            self._begin(self._open[-1] if self._open else "")

    def handle_data(self, data: str) -> None:
        """Add text to the current block and link."""
        block = self.blocks[-1]
        block.begins_bold |= "strong" in self._open and not block.text.strip()
        block.text += data
        if "a" in self._open and block.links:
            block.links[-1].end = len(block.text)

    def _find_lines(self, page: Page) -> None:
        """Set `lost`, and the source lines of each block by counting the letters and digits before it."""
        shown = "".join(letters for block in self.blocks for letters in block.letters())
        begins, numbers, at = [0], [page.document.body_line], 0
        for number, line in _source(page):
            letters = _letters(html.unescape(_NOT_SHOWN.sub("", _NUMBER.sub("", line))))
            place = shown.find(letters, at)
            if place != at and not self.lost:
                self.lost = number, line
            if line.strip() and place >= 0:  # even if the line has no letters or digits
                begins.append(place)
                numbers.append(number)
                at = place + len(letters)
        at = 0
        for block in self.blocks:
            lines = []
            for letters in block.letters():
                lines.append(numbers[bisect_right(begins, at) - 1])
                at += len(letters)
            block.lines = lines


def _source(page: Page) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line that should be shown, with facts filled in."""
    body = page.document.body.lower()
    stories = {name for section in page.sections for name in section.names}
    for first, _, shown in page.facts.units(page.document.body):
        for number, line in enumerate(shown.splitlines(), page.document.body_line + first - 1):
            reference = REFERENCE.match(line)
            is_used = reference and body.count(f"[{reference[1].lower()}]") > 1
            if not (is_used or line.removeprefix("- ").strip() in stories):
                yield number, line


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)
