"""All content of the site, read from one folder and linked together.

Problems in files are collected; `load` raises an exception only if there are no facts or forms to show. Tests
and `rjsite check` fail because of problems, but a running site carries on. A story that must not be shown is
left out, and any other file that must not be shown is replaced by its last good version. A mistake in a story
must never take a form down.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from rjsite.content.expiry import expiry_notices
from rjsite.content.facts import Facts
from rjsite.content.last_good import LastGood
from rjsite.content.loader import HOME, NOTICES, STORIES, Reader, address_of, bare_page
from rjsite.content.model import Page, Story
from rjsite.content.navigation import Navigation
from rjsite.content.problem import Problem, Severity
from rjsite.content.stories import StoryIndex, newest_first
from rjsite.forms.definition import FormDefinition

__all__ = ["HOME", "NOTICES", "STORIES", "Library", "address_of", "bare_page", "load"]

GONE = "gone"  # in redirects.toml, instead of a new address: the page has been removed
ON_THE_MAP = 100  # the site map shows at most this many stories; the list of stories shows all of them


@dataclass(frozen=True)
class Library:
    """All content as it was read at one moment."""

    facts: Facts
    navigation: Navigation = field(default_factory=Navigation)
    pages: Mapping[str, Page] = field(default_factory=dict)  # by address
    stories: tuple[Story, ...] = ()  # newest first
    forms: Mapping[str, FormDefinition] = field(default_factory=dict)  # by address, with facts filled in
    # the same before facts are filled in
    written_forms: Mapping[str, FormDefinition] = field(default_factory=dict, repr=False)
    form_pages: Mapping[str, Page] = field(default_factory=dict)  # the page around each form, by address
    outcomes: Mapping[str, Page] = field(default_factory=dict)
    errors: Mapping[str, Page] = field(default_factory=dict)
    redirects: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    expiry_notices: tuple[Problem, ...] = ()  # about what has ended or will end soon
    withdrawn_papers: frozenset[str] = frozenset()  # names of PDFs that still contain an ended fact
    usable: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # usable files, by name
    # what is made from this content, such as finished pages; each library has its own
    cache: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def by_slug(self) -> Mapping[str, Story]:
        """Return the stories by slug."""
        return {story.slug: story for story in self.stories}

    @cached_property
    def story_index(self) -> StoryIndex:
        """Return the index that filters and counts the stories."""
        return StoryIndex(self.stories)

    @property
    def site_map(self) -> Iterator[tuple[str, list[Page]]]:
        """Yield each group's title and pages. The group with the story list ends with the newest stories."""
        pages = {**self.pages, **self.form_pages}
        for group in self.navigation.groups:
            newest = self.stories[:ON_THE_MAP] if STORIES in group.pages else ()
            yield group.title, [*(pages[name] for name in group.pages if name in pages), *newest]

    def without(self, slugs: Collection[str]) -> Library:
        """Return the library without the given stories. No page, list or file then shows these stories."""
        shown = tuple(story for story in self.stories if story.slug not in slugs)
        return replace(self, stories=shown) if len(shown) < len(self.stories) else self

    def with_facts(self, facts: Facts) -> Library:
        """Return a copy with other facts in the pages and forms. The stories stay as they are."""
        pages: dict[str, Any] = {
            kind: {name: replace(page, facts=facts) for name, page in getattr(self, kind).items()}
            for kind in ("pages", "form_pages", "outcomes", "errors")
        }
        return replace(self, facts=facts, forms=filled(self.written_forms, facts), **pages)

    def with_story(self, story: Story) -> Library:
        """Return a copy that includes a story. This story replaces any story with the same slug."""
        others = (other for other in self.stories if other.slug != story.slug)
        return replace(self, stories=newest_first([*others, story]))

    @property
    def not_shown(self) -> list[Problem]:
        """Return the problems that keep the current version of a file from being shown."""
        return [problem for problem in self.problems if problem.severity is Severity.MUST_NOT_BE_SHOWN]

    @property
    def expiry_messages(self) -> list[str]:
        """Return the messages of the expiry notices."""
        return [problem.message for problem in self.expiry_notices]

    @property
    def every_page(self) -> Iterator[Page]:
        """Yield every page, including forms, stories, outcomes and errors."""
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
    """Return the content in a folder, with the problems found while reading it.

    Args:
        folder: the content folder.
        drafts: whether to include content that the public does not see today.
        today: the date that decides what is shown; by default, today in the UK.
        kept: the content that the site shows now. It replaces unusable facts, forms, outcomes and errors.
        last_good: provides earlier versions of files that cannot be used.

    Raises:
        Unreadable: if the facts or a form cannot be used, and `kept` and `last_good` have no replacement.
    """
    kept = kept or EMPTY_LIBRARY
    reader = Reader(folder, kept.facts, kept.written_forms, last_good, drafts=drafts, today=today)
    return _read(reader, kept, drafts=drafts)


def _read(reader: Reader, kept: Library, *, drafts: bool) -> Library:
    every_story, pages = reader.stories(), reader.pages()
    outcomes = reader.plain_pages("outcomes", kept.outcomes)
    errors = reader.plain_pages("errors", kept.errors)
    forms = reader.forms(outcomes, errors)
    form_pages = reader.form_pages(forms)
    return Library(
        facts=reader.facts,
        navigation=reader.navigation({**pages, **form_pages}),
        pages=pages,
        stories=tuple(story for story in every_story if drafts or not story.not_public),
        forms=filled(forms, reader.facts),
        written_forms=forms,
        form_pages=form_pages,
        outcomes=outcomes,
        errors=errors,
        redirects=reader.redirects(),
        problems=tuple(sorted(set(reader.problems))),
        expiry_notices=expiry_notices(reader.facts, every_story, reader.folder, reader.today),
        usable=reader.usable,
    )


def filled(forms: Mapping[str, FormDefinition], facts: Facts) -> dict[str, FormDefinition]:
    """Return the forms with facts filled in."""
    return {address: form.filled(facts.fill, facts.has) for address, form in forms.items()}


EMPTY_LIBRARY = Library(Facts())  # the content of a site before anything is loaded
