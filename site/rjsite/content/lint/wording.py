"""The rules for the words of any text that a reader sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from rjsite.content.lint import readability
from rjsite.content.lint.rules import Rules
from rjsite.content.lint.stray_marks import marks

MOST_INITIALS = 20  # at most this many are reported for one page
Findings = Iterator[tuple[int, str]]  # a line, and what to write there


@dataclass
class Passage:
    """A text as a reader sees it, such as a paragraph, a field or a value in a TOML file.

    Attributes:
        text: the text, with its line endings.
        lines: the line of the file that each line of the text comes from.
    """

    text: str = ""
    lines: Sequence[int] = field(default=(1,), kw_only=True)

    @cached_property
    def words(self) -> str:
        """Return the text on one line."""
        return " ".join(self.text.split())

    @cached_property
    def sentences(self) -> list[str]:
        """Return the sentences that the rules for sentences apply to."""
        return readability.sentences(self.words)

    def line_at(self, position: int) -> int:
        """Return the line of the file at a position in the text."""
        return self.lines[self.text.count("\n", 0, position)]

    def line_of(self, fragment: str) -> int:
        """Return the line of the file that contains a part of the text, or the first line if none does."""
        return self.line_at(max(self.text.find(fragment), 0))


def long_sentences(passages: Sequence[Passage], limit: int) -> Findings:
    """Yield a finding for each sentence with more words than the limit."""
    for passage in passages:
        for sentence in passage.sentences:
            if (count := len(readability.words(sentence))) > limit:
                message = f"“{start(sentence)}” has {count} words; make two sentences of {limit} at most"
                yield passage.line_of(" ".join(sentence.split()[:3])), message


def banned(passages: Sequence[Passage], rules: Rules) -> Findings:
    """Yield a finding for each forbidden word, each repeated once-only word and each exclamation mark."""
    used: set[str] = set()
    for passage in passages:
        unquoted = readability.unquoted(passage.words)
        if "!" in unquoted:
            line = passage.line_of("!")
            yield line, "there is an exclamation mark here; end the sentence with a full stop"
        for word, instead, once in rules.banned_words(unquoted):
            if not once:
                yield passage.line_of(word), f"“{word}” is not our word; {instead}"
            elif instead in used:
                message = f"“{word}” is used here again, and once on a page is enough; {instead}"
                yield passage.line_of(word), message
            else:
                used.add(instead)


def initials(passages: Sequence[Passage], rules: Rules, beside: Sequence[Passage] = ()) -> Findings:
    """Yield a finding for each set of initials that neither these passages nor those around them explain."""
    text = " . ".join(passage.words for passage in (*passages, *beside))
    for name in islice(readability.unexplained_initials(text, rules.allowed.initials), MOST_INITIALS):
        if line := next((passage.line_of(name) for passage in passages if name in passage.words), 0):
            yield line, f"say what {name} means: write the full words, then ({name})"


def entries(passages: Sequence[Passage], rules: Rules, limit: int) -> Findings:
    """Yield the findings about the wording of values in a TOML file."""
    yield from long_sentences(passages, limit)
    for passage in passages:
        yield from banned([passage], rules)
        yield from ((passage.line_at(0), message) for _, message in marks(passage.text))


def start(sentence: str) -> str:
    """Return the start of a sentence, long enough to search for."""
    first = sentence.split()[:6]
    return " ".join(first) + ("…" if len(first) == 6 else "")
