"""The check judges the rendered page: it reports what readers see differently from what was meant."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

from rjsite.content import lint
from rjsite.content.library import load
from support.service import SERVICE

TODAY = date(2026, 3, 1)
STORY = "case-studies/the-shop-window.md"
HOME = "pages/index.md"


@pytest.fixture
def content(content: Path) -> Path:
    """Return the content of the invented service with our house rules and without a problem."""
    return with_house_rules(content)


def with_house_rules(content: Path) -> Path:
    shutil.copy(SERVICE / "house-rules.toml", content)
    story = content / STORY
    story.write_text(story.read_text() + "\n## What changed {: .changed }\n\nThe window is whole.\n")
    return content


def findings(content: Path) -> list[str]:
    library = load(content, drafts=True, today=TODAY)
    return [str(found) for found in (*library.problems, *lint.check(library, content, TODAY))]


def write(content: Path, name: str, words: str, right: str = "") -> None:
    """Replace a part of a file, or add to its end."""
    path = content / name
    before = path.read_text()
    assert right in before
    path.write_text(before.replace(right, words, 1) if right else f"{before}\n{words}\n")


LIST = "this is not shown as a list; put an empty line above it"
TABLE = "this is not shown as a table; put an empty line above it"
HEADING = "this is shown as a heading; write ## Heading, or put an empty line above the signs"
SHOWN = "is shown as it is written"
PROGRAM = "is shown as program text"
PART_OF = "this is shown as part of the"
NO_LINK = "is not a link"

IN_TEXT = [
    # lists
    ("Bring:\n- a pen\n- paper", 10, LIST),
    ("Bring:\n* a pen\n* paper", 10, LIST),
    ("Bring:\n1. a pen\n2. paper", 10, LIST),
    ("1) a pen\n2) paper", 9, LIST),
    ("a) a pen\nb) paper", 10, LIST),
    ("• a pen\n• paper", 9, LIST),
    ("\uf0b7 a pen", 9, LIST),
    ("-a pen\n-paper", 9, LIST),
    ("1. a pen\n- paper", 10, LIST),
    ("- a pen\n- paper\nCall us.", 11, f"{PART_OF} item above; put an empty line before it"),
    ("- a pen\n  - paper", 10, "write four spaces before an item within an item"),
    ("1. a pen\n3. paper", 10, "this number is shown as another one; number the items of a list 1, 2, 3"),
    ("- [ ] a pen", 9, f"“[ ]” {SHOWN}"),
    # marks of bold words, headings and more
    ("This is ** not ** bold.", 9, f"“**” {SHOWN}; put ** right before and right after bold words"),
    ("This is **not bold.", 9, f"“**” {SHOWN}"),
    ("This is *not so.", 9, f"“*” {SHOWN}"),
    ("This is _not so.", 9, f"“_” {SHOWN}"),
    ("This is __not so.", 9, f"“__” {SHOWN}"),
    (" ## Heading", 9, f"“##” {SHOWN}; begin the line with ##, then a space"),
    ("##Heading\n\nText.", 9, HEADING),
    ("## Heading ##\n\nText.", 9, f"“##” {SHOWN}"),
    ("## A **bold** word\n\nText.", 9, f"“**” {SHOWN}"),
    ("Heading\n---\n\nText.", 9, HEADING),
    ("Heading\n===\n\nText.", 9, HEADING),
    ("A back\\slash.", 9, f"“\\” {SHOWN}; take the backslash out"),
    ("The end.\\\nMore.", 9, f"“\\” {SHOWN}"),
    ("It`s so.", 9, f"“`” {SHOWN}; write ’"),
    ("Use `words` here.", 9, f"“words” {PROGRAM}"),
    ("```\nwords\n```", 10, PROGRAM),
    ("    Four spaces.", 9, f"“Four spaces.” {PROGRAM}; take out the spaces before it, or the ` marks"),
    ("It is ~~not~~ so.", 9, f"“~~” {SHOWN}"),
    ("One -- two.", 9, f"“--” {SHOWN}; take it out, or write a dash as –"),
    ("A note[^1].\n\n[^1]: words", 9, "say in the sentence what the footnote says"),
    ("It is so.^1^", 9, "say in the sentence what the footnote says"),
    ("::: note\nWords.\n:::", 9, f"“:::” {SHOWN}"),
    ("One &foo; two.", 9, f"“&foo;” {SHOWN}; write the sign itself"),
    ("One &lt;b&gt; two.", 9, f"“<b>” {SHOWN}"),
    ("Fran\ufffdois came.", 9, "“\ufffd” is a damaged letter; type it again"),
    ("itâ€™s so.", 9, "“â€™” is a damaged letter"),
    # facts and parts
    ("Call {phone.", 9, f"“{{phone.” {SHOWN}; write a fact like {{phone}}, in small letters"),
    ("Call { phone }.", 9, f"“{{ phone }}” {SHOWN}"),
    ("{ phone }", 9, f"“{{ phone }}” {SHOWN}"),
    ("Call {Phone}.", 9, f"“{{Phone}}” {SHOWN}"),
    ("Call {{phone}}.", 9, f"“{{01632 960 001}}” {SHOWN}"),
    ("Words. {: .note }", 9, f"“{{: .note }}” {SHOWN}; it belongs at the end of a heading"),
    ("## Words {.note}\n\nText.", 9, f"“{{.note}}” {SHOWN}; it belongs at the end of a heading"),
    # links
    (
        "See [the stories] (/case-studies/).",
        9,
        "write a link as [words](/address), with ] and ( side by side",
    ),
    ("See (the stories)[/case-studies/].", 9, "write a link as [words](/address)"),
    ("See [the stories](/case-studies/", 9, "write a link as [words](/address)"),
    ("See [the stories(/case-studies/).", 9, "write a link as [words](/address)"),
    ("See [the stories][s].\n\n[s]: /no-page", 9, "there is no page /no-page"),
    ("See [the site][s].\n\n[s]: http://help.example/", 9, f"“the site” {NO_LINK} on the page"),
    ("[lost]: /case-studies/", 9, "this line is not shown; write a link where it belongs"),
    ("## [The stories](/case-studies/)\n\nText.", 9, "the link in this heading is not shown"),
    ("See https://help.example/x now.", 9, f"“https://help.example/x” {NO_LINK}; write [words](https://...)"),
    ("See www.help.example.", 9, f"“www.help.example” {NO_LINK}"),
    # tables and quotations
    ("| a | b |\n| c | d |", 9, TABLE),
    ("| a | b |\n|---|---|\n| c | d | e |", 11, "not all of this row is shown; give it as many cells"),
    ("| a | b |\n|---|---|\n| c | d |\nMore.", 12, f"{PART_OF} table above"),
    ("> “He came.”\nWe went.", 10, f"{PART_OF} quotation above"),
]


AS_MEANT = [
    "This is **bold**, __bold__, *so* and _so_; un**believ**able.",
    "**Note.** Read it.",
    "“Quoted” – yes, 50% & more; 3 > 2; x_y; #1 of 2; C#.",
    "5 \\* 3 is 15.",
    "\\- no list",
    "1990. It was cold.",
    "A&nbsp;B, &amp; and &copy;.",
    "He said that she [name taken out] came (twice).",
    "Write to a_b@help.example.",
    "See [the stories](/case-studies/ \"Stories\").",
    "See [the stories]( /case-studies/ ).",
    "See [the stories][s].\n\n[s]: /case-studies/",
    "See <https://help.example>.",
    "See [https://help.example/a_b](https://help.example/a_b).",
    "- one that is\n  long\n- two",
    "- one that is\nlong\n- two",
    "- one\n\n- two\n\nCall us.",
    " - one\n - two",
    "-\u00a0one\n-\u00a0two",
    "##\u00a0Heading\n\nText.",
    "1. one\n\nWords.\n\n2. two",
    "1. one\n1. two\n1. three",
    "4. four\n5. five",
    "A | B, he (/she) knows C++.",
    "> “He came.”\n> “She came.”\n\nWe went.",
    "| a | b |\n|---|---|\n| c | d |\n\nMore.",
    "One line,  \nanother line.",
    "---",
    "____",
    "{phone}",
]  # fmt: skip


@pytest.fixture(scope="module")
def named(
    make_content: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, list[str]]:
    """Return what one check says about each of these texts, each at the end of its own page."""
    content = with_house_rules(make_content(tmp_path_factory.mktemp("texts")))
    pages = {
        f"text-{number}": words for number, words in enumerate([*(text for text, *_ in IN_TEXT), *AS_MEANT])
    }
    home = (content / HOME).read_text()
    for page, words in pages.items():
        (content / "pages" / f"{page}.md").write_text(f"{home.replace('Home', page)}\n{words}\n")
    write(content, "navigation.toml", "".join(f'"/{page}", ' for page in pages) + '"/case', '"/case')
    said = findings(content)
    begins = {words: f"content/pages/{page}.md:" for page, words in pages.items()}
    assert [line for line in said if not line.startswith(tuple(begins.values()))] == []
    return {
        words: [line.removeprefix(begin) for line in said if line.startswith(begin)]
        for words, begin in begins.items()
    }


@pytest.mark.parametrize(("words", "line", "said"), IN_TEXT, ids=[words for words, *_ in IN_TEXT])
def test_what_is_shown_otherwise_than_meant_is_named_on_its_line(named, words, line, said):
    (found,) = named[words]

    assert found.startswith(f"{line}: ")
    assert said in found


@pytest.mark.parametrize("words", AS_MEANT)
def test_what_is_shown_as_meant_is_not_named(named, words):
    assert named[words] == []


def test_an_item_that_an_unset_fact_hides_does_not_make_the_numbers_wrong(content):
    write(content, "service.toml", '[hours]\nform = "phrase"\nask = "When?"')
    write(content, HOME, "1. one\n2. at {hours}\n3. three")

    assert findings(content) == []


FIELDS = [
    (STORY, "title: The shop window", "title: “The shop window”", 2, "readers see the curly quotes"),
    (STORY, "title: The shop window", 'title: “The shop window"', 2, "readers see the curly quotes"),
    (STORY, "title: The shop window", "title: ‘The shop window’", 2, "readers see the curly quotes"),
    (STORY, "title: The shop window", "title: The shop #window", 2, "“#window” is not shown"),
    (STORY, "summary: A window", "summary: A # window", 3, "# begins a note here; write the summary in"),
    (STORY, "summary: A window", "summary: A window\n  # here\n  or two", 5, "this line cannot be read"),
    (STORY, "place: not stated", "place: !North wood", 9, "“!North wood” is shown as “wood”"),
    (STORY, "place: not stated", "place: &North wood", 9, "“&North wood” is shown as “wood”"),
    (STORY, "place: not stated", 'place: "North\\wood"', 9, "write one straight quote before the place"),
    (STORY, "place: not stated", 'place: "North\\nwood"', 9, "place: \\n is not shown as it is written"),
    (STORY, "summary: A window", "summary: A **window**", 3, f"“**” {SHOWN}"),
    (STORY, "summary: A window", "summary: A [window](/refer)", 3, "write a link as"),
    (STORY, "title: The shop window", "title: The shop &amp; window", 2, f"“&amp;” {SHOWN}"),
    (STORY, "title: The shop window", "title: The <b>shop</b>", 2, f"“<b>” {SHOWN}"),
    (STORY, "published: 2026-02-01", "published: 2062-02-01", 16, "is this the right year?"),
    (STORY, "published: 2026-02-01", "published: 0206-02-01", 16, "is this the right year?"),
    (HOME, "title: Home", "title: Call {phone}", 2, f"“{{phone}}” {SHOWN}; write its words"),
    (HOME, "description: Words.", "description: Words \\ more.", 3, f"“\\” {SHOWN}"),
    (HOME, "description: Words.", "description: Words.\nhead: __Home__", 4, f"“__” {SHOWN}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "right", "written", "line", "said"), FIELDS, ids=[f[2] for f in FIELDS])
def test_a_field_that_readers_see_otherwise_is_named(content, name, right, written, line, said):
    write(content, name, written, right)

    (found,) = findings(content)

    assert found.startswith(f"content/{name}:{line}: ")
    assert said in found


@pytest.mark.parametrize(
    "written",
    [
        '"“I forgive you”"',
        '"The shop #4"',
        "'The shop: a window'",
        "“I forgive you,” he said",
        '"A" # a draft',
    ],
)
def test_a_title_in_straight_quotes_is_shown_as_it_is_written(content, written):
    write(content, STORY, f"title: {written}", "title: The shop window")

    assert findings(content) == []


FORM = "forms/ask.toml"
TABLES = [
    (FORM, 'label = "Phone number"', 'label = "Phone **number**"', 21, f"“**” {SHOWN}"),
    (FORM, 'label = "Phone number"', 'label = "Phone &amp; number"', 21, f"“&amp;” {SHOWN}"),
    (FORM, 'label = "Phone number"', "label = 'Phone \\ number'", 21, f"“\\” {SHOWN}"),
    (FORM, 'label = "Phone number"', 'label = "Number in {Area}"', 21, f"“{{Area}}” {SHOWN}"),
    (FORM, 'label = "Phone number"', 'label = "Number in {aera}"', 21, "there is no fact “aera”"),
    (FORM, 'label = "Phone"', 'label = "[Phone](/phone)"', 13, "write a link as"),
    (FORM, 'title = "About you"', 'title = "About <b>you</b>"', 5, f"“<b>” {SHOWN}"),
    ("navigation.toml", 'label = "Home"', 'label = "*Home*"', 2, f"“*” {SHOWN}"),
    ("navigation.toml", 'title = "All"', 'title = "All {pages}"', 6, f"“{{pages}}” {SHOWN}"),
    ("service.toml", 'value = "Nowhere"', 'value = "No\\\\where"', 8, f"“\\” {SHOWN}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "right", "written", "line", "said"), TABLES, ids=[t[2] for t in TABLES])
def test_words_in_a_table_that_readers_see_otherwise_are_named(content, name, right, written, line, said):
    write(content, name, written, right)

    found = [line for line in findings(content) if line.startswith(f"content/{name}:")]

    assert found[0].startswith(f"content/{name}:{line}: ")
    assert said in found[0]
    assert len(found) == 1


@pytest.mark.parametrize("name", ["navigation.toml", "forms/shared/spare.toml"])
def test_a_broken_table_hides_no_other_finding(content, name):
    write(content, HOME, "An easy page.")
    (content / name).parent.mkdir(exist_ok=True)
    (content / name).write_text("[[")

    found = findings(content)

    assert f"content/{name}:1: not TOML" in {line[: len(f"content/{name}:1: not TOML")] for line in found}
    assert [line for line in found if line.startswith(f"content/{HOME}:9: “easy” is not our word")]


def test_a_question_that_an_unset_fact_takes_away_is_named(content):
    write(content, "service.toml", '[hours]\nform = "phrase"\nask = "When?"')
    write(content, FORM, 'label = "Can we call from {hours}?"', 'label = "Phone number"')

    assert findings(content) == [
        f"content/{FORM}:21: nothing is shown here while {{hours}} has no value; write words without it"
    ]


def test_facts_stand_in_all_words_of_a_form(content):
    write(
        content,
        FORM,
        'malformed = "Enter a number of {area}"',
        'malformed = "Enter a number like 0123 456 789"',
    )
    write(content, FORM, 'title = "About you in {area}"', 'title = "About you"')

    (step,) = load(content).forms["/ask"].steps

    assert step.title == "About you in Nowhere"
    assert step.questions[1].malformed == "Enter a number of Nowhere"
