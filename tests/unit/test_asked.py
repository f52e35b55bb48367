"""Conditions in a form: which questions are asked, which need an answer, and what stops the form.

An answer to a question that is not asked is neither checked nor sent.
"""

from __future__ import annotations

from itertools import product

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from rjsite.content.library import load
from rjsite.forms.definition import Choice, FormDefinition, Question, Step
from rjsite.forms.form import QuestionForm, form_class
from support.forms import GOOD, C
from support.service import SERVICE

FORM_C = load(SERVICE).forms[C]
TOO_LONG = "x" * 501


def filled(definition: FormDefinition, answers) -> QuestionForm:
    """Return the form with these answers."""
    with Flask(__name__).test_request_context():
        return form_class(definition, ["key"])(formdata=MultiDict(answers))


@pytest.mark.parametrize(
    ("side", "adult", "led"),
    [*product(["harmed", "caused", "dispute"], ["yes", "no"], ["yes", "no", "not-sure"])],
)
def test_form_c_asks_a_question_with_two_conditions_only_if_both_hold(side, adult, led):
    asks = {
        "yjs_reason": side == "caused" and adult == "no",
        "harmed_asked": side == "caused" and led == "yes",
    }
    answers = {**GOOD[C], "side": side, "their_adult": adult, "victim_led": led}

    form = filled(FORM_C, answers | {"yjs_reason": TOO_LONG, "harmed_asked": "no"})
    form.validate()
    copy = {answer.name for answer in form.to_referral(privacy_version="").answers}

    assert {name: name in copy for name in asks} == asks
    assert bool(form["yjs_reason"].errors) is asks["yjs_reason"]
    assert form.stop() == ("not-asked" if asks["harmed_asked"] else "")


CHOICES = (Choice(value="yes", label="Yes"), Choice(value="no", label="No", stop="outside"))


def nested() -> FormDefinition:
    """Return a form in which each question opens the next one. The first takes several answers."""
    questions = [
        Question(name="first", kind="many", label="1", choices=CHOICES),
        Question(name="second", kind="one", label="2", choices=CHOICES, when={"first": ("yes",)}),
        Question(name="third", kind="one", label="3", choices=CHOICES, when={"second": ("yes",)}),
        Question(name="fourth", kind="text", label="4", limit=5, noun="It", when={"third": ("yes",)}),
    ]
    return FormDefinition(key="n", name="N", address="/n", step=(Step(title="1", question=tuple(questions)),))


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ({"first": ["no", "yes"], "second": "yes", "third": "yes"}, ["first", "second", "third", "fourth"]),
        ({"first": ["yes"], "second": "no", "third": "yes"}, ["first", "second"]),
        ({"first": ["no"], "second": "yes", "third": "yes"}, ["first"]),
        ({"second": "yes", "third": "yes"}, ["first"]),
    ],
)
def test_a_question_is_asked_only_if_the_question_that_opens_it_is(answers, asked):
    form = filled(nested(), {**answers, "fourth": TOO_LONG})

    assert [q.name for q in form.asked] == asked
    assert form.validate() is ("fourth" not in asked)
    assert [answer.name for answer in form.to_referral(privacy_version="").answers] == asked


SURE = Choice(value="yes", label="Yes", headline="NOT <name>, <number>.", caution="Stop.")


def conditional() -> FormDefinition:
    """Return a form in which the first answer decides about the other two questions.

    It decides whether “no” to the second stops the form, and whether the third is optional.
    """
    refused = Choice(value="no", label="No", stop="outside", stop_when={"sure": ("no",)})
    text = {"kind": "text", "limit": 9, "noun": "It"}
    questions = [
        Question(name="sure", kind="one", label="1", choices=(SURE, Choice(value="no", label="No"))),
        Question(name="number", kind="one", label="2", choices=(CHOICES[0], refused)),
        Question(name="name", label="3", missing="Enter it", optional_when={"sure": ("yes",)}, **text),
    ]
    return FormDefinition(key="n", name="N", address="/n", step=(Step(title="1", question=tuple(questions)),))


@pytest.mark.parametrize(("sure", "outcome"), [("yes", ""), ("no", "outside"), ("", "")])
def test_an_answer_with_a_condition_stops_a_form_only_if_the_condition_holds(sure, outcome):
    assert filled(conditional(), {"sure": sure, "number": "no"}).stop() == outcome


@pytest.mark.parametrize(
    ("sure", "name", "errors"),
    [
        ("yes", "", []),
        ("no", "", ["Enter it"]),
        ("", "", ["Enter it"]),
        ("yes", "x" * 10, ["It must be 9 characters or less"]),
    ],
)
def test_an_answer_is_optional_only_if_the_condition_holds(sure, name, errors):
    form = filled(conditional(), {"sure": sure, "name": name})
    form.validate()

    assert list(form["name"].errors) == errors


def test_a_headline_names_the_answers_that_it_asks_for():
    referral = filled(conditional(), {"sure": "yes", "name": "Kim <name>"}).to_referral(privacy_version="")

    assert (referral.headlines, referral.cautions) == (("NOT Kim <name>, .",), ("Stop.",))


def test_the_team_is_cautioned_about_an_answer_only_if_there_is_one():
    word = Question(
        name="word", kind="text", label="W", limit=9, noun="It", before="Word", caution="No proof."
    )
    form = FormDefinition(key="n", name="N", address="/n", step=(Step(title="1", question=(word,)),))

    cautions = [
        filled(form, {"word": typed}).to_referral(privacy_version="").before[0].caution for typed in ("x", "")
    ]

    assert cautions == ["No proof.", ""]


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [({"first": ["no"]}, "outside"), ({"first": ["no", "yes"]}, ""), ({"third": "no"}, "")],
)
def test_an_answer_stops_a_form_only_alone_and_only_if_it_was_asked_for(answers, outcome):
    assert filled(nested(), answers).stop() == outcome
