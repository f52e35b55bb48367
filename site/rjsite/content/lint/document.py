"""The check of one Markdown file: its text, headings, links and fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import chain

from rjsite.content.facts import USED
from rjsite.content.lint import readability
from rjsite.content.lint.across_files import Addresses
from rjsite.content.lint.hard_coded_facts import HardCodedFacts
from rjsite.content.lint.rendered import Shown, marks_shown, words_lost
from rjsite.content.lint.rules import Rules
from rjsite.content.lint.stray_marks import marks
from rjsite.content.lint.wording import (
    Found,
    Unit,
    banned,
    initials,
    long_sentences,
    start,
    units,
    unmarked,
)
from rjsite.content.model import Page, Story

_LINK = re.compile(r"(?<!!)\[(?P<words>[^\]]*)\]\(\s*<?(?P<href>[^)\s>]*)[^)]*\)")
_FIELDS = ("title", "description", "head", "crumb")  # those that readers see
_STORY_FIELDS = ("title", "summary", "place")
_ENDS_AS_SENTENCE = (".", "!", "?")


def document_findings(
    page: Page, rules: Rules, addresses: Addresses, hard_coded: HardCodedFacts, today: date
) -> Found:
    """Return everything that is wrong in one file, as the line and what to write there."""
    body, shown = units(page), Shown(page)
    read = [unit for unit in body if unit.part != "stories" or unit.kind != "item"]
    names = _STORY_FIELDS if isinstance(page, Story) else _FIELDS
    fields = [Unit("field", page.document.lines.get(name, 1), getattr(page, name)) for name in names]
    summary = fields[1:2] if isinstance(page, Story) else []
    return chain(
        long_sentences([*read, *summary], rules.sentence_limit(page.document.shown)),
        _long_paragraphs(read, rules),
        _whole_page(page, read, rules),
        banned([*fields, *(unit for unit in read if unit.kind != "quote")], rules),
        initials([fields[0], *read], rules),
        _headings(body),
        _as_written(page, names, hard_coded),
        _written_out(page, hard_coded),
        _each_line_once(
            _lines(page, rules),
            marks_shown(page, shown, body),
            _links(page, body, rules, addresses),
            _other_links(page, body, shown, addresses),
            words_lost(shown, body),
        ),
        _dates(page, rules, today),
        _story(page, read, rules, today) if isinstance(page, Story) else (),
    )


def _long_paragraphs(read: Sequence[Unit], rules: Rules) -> Found:
    most = rules.length.paragraph
    for unit in read:
        if unit.kind != "row" and (count := len(unit.sentences)) > most:
            yield unit.line, f"{count} sentences stand together; begin a new paragraph after {most} at most"


def _whole_page(page: Page, read: Sequence[Unit], rules: Rules) -> Found:
    """Yield a reading grade or an average length that is too high, over all whole sentences."""
    spoken = [s for unit in read if unit.kind != "row" for s in unit.sentences if _is_sentence(s)]
    if sum(len(readability.words(sentence)) for sentence in spoken) < rules.length.grade_from_words:
        return
    line, most = page.document.body_line, rules.length.average
    if (grade := readability.grade(spoken)) > page.grade:
        hardest = start(max(spoken, key=lambda sentence: readability.grade([sentence])))
        words = f"the page reads at grade {grade:.1f}, and {page.grade} is allowed"
        yield line, f"{words}; use shorter words and sentences, first in “{hardest}”"
    if (average := readability.average(spoken)) > most:
        longest = start(max(spoken, key=lambda sentence: len(readability.words(sentence))))
        words = f"sentences have {average:.1f} words on average, and {most:g} is the most"
        yield line, f"{words}; make two of the long ones, first of “{longest}”"


def _is_sentence(text: str) -> bool:
    return text.rstrip('”’")*').endswith(_ENDS_AS_SENTENCE)


def _headings(body: Sequence[Unit]) -> Found:
    """Yield headings that skip a level. A sign in house-rules.toml finds headings of the first level."""
    before = 1
    for unit in body:
        if unit.kind == "heading":
            level = len(unit.shown) - len(unit.shown.lstrip("#"))
            if level > before + 1:
                yield unit.line, f"a level is missing before this heading; begin it with {'#' * (before + 1)}"
            before = max(level, 2)


def _each_line_once(*checks: Found) -> Found:
    """Yield what each check finds, except on lines that an earlier check names.

    One mistake can show in several ways.
    """
    named: set[int] = set()
    for check in checks:
        findings = list(check)
        yield from (finding for finding in findings if finding[0] not in named)
        named.update(line for line, _ in findings)


def _written_out(page: Page, hard_coded: HardCodedFacts) -> Found:
    """Yield the numbers and email addresses in the body that would not change with their fact."""
    for number, line in _body_lines(page):
        yield from ((number, message) for message in hard_coded.messages(line))


def _body_lines(page: Page) -> Iterator[tuple[int, str]]:
    return enumerate(page.document.body.splitlines(), page.document.body_line)


def _as_written(page: Page, names: Sequence[str], hard_coded: HardCodedFacts) -> Found:
    """Yield what readers would not see as it is written in the fields, which are plain text."""
    otherwise = page.document.otherwise()
    for name in names:
        line = page.document.lines.get(name, 1)
        if message := otherwise.get(name):
            yield line, message
        text = str(page.document.fields.get(name, ""))
        for match, message in marks(text):
            fact = f"“{match[0]}” is shown as it is written; write its words, for the {name} holds no facts"
            yield line, fact if match[0].startswith("{") else message
        for value, _ in hard_coded.find(text):
            message = (
                f"take “{value}” out; the {name} holds no facts, so it would stay when the number changes"
            )
            yield line, message


def _links(page: Page, body: Sequence[Unit], rules: Rules, addresses: Addresses) -> Found:
    for unit in body:
        if unit.part == "stories" and unit.kind == "item":
            if wrong := addresses.problem(f"/case-studies/{unit.words}", page):
                yield unit.line, wrong
            continue
        for found in _LINK.finditer(unit.shown):
            at = unit.at(f"({found['href']}")
            if readability.plain(found["words"]).lower().strip(" .") in ("", *rules.empty_links):
                yield at, f"“{found['words']}” does not say where the link goes; name the page it leads to"
            if wrong := addresses.problem(found["href"], page):
                yield at, wrong


def _other_links(page: Page, body: Sequence[Unit], shown: Shown, addresses: Addresses) -> Found:
    """Yield links that are written but not shown, and bad links that are written in another way."""
    written = {found["href"]: found["words"] for unit in body for found in _LINK.finditer(unit.shown)}
    leading = {href: words for words, href in shown.links}
    for href, words in [*leading.items(), *written.items()]:
        at = next((unit.at(words) for unit in body if words in unit.shown), page.document.body_line)
        if href not in leading or not href:
            yield (
                at,
                f"“{words}” is no link on the page; write one in the text, to an address with / or https://",
            )
        elif href not in written and (wrong := addresses.problem(href, page)):
            yield at, wrong


def _lines(page: Page, rules: Rules) -> Found:
    """Yield signs that are not allowed, and facts that hide the sentence after them."""
    for number, line in _body_lines(page):
        for message in rules.signs(line, not_shown=False):
            yield number, message
        for message in () if isinstance(page, Story) else rules.signs(line, not_shown=True):
            yield number, message
        for match in USED.finditer(line):
            if _hides_the_next(page, line, match):
                message = f"put {match[0]} at the end of its paragraph or in one of its own"
                yield number, f"{message}; while it is not set, it hides the sentence after it"


def _hides_the_next(page: Page, line: str, match: re.Match[str]) -> bool:
    """Return whether a fact hides the sentence after it while it is not set.

    It does if it holds whole sentences and stands where a sentence begins.
    """
    fact = page.facts.get(match["name"])
    before, after = unmarked(line[: match.start()]).rstrip(), line[match.end() :].lstrip()
    begins = not before or before.endswith(_ENDS_AS_SENTENCE)
    whole = fact is not None and fact.form == "sentence"
    return begins and whole and not match["quiet"] and bool(re.match(r"[A-Z{\[“*]", after))


def _dates(page: Page, rules: Rules, today: date) -> Found:
    checked, line = page.last_checked, page.document.lines.get("last_checked", 1)
    if checked is None:
        return
    months = rules.last_checked_months
    if checked < today - timedelta(days=round(months * 365.25 / 12)):
        message = f"nobody has checked this for {months} months; read it again, then write"
        yield line, f"{message} last_checked: {today}"
    elif checked > today + timedelta(days=1):
        yield line, f"this day is still to come; write the day you checked it, like last_checked: {today}"


def _published(story: Story, today: date) -> Found:
    """Yield a day that must be mistyped: the story would never appear, or only below all others."""
    if not today.year - 30 <= story.published.year <= today.year + 2:
        line = story.document.lines.get("published", 1)
        yield line, f"published: is this the right year? write the day on which it goes out, like {today}"


def _story(story: Story, read: Sequence[Unit], rules: Rules, today: date) -> Found:
    yield from _published(story, today)
    says_what_changed = any(unit.kind == "heading" and unit.part == "changed" for unit in read)
    if not says_what_changed and story.ended != "not known":
        end = story.document.body_line + story.document.body.rstrip().count("\n")
        yield end, "end with “## What changed {: .changed }”, and say what changed for each person"
