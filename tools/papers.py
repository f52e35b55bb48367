"""Make the PDFs in static/papers, tagged for screen readers (PDF/UA-1).

They are the forms to fill in by hand, also in large print, and the Easy Read page in large print.

    .venv/bin/python tools/papers.py    (or: make papers)

A file is made again only if its text or appearance has changed: its identifier is the digest of the HTML
from which it was made. WeasyPrint makes the files and needs the library Pango; the site needs neither.
"""

from __future__ import annotations

from typing import Any

from pypdf import PdfReader

from rjsite.content.library import load
from rjsite.settings import ROOT
from rjsite.web.papers import FOLDER, digest, documents, source_digest

FOOTERS = 2  # lines at the foot of each page


def mark_footers(_document: object, pdf: Any) -> None:
    """Mark the footer lines of each page, which are drawn last, as not part of the text.

    WeasyPrint gives them tags that belong to no element, so a screen reader would read them between two
    questions.
    """
    for page in (one.stream for one in pdf.objects if b"BDC" in getattr(one, "stream", ())):
        for at in [at for at, word in enumerate(page) if word == b"BDC"][: -FOOTERS - 1 : -1]:
            page[at - 2 : at + 1] = ["/Artifact", b"BMC"]


def main() -> None:
    """Make the files that have changed, and print the length of each."""
    for name, html in documents(load(ROOT / "content")).items():
        path = ROOT / FOLDER / name
        if source_digest(path) != digest(html):
            from weasyprint import (
                HTML,
            )  # imported here, so that the test of this file does not need Pango

            HTML(string=html, base_url=str(ROOT / "static") + "/").write_pdf(
                path, pdf_variant="pdf/ua-1", pdf_identifier=digest(html), finisher=mark_footers
            )
        pages = len(PdfReader(path).pages)
        print(f"{path.relative_to(ROOT)}: {pages} pages, {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
