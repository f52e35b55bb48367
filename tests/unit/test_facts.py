"""Facts: put in by name; an unset one hides its whole sentence and nothing else."""

from __future__ import annotations

import pytest

from rjsite.content.facts import REQUIRED, Fact, Facts, load_facts
from rjsite.content.problem import Unreadable

FACTS = Facts(
    {
        "phone": Fact(value="0123 456", link="tel:0123456"),
        "area": Fact(value="Nowhere"),
        "site": Fact(value="the help website", link="https://help.example/"),
        "hours": Fact(ask="When?"),
    }
)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Call {phone}.\n", "Call [0123 456](tel:0123456).\n"),
        ("Call {phone.text}.\n", "Call 0123 456.\n"),
        ("In {area} we help.\n", "In Nowhere we help.\n"),
        ("See {site}.\n", "See [the help website](https://help.example/).\n"),
        ("Nothing to put in.\n", "Nothing to put in.\n"),
        # sentences
        ("Call us. We answer {hours}. It is free.\n", "Call us. It is free.\n"),
        ("We answer {hours}. It is free.\n", "It is free.\n"),
        ("Call us. We answer {hours}.\n", "Call us.\n"),
        ("Is it {hours}? Yes! Call {phone}.\n", "Yes! Call [0123 456](tel:0123456).\n"),
        ("She said “{hours}.” He left.\n", "He left.\n"),
        ("One. We are\nthere {hours}. Two.\n", "One. Two.\n"),
        ("We answer {hours} and {phone}. Two.\n", "Two.\n"),
        ("We answer {nothing}. Two.\n", "Two.\n"),
        # paragraphs
        ("One.\n\nWe answer {hours}.\n\nTwo.\n", "One.\n\n\nTwo.\n"),
        # lists
        ("- one\n- at {hours}\n- three\n", "- one\n- three\n"),
        ("1. one\n2. at {hours}\n3. three\n", "1. one\n3. three\n"),
        ("- Call us. We answer {hours}.\n- two\n", "- Call us.\n- two\n"),
        # tables
        ("| a |\n|---|\n| {hours} |\n| {area} |\n", "| a |\n|---|\n| Nowhere |\n"),
        # headings take their section with them
        ("## At {hours}\n\nWords.\n\n### More\n\nWords.\n\n## Next\n\nEnd.\n", "## Next\n\nEnd.\n"),
        ("## One\n\n### At {hours}\n\nGone.\n\n### Two\n\nStays.\n", "## One\n\n### Two\n\nStays.\n"),
        ("### At {hours}\n\nGone.\n\n## Next\n", "## Next\n"),
        # quiet: asked for, not printed
        ("{?phone}Call us.\n", "Call us.\n"),
        ("{?hours}Call us. It is free.\n", "It is free.\n"),
        ("- one\n- {?hours}two\n", "- one\n"),
        ("## Hours {?hours}\n\nGone.\n\n## Next\n", "## Next\n"),
        ("## Phone {?phone}\n\nStays.\n", "## Phone\n\nStays.\n"),
        # until it is set
        ("{!hours}We wait for it. It is free.\n", "We wait for it. It is free.\n"),
        ("{!phone}We wait for it. It is free.\n", "It is free.\n"),
        ("- one\n- the phone{!phone}\n- the hours{!hours}\n", "- one\n- the hours\n"),
        ("## We wait {!phone}{!hours}\n\nStays.\n", "## We wait\n\nStays.\n"),
        ("## We wait {!phone}{!area}\n\nGone.\n\n## Next\n", "## Next\n"),
        ("Not {!hours}but {phone}.\n", "Not but [0123 456](tel:0123456).\n"),
        ("{!hours}Not {nothing}. Two.\n", "Two.\n"),
    ],
)  # fmt: skip
def test_a_sentence_without_its_fact_is_hidden_and_its_neighbours_stay(written, read):
    assert FACTS.fill_markdown(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Call {phone}", "Call 0123 456"),
        ("{area} is here. Select all that apply", "Nowhere is here. Select all that apply"),
        ("We answer {hours}. Select all that apply", "Select all that apply"),
        ("We answer {hours}", ""),
        ("{?area}Yes", "Yes"),
    ],
)
def test_plain_text_has_facts_without_links(written, read):
    assert FACTS.fill(written) == read


def test_a_fact_that_is_only_asked_for_is_not_set():
    assert [FACTS.has(name) for name in ("phone", "hours", "nothing")] == [True, False, False]


def written(**facts: str) -> str:
    return "".join(f'[{name}]\nvalue = "{value}"\n' for name, value in facts.items())


def test_facts_are_read_from_the_file(tmp_path):
    path = tmp_path / "service.toml"
    path.write_text(written(**dict.fromkeys(REQUIRED, "x")) + '[hours]\nask = "When?"\n')

    facts = load_facts(path, path)

    assert str(facts["phone"]) == "x"
    assert facts["hours"].ask == "When?"


@pytest.mark.parametrize("missing", REQUIRED)
def test_a_fact_that_nothing_works_without_is_asked_for(tmp_path, missing):
    path = tmp_path / "service.toml"
    path.write_text(written(**{name: "x" for name in REQUIRED if name != missing}))

    with pytest.raises(Unreadable) as raised:
        load_facts(path, path)

    assert [problem.words for problem in raised.value.problems] == [f'add [{missing}] with a value = "..."']


def test_an_unknown_key_of_a_fact_is_a_problem(tmp_path):
    path = tmp_path / "service.toml"
    path.write_text(written(**dict.fromkeys(REQUIRED, "x")) + '[hours]\nvalu = "late"\n')

    with pytest.raises(Unreadable) as raised:
        load_facts(path, path)

    assert len(raised.value.problems) == 1
    assert "hours.valu" in raised.value.problems[0].words
