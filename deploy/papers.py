"""Make static/papers/form-a.pdf and so on: the forms to fill in by hand, as tagged PDF files (PDF/UA-1).

    .venv/bin/python deploy/papers.py    (or: make papers)

A file is made anew only where what it says or looks like has changed: its identifier is the digest of the
document it was made from. WeasyPrint makes them and needs the library Pango; the site needs neither.
"""

from __future__ import annotations

from typing import Any

from pypdf import PdfReader

from rjsite.content.library import load
from rjsite.settings import ROOT
from rjsite.web.papers import FOLDER, digest, documents, made_from

FEET = 2  # lines at the foot of a page


def take_feet_from_the_text(_document: object, pdf: Any) -> None:
    """Mark the lines at the foot of each page, which are drawn last, as no part of the text.

    WeasyPrint tags them as words that hang nowhere; a screen reader would read them between two questions.
    """
    for page in (one.stream for one in pdf.objects if b"BDC" in getattr(one, "stream", ())):
        for at in [at for at, word in enumerate(page) if word == b"BDC"][: -FEET - 1 : -1]:
            page[at - 2 : at + 1] = ["/Artifact", b"BMC"]


def main() -> None:
    """Make what has changed, and say what there is."""
    for name, html in documents(load(ROOT / "content")).items():
        path = ROOT / FOLDER / name
        if made_from(path) != digest(html):
            from weasyprint import HTML  # here, for it needs Pango and a test needs only what is above

            HTML(string=html, base_url=str(ROOT / "static") + "/").write_pdf(
                path, pdf_variant="pdf/ua-1", pdf_identifier=digest(html), finisher=take_feet_from_the_text
            )
        pages = len(PdfReader(path).pages)
        print(f"{path.relative_to(ROOT)}: {pages} pages, {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
