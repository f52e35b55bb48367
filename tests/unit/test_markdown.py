"""Markdown: nothing a writer types can run, send data or track a reader, and pages are split into parts."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from rjsite.content.markdown import opening_and_sections, parts_used, slug, to_html
from rjsite.settings import ROOT
from support.forms import Page, words

DANGEROUS = [
    "<script>alert(1)</script>",
    "<b onmouseover=alert(1)>words</b>",
    "<style>p { display: none }</style>",
    '<p style="color: red">words</p>',
    "<iframe src=https://evil.example></iframe>",
    "<img src=x onerror=alert(1)>",
    "words\n\n<div onclick=x>\nwords\n</div>",
    "[words](javascript:alert(1))",
    "[words](JaVaScRiPt:alert(1))",
    "[words](java\tscript:alert(1))",
    "[words](&#106;avascript:alert(1))",
    "[words](data:text/html;base64,PHNjcmlwdD4=)",
    "[words](vbscript:x)",
    "<javascript:alert(1)>",
    "[words]: javascript:alert(1)\n\n[words]",
    '[words](/refer){: onclick="alert(1)" }',
    '[words](/refer){: style="color: red" }',
    "![words](https://evil.example/pixel.png)",
    "[words](http://plain.example)",
]


@pytest.mark.parametrize("written", DANGEROUS)
def test_nothing_typed_runs_loads_or_changes_the_look(written):
    html = to_html(f"Before.\n\n{written}\n\nAfter.")

    shown = Page(html.replace(' class="next"', "")).all("body")[0]  # the site adds this class
    elements = [element for element in shown.iter() if element is not shown]
    links = [element.attrib["href"] for element in elements if "href" in element.attrib]
    assert {element.tag for element in elements} <= {"p", "a"}
    assert {name for element in elements for name in element.attrib} <= {"href"}
    assert [link for link in links if urlsplit(link).scheme not in ("", "https", "mailto", "tel")] == []
    assert words(shown).startswith("Before.")
    assert words(shown).endswith("After.")


@pytest.mark.parametrize(
    "href", ["/refer", "#here", "https://help.example/", "mailto:team@nowhere.example", "tel:+440123"]
)
def test_links_a_page_needs_stay(href):
    assert f'<a href="{href}">words</a>' in to_html(f"[words]({href})")


def test_links_open_no_tab_and_carry_nothing_else():
    html = to_html('[words](https://help.example){: target="_blank" rel="x" class="y" }')

    assert html == '<p class="next"><a href="https://help.example">words</a></p>'


def test_other_languages_keep_their_mark():
    assert '<p lang="cy">Croeso</p>' in to_html('Croeso\n{: lang="cy" }')


@pytest.mark.parametrize(
    "typed", ["<em>words</em>", "<p>words</p>", "<!-- words -->", "<script>words</script>"]
)
def test_raw_html_shows_as_it_was_typed(typed):
    assert words(Page(to_html(f"Before {typed} after")).all("body")[0]) == f"Before {typed} after"


def test_signs_of_html_show_as_they_were_typed():
    assert to_html("1 < 2 & 3 > 2").striptags() == "1 < 2 & 3 > 2"


TABLE = """
| Who | How |
|---|---|
| Police | By *mail* |
| Others | By form |
"""


def test_a_table_has_row_heads_and_names_its_columns_on_each_cell():
    html = to_html(TABLE)

    assert html.count('<th scope="col">') == 2
    assert '<th scope="row">Police</th>' in html
    assert '<td data-label="How">By <em>mail</em></td>' in html
    assert html.count("data-label") == 2


def test_every_table_has_the_name_of_what_it_stands_under():
    text = f"{TABLE}\n## {{: .note }}\n\n{TABLE}\n## Fish & chips\n\n{TABLE}\n"
    text += f"## Steps {{: .steps }}\n\n### One\n\n{TABLE}"

    opening, sections = opening_and_sections(text, "Routes")

    tables = [opening, *(section.html for section in sections[:2]), sections[2].items[0].html]
    assert [re.findall('<table aria-label="(.*?)"', html) for html in tables] == [
        ["Routes"],
        ["Routes"],
        ["Fish &amp; chips"],
        ["One"],
    ]


PAGE = """\
Opening words.

