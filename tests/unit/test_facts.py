"""Facts are read from service.toml, filled in by name and removed on the day in `until`.

A fact that is not set hides the sentence that names it, and whatever makes no sense without that sentence.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from rjsite.content.fact_formats import FORMAT_HINTS
from rjsite.content.facts import REQUIRED, Fact, Facts, load_facts
from rjsite.content.problem import Unreadable

FACTS = Facts(
    {
        "phone": Fact(value="0123 456", link="tel:0123456"),
        "area": Fact(value="Nowhere"),
        "site": Fact(value="the help website", link="https://help.example/"),
        "hours": Fact(ask="When?"),
        "limits": Fact(form="sentence", ask="Which?"),
        "cost": Fact(form="sentence", value="It is free."),
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
        ("We open at 9 a.m. on {hours}. Two.\n", "Two.\n"),
        ("The [Why me? website](/me) answers {hours}. Two.\n", "Two.\n"),
        ("“Is it free?” some ask {hours}. Two.\n", "Two.\n"),
        # a fact that consists of whole sentences counts as a separate sentence
        ("{limits} We listen.\n", "We listen.\n"),
        ("We listen. {limits} {cost} Ask us.\n", "We listen. It is free. Ask us.\n"),
        ("- {limits} {cost}\n- {limits}\n", "- It is free.\n"),
        ("{hours} We listen.\n", ""),
        ("{?limits} We listen. Ask us.\n", "Ask us.\n"),
        # paragraphs
        ("One.\n\nWe answer {hours}.\n\nTwo.\n", "One.\n\n\nTwo.\n"),
        # lists
        ("- one\n- at {hours}\n- three\n", "- one\n- three\n"),
        ("1. one\n2. at {hours}\n3. three\n", "1. one\n2. three\n"),
        ("1. at {hours}\n2. at {hours}\n\n    More.\n\n3. three\n", "\n\n1. three\n"),
        ("- at {hours}\n    - sub\n- two\n", "- two\n"),
        ("- one:\n    - at {hours}\n- two\n", "- two\n"),
        ("1. one\n    1. at {hours}\n2. two\n", "1. one\n2. two\n"),
        ("1. at {hours}\n\nNext:\n\n3. three\n", "\nNext:\n\n3. three\n"),
        ("- Call us. We answer {hours}.\n- two\n", "- Call us.\n- two\n"),
        # tables
        ("| a |\n|---|\n| {hours} |\n| {area} |\n", "| a |\n|---|\n| Nowhere |\n"),
        ("| a | {hours} |\n|---|---|\n| b | c |\n\nEnd.\n", "\nEnd.\n"),
        ("| a |\n|---|\n| {hours} |\n\nEnd.\n", "\nEnd.\n"),
        # a sentence and the list that completes it
        ("Two. Reach us:\n\n- at {hours}\n\nEnd.\n", "Two.\n\n\nEnd.\n"),
        ("One. At {hours}:\n\n- call\n- Monday\n\n    More.\n\n- Call us.\n", "One.\n\n\n\n- Call us.\n"),
        ("Term\n:   At {hours}.\n\nEnd.\n", "\nEnd.\n"),
        ("At {hours}\n:   What it is.\n\nEnd.\n", "\nEnd.\n"),
        # quotations, links, bold words and sentences with abbreviations are never cut in half
        ("“We answer {hours}. Come.” Two.\n", "Two.\n"),
        ("> One sentence is\n> there {hours}. Two.\n> Three.\n", "> Two.\n> Three.\n"),
        ("> One {hours}.\n> Two.\n", "> Two.\n"),
        ("See [Why me? At {hours}](/me). Two.\n", "Two.\n"),
        ("**Call us. We answer {hours}.** Two. **Three.**\n", "Two. **Three.**\n"),
        ("_Call us. We answer {hours}._ Two.\n", "Two.\n"),
        ("Call us (at {hours}. Do call). Two.\n", "Two.\n"),
        ("Ask Mr. Smith at {hours}. We open at 9 a.m. Monday. Two.\n", "We open at 9 a.m. Monday. Two.\n"),
        ("We answer {hours} to 5 p.m. Call 999 in danger.\n", "Call 999 in danger.\n"),
        ("We answer from 9 a.m. Monday to {hours}. Two.\n", "Two.\n"),
        ("One (two. Three {hours}. Four.\n", "One (two. Four.\n"),
        # a hidden heading hides its section, and a section that has become empty loses its heading
        ("One.\n\n## Two\n\nWe answer {hours}.\n\n## Three\n\nEnd.\n", "One.\n\n## Three\n\nEnd.\n"),
        ("## At {hours}\n\nWords.\n\n### More\n\nWords.\n\n## Next\n\nEnd.\n", "## Next\n\nEnd.\n"),
        ("## One\n\n### At {hours}\n\nGone.\n\n### Two\n\nStays.\n", "## One\n\n### Two\n\nStays.\n"),
        ("### At {hours}\n\nGone.\n\n## Next\n", "## Next\n"),
        # {?fact}, which requires a fact without showing it
        ("{?phone}Call us.\n", "Call us.\n"),
        ("{?hours}Call us. It is free.\n", "It is free.\n"),
        ("- one\n- {?hours}two\n", "- one\n"),
        ("## Hours {?hours}\n\nGone.\n\n## Next\n", "## Next\n"),
        ("## Phone {?phone}\n\nStays.\n", "## Phone\n\nStays.\n"),
        # {!fact}, which shows a sentence until a fact is set
        ("{!hours}We wait for it. It is free.\n", "We wait for it. It is free.\n"),
        ("{!phone}We wait for it. It is free.\n", "It is free.\n"),
        ("- one\n- the phone{!phone}\n- the hours{!hours}\n", "- one\n- the hours\n"),
        ("## We wait {!phone}{!hours}\n\nStays.\n", "## We wait\n\nStays.\n"),
        ("## We wait {!phone}{!area}\n\nGone.\n\n## Next\n", "## Next\n"),
        ("{!phone}We wait. {?phone}It is here.\n", "It is here.\n"),
        ("{!hours}We wait. {?hours}It is here.\n", "We wait.\n"),
        ("{!phone}We wait for one. {!hours}We wait for the other.\n", "We wait for the other.\n"),
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


WORKING = {
    **dict.fromkeys(REQUIRED, "Mending"),
    "phone": "01632 960 001",
    "relay": "18001 {phone}",
    "email": "team@nowhere.example",
    "emergency": "999",
    "exit_url": "https://weather.example/",
}


def loaded(tmp_path: Path, more: str = "", **facts: str) -> Facts:
    """Write a service.toml with all required facts and these changes, and return its facts."""
    path = tmp_path / "service.toml"
    tables = (f"[{name}]\nvalue = {value!r}\n" for name, value in {**WORKING, **facts}.items() if value)
    path.write_text("".join(tables) + more)
    return load_facts(path, path)


def refused(tmp_path: Path, more: str = "", **facts: str) -> list[str]:
    """Write a service.toml that cannot be used, and return the line and message of each problem."""
    with pytest.raises(Unreadable) as raised:
        loaded(tmp_path, more, **facts)
    return [str(problem).partition("service.toml:")[2] for problem in raised.value.problems]


def test_facts_are_read_from_the_file(tmp_path):
    facts = loaded(tmp_path, '[hours]\nask = "When?"\n')

    assert str(facts["name"]) == "Mending"
    assert facts["hours"].ask == "When?"


@pytest.mark.parametrize("missing", REQUIRED)
def test_a_fact_that_nothing_works_without_is_asked_for(tmp_path, missing):
    assert refused(tmp_path, **{missing: ""}) == [f'1: add [{missing}] with a value = "..."']


@pytest.mark.parametrize("value", ["{area} {no_such_fact}", "{phone} {relay}"])
def test_a_needed_fact_that_names_one_without_a_value_is_a_problem(tmp_path, value):
    (problem,) = refused(tmp_path, name=value)

    assert problem == f"2: name: “{value}” is not an answer; write {FORMAT_HINTS['name']}"


def test_a_needed_fact_that_only_waits_for_another_needed_one_is_no_second_problem(tmp_path):
    (problem,) = refused(tmp_path, name="{area} Mending", area="tbc")

    assert "area: “tbc” is not an answer" in problem


def test_an_unknown_key_of_a_fact_is_a_problem(tmp_path):
    (problem,) = refused(tmp_path, '[hours]\nvalu = "late"\n')

    assert "hours.valu" in problem


@pytest.mark.parametrize(
    ("number", "link"),
    [
        ("0800 999 5428", "tel:+448009995428"),
        ("0800 1111", "tel:+448001111"),
        ("08 08 16 89 111", "tel:+448081689111"),
        ("(01632) 960-001", "tel:+441632960001"),
        ("+44 1632 960 001", "tel:+441632960001"),
        ("+44 (0)1632 960 001", "tel:+441632960001"),
        ("0044 1632 960 001", "tel:+441632960001"),
        ("+353 1 234 5678", "tel:+35312345678"),
        ("00353 1 234 5678", "tel:+35312345678"),
        ("116 123", "tel:116123"),
        ("101", "tel:101"),
        ("999", "tel:999"),
        ("Samaritans free on 116 123", ""),
        ("0800 999 5428 or 101", ""),
        ("0800 CALLUS", ""),
    ],
)
def test_a_number_dials_what_it_shows(tmp_path, number, link):
    facts = loaded(tmp_path, f'[line]\nform = "phone"\nvalue = "{number}"\nlink = "tel:0"\n')

    assert (facts["line"].value, facts["line"].link) == (number, link)


@pytest.mark.parametrize("phone", ["0800 999 5428", "+44 800 999 5428", "+44 (0)800 999 5428"])
def test_a_new_phone_number_is_the_number_of_relay_uk_as_well(tmp_path, phone):
    facts = loaded(tmp_path, phone=phone)

    assert facts["phone"].link == "tel:+448009995428"
    assert facts["relay"].value == "18001 0800 999 5428"


@pytest.mark.parametrize(
    ("form", "value", "link"),
    [
        ("email", "a@mending.example", "mailto:a@mending.example"),
        ("email", "Write to a@mending.example", ""),
        ("website", "mending.example", "https://mending.example"),
        ("website", "https://mending.example/help?a=1", "https://mending.example/help?a=1"),
        ("website", "http://mending.example", ""),
        ("website", "javascript:alert(1)", ""),
        ("text", "85258", "kept"),
        ("name", "The help website", "kept"),
    ],
)
def test_an_address_links_to_what_it_shows_and_words_to_what_is_written(tmp_path, form, value, link):
    facts = loaded(tmp_path, f'[it]\nform = "{form}"\nvalue = "{value}"\nlink = "kept"\n')

    assert facts["it"].link == link


def test_a_fact_can_hold_another_and_is_not_set_while_that_one_is_not(tmp_path):
    secure, late = '[secure]\nvalue = "{email}.cjsm.net"\n', '[late]\nvalue = "From {hours}."\n[hours]\n'

    facts = loaded(tmp_path, secure + late)

    assert str(facts["secure"]) == "team@nowhere.example.cjsm.net"
    assert not facts.has("late")


@pytest.mark.parametrize("value", ['"9 March 2026"', '"2026-03-09"', "2026-03-09"])
def test_a_day_is_shown_in_words(tmp_path, value):
    assert loaded(tmp_path, f'[day]\nform = "date"\nvalue = {value}\n')["day"].value == "9 March 2026"


NO_ANSWERS = [
    "tbc", "TBC", "T.B.C.", "(tbc)", "to be confirmed", "Hours to be confirmed.", "tba", "n/a", "N/A", "?",
    "???", "xxx", "0800 XXX XXXX", "unknown", "Not known yet", "TODO: ask Anna", "None", "-", "…", "...", " ",
    "Lorem ipsum dolor sit amet.", "[phone number]", "<number>", "pending", "Don’t know",
]  # fmt: skip


@pytest.mark.parametrize("value", NO_ANSWERS)
def test_a_word_that_keeps_the_place_of_an_answer_is_never_shown(tmp_path, value):
    facts = loaded(tmp_path, f'[hours]\nform = "phrase"\nvalue = "{value}"\nask = "When?"\n')

    assert not facts.has("hours")
    assert facts.fill_markdown("Call us. We answer {hours}. It is free.\n") == "Call us. It is free.\n"


@pytest.mark.parametrize(
    "value", ["no longer than 3 days", "Monday to Friday", "9am to 5pm", "55", "Tod O’Dow"]
)
def test_an_answer_is_shown(tmp_path, value):
    assert loaded(tmp_path, f'[hours]\nvalue = "{value}"\n').has("hours")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("phone", "tbc", "10: phone: “tbc” is not an answer; write one phone number"),
        ("phone", "Call 0800 999 5428", "10: phone: write one phone number"),
        ("email", "us", "14: email: write one email address"),
        ("exit_url", "http://weather.example", "18: exit_url: write one web address"),
    ],
)
def test_the_site_does_not_start_with_a_phone_email_or_exit_that_nobody_can_use(tmp_path, name, value, said):
    (found,) = refused(tmp_path, **{name: value})

    assert found.startswith(said)


# -- facts that end ----------------------------------------------------------------------------------------


DAY = date(2026, 5, 9)


@pytest.mark.parametrize("until", ["2026-05-09", '"2026-05-09"', '"9 May 2026"'])
def test_a_fact_is_set_up_to_the_day_in_its_until_and_not_from_then_on(tmp_path, until):
    facts = loaded(tmp_path, f'[hours]\nform = "phrase"\nvalue = "9am to 5pm"\nuntil = {until}\n')

    before, then = facts.on(DAY - timedelta(days=1)), facts.on(DAY)

    assert before.fill("We answer {hours}. Call {phone}.") == "We answer 9am to 5pm. Call 01632 960 001."
    assert then.fill("We answer {hours}. Call {phone}.") == "Call 01632 960 001."
    assert list(then.ended) == ["hours"]
    assert then.on(DAY).ended == then.ended


def test_a_fact_that_names_another_ends_with_it(tmp_path):
    facts = loaded(
        tmp_path,
        '[hours]\nvalue = "9am to 5pm"\nuntil = 2026-05-09\n[open]\nvalue = "We answer {hours}."\n'
        '[call]\nvalue = "Call {phone}."\nuntil = 2026-05-10\n',
    )

    assert (facts.on(DAY).has("open"), facts.on(DAY).has("call")) == (False, True)


HELP = {
    "phone": 'value = "01632 960 001"',
    "name": 'value = "Mending"',
    "exit_url": 'value = "https://weather.example/"',
    "helpline": 'form = "phone"\nvalue = "01632 960 002"',
    "letters": 'form = "address"\nvalue = "Freepost HELP"',
    "chat": 'form = "website"\nvalue = "help.example"\nchecked = "rung"',
    "silent_call": 'form = "number"\nvalue = "55"\nneeded = true',
}


@pytest.mark.parametrize("name", HELP)
def test_a_fact_of_help_or_contact_stays_after_its_day(tmp_path, name):
    path = tmp_path / "service.toml"
    tables = {**{other: f"value = {value!r}" for other, value in WORKING.items()}, name: HELP[name]}
    path.write_text("".join(f"[{key}]\n{table}\n" for key, table in tables.items()))
    path.write_text(path.read_text().replace(HELP[name], f"{HELP[name]}\nuntil = 2026-05-09"))

    assert load_facts(path, path).on(DAY).has(name)


@pytest.mark.parametrize("until", ["soon", "31 June 2026", "May"])
def test_an_until_that_is_no_day_is_named(tmp_path, until):
    found = refused(tmp_path, f'[hours]\nvalue = "9am to 5pm"\nuntil = "{until}"\n')

    assert found == ["21: hours.until: write a day, like 9 March 2026"]
