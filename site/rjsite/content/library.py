"""Everything the site says, read from one folder and linked together.

Problems are values: a test and `rjsite check` fail on any; the running site leaves the broken file out
and goes on, for a slip in a story must never take a form down.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from rjsite.content import frontmatter, markup
from rjsite.content.facts import USED, Facts, load_facts
from rjsite.content.fields import PageFields, PlainFields, StoryFields
from rjsite.content.frontmatter import Document
from rjsite.content.listing import Shelf
from rjsite.content.navigation import Navigation, Written, navigation, navigation_problems
from rjsite.content.page import Group, Link, Page, Story
from rjsite.content.problem import Problem, Severity, Unreadable
from rjsite.content.toml import line_of, read_as, read_toml
from rjsite.forms.questions import Form
from rjsite.forms.reading import load_forms

HOME = "/"
STORIES = "/case-studies/"
GONE = "gone"  # in redirects.toml: an address that nothing stands for any more
ON_THE_MAP = 100  # stories in the site map; the rest are in their own list
NOTICES = ("413", "429", "503", "old-page")  # errors that are shown in the page of a form
STORY_CRUMBS = (Link(label="Home", page=HOME), Link(label="Stories", page=STORIES))


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
        return replace(self, stories=stories, pages=pages, ready={})

    @property
    def not_shown(self) -> list[Problem]:
        """Problems because of which something is not shown as its file has it now."""
        return [found for found in self.problems if found.severity is Severity.MUST_NOT_BE_SHOWN]

    @property
    def every_page(self) -> Iterator[Page]:
        """Whatever is read as a page: pages, forms, stories, outcomes and errors."""
        yield from chain(self.pages.values(), self.form_pages.values(), self.stories)
        yield from chain(self.outcomes.values(), self.errors.values())


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Reading makes a million objects and no cycles; to look for cycles among them takes as long again."""
    gc.disable()
    try:
        yield
    finally:
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
    day = today or date.today()  # noqa: DTZ011 (a day in the service's own place)
    stories = [story for story in reader.stories(day) if drafts or not story.held]
    pages = {page.address: page for page in reader.each("pages", _page)}
    outcomes = reader.plain_pages("outcomes", kept.outcomes if kept else {})
    errors = reader.plain_pages("errors", kept.errors if kept else {})
    forms = reader.read(lambda: reader.forms(outcomes, errors), kept.forms if kept else None)
    form_pages = reader.form_pages(forms)
    navigation = reader.navigation({**pages, **form_pages})
    return Library(
        facts=reader.facts,
        navigation=navigation,
        pages=_linked(pages, stories, navigation),
        stories=tuple(stories),
        forms=forms,
        form_pages=form_pages,
        outcomes=outcomes,
        errors=errors,
        redirects=reader.redirects(),
        problems=tuple(sorted(reader.problems)),
    )


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


Made = TypeVar("Made")


