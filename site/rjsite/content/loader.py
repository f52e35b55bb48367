"""Reads the files in the content folder one by one, and collects the problems that it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rjsite.content import clock, front_matter
from rjsite.content.facts import Facts, load_facts
from rjsite.content.file_checks import body_problems, changed_addresses, check_file_name, missing_outcomes
from rjsite.content.form_files import load_forms
from rjsite.content.front_matter import Document
from rjsite.content.last_good import LastGood
from rjsite.content.model import Link, Page, Story
from rjsite.content.navigation import Navigation, navigation_problems
from rjsite.content.problem import Problem, Severity, Unreadable
from rjsite.content.schema import PageFields, PlainFields, StoryFields
from rjsite.content.size_limits import read_bytes
from rjsite.content.stories import newest_first
from rjsite.content.toml import read_as, read_toml
from rjsite.forms.definition import FormDefinition

HOME = "/"
STORIES = "/case-studies/"
NOTICES = ("413", "429", "503", "old-page")  # error pages whose text is shown on the page of a form
STORY_CRUMBS = (Link(label="Home", page=HOME), Link(label="Stories", page=STORIES))

Made = TypeVar("Made")
Shown = TypeVar("Shown", bound=Page)
Make = Callable[[Document, str, Facts], Shown]  # makes a page from a document, its name and the facts


class Reader:
    """Reads the files of one content folder.

    Args:
        folder: the content folder.
        kept_facts: the facts that the site shows now. They replace an unusable `service.toml`. May be empty.
        kept_forms: the forms that the site shows now. They replace unusable forms. May be empty.
        last_good: provides earlier versions of files that cannot be used.
        drafts: whether to include drafts.
        today: the date that decides what is shown; by default, today in the UK.

    Raises:
        Unreadable: if the facts cannot be used and there is no replacement.
    """

    def __init__(
        self,
        folder: Path,
        kept_facts: Facts,
        kept_forms: Mapping[str, FormDefinition],
        last_good: LastGood | None,
        *,
        drafts: bool,
        today: date | None,
    ) -> None:
        self.folder = folder
        self.today = today or clock.today()
        self.kept_forms = kept_forms
        self.last_good = last_good
        self.drafts = drafts
        self.problems: list[Problem] = []
        self.usable: dict[str, bytes] = {}
        self.unusable: set[str] = set()
        self.left_out: set[str] = set()  # addresses of drafts that are not included, and of unusable pages
        self.facts = self.read("service.toml", load_facts, kept_facts).on(self.today)

    def file(self, name: str) -> tuple[Path, Path]:
        """Return the path of a file or folder, and its name in messages."""
        return self.folder / name, Path(self.folder.name, name)

    def read(
        self,
        name: str,
        make: Callable[[Path, Path], Made],
        kept: Made | None = None,
        otherwise: Made | None = None,
    ) -> Made:
        """Return what is in a file or, if that cannot be used, `kept`, the last good version or `otherwise`.

        Args:
            name: the file or folder in the content folder. If it is replaced, `unusable` gets its name.
            make: a function that reads the file or folder.
            kept: what the site shows now. If it is empty, it is no replacement.
            otherwise: a default.

        Raises:
            Unreadable: if the file or folder cannot be used and there is no replacement.
        """
        path, display_path = self.file(name)
        try:
            made = make(path, display_path)
        except Unreadable as unreadable:
            replacement = kept or self._last_good(name, make) or otherwise
            if replacement is None:
                raise
            self.problems += unreadable.problems
            self.unusable.add(name)
            return replacement
        self._note_usable(path)
        return made

    def _copy(self, name: str) -> Path | None:
        """Return the path of the last good version of a file or folder, or None."""
        return self.last_good.of(name) if self.last_good else None

    def _last_good(self, name: str, make: Callable[[Path, Path], Made]) -> Made | None:
        copy = self._copy(name)
        try:
            return make(copy, Path(self.folder.name, name)) if copy else None
        except Unreadable:
            return None

    def _note_usable(self, path: Path) -> None:
        """Remember the content of a usable file, or of each TOML file in a usable folder."""
        if self.last_good:
            for file in path.rglob("*.toml") if path.is_dir() else (path,):
                name = file.relative_to(self.folder)
                with suppress(Unreadable):
                    self.usable[name.as_posix()] = read_bytes(file, self.folder.name / name)

    def each(self, kind: str, make: Make[Shown]) -> Iterator[Shown]:
        """Yield the page or story in each Markdown file in a folder.

        A page with a MUST_NOT_BE_SHOWN problem is replaced by its last good version, if there is one.
        Anything else that cannot be used is left out, and so are drafts unless `drafts` is set.
        """
        for path in sorted((self.folder / kind).glob("*.md"), key=lambda path: path.name):
            made, problems = self._made(path, Path(self.folder.name, kind, path.name), make)
            self.problems += problems
            if kind != "case-studies":
                made = self._or_last_good(made, problems, path, make)
            if made is None or (made.draft and not self.drafts):
                self.left_out.add(address_of(path.stem))
            else:
                yield made

    def _made(self, path: Path, display_path: Path, make: Make[Shown]) -> tuple[Shown | None, list[Problem]]:
        """Return the page in a file (None if the file cannot be used) and the problems in the file."""
        try:
            check_file_name(path, display_path)
            document = front_matter.read(path, display_path)
            return make(document, path.stem, self.facts), list(body_problems(document, self.facts))
        except Unreadable as unreadable:
            return None, list(unreadable.problems)

    def _or_last_good(
        self, made: Shown | None, problems: list[Problem], path: Path, make: Make[Shown]
    ) -> Shown | None:
        """Return `made` or, if the file must not be shown, its last good version if that can be used."""
        name = path.relative_to(self.folder).as_posix()
        if all(problem.severity is Severity.PLEASE_FIX for problem in problems):
            self._note_usable(path)
        elif copy := self._copy(name):
            return self._made(copy, Path(self.folder.name, name), make)[0] or made
        return made

    def pages(self) -> dict[str, Page]:
        """Return the pages by address."""
        pages = self.each("pages", _page)
        return {page.address: replace(page, not_public="Draft") if page.draft else page for page in pages}

    def stories(self) -> tuple[Story, ...]:
        """Return the stories, newest first. `not_public` says why the public does not see a story."""
        stories = self.each("case-studies", make_story)
        not_public = ((story, story.why_not_public(self.today)) for story in stories)
        return newest_first(replace(story, not_public=why) if why else story for story, why in not_public)

    def navigation(self, pages: Mapping[str, Page]) -> Navigation:
        """Return the menu, the footer and the groups of the site map."""
        written = self.read("navigation.toml", partial(read_as, Navigation), otherwise=Navigation())
        if "navigation.toml" not in self.unusable:
            self.problems += navigation_problems(written, *self.file("navigation.toml"), pages, self.left_out)
        return written.within(pages)

    def redirects(self) -> dict[str, str]:
        """Return the new address, or “gone”, for each old address."""
        written = self.read("redirects.toml", read_toml, otherwise=dict[str, Any]())
        # a Location header has no line breaks
        return {old: "".join(str(new).split()) for old, new in written.items()}

    def plain_pages(self, kind: str, kept: Mapping[str, Page]) -> Mapping[str, Page]:
        """Return the outcomes or errors by name, with earlier versions of those whose files are gone."""
        copies = self._copy(kind)
        there = {path.name for path in (self.folder / kind).glob("*.md")}
        gone = [path for path in copies.glob("*.md") if path.name not in there] if copies else []
        before = [self._made(path, Path(self.folder.name, kind, path.name), _plain)[0] for path in gone]
        read = {page.address: page for page in self.each(kind, _plain)}
        shown = {name: replace(page, facts=self.facts) for name, page in kept.items()}
        return {**{page.address: page for page in before if page}, **shown, **read}

    def forms(self, outcomes: Mapping[str, Page], errors: Mapping[str, Page]) -> Mapping[str, FormDefinition]:
        """Return the forms by address, before facts are filled in.

        Raises:
            Unreadable: if a form or a page that it needs cannot be used, and the forms have no replacement.
        """
        return self.read("forms", partial(self._forms, outcomes, errors), self.kept_forms)

    def _forms(
        self, outcomes: Mapping[str, Page], errors: Mapping[str, Page], folder: Path, display_path: Path
    ) -> Mapping[str, FormDefinition]:
        there = {path.stem for path in (self.folder / "forms").glob("*.toml")}
        forms = {a: form for a, form in load_forms(folder, display_path).items() if form.key in there}
        faults = list(missing_outcomes(forms, outcomes, folder, display_path))
        faults += changed_addresses(forms, self.kept_forms or forms, display_path)
        for name in (name for name in NOTICES if name not in errors):
            file = self.file(f"errors/{name}.md")[1]
            faults.append(Problem(file, 1, "write this file, or correct it: forms show its words"))
        if faults:
            raise Unreadable(*([] if self.kept_forms else self.problems), *faults)
        return forms

    def form_pages(self, forms: Mapping[str, FormDefinition]) -> dict[str, Page]:
        """Return the page around each form. A form whose page cannot be used gets a page without text."""
        written = {page.address: page for page in self.each("forms", _page)}
        return {
            address: replace(
                written.get(f"/{form.key}") or bare_page(address, form.name, self.facts),
                address=address,
                listed=False,
            )
            for address, form in forms.items()
        }


def address_of(name: str) -> str:
    """Return the address of the page in a file with this name (without `.md`)."""
    return {"index": HOME, "case-studies": STORIES}.get(name, f"/{name}")


def bare_page(address: str, title: str, facts: Facts) -> Page:
    """Return a page without text, for a form whose own page cannot be used."""
    return Page(address, Document(Path(), {}, {}, ""), facts, title, None, listed=False)


def _page(document: Document, name: str, facts: Facts) -> Page:
    return Page(address_of(name), document, facts, **dict(document.validate_fields(PageFields)))


def _plain(document: Document, name: str, facts: Facts) -> Page:
    return Page(name, document, facts, listed=False, **dict(document.validate_fields(PlainFields)))


def make_story(document: Document, name: str, facts: Facts) -> Story:
    """Return the story in a document.

    Raises:
        Unreadable: if the fields are invalid or the body is empty.
    """
    fields = dict(document.validate_fields(StoryFields))
    about = {"slug": name, "crumbs": STORY_CRUMBS, "description": fields["summary"]}
    return Story(f"{STORIES}{name}", document, facts, **about, **fields)
