"""The check of the rendered page: marks that are shown, and words and links that are not.

Only the HTML shows whether a mark has worked. The file is read to find the line.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise, zip_longest

from rjsite.content.lint.stray_marks import marks
from rjsite.content.lint.wording import Found, Unit, start
from rjsite.content.model import Page

_BLOCKS = {
    "p", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "hr",
    "table", "tr", "th", "td", "dl", "dt", "dd",
}  # fmt: skip
_WEB_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s)]*\w")
_ATTRIBUTES = re.compile(r"\{:[^}\n]*\}")
_LINK_END = re.compile(r"\]\(\s*(?:[^()\s]|\([^()]*\))*(?:\s+\"[^\"]*\")?\s*\)|\]\[[^\]]*\]")
_REFERENCE = re.compile(r" {0,3}\[([^\]]+)\]:")
_ITEM = re.compile(r"(\s*)(?:[-*+]|\d+\.)\s")
_NUMBERED = re.compile(r"^ {0,3}(\d+)\.\s")
_NEW = re.compile(r"[A-Z“\"#]")  # begins a sentence or a heading


@dataclass
class Block:
    """A paragraph, heading, item or cell of the rendered page."""

    tag: str
    text: str = ""
    unlinked: str = ""  # the same without the words of links


class Shown(HTMLParser):
    """The text, links and program text of a rendered page."""

    def __init__(self, page: Page) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.links: list[tuple[str, str]] = []  # words and address
        self.code: list[str] = []
        self.letters = ""  # letters and digits of everything that is shown, in order
        self._open: list[str] = []
        self._take(str(page.opening))
        for section in page.sections:
            self._heading(section.title, "")
            self._take(str(section.html))
            for item in section.items:
                self._heading(item.title, item.href)
                self._take(str(item.html))

    def _take(self, written: str) -> None:
        self.blocks.append(Block(""))
        self.feed(written)
        self.close()
        self.reset()
        self._open.clear()

    def _heading(self, words: str, href: str) -> None:
        self.blocks.append(Block("title", words, words))
        self.letters += _letters(words)
        if href:
            self.links.append((words, href))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block or a link."""
        if tag in _BLOCKS:
            self.blocks.append(Block(tag))
        if tag == "a":
            self.links.append(("", dict(attrs).get("href") or ""))
        if tag not in ("br", "hr", "wbr"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """End a block."""
        while tag in self._open and self._open.pop() != tag:
            pass
        if tag in _BLOCKS:
            self.blocks.append(Block(""))

    def handle_data(self, data: str) -> None:
        """Add text to the block and the link that are open."""
        self.letters += _letters(data)
        if "code" in self._open:
            self.code.append(data)
            return
        self.blocks[-1].text += data
        if "a" in self._open:
            words, href = self.links[-1]
            self.links[-1] = words + data, href
        else:
            self.blocks[-1].unlinked += data


def marks_shown(page: Page, shown: Shown, body: Sequence[Unit]) -> Found:
    """Yield marks that a reader sees, and text that a mark turned into something else."""
    lines = _Lines(page, body)
    for text in shown.code:
        how = "take out the spaces or tabs before it" if text.endswith("\n") else "take out the ` marks"
        yield lines.of("", text.split()), f"“{start(text)}” is shown as program text; {how}"
    for block in shown.blocks:
        if block.tag in ("h1", "h2", "") and block.text.strip():
            line = lines.of("", block.text.split())
            words = (
                "the line of signs below makes this a heading; put an empty line between, or begin it with ##"
            )
            if lines.written[line].lstrip().startswith("#"):
                words = f"begin the line with ##, then a space, then the words: ## {block.text.strip()}"
            yield line, words
        for found, words in marks(block.text):
            line = lines.around(block.text, found)
            if f"\\{found[0].strip()[:1]}" not in lines.written[line]:  # meant to be shown
                yield line, words
        if address := _WEB_ADDRESS.search(block.unlinked):
            yield (
                lines.around(block.unlinked, address),
                f"“{address[0]}” is no link; write [words](https://...)",
            )
    yield from _run_on(page)
    yield from _numbers(page)


class _Lines:
    """Finds the line of a page's file that rendered text comes from."""

    def __init__(self, page: Page, body: Sequence[Unit]) -> None:
        self.written: dict[int, str] = {page.document.body_line: ""}
        for unit in body:
            both = zip_longest(unit.written.splitlines(), unit.shown.splitlines(), fillvalue="")
            for number, (written, shown) in enumerate(both, unit.line):
                self.written[number] = f"{written}\n{shown}\n{html.unescape(written)}"
        self._last = page.document.body_line

    def around(self, text: str, match: re.Match[str]) -> int:
        """Return the line of a mark that was found in a text."""
        before, after = text[: match.start()].split(), text[match.end() :].split()
        return self.of(match[0].strip(), [*before[-2:], *after[:2]])

    def of(self, mark: str, words: Sequence[str]) -> int:
        """Return the line with the mark and most of the words, preferring lines after the last result."""
        best, most = self._last, -1
        for number in sorted(self.written, key=lambda number: number < self._last):
            line = self.written[number]
            near = 3 * bool(mark and mark in line) + sum(word in line for word in words[:4])
            if near > most:
                best, most = number, near
            if near == 3 * bool(mark) + len(words[:4]):
                break
        self._last = best
        return best


def _run_on(page: Page) -> Found:
    """Yield lines that become part of a list, quotation or table because no empty line is before them."""
    above = ""  # what the lines above are: an item, a quotation or a row
    body = enumerate(page.document.body.splitlines(), page.document.body_line)
    for before, (number, line) in pairwise([(0, ""), *body]):
        item, item_before = _ITEM.match(line), _ITEM.match(before[1])
        if not line.strip():
            above = ""
        elif line.startswith(">") or item or line.lstrip().startswith("|"):
            above = "quotation" if line.startswith(">") else "item" if item else "table"
            if item and item_before and len(item_before[1]) < len(item[1]) < 4:
                yield number, "write four spaces before an item within an item; this one is shown beside it"
        elif above and (above != "item" or _NEW.match(line)):
            yield number, f"this is shown as part of the {above} above; put an empty line before it"
            above = ""


def _numbers(page: Page) -> Found:
    """Yield numbers of items that are shown as other numbers.

    A list counts on from its first number, and all numbers may be 1.
    """
    last = 0
    for number, line in enumerate(page.document.body.splitlines(), page.document.body_line):
        if item := _NUMBERED.match(line):
            if last and int(item[1]) != last + 1 and not int(item[1]) == last == 1:
                yield (
                    number,
                    "this number is shown as another one; number the items of a list 1, 2, 3 and so on",
                )
            last = int(item[1])
        elif line.strip() and not line[0].isspace():
            last = 0


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def words_lost(shown: Shown, body: Sequence[Unit]) -> Found:
    """Yield the first line whose letters and digits are not shown as they are written."""
    text, at = "\n".join(unit.shown for unit in body).lower(), 0
    for unit in body:
        if unit.part == "stories" and unit.kind == "item":
            continue
        for number, line in enumerate(unit.shown.splitlines(), unit.line):
            reference = _REFERENCE.match(line)
            if reference and text.count(f"[{reference[1].lower()}]") > 1:
                continue
            line = _NUMBERED.sub("", line) if number == unit.line and unit.kind == "item" else line
            letters = _letters(html.unescape(_LINK_END.sub("]", _ATTRIBUTES.sub("", line))))
            if shown.letters[at : at + len(letters)] != letters:
                yield number, _why_lost(line)
                return
            at += len(letters)


def _why_lost(line: str) -> str:
    if _REFERENCE.match(line):
        return "this line is not shown; write a link where it belongs, as [words](/address)"
    if "|" in line:
        return "not all of this row is shown; give it as many cells as the first row has"
    return f"“{start(line)}” is not shown as it is written; take out signs such as {{ }} [ ] < >"
