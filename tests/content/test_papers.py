"""The PDFs have the same text as the forms and the Easy Read page, and are accessible."""

from __future__ import annotations

import re
import runpy
import shutil
from collections.abc import Iterator
from functools import cache
from html import unescape
from itertools import pairwise

import pytest
from pypdf.generic import ContentStream

from rjsite.content.library import load
from rjsite.forms.definition import FormDefinition, Question
from rjsite.settings import ROOT
from rjsite.web import papers
from support import commands
from support.paper import Paper, opened, says
from support.service import CLIENT

CONTENT = load(CLIENT)
FORMS = {form.key: form for form in CONTENT.forms.values()}
FOLDER = ROOT / papers.FOLDER
FOOTERS = runpy.run_path(str(ROOT / "tools" / "papers.py"))["FOOTERS"]
MOST_PAGES = {"a": 4, "b": 4, "c": 5}  # people fill in A and B for themselves
WRITES = {b"Tj", b"TJ", b"'", b'"'}
PAINTS = WRITES | {b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"S", b"s", b"sh", b"Do"}
HOLDS = {"/L": {"/LI"}, "/LI": {"/Lbl", "/LBody"}}


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return papers.documents(CONTENT)


FORM_NAMES = [f"form-{key}{size}.pdf" for size in ("", "-large-print") for key in "abc"]
EASY_READ = "easy-read-large-print.pdf"
of_forms = pytest.mark.parametrize("name", FORM_NAMES)
read = cache(lambda name: Paper(FOLDER / name))


@cache
def operations(name) -> list[list]:
    """Return what draws each page, in order."""
    pdf = read(name).pdf
    return [ContentStream(page.get_contents(), pdf).operations for page in pdf.pages]


@pytest.fixture(params=[*FORM_NAMES, EASY_READ])
def name(request) -> str:
    return request.param


@pytest.fixture
def paper(name) -> Paper:
    return read(name)


@pytest.fixture
def form(name) -> FormDefinition:
    return FORMS[name.removeprefix("form-")[0]]


def printed(question: Question) -> list[str]:
    """Return all texts of a question as they are on paper."""
    return [papers.for_paper(words) for words in says(question)]


def kids(element) -> list:
    """Return the children of an element: elements, and the numbers of marked content."""
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
        *["deploy/nginx-published.conf"] * 3,
        "static/papers/easy-read-large-print.pdf",
        *(f"static/papers/form-{key}{size}.pdf" for key in "abc" for size in ("-large-print", "")),
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


@of_forms
def test_the_pdf_asks_every_question_with_its_hint_and_its_choices_in_order(paper, form):
    assert paper.holds(*(words for question in form.questions for words in printed(question)))


def test_the_easy_read_pdf_says_all_that_its_page_says_but_links_alone():
    page = CONTENT.pages["/easy-read"]
    parts = [page.opening, *(part for section in page.sections for part in _words(section))]
    lines = [line for part in parts for line in re.sub(r"<[^>]*>", "", unescape(str(part))).splitlines()]
    gone = re.findall(r"^\W*\[([^\]]+)\]\([^)]+\)$", page.document.body, re.MULTILINE)

    assert gone
    assert read(EASY_READ).holds(*(line for line in lines if line not in gone))
    assert not any(read(EASY_READ).holds(words) for words in gone if words.startswith("Start"))


def _words(section) -> Iterator[str]:
    yield from (section.title, section.html)
    for item in section.items:
        yield from (item.title, item.html)


def test_on_paper_nobody_selects_anything(paper):
    assert "select" not in paper.text.lower()


@pytest.mark.parametrize(
    ("hint", "on_paper"),
    [
        ("It includes the coast. Select all that apply", "It includes the coast"),
        ("Select all that apply", ""),
        ("Select one. You can change it", " You can change it"),
        ("We select nothing", "We select nothing"),
    ],
)
def test_paper_leaves_out_of_a_hint_what_only_a_screen_needs(hint, on_paper):
    assert papers.for_paper(hint) == on_paper


def test_the_pictures_of_the_easy_read_pdf_are_black_and_decoration_only(documents):
    elements = walk(read(EASY_READ).structure)

    assert documents[EASY_READ].count('class="picture ') == documents[EASY_READ].count("<h3>") > 10
    assert all(element["/S"] != "/Figure" for element in elements)


@of_forms
def test_no_page_of_the_pdf_ends_between_a_question_and_its_answers_or_lines(paper, form):
    assert [q.name for q in form.questions if not paper.together(*printed(q))] == []
    ticks = [q for q in form.questions if q.kind == "tick"]  # these have no heading
    without_question = 0
    for element in walk(paper.structure):
        held = [kid for kid in kids(element) if hasattr(kid, "get") and "/S" in kid]
        answered = any(kid["/S"] == "/L" or not kids(kid) for kid in held)  # boxes, or a line to write on
        if element["/S"] == "/Div" and answered:
            without_question += not any(re.fullmatch(r"/H\d", kid["/S"]) for kid in held)
    assert without_question == len(ticks)


