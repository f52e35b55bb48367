"""The definitions of the forms: the four match the service's own list, and mistakes are named."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from rjsite.content.library import load
from rjsite.content.problem import Unreadable
from rjsite.forms.definition import CHOICES_THAT_OPEN, FURTHER_OPENERS, FormDefinition
from rjsite.forms.form import form_class
from rjsite.forms.reserved import RESERVED_NAMES
from rjsite.settings import ROOT
from support.forms import CONTACT, GOOD, INVALID_ANSWERS, SILENT, STOPS, A, B, C
from support.service import SERVICE


@pytest.fixture(scope="module")
def ours():
    return load(SERVICE)


@pytest.mark.parametrize("form", GOOD)
def test_a_form_asks_what_the_service_decided_and_nothing_else(ours, form):
    decided = {invalid.field for invalid in INVALID_ANSWERS if invalid.form == form} | SILENT[form]

    asked = Counter(question.name for question in ours.forms[form].questions)

    assert asked == Counter(decided)


@pytest.mark.parametrize("form", GOOD)
def test_every_message_is_word_for_word_what_the_service_decided(ours, form):
    area = ours.facts["area"].value
    decided = {
        (invalid.field, invalid.message.format(area=area))
        for invalid in INVALID_ANSWERS
        if invalid.form == form
    }

    said = {
        (q.name, message)
        for q in ours.forms[form].questions
        for message in (q.missing, q.too_long if q.limit else "", q.malformed)
        if message
    }

    assert said == decided


def test_the_answers_that_stop_a_form_are_the_ones_decided(ours):
    decided = Counter((form, stop) for form, _, stop in STOPS)

    assert Counter((form.address, stop) for form in ours.forms.values() for stop in form.stops) == decided


def test_the_service_has_its_four_forms(ours):
    assert set(ours.forms) == set(GOOD)


def test_no_field_about_another_person_is_filled_in_by_the_device(ours):
    questions = [q for form in ours.forms.values() for q in form.questions]

    assert [q.name for q in questions if q.autofill and q.name.startswith(("their_", "trusted_"))] == []
    assert {q.autofill for q in questions if q.autofill} >= {"name", "tel", "email", "street-address"}


@pytest.mark.parametrize("form", GOOD)
def test_a_question_stands_after_the_answer_that_opens_it(ours, form):
    names = [q.name for q in ours.forms[form].questions]

    late = [
        q.name for q in ours.forms[form].questions for n in q.when if names.index(n) > names.index(q.name)
    ]

    assert late == []


def test_the_facts_of_the_service_stand_in_the_words(content):
    question = load(content).forms["/ask"].questions[0]

    assert question.label == "How do we reach you in Nowhere?"
    assert question.missing == "Select how we reach you in Nowhere"


@pytest.mark.parametrize(("fact", "offered"), [('value = "yes"', True), ('ask = "Can it?"', False)])
def test_a_choice_that_needs_a_fact_is_offered_only_where_it_is_set(content, fact, offered):
    with (content / "service.toml").open("a") as file:
        file.write(f"[can_text]\n{fact}\n")

    values = [choice.value for choice in load(content).forms["/ask"].questions[0].choices]

    assert ("text" in values) is offered


FILE = "content/forms/ask.toml"
SLIPS_IN_A_DEFINITION = [
    ('name = "A small form"', "name = “A small form”", 1, "the quotes are curly; write straight ones: name"),
    ('name = "A small form"', "name = A small form", 1, 'write name = "...", with one straight quote before'),
    ('name = "A small form"', "name = 5", 1, "name: write words in straight quotes"),
    ('name = "A small form"', 'name = "A"\nby_step = "perhaps"', 2, "by_step: write true or false, without"),
    ('name = "A small form"', 'name = "A"\nnext = "We call."', 2, 'next: write a list, like ["one", "two"]'),
    ('address = "/ask"', 'address = "/ask"\naddress = "/b"', 3, "“address” is here twice; keep one of them"),
    ('address = "/ask"', 'address = "/ask"\nadress = "/b"', 3, "perhaps you mean “address”"),
    ('address = "/ask"', 'address = "/ask"\nkey = "x"', 3, "“key” is not a field; use one of: name"),
    ('value = "text", label', 'value = "phone", label', 8, "give each choice a “value” of its own"),
    ('missing = "Select how', 'alone = "none"\nmissing = "Select how', 8, "“alone” names no choice; write"),
    ('missing = "Select how', 'alone = "away"\nmissing = "Select how', 8, "add “malformed”: the"),
    ('label = "Phone" }', 'label = "Phone", flag = "Call {phone}" }', 13, "flag: write this without { }"),
    ('missing = "Select how', 'before = "In {area}"\nmissing = "Select how', 11, "write this without { }"),
    ('name = "A small form"', 'name = "A"\nreply_to = "mail"', 1, "“reply_to” names no question “mail”"),
    ('label = "Phone number"', 'label = ""', 21, "label: write some words in the quotes"),
    ('label = "Phone number"', "label = 'It's'", 21, 'write label = "...", with one straight quote before'),
    ('label = "Phone number"', 'label: "Phone"', 21, "write a name, then = and the words in straight quotes"),
    ('name = "number"', 'name = ""', 19, "name: write some words in the quotes"),
    ('[[step.question]]\nname = "number"', '[[question]]\nname = "number"', 18, "“question” is not a field"),
    ('[[step.question]]\nname = "number"', '[[Step.question]]\nname = "n"', 18, "“Step” is not a field"),
    ('[[step.question]]\nname = "number"', '[[step.question]\nname = "n"', 18, "write as many ] as [ in"),
    ('label = "Text", needs', 'label = "Text" needs', 14, 'write { value = "...", label = "..." },'),
    ('{ value = "text", label = "Text", needs_fact = "can_text" }', '"text"', 14, "write each of them as {"),
    ("choices = [", "choices = ", 12, "write a name, then = and the words in straight quotes"),
    ('when = { way = ["phone", "text"] }', 'when = "phone"', 24, 'when: write it as when = { name = '),
    ('address = "/ask"', 'address = "ask"', 2, "address: begin it with / and use small letters"),
    ('address = "/ask"', 'address = "/exit"', 2, "address: the site itself uses this address"),
    ('address = "/ask"', 'address = "/static/ask"', 2, "address: the site itself uses this address"),
    ('address = "/ask"', 'address = "/Ask us"', 2, "address: begin it with / and use small letters"),
    ('stop = "outside"', 'stop = "inside"', 15, "write content/outcomes/inside.md, or correct it"),
    ('title = "About you"\n', "", 4, "title: add a line title = ..."),
    ('title = "About you"', 'title = "A"\nuse = "name"', 6, 'use: write a list, like ["one"'),
    ('value = "text", label = "Text"', 'value = "text"', 14, "label: add a line label = ..."),
    ('label = "Phone"', 'label = "Phone", hnt = "x"', 13, "“hnt” is not a field; use one of: value"),
    ('kind = "phone"', 'kind = "text"\nlimit = "many"', 21, "limit: write a whole number, without quotes"),
    ('kind = "phone"', 'kind = "fone"', 20, "kind: write one of: 'text', 'long'"),
    ('kind = "phone"\n', "", 19, "kind: add a line kind = ..."),
    ('label = "Phone number"\n', "", 19, "label: add a line label = ..."),
    ('label = "Phone number"', 'label = "Number"\nhelp = "x"', 22, "“help” is not a field; use one of: name"),
    ('malformed = "Enter a number like 0123 456 789"\n', "", 19, "add “malformed”"),
    ('kind = "phone"', 'kind = "text"', 19, "add “limit”"),
    ('kind = "phone"', 'kind = "text"\nlimit = 9', 19, "add “noun”"),
    ('kind = "phone"', 'kind = "one"', 19, "give choices"),
    ('name = "number"', 'name = "way"', 19, "two questions are named “way”"),
    ('when = { way = ["phone", "text"] }', 'when = { where = ["x"] }', 19, "no earlier answer “where”"),
    ('when = { way = ["phone", "text"] }', 'when = { way = ["pigeon"] }', 19, "no earlier answer “way”"),
    ('when = { way = ["phone", "text"] }', 'when = { number = ["1"] }', 19, "no earlier answer “number”"),
    ('label = "Phone" }', 'label = "P", headline = "No <nam>" }', 8, "“headline” names no question “nam”"),
    ('label = "Phone" }', 'label = "P", stop_when = { number = ["1"] } }', 8, "“stop_when” names no earlier"),
    ('malformed = "Enter', 'optional_when = { way = ["x"] }\nmalformed = "Enter', 19, "“optional_when” na"),
    ('address = "/ask"\n', "", 1, "address: "),
    ('title = "About you"', 'title = "About you', 5, "not TOML"),
    ('name = "number"', 'name = "errors"', 19, "“errors” cannot be a name"),
    ('name = "number"', 'name = "Number one"', 19, "“Number one” cannot be a name"),
    ('name = "number"', 'name = "main"', 19, "“main” cannot be a name"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "slip", "line", "words"), SLIPS_IN_A_DEFINITION)
def test_a_slip_in_a_definition_is_named_and_stops_the_start(content, right, slip, line, words):
    path = content / "forms" / "ask.toml"
    path.write_text(path.read_text().replace(right, slip))

    with pytest.raises(Unreadable) as raised:
        load(content)

    (problem,) = raised.value.problems
    assert words in problem.message
    assert not re.search("Input|Field required|inputs are|valid|[Ss]tring", problem.message)
    assert str(problem) == f"{FILE}:{line}: {problem.message}"


def opening(count: int) -> dict[str, Any]:
    """Return a form with a question of nine choices, of which number `count` opens another question."""
    choices = [{"value": str(number), "label": str(number)} for number in range(9)]
    text = {"kind": "text", "label": "What?", "limit": 9, "noun": "It"}
    asked = [
        {"name": "way", "kind": "one", "label": "Which?", "choices": choices},
        {**text, "name": "more", "when": {"way": (str(count),)}},
    ]
    return {"key": "x", "name": "X", "address": "/x", "step": [{"title": "One", "question": asked}]}


def test_an_answer_that_the_page_could_not_open_by_is_refused():
    FormDefinition.model_validate(opening(7))

    with pytest.raises(ValueError, match="one of the first 8 choices of “way” has to open it"):
        FormDefinition.model_validate(opening(8))


def test_as_many_answers_open_others_as_the_style_sheet_knows():
    style = (ROOT / "static" / "site.css").read_text()

    assert set(re.findall(r"> \.choice-(\d)", style)) == {str(number) for number in range(CHOICES_THAT_OPEN)}
    assert set(re.findall(r"\.gives-(\d)", style)) == {str(number) for number in range(FURTHER_OPENERS)}


def test_no_name_that_the_form_has_for_itself_can_be_a_question(ours):
    form = form_class(ours.forms[A], ["key"])
    asked = {q.name for q in ours.forms[A].questions}

    own = {n for n in (*dir(form), "meta", "form_errors") if re.fullmatch("[a-z][a-z0-9_]*", n)}
    own |= {n.removeprefix("validate_") for n in own}  # WTForms calls validate_NAME as a validator of NAME

    assert own - asked <= RESERVED_NAMES


@pytest.mark.parametrize("template", ["base.html", "form.html", "parts/form.html", "parts/frame.html"])
def test_no_id_of_the_page_can_be_the_name_of_a_question(template):
    html = (ROOT / "templates" / template).read_text()

    assert set(re.findall(r'\sid="([a-z][a-z0-9_-]*)"', html)) <= RESERVED_NAMES


def test_an_answer_that_a_question_needs_besides_its_opener_is_named_once(ours):
    assert {form: ours.forms[form].also for form in GOOD} == {
        A: (), B: (), C: (("knows", ("work",)), ("side", ("caused",))), CONTACT: ()
    }  # fmt: skip


def test_two_forms_with_one_address_are_named(content):
    path = content / "forms" / "ask.toml"
    path.with_name("b.toml").write_text(path.read_text())

    with pytest.raises(Unreadable) as raised:
        load(content)

    assert [str(problem) for problem in raised.value.problems] == [
        "content/forms/b.toml:2: ask.toml has the same address; give this form an address of its own"
    ]


def test_shared_questions_that_are_not_there_are_named(content):
    path = content / "forms" / "ask.toml"
    path.write_text(path.read_text().replace('title = "About you"', 'title = "About you"\nuse = ["lost"]'))

    with pytest.raises(Unreadable) as raised:
        load(content)

    assert [str(problem) for problem in raised.value.problems] == [
        "content/forms/shared/lost.toml:1: this file is missing; put it back"
    ]


@pytest.mark.parametrize(
    ("right", "slip"),
    [("[[step]]", "[step]"), ("[[step.question]]", "[step.question]"), ("choices = [", "choices = [0, ")],
)
def test_tables_of_the_wrong_shape_are_a_problem_and_no_traceback(content, right, slip):
    path = content / "forms" / "ask.toml"
    path.write_text(path.read_text().partition('[[step.question]]\nname = "number"')[0].replace(right, slip))

    with pytest.raises(Unreadable) as raised:
        load(content)

    assert {str(problem.path) for problem in raised.value.problems} == {FILE}


def test_a_slip_in_shared_questions_names_their_own_file(content):
    path = content / "forms" / "ask.toml"
    path.write_text(path.read_text().replace('title = "About you"', 'title = "About you"\nuse = ["block"]'))
    shared = path.parent / "shared" / "block.toml"
    shared.parent.mkdir()
    shared.write_text('# Shared.\n\n[[question]]\nname = "extra"\nkind = "fone"\nlabel = "X"\n')

    with pytest.raises(Unreadable) as raised:
        load(content)

    assert str(raised.value.problems[0]).startswith("content/forms/shared/block.toml:5: kind: write one of: ")
