"""Makes the HTML from which the printable PDFs are made, and finds the PDFs that are out of date."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from rjsite.content.fact_formats import day_in_words
from rjsite.content.facts import Facts
from rjsite.content.library import Library
from rjsite.content.problem import Problem, Severity
from rjsite.forms.form import form_class
from rjsite.settings import ROOT

FOLDER = Path("static", "papers")
ON_PAPER = ("a", "b", "c")
EASY_READ = "/easy-read"
NORMAL, LARGE = 12, 18  # points
_LARGE_PRINT = "-large-print"
_ONLY_A_LINK = re.compile(r"<(p|li)\b[^>]*>\s*<a\b[^>]*>[^<]*</a>\s*</\1>\s*")
_LINK = re.compile(r"</?a\b[^>]*>|<ul>\s*</ul>")
_SELECT = re.compile(r"(^|\. )Select [^.]*\.?")
_IDENTIFIER = re.compile(rb"/ID \[\((\w+)\)")


def documents(content: Library) -> dict[str, str]:
    """Return the HTML of each printable document, including its styles, by the name of its PDF.

    Links are removed. Each form in `ON_PAPER` comes in two sizes, and the Easy Read page in large print only.
    """
    forms, pages = _templates(content)
    made = {}
    for address, definition in content.forms.items():
        page = content.form_pages[address]
        if definition.key in ON_PAPER and page.last_checked:  # a page that cannot be read has no date
            form = form_class(definition, ["paper"])()  # the token is not shown, so any key will do
            for size, ending in ((NORMAL, ""), (LARGE, _LARGE_PRINT)):
                html = forms.render(form=form, page=page, size=size)
                made[f"form-{definition.key}{ending}.pdf"] = _without_links(html)
    if (easy := content.pages.get(EASY_READ)) and easy.last_checked:
        made[f"easy-read{_LARGE_PRINT}.pdf"] = _without_links(pages.render(page=easy, size=LARGE))
    return made


def _templates(content: Library) -> tuple[Template, Template]:
    """Return the templates of printed forms and pages."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": day_in_words, "for_paper": for_paper}
    environment.globals |= {"facts": content.facts, "outcomes": content.outcomes}
    return environment.get_template("paper.html"), environment.get_template("paper-page.html")


def for_paper(hint: str) -> str:
    """Return a hint without the sentence “Select ...”, because on paper each question says what to tick."""
    return _SELECT.sub("", hint)


def _without_links(html: str) -> str:
    """Return a document without paragraphs and list items that are only a link. Other links become text."""
    return _LINK.sub("", _ONLY_A_LINK.sub("", html))


def digest(html: str) -> bytes:
    """Return the digest of a document, which is also the identifier of its PDF."""
    return hashlib.sha256(html.encode()).hexdigest().encode()


def source_digest(path: Path) -> bytes:
    """Return the digest of the document that a PDF was made from, or b"" if none is found."""
    match = _IDENTIFIER.search(path.read_bytes()) if path.exists() else None
    return match[1] if match else b""


def withdrawn(content: Library) -> frozenset[str]:
    """Return the names of the PDFs that contain a fact that has ended and have not been made again since."""
    if not content.facts.ended:
        return frozenset()
    now = documents(content)
    before = documents(content.with_facts(Facts({**content.facts, **content.facts.ended})))
    return frozenset(
        name
        for name, html in now.items()
        if html != before[name] and source_digest(ROOT / FOLDER / name) != digest(html)
    )


def out_of_date(content: Library, root: Path = ROOT) -> Iterator[Problem]:
    """Yield a problem for each PDF that is missing or was not made from the current form or page."""
    for name, html in documents(content).items():
        if source_digest(root / FOLDER / name) != digest(html):
            message = "this PDF is out of date; run “make papers”, or ask whoever runs the site to do it"
            yield Problem(FOLDER / name, 1, message, Severity.PLEASE_FIX)
