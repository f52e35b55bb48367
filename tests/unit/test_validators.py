"""The filters and validators of a question.

The filters keep letters of every script and drop the characters that an email cannot contain.
"""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from rjsite.forms.definition import Choice, FormDefinition, Question, Step
from rjsite.forms.form import form_class
from rjsite.forms.validators import tidy, tidy_line, tidy_number

ANY_TEXT = st.text(st.characters())  # surrogates and control characters too


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Anna \n", "Anna"),
        ("one\r\ntwo\rthree\nfour", "one\ntwo\nthree\nfour"),
        ("one\u2028two\u2029three\x85four\vfive\fsix", "one\ntwo\nthree\nfour\nfive\nsix"),
        ("a\x00b\x07c\x1b[31md\x7fe\x9bf", "abc[31mdef"),
        ("a\tb", "a\tb"),
        ("a\ud800b\udfffc", "abc"),
        ("\u00a0\u2003Anna\u3000", "Anna"),
        ("Þórður Ó Súilleabháin", "Þórður Ó Súilleabháin"),
        ("آنا 王 Анна नमस्ते", "آنا 王 Анна नमस्ते"),
        ("👩🏽‍🦱 x", "👩🏽‍🦱 x"),
        ("\u202eabc\u202c", "\u202eabc\u202c"),
        ("x' OR 1=1; <b>", "x' OR 1=1; <b>"),
        ("   ", ""),
        ("\x00", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_text_stays_as_typed_without_what_no_mail_can_hold(typed, kept):
    assert tidy(typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"), [("a\r\nb", "a b"), ("a\n\n\tb", "a b"), (" a\n", "a"), ("a b", "a b")]
)
def test_a_line_of_text_stays_on_one_line(typed, kept):
    assert tidy_line(typed) == kept


def test_a_number_loses_invisible_characters_and_nothing_else():
    assert tidy_number(" \u202a+44 (0)7700\u00a0900982\u202c ") == "+44 (0)7700\u00a0900982"


@given(ANY_TEXT)
def test_tidying_twice_changes_nothing_more(text):
    assert tidy_number(tidy_number(text)) == tidy_number(text)
    assert tidy(tidy(text)) == tidy(text)
    assert tidy_line(tidy_line(text)) == tidy_line(text)


@given(ANY_TEXT)
def test_a_tidied_text_has_no_control_characters_but_newline_and_tab(text):
    control = {c for c in tidy(text) if unicodedata.category(c) in ("Cc", "Cs")}

    assert control <= {"\n", "\t"}
    tidy(text).encode()  # so it can be mailed and stored


@given(ANY_TEXT)
def test_a_line_of_text_never_breaks_a_header(text):
    assert len(tidy_line(text).splitlines()) <= 1


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))))
def test_a_text_in_any_script_only_loses_spaces_at_its_ends(text):
    assert tidy(text) == text.strip()


PHONE = Question(name="phone", kind="phone", label="Phone number", malformed="no")
EMAIL = Question(name="email", kind="email", label="Email address", malformed="no")


def errors(question: Question, *typed: str) -> list[str]:
    """Return the errors of a form with only this question, after it was sent with these answers."""
    definition = FormDefinition(
        key="f", name="F", address="/f", step=(Step(title="1", question=(question,)),)
    )
    form = form_class(definition, ["key"])(MultiDict([(question.name, value) for value in typed]))
    form.validate()
    return list(form.errors.get(question.name, []))


def refused(question: Question, typed: str) -> bool:
    """Return whether an answer is refused, after checking that "no" is the only error it can have."""
    messages = errors(question, typed)
    assert messages in ([], ["no"])
    return bool(messages)


@pytest.mark.parametrize("typed", ["", "   ", "\x00", "\n\u2028"])
@pytest.mark.parametrize("missing", ["", "Enter it"])
def test_spaces_and_control_characters_alone_are_no_answer(missing, typed):
    question = Question(name="q", kind="text", label="Q", limit=5, noun="It", missing=missing)

    assert errors(question, typed) == ([missing] if missing else [])


