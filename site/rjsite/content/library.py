"""Everything the site says, read from one folder and linked together.

Problems are values: a test and `rjsite check` fail on any; the running site leaves the broken file out
and goes on, for a slip in a story must never take a form down.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from rjsite.content import facts as facts_file
from rjsite.content import frontmatter, markup
from rjsite.content.facts import Facts
from rjsite.content.fields import PageFields, PlainFields, StoryFields
from rjsite.content.frontmatter import Document, Fields
from rjsite.content.listing import Shelf
from rjsite.content.navigation import Navigation, navigation
from rjsite.content.page import Link, Page, Story
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.toml import read_toml
from rjsite.forms.questions import Form
from rjsite.forms.reading import load_forms

HOME = "/"
STORIES = "/case-studies/"


@dataclass(frozen=True)
class Library:
    """One state of all content."""

    facts: Facts
    navigation: Navigation = field(default_factory=Navigation)
    pages: Mapping[str, Page] = field(default_factory=dict)  # by address
    stories: tuple[Story, ...] = ()  # newest first
    forms: Mapping[str, Form] = field(default_factory=dict)  # by address
    form_pages: Mapping[str, Page] = field(default_factory=dict)  # their opening words, by address
    outcomes: Mapping[str, Page] = field(default_factory=dict)
    errors: Mapping[str, Page] = field(default_factory=dict)
    redirects: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    ready: dict[str, Any] = field(default_factory=dict, repr=False)  # what rjsite.ready made of it

    @cached_property
    def by_slug(self) -> Mapping[str, Story]:
        """Stories by their name."""
        return MappingProxyType({story.slug: story for story in self.stories})

    @cached_property
    def shelf(self) -> Shelf:
        """Stories to choose among."""
        return Shelf(self.stories)

    @property
    def every_page(self) -> Iterator[Page]:
        """Whatever is read as a page: pages, forms, stories, outcomes and errors."""
        for pages in (self.pages, self.form_pages):
            yield from pages.values()
        yield from self.stories
        for pages in (self.outcomes, self.errors):
            yield from pages.values()


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Reading makes a million objects and no cycles; to look for cycles among them takes as long again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@_without_collecting()
def load(
    folder: Path, *, drafts: bool = False, today: date | None = None, kept: Library | None = None
) -> Library:
    """Read the whole content folder.

    Args:
        folder: as `content/`. drafts: also keep stories that are drafts or not yet due.
        today: the day that decides what is due; the present day where not given.
        kept: what a running site shows now: its facts and forms stay where theirs cannot be used.

    Returns:
        The library, with every problem found; a file that cannot be used is left out of it.

    Raises:
        Unreadable: where service.toml or a form cannot be used and none is kept, for nothing is true or
            of use without.
    """
    reader = _Reader(folder, kept)
    due = today or date.today()  # noqa: DTZ011 (a day in the service's own place)
    read = (replace(s, held=_held(s, due)) if s.draft or s.published > due else s for s in reader.stories())
    stories = sorted(
        (story for story in read if drafts or not story.held),
        key=lambda story: (-story.published.toordinal(), story.title),
    )
    told = {story.slug: story for story in stories}
    pages = {page.address: page for page in reader.each("pages", _page)}
    forms, outcomes = reader.forms()
    form_pages = reader.form_pages(forms)
    navigation = reader.navigation({**pages, **form_pages})
    return Library(
        facts=reader.facts,
        navigation=navigation,
        pages={
            address: replace(page, told=told, groups=navigation.groups) for address, page in pages.items()
        },
        stories=tuple(stories),
        forms=forms,
        form_pages=form_pages,
        outcomes=outcomes,
        errors={page.address: page for page in reader.each("errors", _plain)},
        redirects=reader.redirects(),
        problems=tuple(sorted(reader.problems)),
    )


Made = TypeVar("Made")


class _Reader:
    """Reads files and gathers their problems."""

    def __init__(self, folder: Path, kept: Library | None) -> None:
        self.folder = folder
        self.kept = kept
        self.problems: list[Problem] = []
        self.left_out: set[str] = set()  # addresses of pages with a slip in their file
        self.facts = self._facts()

    def _facts(self) -> Facts:
        try:
            return facts_file.load_facts(self.folder / "service.toml", Path(self.folder.name, "service.toml"))
        except Unreadable as unreadable:
            if self.kept is None:
                raise
            self.problems += unreadable.problems
            return self.kept.facts

    def stories(self) -> Iterable[Story]:
        """Every story that can be used."""
        return self.each("case-studies", _story)

    def each(self, kind: str, make: Callable[[Document, str, Facts], Made]) -> Iterable[Made]:
        """Every Markdown file of one folder that can be used, made into a page or a story."""
        for path in sorted((self.folder / kind).glob("*.md"), key=lambda path: path.name):
            shown = Path(self.folder.name, kind, path.name)
            try:
                _named_well(path, shown)
                document = frontmatter.read(path, shown)
                made = make(document, path.stem, self.facts)
            except Unreadable as unreadable:
                self.problems += unreadable.problems
                self.left_out.add(_address(path.stem))
                continue
            self.problems += body_problems(document, self.facts)
            yield made

    def navigation(self, pages: Mapping[str, Page]) -> Navigation:
        """Menu, footer and site map, less what does not exist."""
        path, shown = self.folder / "navigation.toml", Path(self.folder.name, "navigation.toml")
        found, problems = navigation(self._toml("navigation.toml"), path, shown, pages, self.left_out)
        self.problems += problems
        return found

    def forms(self) -> tuple[Mapping[str, Form], Mapping[str, Page]]:
        """Every form, with the facts of the service in its words, and the outcomes its answers lead to.

        A running site keeps all its forms where one cannot be used, and always the addresses it has.
        """
        outcomes = {page.address: page for page in self.each("outcomes", _plain)}
        outcomes = {**(self.kept.outcomes if self.kept else {}), **outcomes}
        try:
            found = self._usable_forms(outcomes)
        except Unreadable as unreadable:
            if self.kept is None:
                raise
            self.problems += unreadable.problems
            return self.kept.forms, outcomes
        return {a: form.filled(self.facts.fill, self.facts.has) for a, form in found.items()}, outcomes

    def _usable_forms(self, outcomes: Mapping[str, Page]) -> Mapping[str, Form]:
        shown = Path(self.folder.name, "forms")
        found = load_forms(self.folder / "forms", shown)
        faults = [*_lacking(found, outcomes, shown), *_moved(found, self.kept, shown)]
        if faults:
            raise Unreadable(*([] if self.kept else self.problems), *faults)
        return found

    def form_pages(self, forms: Mapping[str, Form]) -> dict[str, Page]:
        """The opening words of each form; a slip in their file must not take the form down."""
        written = {page.address: page for page in self.each("forms", _page)}
        return {
            address: replace(
                written.get(f"/{form.key}") or bare_page(address, form.name, self.facts),
                address=address,
                listed=False,
            )
            for address, form in forms.items()
        }

    def redirects(self) -> dict[str, str]:
        """Old addresses and their new ones."""
        return {old: str(new) for old, new in self._toml("redirects.toml").items()}

    def _toml(self, name: str) -> dict[str, object]:
        try:
            return read_toml(self.folder / name, Path(self.folder.name, name))
        except Unreadable as unreadable:
            self.problems += unreadable.problems
            return {}


def _lacking(forms: Mapping[str, Form], outcomes: Mapping[str, Page], folder: Path) -> Iterable[Problem]:
    """Answers that stop a form and have no words for it."""
    for form in forms.values():
        for stop in form.stops:
            if stop not in outcomes:
                yield Problem(folder / f"{form.key}.toml", 1, f"write content/outcomes/{stop}.md, or mend it")


def _moved(forms: Mapping[str, Form], kept: Library | None, folder: Path) -> Iterable[Problem]:
    """Forms that came, went or changed their address while the site runs."""
    before = kept.forms if kept else forms
    for address in sorted(forms.keys() ^ before.keys()):
        form = forms.get(address) or before[address]
        words = f"restart the site: it takes up a change of the address {address} only when it starts"
        yield Problem(folder / f"{form.key}.toml", 1, words)


def _named_well(path: Path, shown: Path) -> None:
    """A file's name is its address."""
    name = markup.slug(path.stem)
    if path.stem == name:
        return
    words = f"name the file {name}.md: small letters, figures and hyphens only"
    if path.with_name(f"{name}.md").exists():
        words = f"{name}.md has the same address; name this file otherwise, or delete one of the two"
    raise Unreadable(Problem(shown, 1, words))


