"""Finds phone numbers and email addresses that should be replaced by the name of a fact."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rjsite.content import fact_formats
from rjsite.content.fact_formats import EMAIL
from rjsite.content.facts import Facts

_NUMBER = r"(?<![\w/.-])(?:\+44|0)[\d ()-]{8,}\d(?!\w)"
_SHORTEST = 5  # digits; shorter numbers such as 999 never change, and they occur in names
# Numbers that Ofcom reserves for drama, and domains reserved for examples (RFC 2606).
_MADE_UP = re.compile(r"01632960|07700900|08081570|02079460|.*@(?:.*\.)?example(?:\.(?:com|org|net))?$")


class HardCodedFactFinder:
    """Finds phone numbers and email addresses that would stay in a text if the facts changed."""

    def __init__(self, facts: Facts) -> None:
        self._names = {
            _plain(fact.value): name
            for name, fact in facts.items()
            if fact.form in ("phone", "text", "relay", "email") and len(_plain(fact.value)) >= _SHORTEST
        }
        known = "|".join(re.escape(facts[name].value) for name in self._names.values())
        known = rf"(?<![\w@.-])(?:{known})(?![\w@-])|" if known else ""
        self._any = re.compile(rf"{known}(?:tel|mailto):[^)\s>]+|{_NUMBER}|{EMAIL.pattern}", re.IGNORECASE)

    def find(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield each number or address with the name of its fact, or "" if no fact has this value.

        Invented numbers and addresses are left out, unless a fact has that value.
        """
        for match in self._any.finditer(text):
            plain = _plain(re.sub(r"^(?:tel|mailto):", "", match[0]))
            real = not _MADE_UP.match(plain) and ("@" in plain or fact_formats.fits("phone", plain))
            if (name := self._names.get(plain, "")) or real:
                yield match[0], name

    def messages(self, text: str) -> Iterator[str]:
        """Yield what to write instead of each number or address in the text."""
        for value, name in self.find(text):
            yield replacement_advice(value, name)


def replacement_advice(value: str, name: str) -> str:
    """Return what to write instead of a value: the name of its fact, or a new fact."""
    if name:
        return f"write {{{name}}} in place of “{value}”, so that it changes where the fact does"
    return f"add “{value}” as a fact to content/service.toml, and write its name here, like {{phone}}"


def _plain(value: str) -> str:
    """Return a phone number or email address in a normal form, so that different spellings are equal."""
    return value.lower() if "@" in value else fact_formats.digits(value)
