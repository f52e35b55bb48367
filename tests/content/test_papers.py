"""The PDF forms have the same text as the forms, and are accessible."""

from __future__ import annotations

import re
import runpy
import shutil
from collections.abc import Iterator
from itertools import pairwise

import pytest
from pypdf.generic import ContentStream

from rjsite.content.library import load
from rjsite.settings import ROOT
from rjsite.web import papers
from support import commands
from support.paper import Paper, opened, says
from support.service import CLIENT

CONTENT = load(CLIENT)
FORMS = {form.key: form for form in CONTENT.forms.values()}
FOLDER = ROOT / papers.FOLDER
FOOTERS = runpy.run_path(str(ROOT / "tools" / "papers.py"))["FOOTERS"]
WRITES = {b"Tj", b"TJ", b"'", b'"'}
PAINTS = WRITES | {b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"S", b"s", b"sh", b"Do"}
HOLDS = {"/L": {"/LI"}, "/LI": {"/Lbl", "/LBody"}}


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return papers.documents(CONTENT)


@pytest.fixture(scope="module", params=["a", "b", "c"])
def key(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def paper(key) -> Paper:
    return Paper(FOLDER / f"form-{key}.pdf")


def kids(element) -> list:
    """Return the children of an element: elements, and numbers of marked content."""
    held = element.get("/K", [])
    held = held.get_object()
    return [kid.get_object() for kid in (held if isinstance(held, list) else [held])]


def walk(element) -> Iterator:
    """Yield every structure element, in order."""
    for kid in kids(element):
        if hasattr(kid, "get") and "/S" in kid:
            yield kid
            yield from walk(kid)


def test_each_pdf_is_made_from_its_form_as_it_is_now():
    assert list(papers.out_of_date(CONTENT)) == [], "run: make papers"


def test_a_changed_phone_number_is_named_wherever_it_is_not_made_from_the_facts(tmp_path, monkeypatch):
    shutil.copytree(CLIENT, tmp_path / "content")
    facts = tmp_path / "content" / "service.toml"
    facts.write_text(facts.read_text().replace(f'"{CONTENT.facts["phone"]}"', '"0800 999 5428"', 1))
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(tmp_path / "content"))

    result = commands.run("check")

    named = [line.partition(": ") for line in result.stdout.splitlines()[:-1]]
    assert result.exit_code == 1
    assert [place.rpartition(":")[0] for place, *_ in named] == [
        "deploy/Caddyfile",
        *["deploy/nginx-published.conf"] * 2,
        *(f"static/papers/form-{key}.pdf" for key in "abc"),
    ]
    assert named[0][2].startswith("write “0800 999 5428”")
    assert "run “make papers”" in named[-1][2]


@pytest.mark.parametrize("file", ["forms/a.md", "forms/b.md"])
def test_the_check_names_opening_words_that_cannot_be_read_and_goes_on(tmp_path, monkeypatch, file):
    shutil.copytree(CLIENT, tmp_path / "content")
    path = tmp_path / "content" / file
    path.write_text(path.read_text().replace("title:", "titel:", 1))
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(tmp_path / "content"))

    result = commands.run("check")

    assert result.exit_code == 1
    assert f"content/{file}:2: " in result.stdout


def test_every_form_for_paper_has_its_pdf_and_no_other(documents):
    assert {path.name for path in FOLDER.iterdir()} == set(documents)


def test_the_pdf_asks_every_question_with_its_hint_and_its_choices_in_order(paper, key):
    assert paper.holds(*(words for question in FORMS[key].questions for words in says(question)))


def test_no_page_of_the_pdf_ends_between_a_question_and_its_answers_or_lines(paper, key):
    assert [q.name for q in FORMS[key].questions if not paper.together(*says(q))] == []
    ticks = [q for q in FORMS[key].questions if q.kind == "tick"]  # each is its own heading
    without_question = 0
    for element in walk(paper.pdf.trailer["/Root"]["/StructTreeRoot"]):
        held = [kid for kid in kids(element) if hasattr(kid, "get") and "/S" in kid]
        answered = any(kid["/S"] == "/L" or not kids(kid) for kid in held)  # boxes, or a line to write on
        if element["/S"] == "/Div" and answered:
            without_question += not any(re.fullmatch(r"/H\d", kid["/S"]) for kid in held)
    assert without_question == len(ticks)


def test_the_pdf_says_which_answer_a_question_belongs_to_and_where_to_stop(paper, key):
    for answers, question in opened(FORMS[key]):
        assert paper.together("If you ticked", f"{answers}:", question.label), question.name
    for question in FORMS[key].questions:
        for choice in question.choices:
            assert not choice.stop or paper.together(question.label, choice.label, "Stop here.")


