"""Whatever a person types in any question of any form, what is accepted arrives as it was typed.

The answers are made from the definitions in content/forms, so a new question is tested without an edit here.
`HOSTILE=2000 pytest tests/http/test_any_words.py` tries more answers.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from email import message_from_bytes, policy
from typing import Any, assert_never
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rjsite.content.library import load
from rjsite.forms.definition import FormDefinition, Question
from rjsite.forms.referral import NOT_ANSWERED
from rjsite.forms.token import Signer
from rjsite.outbox import operator
from rjsite.services import services_of
from support.forms import GOOD
from support.mail import copy_of, text_of
from support.service import SERVICE

FORMS = load(SERVICE).forms
EXAMPLES = int(os.environ.get("HOSTILE", "25"))
KIND = "application/x-www-form-urlencoded"

WORDS = [
    *(
        "Ø",
        "王",
        "ب",
        "x",
        "O’Brien-D'Souza",
        "Nguyễn Thị Ánh",
        "Zoë",
        "Anna née Łuczak",
        "Þórður",
        "N" * 100,
    ),
    *("آنا نعم", "שלום עולם", "\u202eabc\u202c", "नमस्ते", "👩🏽‍🦱🏴󠁧󠁢󠁥󠁮󠁧󠁿", "é vs e\u0301", "ﷺ", "a\u200db"),
    *(
        "one\r\ntwo\r\n\r\nthree",
        "one\rtwo",
        "a\u2028b\u2029c\x85d\x0be\x0cf",
        "\tindented\n\tmore",
        " ends \r\n",
    ),
    *(
        "a\0b\x01c\x1b[31md\x7fe\x9bf",
        "lone \ud800 and \udfff",
        "\ufeffbom",
        "=3D =\n. \n..\n=20=",
        "From me\n>x",
    ),
    *(
        "Not answered",
        "ANSWERS",
        "--=_referral",
        "https://a.example",
        "a; b; c",
        '{"a": "\\"}',
        "%00%0d%0a&=+;",
    ),
]
NUMBERS = [
    *("1234567", "01632 960 001", "+44 (0)1632 960001", "01632-960-001", "01632.960.001", "0" * 20),
    *("18001 01632 960 001", "\u202a+44 7700 900982\u202c", "07700\u00a0900\u2011982", " 07700–900–982\r\n"),
]
ADDRESSES = [
    *("name@example.com", "o'brien+rj@mail.example.co.uk", "NAME@EXAMPLE.COM", "a@example.com.cjsm.net"),
    *("anna@bücher.example.com", "анна@example.com", " x@example.com\r\n", "\u200bx@example.com"),
]


def heard(text: str) -> str:
    """Return a text as the site reads it: lone surrogates, which are not valid text, stay percent-encoded."""
    return re.sub(r"[\ud800-\udfff]", lambda half: quote(half[0], errors="surrogatepass"), text)


def kept(question: Question, text: str) -> str:
    """Return what has to arrive: the text after the trimming that docs/referral-json.md describes."""
    unseen = {"Cc", "Cs", *(("Cf",) if question.kind in ("phone", "email") else ())}
    text = re.sub(r"\r\n?|[\x85\u2028\u2029\v\f]", "\n", heard(text))
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in unseen).strip()
    return text if question.kind == "long" else re.sub(r"[\n\t]+", " ", text)


def typed(question: Question) -> st.SearchStrategy[str]:
    """Return a strategy for everything that a person could type and the question accepts."""
    longest = st.sampled_from(["x", "é", "王", "😀", "ن"]).map(lambda letter: letter * question.limit)
    anything = st.one_of(st.sampled_from(WORDS), st.text(st.characters(), max_size=question.limit), longest)
    return anything.filter(lambda text: 0 < len(kept(question, text)) <= question.limit)


def answers_to(question: Question) -> Sequence[Any]:
    """Return answers that are easily damaged, or every choice that neither stops nor excludes the others."""
    values = [c.value for c in question.choices if not c.stop and c.value != question.alone]
    match question.kind:
        case "phone":
            return NUMBERS
        case "email":
            return ADDRESSES
        case "text" | "long":
            return WORDS
        case "one":
            return values
        case "many":
            return [[value] for value in values]
        case "tick":
            return ["yes"]
    assert_never(question.kind)


def answer(question: Question) -> st.SearchStrategy[Any]:
    """Return a strategy for answers of this kind, also made-up texts and several choices together."""
    answers = answers_to(question)
    if answers is WORDS:
        return typed(question)
    if question.kind == "many":
        return st.lists(st.sampled_from([value for (value,) in answers]), min_size=1, unique=True)
    return st.sampled_from(answers)


def is_opened(question: Question, given: dict[str, Any]) -> bool:
    """Return whether the answers given so far open a question."""

    def answers(name: str) -> set[str]:
        answer = given.get(name) or []
        return {answer} if isinstance(answer, str) else set(answer)

    return all(answers(name) & set(values) for name, values in question.when.items())


@st.composite
def sent(draw: st.DrawFn, form: FormDefinition) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a person sends, and the part of it that was asked for: answers to opened questions."""
    everything: dict[str, Any] = {}
    asked: dict[str, Any] = {}
    for question in form.questions:
        opened = is_opened(question, asked)
        given = draw(answer(question) if opened and question.missing else st.none() | answer(question))
        everything |= {question.name: given} if given is not None else {}
        asked |= {question.name: given} if opened else {}
    return everything, asked


