"""The check names each fact that lacks its form, does not fit its sentence or is also written elsewhere."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from rjsite.content import lint
from rjsite.content.fact_formats import FORMAT_HINTS, fits
from rjsite.content.facts import load_facts
from rjsite.content.library import load
from support.service import CLIENT, SERVICE

TODAY = date(2026, 3, 1)
HOME, FORM = "pages/index.md", "forms/ask.toml"
LINE = 29  # the line of the first fact that a test adds


@pytest.fixture
def content(content: Path) -> Path:
    shutil.copy(SERVICE / "house-rules.toml", content)
    story = content / "case-studies" / "the-shop-window.md"
    story.write_text(story.read_text() + "\n## What changed {: .changed }\n\nThe window is whole.\n")
    return content


def findings(content: Path) -> list[str]:
    return [str(found) for found in lint.check(load(content, drafts=True), content, TODAY)]


def add(content: Path, name: str, words: str) -> None:
    with (content / name).open("a") as file:
        file.write(f"\n{words}\n")


def change(content: Path, name: str, right: str, words: str) -> None:
    before = (content / name).read_text()
    assert right in before
    (content / name).write_text(before.replace(right, words, 1))


def found_in(content: Path, form: str, value: str, sentence: str = "") -> list[str]:
    """Return the findings if a fact has this form and value and is used in this sentence."""
    add(content, "service.toml", f'[it]\nform = "{form}"\nvalue = "{value}"\nask = "What?"')
    if sentence:
        add(content, HOME, sentence)
    return findings(content)


WRONG = [
    ("phone", "Samaritans free on 116 123, day and night."),
    ("phone", "0800 999 5428 or 0808 801 0327"),
    ("phone", "0800 999 5428 (free)"),
    ("phone", "0800 99"),
    ("phone", "0800 000 0000"),
    ("phone", "85258"),
    ("phone", "0800 CALL US"),
    ("text", "101"),
    ("text", "SHOUT to 85258"),
    ("email", "Write to help@galop.example"),
    ("email", "mailto:help@galop.example"),
    ("email", "help@galop"),
    ("email", "name@example.org"),
    ("website", "http://galop.example"),
    ("website", "the Galop website"),
    ("phrase", "Within 3 days"),
    ("phrase", "3 working days."),
    ("phrase", "we answer from 9am"),
    ("phrase", "from 9am. Call us then"),
    ("name", "The team."),
    ("name", "the team"),
    ("address", "1 High Street, Nowhere."),
    ("sentence", "We bring an interpreter"),
    ("sentence", "we bring an interpreter."),
    ("sentence", "Yes."),
    ("sentence", "Yes, we bring one for free."),
    ("number", "about 85%"),
    ("date", "last spring"),
    ("date", "31 February 2026"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "value"), WRONG)
def test_a_value_that_has_not_its_form_is_refused(form, value):
    assert not fits(form, value)


def test_a_value_that_has_not_its_form_is_named_at_its_line(content):
    value = "Samaritans free on 116 123, day and night."

    assert found_in(content, "phone", value) == [
        f"content/service.toml:{LINE + 2}: “{value}”: write {FORMAT_HINTS['phone']}"
    ]


RIGHT = [
    *(("phone", number) for number in ("116 123", "101", "999", "111", "0800 1111", "+44 20 7946 0000")),
    *(("text", number) for number in ("85258", "07700 900 982", "+44 7700 900 982")),
    *(("phrase", words) for words in ("3 working days", "Monday to Friday, 9am to 5pm", "Nowhere")),
    *(("phrase", words) for words in ("the BBC Weather website", "NHS hospitals", "weekdays, 9 a.m. to 5pm")),
    ("sentence", "We bring one. It is free."),
    ("sentence", "Did it change? Ask us “why?”"),
    ("name", "Galop"),
    ("address", "Freepost HELP LETTERS"),
    ("number", "2,343"),
    ("date", "9 March 2026"),
    ("date", "2026-03-09"),
    ("website", "galop.example"),
    ("note", "three people, in June"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "value"), RIGHT)
def test_a_value_in_its_form_is_taken(form, value):
    assert fits(form, value)


@pytest.mark.parametrize(
    ("form", "value"), [("phrase", "tbc"), ("sentence", "To be confirmed."), ("phone", "?")]
)
def test_a_word_that_keeps_the_place_of_an_answer_is_named(content, form, value):
    (found,) = found_in(content, form, value)

    assert found.startswith(
        f"content/service.toml:{LINE + 2}: “{value}” is not an answer; write {FORMAT_HINTS[form]}, or take"
    )


@pytest.mark.parametrize(
    ("form", "value", "sentence", "said"),
    [
        ("phrase", "Within 3 days", "We reply within {it}.", "“We reply within Within 3 days.” says"),
        ("phrase", "the phone from 9am", "We answer the phone {it}.", "write only “from 9am”"),
        ("phrase", "3 days at most", "It takes {it} at most.", "write only “3 days”"),
        ("phrase", "about 3 days at most", "It takes about {it} at most.", "write only “3 days”"),
        ("name", "The Help Website", "Go to **the {it}**.", "write only “Help Website”"),
    ],
)
def test_words_that_stand_beside_the_value_already_are_named(content, form, value, sentence, said):
    (found,) = found_in(content, form, value, sentence)

    assert found.startswith(f"content/service.toml:{LINE + 2}: ")
    assert said in found


@pytest.mark.parametrize(
    "sentence", ["We reply within {it}.", "- within **{it}**", "| within {it} | after |"]
)
def test_a_value_that_completes_its_sentence_is_not_named(content, sentence):
    assert [
        line for line in found_in(content, "phrase", "3 days", sentence) if "the same twice" in line
    ] == []


def test_a_fact_that_does_not_say_its_form_is_named(content):
    add(content, "service.toml", '[hours]\nask = "When?"')
    change(content, "service.toml", 'form = "email"', 'form = "name"')

    assert [line.partition(" with")[0] for line in findings(content)] == [
        'content/service.toml:21: write form = "email" in [email]',
        f'content/service.toml:{LINE}: add to [hours] a form = "...",',
    ]


def test_a_link_that_is_written_beside_a_number_changes_nothing(content):
    change(content, "service.toml", 'form = "phone"', 'form = "phone"\nlink = "tel:+441632960002"')

    assert findings(content) == []
    assert load(content).facts["phone"].link == "tel:+441632960001"


def test_a_number_for_relay_uk_that_is_not_ours_is_named(content):
    change(content, "service.toml", '"18001 {phone}"', '"18001 01632 960 002"')

    (found,) = findings(content)
    assert found.startswith("content/service.toml:17: this is not the phone number with 18001 before it")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("from {opening}", "there is no fact “opening”"),
        ("from {it}", "write the words of {it} here"),
        ("on {relay}", "write the words of {relay} here"),
    ],
)
def test_a_value_that_cannot_take_in_the_fact_it_names_is_named(content, value, said):
    (found,) = found_in(content, "phrase", value)

    assert found.startswith(f"content/service.toml:{LINE + 2}: {said}")


@pytest.mark.parametrize(
    ("name", "right", "words", "said"),
    [
        (HOME, "Words of Home.", "Call 01632 960 001.", "write {phone} in place of “01632 960 001”"),
        (HOME, "Words of Home.", "Call +44 1632 960001.", "write {phone} in place of “+44 1632 960001”"),
        (HOME, "Words of Home.", "Call [us](tel:+441632960001).", "write {phone} in place of “tel:+44"),
        (HOME, "Words of Home.", "Call 0808 801 0327.", "add “0808 801 0327” as a fact"),
        (HOME, "Words of Home.", "Write to team@nowhere.example.", "write {email} in place of"),
        (HOME, "Words of Home.", "Write to us@mending.org.uk.", "add “us@mending.org.uk” as a fact"),
        (HOME, "title: Home", "title: Call 01632 960 001", "take “01632 960 001” out"),
        ("outcomes/outside.md", "Words of Outside.", "Call 01632 960 001.", "write {phone} in place of"),
        ("errors/503.md", "Words of Notice 503.", "Call 01632 960 001.", "write {phone} in place of"),
        ("forms/ask.md", "Words of Ask us.", "Dial 18001 01632 960 001.", "write {relay} in place of"),
        (FORM, 'label = "Phone"', 'label = "Call 01632 960 001"', "write {phone} in place of"),
        ("navigation.toml", 'label = "Home"', 'label = "Call 01632 960 001"', "write {phone} in place of"),
    ],
)  # fmt: skip
def test_a_number_or_address_that_would_not_change_with_its_fact_is_named(content, name, right, words, said):
    line = (content / name).read_text().partition(right)[0].count("\n") + 1
    change(content, name, right, words)

    assert any(found.startswith(f"content/{name}:{line}: {said}") for found in findings(content))


def test_a_fact_that_repeats_a_number_of_another_is_named(content):
    (found,) = found_in(content, "sentence", "Leave a message on 01632 960 001.")

    assert "write {phone} in place of “01632 960 001”" in found


@pytest.mark.parametrize("words", ["Call 999.", "It was on 09-03-2026 at 0800.", "Case 0123456789012345."])
def test_other_figures_are_not_named(content, words):
    add(content, HOME, words)

    assert findings(content) == []


@pytest.mark.client_content
def test_each_fact_of_ours_says_what_form_its_value_has():
    path = CLIENT / "service.toml"

    assert [name for name, fact in load_facts(path, path).items() if fact.form not in FORMAT_HINTS] == []


@pytest.mark.client_content
def test_service_toml_explains_every_form():
    written = (CLIENT / "service.toml").read_text()

    assert re.findall(r"^#   (\w+)  ", written, re.MULTILINE) == sorted(
        FORMAT_HINTS, key=list(FORMAT_HINTS).index
    )