def test_the_pdf_has_four_pages_of_a4_at_most_which_say_which_they_are(paper, key):
    pages = len(paper.pages)

    assert pages <= 4
    assert {tuple(round(float(side)) for side in page.mediabox[2:]) for page in paper.pdf.pages} == {
        (595, 842)
    }
    for number, words in enumerate(paper.pages, 1):
        assert f"Form{key.upper()}.Page{number}of{pages}." in words


def test_no_words_of_the_pdf_are_smaller_than_12_points(paper):
    sizes = set()
    for page in paper.pdf.pages:
        page.extract_text(
            visitor_text=lambda words, into, at, _font, size: (
                sizes.add(round(size * at[0] * into[0], 1)) if words.strip() else None
            )
        )

    assert min(sizes) >= 12


def test_the_page_that_links_to_the_pdf_says_how_long_and_how_large_it_is(paper, key):
    size = (FOLDER / f"form-{key}.pdf").stat().st_size
    shown = f"(PDF, {len(paper.pages)} pages, {size / 1024:.0f} KB)](/papers/form-{key}.pdf)"

    assert shown in (CLIENT / "pages" / "in-prison-or-offline.md").read_text()
    assert size < 60_000


def test_the_pdf_names_itself_its_language_and_its_standard(paper, key):
    root = paper.pdf.trailer["/Root"]

    assert root["/Lang"] == "en-GB"
    assert root["/MarkInfo"]["/Marked"] == True  # noqa: E712 (pypdf's own kind of truth)
    assert root["/ViewerPreferences"]["/DisplayDocTitle"] == True  # noqa: E712
    assert paper.pdf.metadata.title.startswith(f"Form {key.upper()}: ")
    assert re.search(r'pdfuaid:part\s*=\s*"1"', root["/Metadata"].get_data().decode())


def test_the_bookmarks_of_the_pdf_are_its_steps(paper, key):
    (title, steps) = paper.pdf.outline

    assert title["/Title"] in paper.pdf.metadata.title
    named = [f"{number}. {step.title}" for number, step in enumerate(FORMS[key].steps, 1)]
    assert [step["/Title"] for step in steps][2:-1] == named


def test_all_fonts_of_the_pdf_lie_in_it_and_can_be_read_as_text(paper):
    fonts = [font.get_object() for page in paper.pdf.pages for font in page["/Resources"]["/Font"].values()]

    assert fonts
    for font in fonts:
        described = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(described)
        assert "/ToUnicode" in font


def test_headings_and_lists_of_the_pdf_are_tagged_as_such(paper, key):
    elements = list(walk(paper.pdf.trailer["/Root"]["/StructTreeRoot"]))
    levels = [int(element["/S"][2]) for element in elements if re.fullmatch(r"/H\d", element["/S"])]
    asked = [q for q in FORMS[key].questions if q.kind != "tick"]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= level + 1 for level, later in pairwise(levels))
    assert levels.count(3) + levels.count(4) == len(asked)
    for element in elements:
        inside = {kid["/S"] for kid in kids(element) if hasattr(kid, "get") and "/S" in kid}
        assert inside <= HOLDS.get(element["/S"], inside), element["/S"]


def test_all_that_the_pdf_shows_is_tagged_once_or_is_decoration(paper):
    elements = list(walk(paper.pdf.trailer["/Root"]["/StructTreeRoot"]))
    for page in paper.pdf.pages:
        here = [e for e in elements if "/Pg" in e and e.raw_get("/Pg") == page.indirect_reference]
        tagged = [int(kid) for element in here for kid in kids(element) if not hasattr(kid, "get")]
        shown, within = [], []
        for operands, operator in ContentStream(page.get_contents(), paper.pdf).operations:
            if operator in (b"BDC", b"BMC"):
                within.append(int(operands[1]["/MCID"]) if operator == b"BDC" else operands[0])
                shown += within[-1:] if operator == b"BDC" else []
            elif operator == b"EMC":
                within.pop()
            elif operator in PAINTS:
                assert within, operator
                assert within[-1] == "/Artifact" or operator in WRITES
        assert sorted(tagged) == sorted(shown)
        assert len(set(shown)) == len(shown)


def test_what_stands_at_the_foot_of_each_page_is_not_read_out_among_the_questions(paper):
    for page in paper.pdf.pages:
        within, loose = [], []
        for operands, operator in ContentStream(page.get_contents(), paper.pdf).operations:
            if operator in (b"BDC", b"BMC"):
                within.append(operands[0])
            elif operator == b"EMC":
                within.pop()
            elif operator in WRITES and within[-1] == "/Artifact":
                loose.append(operands)
        assert len(loose) == FOOTERS
