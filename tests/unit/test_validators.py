"""The rules of an answer: any name and any script as typed, nothing that cannot be mailed or kept."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjsite.forms.definition import Question
from rjsite.forms.validators import fault, tidy, tidy_line, tidy_number

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
def test_words_are_kept_as_typed_less_what_no_mail_can_hold(typed, kept):
    assert tidy(typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"), [("a\r\nb", "a b"), ("a\n\n\tb", "a b"), (" a\n", "a"), ("a b", "a b")]
)
def test_an_answer_of_one_line_stays_on_one_line(typed, kept):
    assert tidy_line(typed) == kept


def test_a_number_loses_the_marks_nobody_sees_and_nothing_else():
    assert tidy_number(" \u202a+44 (0)7700\u00a0900982\u202c ") == "+44 (0)7700\u00a0900982"


@given(ANY_TEXT)
def test_tidied_words_stay_as_they_are(text):
    assert tidy_number(tidy_number(text)) == tidy_number(text)
    assert tidy(tidy(text)) == tidy(text)
    assert tidy_line(tidy_line(text)) == tidy_line(text)


@given(ANY_TEXT)
def test_no_tidied_answer_holds_a_control_character_but_line_and_tab(text):
    held = {c for c in tidy(text) if unicodedata.category(c) in ("Cc", "Cs")}

    assert held <= {"\n", "\t"}
    tidy(text).encode()  # can be mailed and kept


@given(ANY_TEXT)
def test_an_answer_of_one_line_never_breaks_a_header(text):
    assert len(tidy_line(text).splitlines()) <= 1


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))))
def test_words_in_any_script_are_never_changed_but_at_their_ends(text):
    assert tidy(text) == text.strip()


PHONE = Question(name="phone", kind="phone", label="Phone number", malformed="no")
EMAIL = Question(name="email", kind="email", label="Email address", malformed="no")


def refused(question: Question, typed: str) -> bool:
    return fault(question, tidy_number(typed)) == "no"


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
def test_what_cannot_be_rung_is_refused(typed):
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
def test_an_address_that_mail_can_be_sent_to_is_taken(typed):
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
def test_what_is_no_address_is_refused(typed):
    assert refused(EMAIL, typed)


@pytest.mark.parametrize("length", [254, 255])
def test_an_address_has_254_characters_at_most(length):
    domain = ".".join(["b" * 60, "c" * 60, "d" * 60]) + ".com"  # 186
    local = "a" * 64
    address = f"{local}@{'e' * (length - len(local) - len(domain) - 2)}.{domain}"
    assert len(address) == length

    assert refused(EMAIL, address) is (length > 254)
