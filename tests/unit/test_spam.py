"""The signs of spam, each with the sentence that the team reads."""

from __future__ import annotations

import math

import pytest

from rjsite.forms.spam import signs_of_spam

NEVER = math.inf


@pytest.mark.parametrize(
    ("age", "sentence"),
    [
        (0, "It was sent less than 1 second after the page was opened."),
        (0.99, "It was sent less than 1 second after the page was opened."),
        (1, "It was sent 1 second after the page was opened."),
        (2.99, "It was sent 2 seconds after the page was opened."),
        (3, None),
        (3600, None),
        (-0.5, None),  # the clock of the machine that served the page is fast
        (-299, None),
        (NEVER, None),
    ],
)
def test_a_form_that_was_sent_too_fast_for_a_person_has_a_sign(age, sentence):
    assert signs_of_spam("", age, []).get("fast") == sentence


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        (["https://a.example http://b.example www.c.example"], 3),
        (["HTTPS://A.EXAMPLE", "see WWW.b.example", "http://www.c.example,http://d.example"], 4),
        (["https://www.a.example and www.b.example"], None),
        (["anna@example.com, b@example.com, c@example.com, www, http://"], None),
        (["1.5 hours... at 9.30. St.John and a.b.c"], None),
        ([], None),
    ],
)
def test_many_web_links_are_a_sign_and_a_few_are_not(typed, count):
    assert signs_of_spam("", NEVER, typed) == ({"links": f"It holds {count} web links."} if count else {})


def test_a_filled_trap_is_a_sign_that_does_not_repeat_its_text():
    assert signs_of_spam("buy pills", NEVER, []) == {
        "trap": "A hidden field that people do not see was filled in."
    }
