"""Finds every use of a fact in the content, with the sentence that contains the fact."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rjsite.content.facts import FACT_REFERENCE
from rjsite.content.library import Library
from rjsite.content.problem import Unreadable
from rjsite.content.sentences import sentences
from rjsite.content.source import read_source

_QUOTED = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'")
_NEEDED = re.compile(r"needs_fact = \"(?P<name>[a-z_]+)\"")
_MARKS = re.compile(r"\{:[^}]*\}|\{[?!]\w+\}|\*\*|^#+\s*|(?<=\])\([^)]*\)|[\[\]]")


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a fact is used.

    Attributes:
        name: the name of the fact.
        place: the address of the page or form, the name of the file if a page has no address, or “all forms”
            or “all pages”.
        sentence: the sentence that the fact completes, with the names of facts instead of values. If the fact
            is the whole sentence, the sentence before it is included. Empty if the fact is not printed.
    """

    name: str
    place: str
    sentence: str = ""

    @property
    def around(self) -> tuple[str, str]:
        """Return the words before and after the fact in the sentence."""
        before, _, after = self.sentence.partition(f"{{{self.name}}}")
        return before, after


def fact_uses(library: Library, folder: Path) -> Iterator[Use]:
    """Yield every use of a fact in the forms, then in the bodies of pages.

    Args:
        library: the content, with drafts.
        folder: the content folder.
    """
    by_key = {form.key: address for address, form in library.forms.items()}
    for path in sorted((folder / "forms").rglob("*.toml")):
        place = by_key.get(path.stem, "all forms")
        try:
            text = read_source(path, path)
        except Unreadable:  # the check reports the file
            continue
        yield from (Use(needed["name"], place) for needed in _NEEDED.finditer(text))
        for quoted in _QUOTED.finditer(text):
            yield from _in_words(quoted[1] or quoted[2] or "", place)
    for page in library.every_page:
        place = page.address if page.address.startswith("/") else page.document.display_path.as_posix()
        yield from _in_words(page.document.body, place)


def _in_words(text: str, place: str) -> Iterator[Use]:
    if "{" not in text:
        return
    for sentence, before in sentences(text):
        for match in FACT_REFERENCE.finditer(sentence):
            alone = sentence.strip() == match[0]
            plain = _MARKS.sub("", (before * alone + sentence).replace(".text}", "}"))
            yield Use(match["name"], place, "" if match["quiet"] else " ".join(plain.split()))
