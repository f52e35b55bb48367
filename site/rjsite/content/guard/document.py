"""One Markdown file by the rules: its words, its headings, its links, its fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rjsite.content.facts import USED, Facts
from rjsite.content.guard import text
from rjsite.content.guard.rules import Rules
from rjsite.content.guard.whole import Addresses
from rjsite.content.page import Page, Story
from rjsite.content.problem import Problem

_MARKER = re.compile(r"\s*(?:(?P<item>[-*+]|\d+\.)|(?P<quote>>)|(?P<meaning>:))\s+")
_HEADING = re.compile(r"(?P<level>#{1,6})\s*(?P<words>.*?)\s*(?:\{:(?P<marks>[^}]*)\})?\s*$")
_LINK = re.compile(r"(?P<image>!?)\[(?P<words>[^\]]*)\]\((?P<href>[^)\s]*)[^)]*\)")
_TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^>]*)?/?>|<!--", re.IGNORECASE)
_LABEL = 3  # words in bold that begin a paragraph and are no sentence of it
_ENDS_AS_SENTENCE = (".", "!", "?")


@dataclass(frozen=True, slots=True)
class Unit:
    """A paragraph, item, meaning, heading, table row or quotation, as a reader sees it."""

    kind: str
    line: int  # in the file
    written: str  # with facts by name
    shown: str  # with facts put in
    part: str  # of the section it stands in

    @property
    def words(self) -> str:
        """What is read."""
        return text.plain(_unmarked(self.shown))

    def at(self, fragment: str) -> int:
        """The line in the file that holds the fragment."""
        lines = self.written.splitlines()
        return self.line + next((n for n, line in enumerate(lines) if fragment in line), 0)


def units(page: Page, facts: Facts) -> list[Unit]:
    """All of a page's body that is shown, in order."""
    found: list[Unit] = []
    part = ""
    for line, written, shown in facts.units(page.document.body):
        if not shown.strip():
            continue
        at = page.document.body_line + line - 1
        heading = _HEADING.match(shown)
        if heading and len(heading["level"]) == 2:
            marks = (heading["marks"] or "").split()
            part = next((mark[1:] for mark in marks if mark.startswith(".")), "")
        kind = _kind(shown)
        if kind == "meaning" and found and found[-1].kind == "paragraph":
            found[-1] = _as_term(found[-1])
        found.append(Unit(kind, at, written, shown, part))
    return found


def _kind(shown: str) -> str:
    if shown.startswith("#"):
        return "heading"
    if shown.lstrip().startswith("|"):
        return "row"
    marker = _MARKER.match(shown)
    return next((kind for kind, found in marker.groupdict().items() if found), "") if marker else "paragraph"


def _unmarked(line: str) -> str:
    """A line without the sign that makes it an item, a meaning or a quotation."""
    marker = _MARKER.match(line)
    return line[marker.end() :] if marker else line


def _as_term(unit: Unit) -> Unit:
    return Unit("term", unit.line, unit.written, unit.shown, unit.part)


def document_findings(
    page: Page, facts: Facts, rules: Rules, addresses: Addresses, today: date
) -> Iterator[Problem]:
    """Everything that is wrong in one file, as line and words to write."""
    body = units(page, facts)
    read = [unit for unit in body if unit.part != "stories" or unit.kind != "item"]
    checks = (
        _long_sentences(page, read, rules),
        _whole_page(page, read, rules),
        _banned(page, read, rules),
        _initials(page, read, rules),
        _headings(body),
        _links(page, body, rules, addresses, today),
        _facts_that_hide_others(page, facts),
        _signs(page, rules),
        _dates(page, rules, today),
        _story(page, read, rules) if isinstance(page, Story) else (),
    )
    for found in checks:
        for line, words in found:
            yield Problem(page.document.shown, line, words)


Found = Iterator[tuple[int, str]]


