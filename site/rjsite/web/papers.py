"""The forms to fill in by hand: the documents that their PDF files are made from, and which files are old."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rjsite.content.library import Library
from rjsite.content.model import Page
from rjsite.content.problem import Problem, Severity
from rjsite.forms.definition import Form
from rjsite.forms.form import form_class
from rjsite.settings import ROOT
from rjsite.web.pages import day

FOLDER = Path("static", "papers")
ON_PAPER = ("a", "b", "c")
_LINK = re.compile(r"</?a\b[^>]*>")
_IDENTIFIER = re.compile(rb"/ID \[\((\w+)\)")


def documents(content: Library) -> dict[str, str]:
    """Give each paper's file name and its HTML, with its style in it; without links, which paper has not."""
    made = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["day"] = day
    template = made.get_template("paper.html", globals={"facts": content.facts, "outcomes": content.outcomes})

    def document(form: Form, page: Page) -> str:
        asked = form_class(form, ["paper"])()  # its token is not shown
        return _LINK.sub("", template.render(form=asked, page=page))

    return {
        f"form-{form.key}.pdf": document(form, page)
        for address, form in content.forms.items()
        if form.key in ON_PAPER and (page := content.form_pages[address]).last_checked  # else unreadable
    }


def digest(html: str) -> bytes:
    """What tells one document from another; the PDF that is made from it has it as its identifier."""
    return hashlib.sha256(html.encode()).hexdigest().encode()


def made_from(path: Path) -> bytes:
    """The digest of the document that a PDF was made from; empty where there is no such PDF."""
    found = _IDENTIFIER.search(path.read_bytes()) if path.exists() else None
    return found[1] if found else b""


def out_of_date(content: Library, root: Path = ROOT) -> Iterator[Problem]:
    """Each PDF that does not say what its form says now."""
    for name, html in documents(content).items():
        if made_from(root / FOLDER / name) != digest(html):
            words = (
                "this PDF does not say what the form says now; run “make papers”, or ask who runs the site to"
            )
            yield Problem(FOLDER / name, 1, words, Severity.PLEASE_MEND)
