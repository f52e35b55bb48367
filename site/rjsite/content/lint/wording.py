"""The pieces of text that a reader sees, and the rules for the words of any piece."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from rjsite.content.lint import readability
from rjsite.content.lint.rules import Rules
from rjsite.content.lint.stray_marks import marks
from rjsite.content.markdown import parts_used
from rjsite.content.model import Page

_BEGINS = re.compile(
    r"(?P<heading>(?=#))|\s*(?:(?P<row>(?=\|))|(?:(?P<item>[-*+]|\d+\.)|(?P<quote>>)|(?P<meaning>:))\s+)"
)
_LABEL = 3  # words in bold at the start of a paragraph that are not a sentence

MOST_INITIALS = 20  # that are reported for one page
Found = Iterator[tuple[int, str]]  # a line, and what to write there


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of text with its line: a paragraph, heading, item and so on, or an entry of a TOML file."""

    kind: str
    line: int  # in the file
    shown: str  # with facts put in
    written: str = ""  # with facts by name
    part: str = ""  # of the section it stands in

    @property
    def words(self) -> str:
        """Return the text as a reader sees it, without marks."""
        return readability.plain(unmarked(self.shown))

    @property
    def sentences(self) -> list[str]:
        """Return the sentences of the text. Quotations have none, because they are somebody else's words."""
        if self.kind == "row":
            return [sentence for cell in self.words.split("|") for sentence in readability.sentences(cell)]
        if self.kind in ("heading", "term", "quote"):
            return []
        spoken = readability.sentences(self.words)
        labelled = unmarked(self.shown).startswith("**") and len(spoken) > 1
        return spoken[1:] if labelled and len(readability.words(spoken[0])) <= _LABEL else spoken

    def at(self, fragment: str) -> int:
        """Return the line of the file that holds the fragment."""
        lines = self.written.splitlines()
        return self.line + next((n for n, line in enumerate(lines) if fragment in line), 0)


def units(page: Page) -> list[Unit]:
    """Return everything in the body of a page that is shown, in order."""
    shown_units: list[Unit] = []
    part = ""
    for line, written, shown in page.facts.units(page.document.body):
        if not shown.strip():
            continue
        begins = _BEGINS.match(shown)
        kind = (begins and begins.lastgroup) or "paragraph"
        if kind == "heading" and not shown.startswith("###"):
            part = next((name for _, name in parts_used(shown)), "")
        if kind == "meaning" and shown_units and shown_units[-1].kind == "paragraph":
            shown_units[-1] = replace(shown_units[-1], kind="term")
        shown_units.append(Unit(kind, page.document.body_line + line - 1, shown, written, part))
    return shown_units


def unmarked(line: str) -> str:
    """Return a line without the sign that makes it an item, a meaning or a quotation."""
    begins = _BEGINS.match(line)
    return line[begins.end() :] if begins else line


def long_sentences(said: Sequence[Unit], limit: int) -> Found:
    """Yield sentences with more words than the limit."""
    for unit in said:
        for sentence in unit.sentences:
            if (count := len(readability.words(sentence))) > limit:
                message = f"“{start(sentence)}” has {count} words; make two sentences of {limit} at most"
                if unit.kind == "entry":
                    message = f"this has {count} words; make it {limit} at most"
                yield unit.at(" ".join(sentence.split()[:3])), message


def banned(said: Sequence[Unit], rules: Rules) -> Found:
    """Yield words that are not allowed, or not a second time, and exclamation marks."""
    used: set[str] = set()
    for unit in said:
        bare = readability.unquoted(unit.words)
        if "!" in bare:
            yield unit.at("!"), "an exclamation mark stands here; end the sentence with a full stop"
        for word, say, once in rules.banned_words(bare):
            if not once:
                yield unit.at(word), f"“{word}” is not our word; {say}"
            elif say in used:
                yield unit.at(word), f"“{word}” stands here again, and once on a page is enough; {say}"
            else:
                used.add(say)


def initials(said: Sequence[Unit], rules: Rules, beside: Sequence[Unit] = ()) -> Found:
    """Yield initials whose full words stand near none of their uses, here or in the texts beside."""
    text = " . ".join(unit.words for unit in (*said, *beside))
    for name in islice(readability.unexplained_initials(text, rules.allowed.initials), MOST_INITIALS):
        if line := next((unit.at(name) for unit in said if name in unit.words), 0):
            yield line, f"say what {name} means: write the full words, then ({name})"


def entries(said: Sequence[Unit], rules: Rules, limit: int) -> Found:
    """Yield what is wrong with the words of entries of a TOML file."""
    yield from long_sentences(said, limit)
    for unit in said:
        yield from banned([unit], rules)
        yield from ((unit.line, say) for _, say in marks(unit.shown))


def start(sentence: str) -> str:
    """Return enough of a sentence to find it by."""
    first = sentence.split()[:6]
    return " ".join(first) + ("…" if len(first) == 6 else "")
