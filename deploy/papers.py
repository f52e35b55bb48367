"""Make static/papers/form-a.pdf and so on: the forms to fill in by hand, as tagged PDF files (PDF/UA-1).

    .venv/bin/python deploy/papers.py    (or: make papers)

A file is made anew only where what it says or looks like has changed: its identifier is the digest of the
document it was made from. WeasyPrint makes them and needs the library Pango; the site needs neither.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

from flask import render_template
from pypdf import PdfReader

from rjsite import create_app
from rjsite.forms.build import form_class
from rjsite.settings import ROOT, Settings
from rjsite.site_content import library

FOLDER = ROOT / "static" / "papers"
ON_PAPER = ("a", "b", "c")
FEET = 2  # lines at the foot of a page
LINK = re.compile(r"</?a\b[^>]*>")


def documents(content_dir: Path = ROOT / "content") -> dict[str, str]:
    """Give each paper's file name and its HTML, with its style in it; without links, which paper has not."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(mode="development", data_dir=Path(folder), content_dir=content_dir)
        with create_app(settings).test_request_context():
            content = library()
            return {
                f"form-{form.key}.pdf": LINK.sub(
                    "",
                    render_template(
                        "paper.html",
                        form=form_class(form, settings.secrets)(),
                        page=content.form_pages[form.address],
                        outcomes=content.outcomes,
                    ),
                )
                for form in content.forms.values()
                if form.key in ON_PAPER
            }


def digest(html: str) -> bytes:
    """What tells one document from another."""
    return hashlib.sha256(html.encode()).hexdigest().encode()


def made_from(path: Path) -> bytes:
    """The digest of the document that a PDF was made from; empty where there is no PDF."""
    return bytes(PdfReader(path).trailer["/ID"][0].original_bytes) if path.exists() else b""


def take_feet_from_the_text(_document: object, pdf: Any) -> None:
    """Mark the lines at the foot of each page, which are drawn last, as no part of the text.

    WeasyPrint tags them as words that hang nowhere; a screen reader would read them between two questions.
    """
    for page in (one.stream for one in pdf.objects if b"BDC" in getattr(one, "stream", ())):
        for at in [at for at, word in enumerate(page) if word == b"BDC"][: -FEET - 1 : -1]:
            page[at - 2 : at + 1] = ["/Artifact", b"BMC"]


def main() -> None:
    """Make what has changed, and say what there is."""
    for name, html in documents().items():
        path = FOLDER / name
        if made_from(path) != digest(html):
            from weasyprint import HTML  # here, for it needs Pango and a test needs only what is above

            HTML(string=html, base_url=str(ROOT / "static") + "/").write_pdf(
                path, pdf_variant="pdf/ua-1", pdf_identifier=digest(html), finisher=take_feet_from_the_text
            )
        pages = len(PdfReader(path).pages)
        print(f"{path.relative_to(ROOT)}: {pages} pages, {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