class _Reader:
    """Reads files and gathers their problems."""

    def __init__(self, folder: Path, kept: Library | None) -> None:
        self.folder = folder
        self.kept = kept
        self.problems: list[Problem] = []
        self.left_out: set[str] = set()  # addresses of pages with a slip in their file
        self.facts = self.read(lambda: load_facts(*self.file("service.toml")), kept.facts if kept else None)

    def file(self, name: str) -> tuple[Path, Path]:
        """A file or folder, and its name in messages."""
        return self.folder / name, Path(self.folder.name, name)

    def read(self, make: Callable[[], Made], otherwise: Made | None) -> Made:
        """What a file says; what else there is where it cannot be used.

        Raises:
            Unreadable: where there is nothing else.
        """
        try:
            return make()
        except Unreadable as unreadable:
            if otherwise is None:
                raise
            self.problems += unreadable.problems
            return otherwise

    def each(self, kind: str, make: Callable[[Document, str, Facts], Made]) -> Iterator[Made]:
        """Every Markdown file of one folder that can be used, made into a page or a story."""
        for path in sorted((self.folder / kind).glob("*.md"), key=lambda path: path.name):
            shown = Path(self.folder.name, kind, path.name)
            try:
                _named_well(path, shown)
                document = frontmatter.read(path, shown)
                made = make(document, path.stem, self.facts)
            except Unreadable as unreadable:
                self.problems += unreadable.problems
                self.left_out.add(address_of(path.stem))
                continue
            self.problems += _body_problems(document, self.facts)
            yield made

    def stories(self, day: date) -> list[Story]:
        """Every story, the newest first; with what holds it back where the public does not see it yet."""
        found = (
            replace(story, held=_held(story)) if story.draft or story.published > day else story
            for story in self.each("case-studies", _story)
        )
        return sorted(found, key=lambda story: (-story.published.toordinal(), story.title))

    def navigation(self, pages: Mapping[str, Page]) -> Navigation:
        """Menu, footer and site map, less what does not exist; none where the file cannot be read."""
        path, shown = self.file("navigation.toml")
        try:
            written = read_as(Written, path, shown)
        except Unreadable as unreadable:
            self.problems += unreadable.problems
            return Navigation()
        self.problems += navigation_problems(written, path, shown, pages, self.left_out)
        return navigation(written, pages)

    def redirects(self) -> dict[str, str]:
        """Old addresses and their new ones."""
        written = self.read(lambda: read_toml(*self.file("redirects.toml")), dict[str, Any]())
        return {old: str(new) for old, new in written.items()}

    def plain_pages(self, kind: str, kept: Mapping[str, Page]) -> Mapping[str, Page]:
        """Outcomes or errors by their names; a running site keeps all it has, for forms lead to them."""
        return {**kept, **{page.address: page for page in self.each(kind, _plain)}}

    def forms(self, outcomes: Mapping[str, Page], errors: Mapping[str, Page]) -> Mapping[str, Form]:
        """Every form, with the facts of the service in its words.

        Raises:
            Unreadable: where one of them cannot be used or words it shows are missing, or a running site
                would change their addresses.
        """
        folder, shown = self.file("forms")
        found = load_forms(folder, shown)
        faults = [*_lacking(found, outcomes, folder, shown), *_moved(found, self.kept, shown)]
        for name in (name for name in NOTICES if name not in errors):
            file = self.file(f"errors/{name}.md")[1]
            faults.append(Problem(file, 1, "write this file, or mend it: forms show its words"))
        if faults:
            raise Unreadable(*([] if self.kept else self.problems), *faults)
        return {a: form.filled(self.facts.fill, self.facts.has) for a, form in found.items()}

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


def _lacking(
    forms: Mapping[str, Form], outcomes: Mapping[str, Page], folder: Path, shown: Path
) -> Iterator[Problem]:
    """Answers that stop a form and have no words for it."""
    for form in forms.values():
        for stop in form.stops:
            if stop not in outcomes:
                line = line_of(folder / f"{form.key}.toml", f'stop = "{stop}"')
                words = f"write content/outcomes/{stop}.md, or mend it"
                yield Problem(shown / f"{form.key}.toml", line, words)


def _moved(forms: Mapping[str, Form], kept: Library | None, folder: Path) -> Iterator[Problem]:
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


def _held(story: Story) -> str:
    """Why the public does not see a story yet."""
    return "Draft" if story.draft else f"Not published until {story.published:%-d %B %Y}"


def _body_problems(document: Document, facts: Facts) -> Iterator[Problem]:
    """Facts and parts that a body names and that do not exist."""
    if "{" not in document.body:
        return
    for number, line in enumerate(document.body.splitlines(), document.body_line):
        for found in USED.finditer(line):
            if found["name"] not in facts:
                words = f"there is no fact “{found['name']}”; see content/service.toml"
                yield Problem(document.shown, number, words)
    for number, part in markup.parts_used(document.body):
        if part not in markup.PARTS:
            words = f"there is no part “{part}”; use one of: {', '.join(sorted(markup.PARTS))}"
            yield Problem(document.shown, document.body_line + number - 1, words, Severity.PLEASE_MEND)


def address_of(name: str) -> str:
    """The address of a page by the name of its file."""
    return {"index": HOME, "case-studies": STORIES}.get(name, f"/{name}")


def bare_page(address: str, title: str, facts: Facts) -> Page:
    """A page without its words, where a form cannot do without the page."""
    return Page(address, Document(Path(), {}, {}, ""), facts, title, None, listed=False)


def _page(document: Document, name: str, facts: Facts) -> Page:
    return Page(address_of(name), document, facts, **dict(document.typed(PageFields)))


def _plain(document: Document, name: str, facts: Facts) -> Page:
    return Page(name, document, facts, listed=False, **dict(document.typed(PlainFields)))


def _story(document: Document, name: str, facts: Facts) -> Story:
    fields = dict(document.typed(StoryFields))
    about = {"slug": name, "crumbs": STORY_CRUMBS, "description": fields["summary"]}
    return Story(f"{STORIES}{name}", document, facts, **about, **fields)