def expected(question: Question, given: Any) -> tuple[list[str], list[str]]:
    """Return the values and the labels that have to arrive."""
    if given is None:
        return [], []
    if question.kind == "tick":
        return ["yes"], ["Yes"]
    if question.choices:
        chosen = [c for c in question.choices if c.value in ([given] if isinstance(given, str) else given)]
        return [c.value for c in chosen], [c.label for c in chosen]
    return [kept(question, given)], []


@pytest.fixture(params=GOOD)
def arrives(request, calm_app):
    """Return a function that sends answers to a form and looks for them in the email, and the form."""
    form, client = FORMS[request.param], calm_app.test_client()
    signer = Signer(services_of(calm_app).settings.secrets, form.key)
    box = services_of(calm_app).outbox

    def check(everything: dict[str, Any], asked: dict[str, Any]) -> None:
        body = urlencode({**everything, "form_token": signer.new_token()}, doseq=True, errors="surrogatepass")

        assert client.post(form.address, data=body, content_type=KIND).status_code == 303

        (row,) = operator.stored_mails(box, operator.rows(box)[-1].reference)
        message = message_from_bytes(box.open(row), policy=policy.default)
        text, copy = text_of(message), copy_of(message)
        due = {q.name: (q, *expected(q, asked[q.name])) for q in form.questions if q.name in asked}
        words = {n: "; ".join(labels or values) or NOT_ANSWERED for n, (_, values, labels) in due.items()}
        assert copy["answers"] == {
            name: {"question": q.label, "values": values, "labels": labels}
            for name, (q, values, labels) in due.items()
        }
        block = "".join(f"{q.label}\n{words[name]}\n\n" for name, (q, *_) in due.items())
        assert f"\nANSWERS\n\n{block}ABOUT THIS FORM\n" in text
        first = text.partition("\n\nANSWERS\n")[0] + "\n"
        lines = [f"{q.before}: {words[name]}\n" for name, (q, *_) in due.items() if q.before]
        assert [line for line in lines if line not in first] == []

    return check, form


def test_whatever_is_accepted_arrives_as_it_was_typed(arrives):
    check, form = arrives

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),  # no shrinking, so that the time is bounded
        suppress_health_check=list(HealthCheck),
    )
    @given(sent(form))
    def try_it(said: tuple[dict[str, Any], dict[str, Any]]) -> None:
        check(*said)

    try_it()


def test_every_hard_word_and_number_arrives_from_every_question(arrives):
    check, form = arrives

    for turn in range(len(WORDS)):
        said: dict[str, Any] = {}
        for question in form.questions:
            if is_opened(question, said):
                answers = answers_to(question)
                answer = answers[turn % len(answers)]
                fits = not question.limit or len(kept(question, answer)) <= question.limit
                said[question.name] = answer if fits else "x"
        check(said, said)
