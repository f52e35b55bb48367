"""What a reader sees, piece by piece, and what may be wrong with the words of any piece."""

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
_LABEL = 3  # words in bold that begin a paragraph and are no sentence of it

MOST_INITIALS = 20  # of one page that are named at once
Found = Iterator[tuple[int, str]]  # a line, and what to write there


@dataclass(frozen=True, slots=True)
class Unit:
    """A paragraph, item, meaning, term, heading, row or quotation; also a field or an entry of a table."""

    kind: str
    line: int  # in the file
    shown: str  # with facts put in
    written: str = ""  # with facts by name
    part: str = ""  # of the section it stands in

    @property
    def words(self) -> str:
        """What is read."""
        return readability.plain(unmarked(self.shown))

    @property
    def sentences(self) -> list[str]:
        """What is read as sentences. Quotations are somebody else's words."""
        if self.kind == "row":
            return [sentence for cell in self.words.split("|") for sentence in readability.sentences(cell)]
        if self.kind in ("heading", "term", "quote"):
            return []
        spoken = readability.sentences(self.words)
        labelled = unmarked(self.shown).startswith("**") and len(spoken) > 1
        return spoken[1:] if labelled and len(readability.words(spoken[0])) <= _LABEL else spoken

    def at(self, fragment: str) -> int:
        """The line in the file that holds the fragment."""
        lines = self.written.splitlines()
        return self.line + next((n for n, line in enumerate(lines) if fragment in line), 0)


def units(page: Page) -> list[Unit]:
    """All of a page's body that is shown, in order."""
    found: list[Unit] = []
    part = ""
    for line, written, shown in page.facts.units(page.document.body):
        if not shown.strip():
            continue
        begins = _BEGINS.match(shown)
        kind = (begins and begins.lastgroup) or "paragraph"
        if kind == "heading" and not shown.startswith("###"):
            part = next((name for _, name in parts_used(shown)), "")
        if kind == "meaning" and found and found[-1].kind == "paragraph":
            found[-1] = replace(found[-1], kind="term")
        found.append(Unit(kind, page.document.body_line + line - 1, shown, written, part))
    return found


def unmarked(line: str) -> str:
    """A line without the sign that makes it an item, a meaning or a quotation."""
    begins = _BEGINS.match(line)
    return line[begins.end() :] if begins else line


def long_sentences(said: Sequence[Unit], limit: int) -> Found:
    """Sentences of more words than the limit."""
    for unit in said:
        for sentence in unit.sentences:
            if (count := len(readability.words(sentence))) > limit:
                words = f"“{start(sentence)}” has {count} words; make two sentences of {limit} at most"
                if unit.kind == "entry":
                    words = f"this has {count} words; make it {limit} at most"
                yield unit.at(" ".join(sentence.split()[:3])), words


def banned(said: Sequence[Unit], rules: Rules) -> Found:
    """Words that may not stand, or stand twice where once is enough; exclamation marks."""
    told: set[str] = set()
    for unit in said:
        bare = readability.unquoted(unit.words)
        if "!" in bare:
            yield unit.at("!"), "an exclamation mark stands here; end the sentence with a full stop"
        for word, say, once in rules.slips(bare):
            if not once:
                yield unit.at(word), f"“{word}” is not our word; {say}"
            elif say in told:
                yield unit.at(word), f"“{word}” stands here again, and once on a page is enough; {say}"
            else:
                told.add(say)


def initials(said: Sequence[Unit], rules: Rules, beside: Sequence[Unit] = ()) -> Found:
    """Initials whose full words stand neither near them nor near the same ones beside."""
    words = " . ".join(unit.words for unit in (*said, *beside))
    for name in islice(readability.unexplained_initials(words, rules.allowed.initials), MOST_INITIALS):
        if line := next((unit.at(name) for unit in said if name in unit.words), 0):
            yield line, f"say what {name} means: write the full words, then ({name})"


def entries(said: Sequence[Unit], rules: Rules, limit: int) -> Found:
    """What may be wrong with the words of a table's entries."""
    yield from long_sentences(said, limit)
    for unit in said:
        yield from banned([unit], rules)
        yield from ((unit.line, say) for _, say in marks(unit.shown))


def start(sentence: str) -> str:
    """Enough of a sentence to find it by."""
    first = sentence.split()[:6]
    return " ".join(first) + ("…" if len(first) == 6 else "")
