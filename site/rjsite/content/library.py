"""Everything the site says, read from one folder and linked together.

Problems are values: a test and `rjsite check` fail on any; the running site leaves the broken file out
and goes on, for a slip in a story must never take a form down.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from itertools import chain
from pathlib import Path

from rjsite.content import clock
from rjsite.content.ending import ending_facts, ending_permissions
from rjsite.content.facts import Facts
from rjsite.content.last_good import LastGood
from rjsite.content.loader import HOME, NOTICES, STORIES, Reader, address_of, bare_page
from rjsite.content.model import Group, Link, Page, Story
from rjsite.content.navigation import Navigation
from rjsite.content.problem import Problem, Severity
from rjsite.content.stories import Shelf
from rjsite.forms.definition import Form

__all__ = ["HOME", "NOTICES", "STORIES", "Library", "address_of", "bare_page", "load"]

GONE = "gone"  # in redirects.toml: an address that nothing stands for any more
ON_THE_MAP = 100  # stories in the site map; the rest are in their own list


@dataclass(frozen=True)
class Library:
    """One state of all content."""

    facts: Facts
    navigation: Navigation = field(default_factory=Navigation)
    pages: Mapping[str, Page] = field(default_factory=dict)  # by address
    stories: tuple[Story, ...] = ()  # newest first
    forms: Mapping[str, Form] = field(default_factory=dict)  # by address, with the facts put in
    written_forms: Mapping[str, Form] = field(default_factory=dict, repr=False)  # with facts by their names
    form_pages: Mapping[str, Page] = field(default_factory=dict)  # their opening words, by address
    outcomes: Mapping[str, Page] = field(default_factory=dict)
    errors: Mapping[str, Page] = field(default_factory=dict)
    redirects: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    ending: tuple[Problem, ...] = ()  # what has ended or will within 30 days
    withdrawn_papers: frozenset[str] = frozenset()  # names of PDFs that hold a fact that has ended
    usable: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # files without a mistake, by name

    @cached_property
    def by_slug(self) -> Mapping[str, Story]:
        """Stories by their name."""
        return {story.slug: story for story in self.stories}

    @cached_property
    def shelf(self) -> Shelf:
        """Stories to choose among."""
        return Shelf(self.stories)

    def without(self, slugs: Collection[str]) -> Library:
        """The same without some stories, in whichever page, list or file they are named."""
        if not any(slug in slugs for slug in self.by_slug):
            return self
        stories = tuple(story for story in self.stories if story.slug not in slugs)
        pages = _linked(self.pages, stories, self.navigation)
        return replace(self, stories=stories, pages=pages)

    def with_facts(self, facts: Facts) -> Library:
        """Return the same with other facts in the forms and in what they show."""
        form_pages, outcomes, errors = (
            {name: replace(page, facts=facts) for name, page in pages.items()}
            for pages in (self.form_pages, self.outcomes, self.errors)
        )
        forms = filled(self.written_forms, facts)
        return replace(
            self, facts=facts, forms=forms, form_pages=form_pages, outcomes=outcomes, errors=errors
        )

    @property
    def not_shown(self) -> list[Problem]:
        """Problems because of which something is not shown as its file has it now."""
        return [found for found in self.problems if found.severity is Severity.MUST_NOT_BE_SHOWN]

    @property
    def announcements(self) -> list[str]:
        """Return what has ended or will end soon, without its file."""
        return [problem.words for problem in self.ending]

    @property
    def every_page(self) -> Iterator[Page]:
        """Whatever is read as a page: pages, forms, stories, outcomes and errors."""
        yield from chain(self.pages.values(), self.form_pages.values(), self.stories)
        yield from chain(self.outcomes.values(), self.errors.values())


def load(
    folder: Path,
    *,
    drafts: bool = False,
    today: date | None = None,
    kept: Library | None = None,
    last_good: LastGood | None = None,
) -> Library:
    """Read the whole content folder.

    Args:
        folder: as `content/`. drafts: also keep what is a draft or not yet due.
        today: the day that decides what is due; today in the UK where not given.
        kept: what a running site shows now: its facts and forms stay where theirs cannot be used.
        last_good: gives the last good version of other files that cannot be used.

    Returns:
        The library, with every problem found; a file that cannot be used is left out of it, unless there is a
        last good version.

    Raises:
        Unreadable: where service.toml or a form cannot be used and none is kept, for nothing is true or
            of use without.
    """
    running = (kept.facts, kept.written_forms) if kept else None
    day = today or clock.today()
    reader = Reader(folder, running, last_good, drafts=drafts, today=day)
    every_story = reader.stories()
    stories = [story for story in every_story if drafts or not story.held]
    pages = reader.pages()
    outcomes = reader.plain_pages("outcomes", kept.outcomes if kept else {})
    errors = reader.plain_pages("errors", kept.errors if kept else {})
    written_forms = reader.forms(outcomes, errors)
    forms = filled(written_forms, reader.facts)
    form_pages = reader.form_pages(forms)
    navigation = reader.navigation({**pages, **form_pages})
    return Library(
        facts=reader.facts,
        navigation=navigation,
        pages=_linked(pages, stories, navigation),
        stories=tuple(stories),
        forms=forms,
        written_forms=written_forms,
        form_pages=form_pages,
        outcomes=outcomes,
        errors=errors,
        redirects=reader.redirects(),
        problems=tuple(sorted(set(reader.problems))),
        ending=tuple(
            sorted([*ending_facts(reader.facts, folder, day), *ending_permissions(every_story, day)])
        ),
        usable=reader.usable,
    )


def filled(forms: Mapping[str, Form], facts: Facts) -> dict[str, Form]:
    """Return forms with the facts put in."""
    return {address: form.filled(facts.fill, facts.has) for address, form in forms.items()}


def _linked(pages: Mapping[str, Page], stories: Sequence[Story], navigation: Navigation) -> dict[str, Page]:
    """Pages with the stories and groups of pages that they may show."""
    told = {story.slug: story for story in stories}
    groups = tuple(_with_newest(stories, group) for group in navigation.groups)
    return {address: replace(page, told=told, groups=groups) for address, page in pages.items()}


def _with_newest(stories: Sequence[Story], group: Group) -> Group:
    """A group of the site map; where the list of stories stands in it, the newest follow."""
    if STORIES not in (link.page for link in group.pages):
        return group
    newest = (Link(label=story.title, page=story.address) for story in stories[:ON_THE_MAP])
    return replace(group, pages=(*group.pages, *newest))
