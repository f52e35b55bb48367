"""Checks one Markdown file: its text, headings, links and fields."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import chain

from rjsite.content.lint import readability
from rjsite.content.lint.cross_file import Addresses
from rjsite.content.lint.hard_coded_facts import HardCodedFactFinder
from rjsite.content.lint.rendered import Block, RenderedPage
from rjsite.content.lint.rendering_problems import body_lines, marks_shown, words_lost
from rjsite.content.lint.rules import Rules
from rjsite.content.lint.stray_marks import marks
from rjsite.content.lint.wording import Findings, Passage, banned, initials, long_sentences, start
from rjsite.content.model import Page, Story

_FIELDS = ("title", "description", "head", "crumb")  # the fields that readers see
_STORY_FIELDS = ("title", "summary", "place")
_ENDS_AS_SENTENCE = (".", "!", "?")


def document_findings(
    page: Page, rules: Rules, addresses: Addresses, hard_coded: HardCodedFactFinder, today: date
) -> Findings:
    """Return a finding for each problem in one file: the line, and what to write there."""
    rendered = RenderedPage(page)
    blocks = rendered.blocks
    names = _STORY_FIELDS if isinstance(page, Story) else _FIELDS
    fields = [Passage(getattr(page, name), lines=[page.document.lines.get(name, 1)]) for name in names]
    summary = fields[1:2] if isinstance(page, Story) else []
    return chain(
        long_sentences([*blocks, *summary], rules.sentence_limit(page.document.display_path)),
        _long_paragraphs(blocks, rules),
        _whole_page(page, blocks, rules),
        banned([*fields, *(block for block in blocks if not block.is_quoted)], rules),
        initials([fields[0], *blocks], rules),
        _headings(blocks),
        _as_written(page, names, hard_coded),
        _written_out(page, hard_coded),
        _each_line_once(
            _signs(page, rules),
            marks_shown(page, rendered),
            _links(page, blocks, rules, addresses),
            _stories_named(page, addresses),
            words_lost(rendered),
        ),
        _dates(page, rules, today),
        _story(page, rules, today) if isinstance(page, Story) else (),
    )


def _long_paragraphs(blocks: Sequence[Block], rules: Rules) -> Findings:
    most = rules.length.paragraph
    for block in blocks:
        if not block.is_cell and (count := len(block.sentences)) > most:
            message = f"this paragraph has {count} sentences; begin a new one after {most} at most"
            yield block.lines[0], message


def _whole_page(page: Page, blocks: Sequence[Block], rules: Rules) -> Findings:
    """Yield a finding if the reading grade or the average sentence length of the page is too high."""
    spoken = [s for block in blocks if not block.is_cell for s in block.sentences if _is_sentence(s)]
    if sum(len(readability.words(sentence)) for sentence in spoken) < rules.length.grade_from_words:
        return
    line, most = page.document.body_line, rules.length.average
    if (grade := readability.grade(spoken)) > page.grade:
        hardest = start(max(spoken, key=lambda sentence: readability.grade([sentence])))
        message = f"the page reads at grade {grade:.1f}, and {page.grade} is allowed"
        yield line, f"{message}; use shorter words and sentences, beginning with “{hardest}”"
    if (average := readability.average(spoken)) > most:
        longest = start(max(spoken, key=lambda sentence: len(readability.words(sentence))))
        message = f"sentences have {average:.1f} words on average, and {most:g} is the most"
        yield line, f"{message}; split the long ones, beginning with “{longest}”"


def _is_sentence(text: str) -> bool:
    return text.rstrip('”’")*').endswith(_ENDS_AS_SENTENCE)


def _headings(blocks: Sequence[Block]) -> Findings:
    """Yield a finding for each heading that skips a level. The house rules find first-level headings."""
    before = 1
    for block in blocks:
        if block.level > before + 1:
            message = f"a level is missing before this heading; begin it with {'#' * (before + 1)}"
            yield block.lines[0], message
        before = max(block.level, 2) if block.level else before


def _each_line_once(*checks: Findings) -> Findings:
    """Yield the findings of each check, except on lines that an earlier check has reported.

    Several checks can find the same mistake.
    """
    named: set[int] = set()
    for check in checks:
        findings = list(check)
        yield from (finding for finding in findings if finding[0] not in named)
        named.update(line for line, _ in findings)


def _written_out(page: Page, hard_coded: HardCodedFactFinder) -> Findings:
    """Yield a finding for each phone number or email address in the body that should be a fact."""
    for number, line in body_lines(page):
        yield from ((number, message) for message in hard_coded.messages(line))


def _as_written(page: Page, names: Sequence[str], hard_coded: HardCodedFactFinder) -> Findings:
    """Yield a finding for each mark in a field that is not shown as written, and each number or address."""
    corrections = page.document.misread_fields()
    for name in names:
        line = page.document.lines.get(name, 1)
        if message := corrections.get(name):
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


def _links(page: Page, blocks: Sequence[Block], rules: Rules, addresses: Addresses) -> Findings:
    for block in blocks:
        for link in block.links:
            line, text = block.line_at(link.begin), block.text[link.begin : link.end]
            if text.lower().strip(" .") in ("", *rules.empty_links):
                yield line, f"“{text}” does not say where the link goes; name the page it leads to"
            if not link.href:
                where = "write one in the text, to an address with / or https://"
                yield line, f"“{text}” is not a link on the page; {where}"
            elif message := addresses.problem(link.href, page):
                yield line, message


def _stories_named(page: Page, addresses: Addresses) -> Findings:
    for name in chain.from_iterable(section.names for section in page.sections):
        if message := addresses.problem(f"/case-studies/{name}", page):
            lines = (number for number, line in body_lines(page) if line[2:].strip() == name)
            yield next(lines, page.document.body_line), message


def _signs(page: Page, rules: Rules) -> Findings:
    """Yield a finding for each forbidden sign, except those in stories that `live_problems` reports."""
    for number, line in body_lines(page):
        for not_shown in (False,) if isinstance(page, Story) else (False, True):
            yield from ((number, message) for message in rules.signs(line, not_shown=not_shown))


def _dates(page: Page, rules: Rules, today: date) -> Findings:
    checked, line = page.last_checked, page.document.lines.get("last_checked", 1)
    if checked is None:
        return
    months = rules.last_checked_months
    if checked < today - timedelta(days=round(months * 365.25 / 12)):
        message = f"nobody has checked this for {months} months; read it again, then write"
        yield line, f"{message} last_checked: {today}"
    elif checked > today + timedelta(days=1):
        yield line, f"this day is still to come; write the day you checked it, like last_checked: {today}"


def _published(story: Story, today: date) -> Findings:
    """Yield a finding if the date of publication must be a mistake: decades ago, or years from now."""
    if not today.year - 30 <= story.published.year <= today.year + 2:
        line = story.document.lines.get("published", 1)
        yield line, f"published: is this the right year? write the day readers first see it, like {today}"


def _story(story: Story, rules: Rules, today: date) -> Findings:
    yield from _published(story, today)
    says_what_changed = any(section.part == "changed" for section in story.sections)
    if not says_what_changed and story.ended != "not known":
        end = story.document.body_line + story.document.body.rstrip().count("\n")
        yield end, "end with “## What changed {: .changed }”, and say what changed for each person"
