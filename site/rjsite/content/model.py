"""Pages and stories, made from Markdown files with facts about the service filled in.

The fields at the top of each kind of file are defined in `schema`, and `loader` reads the files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict

from rjsite.content import markdown
from rjsite.content.facts import Facts
from rjsite.content.front_matter import Document
from rjsite.content.markdown import Section
from rjsite.content.schema import NOTE_FOR

LANDSCAPES = 6


class Link(BaseModel):
    """A link: its text, and the address of the page that it leads to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    page: str


@dataclass(frozen=True)
class Page:
    """One page. Its body is rendered on first use."""

    address: str
    document: Document = field(repr=False)
    facts: Facts = field(repr=False)
    title: str
    last_checked: date | None
    description: str = ""
    head: str = ""  # the HTML title; by default, the title of the page
    crumb: str = ""
    version: str = ""
    grade: int = 6
    listed: bool = True  # whether the site map shows it and search engines may list it
    draft: bool = False
    not_public: str = ""  # why the page is not public; empty if it is public
    crumbs: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", self.head or self.title)

    @property
    def short(self) -> str:
        """Return the short title for the site map and for breadcrumbs."""
        return self.crumb or self.title

    @property
    def checked_on(self) -> date | None:
        """Return the date of “Last checked”, or None if the page does not show one.

        It shows none while a number or an address in its text has not been checked (see `Fact.checked`).
        """
        return self.last_checked if self.facts.all_checked(self.document.body) else None

    @cached_property
    def _parts(self) -> tuple[Markup, tuple[Section, ...]]:
        return markdown.opening_and_sections(self.facts.fill_markdown(self.document.body), self.title)

    @property
    def opening(self) -> Markup:
        """Return the text before the first section."""
        return self._parts[0]

    @property
    def sections(self) -> tuple[Section, ...]:
        """Return the sections in order."""
        return self._parts[1]


@dataclass(frozen=True, kw_only=True)
class Story(Page):
    """One story."""

    slug: str
    summary: str
    harm: tuple[str, ...]
    way: tuple[str, ...]
    began_by: str
    ended: str
    told_by: str
    place: str
    content_notes: tuple[str, ...]
    names_changed: str
    known: str
    permission: date | None
    video: str
    published: date
    agreed_by: str | None = None  # who gave the permission; never a name
    ask_again: date | None = None  # the first day without permission
    ask: str = ""

    def has_ended(self, today: date) -> bool:
        """Return whether the permission has ended. The people in the story then have to agree again."""
        return self.ask_again is not None and self.ask_again <= today

    def why_not_public(self, day: date) -> str:
        """Return why the story is not public on a given day, or "" if it is public."""
        if self.draft:
            return "Draft"
        if self.ask_again and self.has_ended(day):
            return f"Permission ended on {self.ask_again:%-d %B %Y}"
        return f"Not published until {self.published:%-d %B %Y}" if self.published > day else ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the known kinds of harm that need no content note, and the known ways of taking part."""
        without_note = (harm for harm in self.harm if harm not in NOTE_FOR)
        return tuple(kind for kind in (*without_note, *self.way) if kind != "not known")

    @property
    def landscape(self) -> int:
        """Return the number of the drawing on the story's card. The slug determines the number."""
        return hashlib.sha256(self.slug.encode()).digest()[1] % LANDSCAPES + 1