def _held(story: Story, today: date) -> str:
    """Why the public does not see a story yet."""
    return "Draft" if story.draft else f"Not published until {story.published:%-d %B %Y}"


def body_problems(document: Document, facts: Facts) -> Iterable[Problem]:
    """Facts and parts that a body names and that do not exist."""
    if "{" not in document.body:
        return
    for number, line in enumerate(document.body.splitlines(), document.body_line):
        for found in facts_file.USED.finditer(line) if "{" in line else ():
            if found["name"] not in facts:
                yield Problem(
                    document.shown, number, f"there is no fact “{found['name']}”; see content/service.toml"
                )
    for line_in_body, part in markup.parts_used(document.body):
        if part not in markup.PARTS:
            known = ", ".join(sorted(markup.PARTS))
            at = document.body_line + line_in_body - 1
            yield Problem(document.shown, at, f"there is no part “{part}”; use one of: {known}")


def _address(name: str) -> str:
    return {"index": HOME, "case-studies": STORIES}.get(name, f"/{name}")


def _typed(document: Document, model: type[Fields]) -> Fields:
    """The fields of a file that has words below them."""
    fields = document.typed(model)
    if not document.body.strip():
        words = "write the text below the second line of dashes"
        raise Unreadable(Problem(document.shown, document.body_line, words))
    return fields


def _page(document: Document, name: str, facts: Facts) -> Page:
    fields = _typed(document, PageFields)
    return Page(_address(name), document, facts, **dict(fields))


def bare_page(address: str, title: str, facts: Facts) -> Page:
    """A page without its words, where a form cannot do without the page."""
    return Page(address, Document(Path(), {}, {}, ""), facts, title, None, listed=False)


def _plain(document: Document, name: str, facts: Facts) -> Page:
    fields = _typed(document, PlainFields)
    return Page(name, document, facts, listed=False, **dict(fields))


def _story(document: Document, name: str, facts: Facts) -> Story:
    fields = _typed(document, StoryFields)
    values = dict(fields)
    for many in ("harm", "way", "content_notes"):
        values[many] = tuple(values[many])
    crumbs = (Link("Home", HOME), Link("Stories", STORIES))
    return Story(
        f"{STORIES}{name}", document, facts, slug=name, crumbs=crumbs, description=fields.summary, **values
    )