def _spoken(body: Sequence[Unit]) -> Iterator[tuple[Unit, list[str]]]:
    """What is read as sentences. Quotations are somebody else's words."""
    for unit in body:
        if unit.kind in ("paragraph", "item", "meaning"):
            spoken = text.sentences(unit.words)
            labelled = _unmarked(unit.shown).startswith("**") and len(spoken) > 1
            yield unit, spoken[1:] if labelled and len(text.words(spoken[0])) <= _LABEL else spoken
        elif unit.kind == "row":
            yield unit, [s for cell in unit.words.split("|") for s in text.sentences(cell)]


def _long_sentences(page: Page, body: Sequence[Unit], rules: Rules) -> Found:
    limit, most = rules.sentence_limit(page.document.shown), rules.length.paragraph
    lines = page.document.lines
    spoken = [
        (unit.at(" ".join(sentence.split()[:3])), sentence)
        for unit, all_ in _spoken(body)
        for sentence in all_
    ]
    if isinstance(page, Story):
        spoken += [(lines.get("summary", 1), sentence) for sentence in text.sentences(page.summary)]
    for line, sentence in spoken:
        if (count := len(text.words(sentence))) > limit:
            yield line, f"“{_start(sentence)}” has {count} words; make two sentences of {limit} at most"
    for unit, all_ in _spoken(body):
        if unit.kind != "row" and len(all_) > most:
            yield (
                unit.line,
                f"{len(all_)} sentences stand together; begin a new paragraph after {most} at most",
            )


def _whole_page(page: Page, body: Sequence[Unit], rules: Rules) -> Found:
    """Grade and average, over what is written in whole sentences."""
    spoken = [s for u, all_ in _spoken(body) if u.kind != "row" for s in all_ if _is_sentence(s)]
    if sum(len(text.words(sentence)) for sentence in spoken) < rules.length.grade_from_words:
        return
    line, most = page.document.body_line, rules.length.average
    if (grade := text.grade(spoken)) > page.grade:
        hardest = _start(max(spoken, key=lambda sentence: text.grade([sentence])))
        words = f"the page reads at grade {grade:.1f}, and {page.grade} is allowed"
        yield line, f"{words}; use shorter words and sentences, first in “{hardest}”"
    if (average := text.average(spoken)) > most:
        longest = _start(max(spoken, key=lambda sentence: len(text.words(sentence))))
        words = f"sentences have {average:.1f} words on average, and {most:g} is the most"
        yield line, f"{words}; make two of the long ones, first of “{longest}”"


def _is_sentence(words: str) -> bool:
    return words.rstrip('”’")*').endswith(_ENDS_AS_SENTENCE)


def _banned(page: Page, body: Sequence[Unit], rules: Rules) -> Found:
    lines = page.document.lines
    spoken = [
        (lines.get(name, 1), getattr(page, name, "")) for name in ("title", "description", "head", "crumb")
    ]
    if isinstance(page, Story):
        spoken = [(lines.get(name, 1), getattr(page, name)) for name in ("title", "summary", "place")]
    yield from banned(
        [(line, words, None) for line, words in spoken]
        + [(unit.line, unit.words, unit) for unit in body if unit.kind != "quote"],
        rules,
    )


def banned(spoken: Sequence[tuple[int, str, Unit | None]], rules: Rules) -> Found:
    """Words that may not stand, or stand twice where once is enough; exclamation marks."""
    told: set[str] = set()
    for line, said, unit in spoken:
        bare = text.unquoted(said)
        if "!" in bare:
            at = unit.at("!") if unit else line
            yield at, "an exclamation mark stands here; end the sentence with a full stop"
        for word, say, once in rules.slips(bare):
            at = unit.at(word) if unit else line
            if not once:
                yield at, f"“{word}” is not our word; {say}"
            elif say in told:
                yield at, f"“{word}” stands here again, and once on a page is enough; {say}"
            else:
                told.add(say)


def _initials(page: Page, body: Sequence[Unit], rules: Rules) -> Found:
    said = " . ".join([page.title, *(unit.words for unit in body)])
    for name in text.unexplained_initials(said, rules.initials.allowed):
        at = next((unit.at(name) for unit in body if name in unit.words), page.document.lines.get("title", 1))
        yield at, f"say what {name} means: write the full words, then ({name})"


