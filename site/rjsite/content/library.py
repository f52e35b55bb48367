"""Everything the site says, read from one folder and linked together.

Problems are values: a test and `rjsite check` fail on any; the running site leaves the broken file out
and goes on, for a slip in a story must never take a form down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from rjsite.content import facts as facts_file
from rjsite.content import frontmatter, markup
from rjsite.content.facts import Facts
from rjsite.content.fields import PageFields, PlainFields, StoryFields
from rjsite.content.frontmatter import Document
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

    @cached_property
    def by_slug(self) -> Mapping[str, Story]:
        """Stories by their name."""
        return MappingProxyType({story.slug: story for story in self.stories})


def load(folder: Path, *, drafts: bool = False, today: date | None = None) -> Library:
    """Read the whole content folder.

    Args:
        folder: as `content/`. drafts: also keep stories that are drafts or not yet due.
        today: the day that decides what is due; the present day where not given.

    Returns:
        The library, with every problem found; what has a problem is left out of it.

    Raises:
        Unreadable: where service.toml or a form cannot be used, for nothing is true or of use without.
    """
    reader = _Reader(
        folder, facts_file.load_facts(folder / "service.toml", Path(folder.name, "service.toml"))
    )
    due = today or date.today()  # noqa: DTZ011 (a day in the service's own place)
    stories = sorted(
        (s for s in reader.each("case-studies", _story) if drafts or (not s.draft and s.published <= due)),
        key=lambda story: (-story.published.toordinal(), story.title),
    )
    told = {story.slug: story for story in stories}
    pages = {page.address: page for page in reader.each("pages", _page)}
    forms = reader.forms()
    form_pages = reader.form_pages(forms)
    outcomes = {page.address: page for page in reader.each("outcomes", _plain)}
    _need_outcomes(forms, outcomes, folder)
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

    def __init__(self, folder: Path, facts: Facts) -> None:
        self.folder = folder
        self.facts = facts
        self.problems: list[Problem] = []

    def each(self, kind: str, make: Callable[[Document, str, Facts], Made]) -> Iterable[Made]:
        """Every Markdown file of one folder that can be used, made into a page or a story."""
        for path in sorted((self.folder / kind).glob("*.md")):
            try:
                document = frontmatter.read(path, Path(self.folder.name, kind, path.name))
                made = make(document, path.stem, self.facts)
            except Unreadable as unreadable:
                self.problems += unreadable.problems
                continue
            self.problems += body_problems(document, self.facts)
            yield made

    def navigation(self, pages: Mapping[str, Page]) -> Navigation:
        """Menu, footer and site map, less what does not exist."""
        path, shown = self.folder / "navigation.toml", Path(self.folder.name, "navigation.toml")
        found, problems = navigation(self._toml("navigation.toml"), path, shown, pages)
        self.problems += problems
        return found

    def forms(self) -> dict[str, Form]:
        """Every form, with the facts of the service in its words."""
        found = load_forms(self.folder / "forms", Path(self.folder.name, "forms"))
        return {address: form.filled(self.facts.fill, self.facts.has) for address, form in found.items()}

    def form_pages(self, forms: Mapping[str, Form]) -> dict[str, Page]:
        """The opening words of each form; a slip in their file must not take the form down."""
        written = {page.address: page for page in self.each("forms", _page)}
        shown = Path(self.folder.name, "forms")
        return {
            address: replace(
                written.get(f"/{form.key}") or _bare_page(form, shown, self.facts),
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


def _need_outcomes(forms: Mapping[str, Form], outcomes: Mapping[str, Page], folder: Path) -> None:
    """An answer that stops a form must have its words."""
    lacking = [
        Problem(
            Path(folder.name, "forms", f"{form.key}.toml"), 1, f"write content/outcomes/{stop}.md, or mend it"
        )
        for form in forms.values()
        for stop in form.stops
        if stop not in outcomes
    ]
    if lacking:
        raise Unreadable(*lacking)


def body_problems(document: Document, facts: Facts) -> Iterable[Problem]:
    """Facts and parts that a body names and that do not exist; an empty body."""
    if not document.body.strip():
        yield Problem(document.shown, document.body_line, "write the text below the second line of dashes")
    for number, line in enumerate(document.body.splitlines(), document.body_line):
        for found in facts_file.USED.finditer(line):
            if found["name"] not in facts:
                yield Problem(document.shown, number, f"there is no fact “{found['name']}”; see service.toml")
    for line_in_body, part in markup.parts_used(document.body):
        if part not in markup.PARTS:
            known = ", ".join(sorted(markup.PARTS))
            at = document.body_line + line_in_body - 1
            yield Problem(document.shown, at, f"there is no part “{part}”; use one of: {known}")


def _page(document: Document, name: str, facts: Facts) -> Page:
    fields = document.typed(PageFields)
    address = {"index": HOME, "case-studies": STORIES}.get(name, f"/{name}")
    return Page(address, document, facts, **fields.model_dump())


def _bare_page(form: Form, shown: Path, facts: Facts) -> Page:
    """A form's page without its opening words."""
    return Page(form.address, Document(shown / f"{form.key}.md", {}, {}, ""), facts, form.name, None)


def _plain(document: Document, name: str, facts: Facts) -> Page:
    fields = document.typed(PlainFields)
    return Page(name, document, facts, listed=False, **fields.model_dump())


def _story(document: Document, name: str, facts: Facts) -> Story:
    fields = document.typed(StoryFields)
    if name != markup.slug(name):
        words = f"name the file {markup.slug(name)}.md: small letters, figures and hyphens only"
        raise Unreadable(Problem(document.shown, 1, words))
    values = fields.model_dump()
    for many in ("harm", "way", "content_notes"):
        values[many] = tuple(values[many])
    crumbs = (Link("Home", HOME), Link("Stories", STORIES))
    return Story(
        f"{STORIES}{name}", document, facts, slug=name, crumbs=crumbs, description=fields.summary, **values
    )
