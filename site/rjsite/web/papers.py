"""The HTML documents that the PDFs of the paper forms are made from, and which PDFs are out of date."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rjsite.content.facts import Facts
from rjsite.content.library import Library
from rjsite.content.model import Page
from rjsite.content.problem import Problem, Severity
from rjsite.forms.definition import Form
from rjsite.forms.form import form_class
from rjsite.settings import ROOT
from rjsite.web.filters import day

FOLDER = Path("static", "papers")
ON_PAPER = ("a", "b", "c")
_LINK = re.compile(r"</?a\b[^>]*>")
_IDENTIFIER = re.compile(rb"/ID \[\((\w+)\)")


def documents(content: Library) -> dict[str, str]:
    """Return the HTML of each paper form by the name of its PDF, with its style but without links."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = day
    template = environment.get_template(
        "paper.html", globals={"facts": content.facts, "outcomes": content.outcomes}
    )

    def document(definition: Form, page: Page) -> str:
        form = form_class(definition, ["paper"])()  # its token is not shown, so any key will do
        return _LINK.sub("", template.render(form=form, page=page))

    return {
        f"form-{form.key}.pdf": document(form, page)
        for address, form in content.forms.items()
        if form.key in ON_PAPER
        and (page := content.form_pages[address]).last_checked  # a page that could not be read has no date
    }


def digest(html: str) -> bytes:
    """Return the digest of a document, which is also the identifier of the PDF made from it."""
    return hashlib.sha256(html.encode()).hexdigest().encode()


def made_from(path: Path) -> bytes:
    """Return the digest of the document that a PDF was made from; empty if there is no such PDF."""
    match = _IDENTIFIER.search(path.read_bytes()) if path.exists() else None
    return match[1] if match else b""


def withdrawn(content: Library) -> frozenset[str]:
    """Return the names of the PDFs that hold a fact that has ended. A PDF that was made again does not."""
    if not content.facts.ended:
        return frozenset()
    now = documents(content)
    before = documents(content.with_facts(Facts({**content.facts, **content.facts.ended})))
    return frozenset(
        name
        for name, html in now.items()
        if html != before[name] and made_from(ROOT / FOLDER / name) != digest(html)
    )


def out_of_date(content: Library, root: Path = ROOT) -> Iterator[Problem]:
    """Yield a problem for each PDF that does not say what its form says now."""
    for name, html in documents(content).items():
        if made_from(root / FOLDER / name) != digest(html):
            message = (
                "this PDF does not say what the form says now; run “make papers”, or ask who runs the site to"
            )
            yield Problem(FOLDER / name, 1, message, Severity.PLEASE_MEND)