@pytest.mark.parametrize("question", [PHONE, EMAIL])
def test_an_optional_number_may_consist_of_characters_that_are_dropped(question):
    assert errors(question, " \u200b\x00") == []


@pytest.mark.parametrize(("length", "expected"), [(5, []), (6, ["100% of it must be 5 characters or less"])])
def test_a_text_over_the_limit_is_refused_in_the_words_of_its_question(length, expected):
    question = Question(name="q", kind="text", label="Q", limit=5, noun="100% of it")

    assert errors(question, "x" * length) == expected


@pytest.mark.parametrize(
    ("chosen", "expected"), [(["none"], []), (["a", "b"], []), (["none", "a"], ["no"]), (["none", "?"], [])]
)
def test_a_choice_that_stands_alone_is_refused_beside_others(chosen, expected):
    choices = tuple(Choice(value=value, label=value) for value in ("a", "b", "none"))
    question = Question(name="q", kind="many", label="Q", choices=choices, alone="none", malformed="no")

    assert errors(question, *chosen) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "1234567",
        "01632 960 001",
        "+44 (0)1632 960001",
        "01632-960-001",
        "01632.960.001",
        "07700 900 982",
        "18001 01632 960 001",
        "1800101632960001",
        "0" * 20,
        "+0123 456\u00a0789",
        "01632\u2011960\u2013001",
        "01632\u2212960\u2212001",
        "\u202a+44 7700 900982\u202c",  # as copied from a list of contacts
        "\u200e07700\u00ad900982\ufeff",
        "٠١٦٣٢ ٩٦٠ ٠٠١",  # as an Arabic keyboard types it
    ],
)
def test_a_phone_number_may_be_written_in_any_usual_way(typed):
    assert not refused(PHONE, typed)


@pytest.mark.parametrize(
    "typed",
    [
        "123456",
        "0" * 21,
        "my mobile",
        "01632 960 001 ext 4",
        "01632/960001",
        "++++++++",
        "12345x7",
        "1" + "-" * 9,
    ],
)
def test_a_text_that_is_no_phone_number_is_refused(typed):
    assert refused(PHONE, typed)


DOMAIN = ".".join(["b" * 61] * 3) + ".com"  # 189 characters
LONGEST = "a" * 64 + "@" + DOMAIN


@pytest.mark.parametrize(
    "typed",
    [
        "name@example.com",
        "o'brien+rj@mail.example.com",
        "NAME@EXAMPLE.CO.UK",
        "anna@example.com.cjsm.net",
        "anna@bücher.example.com",
        "\u200banna@example.com\u200b",
        LONGEST,
    ],
)
def test_an_address_that_mail_can_be_sent_to_is_accepted(typed):
    assert not refused(EMAIL, typed)


@pytest.mark.parametrize(
    "typed",
    [
        "name",
        "name@",
        "@example.com",
        "name@example",
        "name example@example.com",
        "a@example.com, b@example.com",
        "Anna <anna@example.com>",
        "a@example.com\nBcc: b@example.com",
        "name@@example.com",
        "name@exa mple.com",
        "a" * 66 + "@" + DOMAIN,
        "a@" + ".".join(["b" * 60] * 5) + ".com",
    ],
)
def test_a_text_that_is_no_email_address_is_refused(typed):
    assert refused(EMAIL, typed)


@pytest.mark.parametrize("length", [254, 255])
def test_an_address_has_254_characters_at_most(length):
    domain = ".".join(["b" * 60, "c" * 60, "d" * 60]) + ".com"  # 186
    local = "a" * 64
    address = f"{local}@{'e' * (length - len(local) - len(domain) - 2)}.{domain}"
    assert len(address) == length

    assert refused(EMAIL, address) is (length > 254)
