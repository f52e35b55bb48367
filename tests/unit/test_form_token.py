"""The token of a form: valid for a day, and with the same reference however often it is sent."""

from __future__ import annotations

import re

import pytest
import time_machine

from rjsite.forms.token import REFERENCE_SYMBOLS, Signer, Token

NEW, OLD = "the-new-key-4hT9", "the-old-key-8mQ2"
NOON = 1_790_000_000
MINUTE, HOUR = 60, 3600


@pytest.fixture
def signer():
    return Signer([NEW], "a")


@pytest.mark.parametrize(
    ("later", "state"),
    [
        (0, "good"),
        (23 * HOUR, "good"),
        (24 * HOUR, "good"),
        (25 * HOUR, "old"),
        (400 * 24 * HOUR, "old"),
        (-4 * MINUTE, "good"),
        (-5 * MINUTE, "good"),
        (-6 * MINUTE, "old"),
    ],
)
def test_a_token_is_valid_for_a_day_even_if_a_clock_is_five_minutes_fast(signer, later, state):
    with time_machine.travel(NOON, tick=False):
        text = signer.renew("nonce")

    with time_machine.travel(NOON + later, tick=False):
        opened = signer.load(text)

    assert opened == Token("nonce", state)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é😀", "." * 9, "\x00", "IlxuIg.aaa.bbb", "A" * 60_000])
def test_a_text_that_is_no_token_is_unreadable_and_gets_a_new_identity(signer, text):
    opened, again = signer.load(text), signer.load(text)

    assert opened.state == "unreadable"
    assert opened.submission != again.submission


def test_a_changed_token_is_unreadable(signer):
    text = signer.new_token()

    assert [signer.load(text[:i] + "~" + text[i + 1 :]).state for i in range(len(text))] == [
        "unreadable"
    ] * len(text)


def test_the_token_of_another_form_is_unreadable(signer):
    assert Signer([NEW], "b").load(signer.new_token()).state == "unreadable"


def test_a_token_of_another_site_is_unreadable(signer):
    assert Signer(["some-other-key-5"], "a").load(signer.new_token()).state == "unreadable"


def test_the_former_key_still_opens_and_the_new_one_signs():
    before, after = Signer([OLD], "a"), Signer([NEW, OLD], "a")

    assert after.load(before.renew("nonce")) == Token("nonce", "good")
    assert Signer([NEW], "a").load(after.renew("nonce")) == Token("nonce", "good")
    assert before.load(after.renew("nonce")).state == "unreadable"


def test_a_new_token_for_an_old_page_has_the_same_reference(signer):
    with time_machine.travel(NOON, tick=False):
        old = signer.load(signer.new_token())
        text = signer.renew(old.nonce)

    with time_machine.travel(NOON + 20 * HOUR, tick=False):
        renewed = signer.load(text)

    assert (renewed.reference, renewed.submission) == (old.reference, old.submission)


def test_every_page_has_an_identity_of_its_own(signer):
    tokens = [signer.load(signer.new_token()) for _ in range(200)]

    assert len({token.nonce for token in tokens}) == 200
    assert len({token.submission for token in tokens}) == 200
    assert len({token.reference for token in tokens}) == 200


def test_the_reference_of_a_token_never_changes():
    assert Token("nonce", "good").reference == "QF92-62HR"
    assert (
        Token("nonce", "old").submission == "659fb242cf8caf8a2b81025747e8e29f04ed4a437a3a1aa4c3de24e1adcc5d86"
    )


def test_a_reference_has_only_symbols_that_cannot_be_confused():
    references = [Token(str(number), "good").reference for number in range(500)]

    assert REFERENCE_SYMBOLS == "2346789FHKMQRWXY"
    assert [
        r for r in references if not re.fullmatch(r"[2346789FHKMQRWXY]{4}-[2346789FHKMQRWXY]{4}", r)
    ] == []
    assert set("".join(references)) == {*REFERENCE_SYMBOLS, "-"}