## What happens {: .steps #how }

Before the steps.

### We talk {: .phone }

On the phone.

### [We meet](/meet) {: .door }

In a room.

## Plain

- one

### A third level

More.

## Read {: .stories }

Two of them.

- first-story
- second-story
"""


def test_a_page_is_cut_into_its_opening_and_its_sections():
    opening, sections = opening_and_sections(PAGE, "Title")

    assert opening == "<p>Opening words.</p>"
    assert [(s.part, s.title, s.id) for s in sections] == [
        ("steps", "What happens", "how"),
        ("", "Plain", "plain"),
        ("stories", "Read", "read"),
    ]


def test_the_items_of_a_part_have_title_tone_link_and_words():
    steps = opening_and_sections(PAGE, "Title")[1][0]

    assert steps.html == "<p>Before the steps.</p>"
    assert [(i.title, i.href, i.id, i.tone, i.html) for i in steps.items] == [
        ("We talk", "", "we-talk", "phone", "<p>On the phone.</p>"),
        ("We meet", "/meet", "we-meet", "door", "<p>In a room.</p>"),
    ]


def test_a_plain_section_keeps_its_lower_headings():
    plain = opening_and_sections(PAGE, "Title")[1][1]

    assert plain.items == ()
    assert "<h3>A third level</h3>" in plain.html


def test_a_section_of_stories_names_them_and_keeps_its_own_words():
    read = opening_and_sections(PAGE, "Title")[1][2]

    assert read.names == ("first-story", "second-story")
    assert read.html == "<p>Two of them.</p>"


@pytest.mark.parametrize(
    "headings",
    [
        ["Help", "Help", "Help"],
        ["Help", "Help", "Help 2"],
        ["Help 2", "Help", "Help"],
        ["", "?", "!"],
        ["Übung", "Ubung"],
        ["One {: #x }", "Two {: #x }"],
    ],
)
def test_no_two_headings_have_the_same_id(headings):
    text = "".join(f"## {words}\n\nWords.\n\n" for words in headings)
    parts = "## Q {: .questions }\n\n" + text.replace("## ", "### ")

    ids = [section.id for section in opening_and_sections(text, "Title")[1]]
    item_ids = [s.id for s in opening_and_sections(parts, "Title")[1]]
    item_ids += [item.id for s in opening_and_sections(parts, "Title")[1] for item in s.items]

    assert len(set(ids)) == len(ids) == len(headings)
    assert len(set(item_ids)) == len(item_ids) == len(headings) + 1


def test_no_heading_has_an_id_of_the_page_around_it():
    text = "".join(f"## {words}\n\nWords.\n\n" for words in ("Main", "Menu", "Leaving", "Live", "Help panel"))
    base, frame = (ROOT / "templates" / name for name in ("base.html", "parts/frame.html"))
    around = set(re.findall(r'\sid="([^"{]+)"', base.read_text() + frame.read_text()))

    assert len(around) == 5
    assert not around & {section.id for section in opening_and_sections(text, "Title")[1]}


def test_parts_are_named_with_their_line():
    assert list(parts_used(PAGE)) == [(3, "steps"), (23, "stories")]


@pytest.mark.parametrize(
    ("title", "address"),
    [
        ("A Burglary in Nowhere", "a-burglary-in-nowhere"),
        ("Rosalyn's story", "rosalyns-story"),
        ("Café Zoë!", "cafe-zoe"),
        ("  --  ", "section"),
        ("日本", "section"),
    ],
)
def test_words_become_plain_addresses(title, address):
    assert slug(title) == address


def test_a_long_address_breaks_where_it_can_be_read_and_leads_to_the_whole():
    address = "team@a-rather-long-name.example.org.uk"

    html = to_html(f"Write to [{address}](mailto:{address}).")

    assert html.replace("<wbr>", "") == f'<p>Write to <a href="mailto:{address}">{address}</a>.</p>'
    assert ">team<wbr>@a-rather-long-name<wbr>.example<wbr>.org<wbr>.uk</a>" in html
