"""Checks for text that is not shown as intended: marks that readers see, and words that they do not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from rjsite.content.lint.rendered import REFERENCE, Block, RenderedPage
from rjsite.content.lint.stray_marks import marks
from rjsite.content.lint.wording import Findings, start
from rjsite.content.model import Page

_WEB_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s)]*\w")
_ITEM = re.compile(r"(\s*)(?:[-*+]|\d+\.)\s")
_NUMBERED = re.compile(r" {0,3}(\d+)\.\s")
_NEW = re.compile(r"[A-Z“\"#]")  # begins a sentence or a heading


def marks_shown(page: Page, rendered: RenderedPage) -> Findings:
    """Yield findings about Markdown that is not shown as the writer meant it.

    These are stray marks, text shown as code or as a heading, web addresses that are not links, lines that
    run into the block above, and wrong list numbers.
    """
    written = dict(body_lines(page))
    for block in rendered.blocks:
        text, line = block.text.strip(), block.lines[0]
        if block.tag == "code":
            how = "take out the spaces before it, or the ` marks around it"
            yield line, f"“{start(text)}” is shown as program text; {how}"
        elif block.tag in ("h2", ""):  # nh3 removes the tags of an h1
            how = f"write ## {text}, or put an empty line above the signs in the next line"
            yield line, f"this is shown as a heading; {how}"
        else:
            yield from _marks_in(block, written)
    yield from _run_on(page)
    yield from _numbers(page)


def _marks_in(block: Block, written: dict[int, str]) -> Findings:
    for match, message in marks(block.text):
        line = block.line_at(match.start())
        if f"\\{match[0].strip()[:1]}" not in written[line]:  # a backslash means that the mark is to be shown
            yield line, message
    for address in _WEB_ADDRESS.finditer(block.text):
        if not any(link.begin <= address.start() < link.end for link in block.links):
            message = f"“{address[0]}” is not a link; write [words](https://...)"
            yield block.line_at(address.start()), message


def _run_on(page: Page) -> Findings:
    """Yield a finding for each line that needs an empty line or, in a nested list, more spaces before it."""
    above = ""  # what the lines above are: an item, a quotation or a table
    for before, (number, line) in pairwise([(0, ""), *body_lines(page)]):
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


def _numbers(page: Page) -> Findings:
    """Yield a finding for each list number that differs from the number that readers see.

    A list counts up from its first number. All its numbers may be 1.
    """
    last = 0
    for number, line in body_lines(page):
        if item := _NUMBERED.match(line):
            if last and int(item[1]) != last + 1 and not int(item[1]) == last == 1:
                yield (
                    number,
                    "this number is shown as another one; number the items of a list 1, 2, 3 and so on",
                )
            last = int(item[1])
        elif line.strip() and not line[0].isspace():
            last = 0


def words_lost(rendered: RenderedPage) -> Findings:
    """Yield a finding for the first line whose letters and digits are not shown as they are written."""
    if rendered.lost:
        number, line = rendered.lost
        message = f"“{start(line)}” is not shown as it is written; take out signs such as {{ }} [ ] < >"
        if REFERENCE.match(line):
            message = "this line is not shown; write a link where it belongs, as [words](/address)"
        elif "|" in line:
            message = "not all of this row is shown; give it as many cells as the first row has"
        yield number, message


def body_lines(page: Page) -> Iterator[tuple[int, str]]:
    """Yield the source lines of the body with their numbers."""
    yield from enumerate(page.document.body.splitlines(), page.document.body_line)