@of_forms
def test_the_pdf_says_which_answer_a_question_belongs_to_and_where_to_stop(paper, form):
    for answers, question in opened(form):
        assert paper.together("If you ticked", f"{answers}:", question.label), question.name
    for question in form.questions:
        for choice in question.choices:
            assert not choice.stop or paper.together(question.label, choice.label, "Stop here.")


def test_the_pdf_has_few_pages_of_a4_which_say_which_they_are_and_when_it_was_checked(name, paper):
    pages = len(paper.pages)

    assert pages <= (10 if "large" in name else MOST_PAGES.get(name[5], 4))
    assert {tuple(round(float(side)) for side in page.mediabox[2:]) for page in paper.pdf.pages} == {
        (595, 842)
    }
    for number, words in enumerate(paper.pages, 1):
        assert re.search(rf"Page{number}of{pages}\.\d+[A-Z][a-z]+20\d\d", words)


def test_no_words_of_the_pdf_are_smaller_than_12_points_or_18_in_large_print(name, paper):
    assert min(paper.sizes) >= (18 if "large" in name else 12)


def test_the_page_that_links_to_the_pdf_says_how_long_and_how_large_it_is(paper, name):
    size = (FOLDER / name).stat().st_size
    shown = f"(PDF, {len(paper.pages)} pages, {size / 1024:.0f} KB)](/papers/{name})"

    assert shown in CONTENT.pages["/in-prison-or-offline"].document.body
    if "large" in name:
        for other in ("/languages-and-formats", "/professionals"):
            assert f"in large print (PDF)](/papers/{name})" in CONTENT.pages[other].document.body
    assert size < 60_000


def test_the_pdf_names_itself_its_language_and_its_standard(paper, name):
    root = paper.pdf.trailer["/Root"]

    assert root["/Lang"] == "en-GB"
    assert root["/MarkInfo"]["/Marked"] == True  # noqa: E712 (pypdf's own kind of truth)
    assert root["/ViewerPreferences"]["/DisplayDocTitle"] == True  # noqa: E712
    begins = "Easier to read" if name == EASY_READ else f"Form {name[5].upper()}: "
    assert paper.pdf.metadata.title.startswith(begins)
    assert re.search(r'pdfuaid:part\s*=\s*"1"', root["/Metadata"].get_data().decode())


@of_forms
def test_the_bookmarks_of_the_pdf_are_its_steps(paper, form):
    (title, steps) = paper.pdf.outline

    assert title["/Title"] in paper.pdf.metadata.title
    named = [f"{number}. {step.title}" for number, step in enumerate(form.steps, 1)]
    assert [step["/Title"] for step in steps][2:-1] == named


def test_all_fonts_of_the_pdf_lie_in_it_and_can_be_read_as_text(paper):
    fonts = [font.get_object() for page in paper.pdf.pages for font in page["/Resources"]["/Font"].values()]

    assert fonts
    for font in fonts:
        described = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(described)
        assert "/ToUnicode" in font


def test_headings_and_lists_of_the_pdf_are_tagged_as_such(paper, name):
    elements = list(walk(paper.structure))
    levels = [int(element["/S"][2]) for element in elements if re.fullmatch(r"/H\d", element["/S"])]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= level + 1 for level, later in pairwise(levels))
    if name in FORM_NAMES:
        asked = [q for q in FORMS[name[5]].questions if q.kind != "tick"]
        assert levels.count(3) + levels.count(4) == len(asked)
    for element in elements:
        inside = {kid["/S"] for kid in kids(element) if hasattr(kid, "get") and "/S" in kid}
        assert inside <= HOLDS.get(element["/S"], inside), element["/S"]


def test_all_that_the_pdf_shows_is_tagged_once_or_is_decoration(paper, name):
    elements = list(walk(paper.structure))
    for page, drawn in zip(paper.pdf.pages, operations(name), strict=True):
        here = [e for e in elements if "/Pg" in e and e.raw_get("/Pg") == page.indirect_reference]
        tagged = [int(kid) for element in here for kid in kids(element) if not hasattr(kid, "get")]
        shown, within = [], []
        for operands, operator in drawn:
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


def test_what_stands_at_the_foot_of_each_page_is_not_read_out_among_the_questions(name):
    for drawn in operations(name):
        within, loose = [], []
        for operands, operator in drawn:
            if operator in (b"BDC", b"BMC"):
                within.append(operands[0])
            elif operator == b"EMC":
                within.pop()
            elif operator in WRITES and within[-1] == "/Artifact":
                loose.append(operands)
        assert len(loose) == FOOTERS