def _headings(body: Sequence[Unit]) -> Found:
    before = 1
    for unit in body:
        if unit.kind != "heading" or not (found := _HEADING.match(unit.shown)):
            continue
        level = len(found["level"])
        if level == 1:
            yield unit.line, "the title is the first heading of the page; begin this one with ##"
        elif not found["words"]:
            yield unit.line, "a heading without words stands here; write its words, or take it out"
        elif level > before + 1:
            yield unit.line, f"a level is missing before this heading; begin it with {'#' * (before + 1)}"
        before = max(level, 2)


def _links(page: Page, body: Sequence[Unit], rules: Rules, addresses: Addresses, today: date) -> Found:
    for unit in body:
        if unit.part == "stories" and unit.kind == "item":
            name = unit.words
            if wrong := addresses.fault(f"/case-studies/{name}", page, today):
                yield unit.line, wrong
            continue
        for found in _LINK.finditer(unit.shown):
            at = unit.at(f"({found['href']}")
            if found["image"]:
                what = "a picture" if found["words"].strip() else "a picture without words"
                yield at, f"{what} stands here; pages show drawings only, so say in words what it shows"
                continue
            if text.plain(found["words"]).lower().strip(" .") in ("", *rules.links.empty):
                yield at, f"“{found['words']}” does not say where the link goes; name the page it leads to"
            if wrong := addresses.fault(found["href"], page, today):
                yield at, wrong


def _facts_that_hide_others(page: Page, facts: Facts) -> Found:
    """A fact of whole sentences that begins one takes the next sentence along when it is not set."""
    for number, line in enumerate(page.document.body.splitlines(), page.document.body_line):
        for found in USED.finditer(line):
            fact = facts.by_name.get(found["name"])
            before, after = _unmarked(line[: found.start()]).rstrip(), line[found.end() :].lstrip()
            begins = not before or before.endswith(_ENDS_AS_SENTENCE)
            whole = fact is not None and (not fact.value or fact.value.endswith(_ENDS_AS_SENTENCE))
            if begins and whole and not found["quiet"] and re.match(r"[A-Z{\[“*]", after):
                words = f"put {found[0]} at the end of its paragraph or in one of its own"
                yield number, f"{words}; while it is not set, it hides the sentence after it"


def _signs(page: Page, rules: Rules) -> Found:
    for number, line in enumerate(page.document.body.splitlines(), page.document.body_line):
        if "\t" in line:
            yield number, "a tab stands here; use spaces in its place"
        if tag := _TAG.search(line):
            yield number, f"{tag[0]} is shown as it is written; use Markdown, or take it out"
        for words in rules.unfinished.words:
            if words in line:
                yield number, f"“{words}” is from the new file; write the words of the story in its place"


def _dates(page: Page, rules: Rules, today: date) -> Found:
    checked, line = page.last_checked, page.document.lines.get("last_checked", 1)
    if checked is None:
        return
    months = rules.dates.last_checked_months
    if checked < today - timedelta(days=round(months * 365.25 / 12)):
        words = f"nobody has checked this for {months} months; read it again, then write"
        yield line, f"{words} last_checked: {today}"
    elif checked > today + timedelta(days=1):
        yield line, f"this day is still to come; write the day you checked it, like last_checked: {today}"


def _story(story: Story, body: Sequence[Unit], rules: Rules) -> Found:
    for note, word in rules.notes_needed(" ".join([story.summary, *(unit.words for unit in body)])):
        if note not in story.content_notes:
            line = story.document.lines.get("content_notes", 1)
            yield line, f"add “{note}” to content_notes, because the story says “{word}”"
    if not any(unit.kind == "heading" and unit.part == "changed" for unit in body):
        end = story.document.body_line + story.document.body.rstrip().count("\n")
        yield end, "end with “## What changed {: .changed }”, and say what changed for each person"


def _start(sentence: str) -> str:
    """Enough of a sentence to find it by."""
    first = sentence.split()[:6]
    return " ".join(first) + ("…" if len(first) == 6 else "")
