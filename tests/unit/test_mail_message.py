"""The team's email: nothing about the person where others can see it, every word where the team reads it."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rjsite.forms.referral import FAST, Answer, Referral
from rjsite.forms.validators import tidy
from rjsite.mail.message import body, compose, message_id, subject
from support.mail import copy_of
from support.mail import text_of as text
from support.referral import REFERRAL as PLAIN

SENDER, TEAM = "website@nowhere.example", "team@nowhere.example"


def changed(**values):
    return dataclasses.replace(PLAIN, **values)


def said(words: str) -> Referral:
    return changed(answers=(Answer("about", "About?", (words,)),))


def read(referral: Referral, version: int = 1, recipient: str = TEAM):
    return message_from_bytes(compose(referral, version, recipient, SENDER), policy=policy.default)


def test_the_subject_is_the_reference_and_nothing_more():
    assert read(PLAIN)["Subject"] == "Website form 7K3M-X9QF"


TRAP = {"trap": "A hidden field that people do not see was filled in."}
QUICK = {FAST: "It was sent 1 second after the page was opened."}


@pytest.mark.parametrize(("spam", "marked"), [(TRAP, True), (TRAP | QUICK, True), (QUICK, False)])
def test_the_subject_marks_possible_spam_but_never_for_speed_alone(spam, marked):
    assert subject(changed(spam=spam)) == "Website form 7K3M-X9QF" + " (possible spam)" * marked


def test_a_form_that_was_only_quick_says_so_in_the_mail():
    assert "\n\nPossible spam. It was sent 1 second after the page was opened.\n\n" in body(
        changed(spam=QUICK), 1
    )


def test_the_whole_text_reads_in_the_order_staff_need():
    word = Answer("word", "Word", ("Heron",), caution="The word alone proves nothing.")
    referral = changed(
        headlines=("DO NOT CONTACT",),
        cautions=("Stop now.",),
        before=(PLAIN.before[0], word, PLAIN.before[1]),
        flags=("Not sure of the area", "A dispute"),
        spam=TRAP | QUICK,
    )

    assert body(referral, 2) == (
        "Form A\nDO NOT CONTACT\nStop now.\n\n"
        "BEFORE YOU CONTACT\nContact by: Phone call\n"
        "Word: Heron\nThe word alone proves nothing.\nLeave a message: No\n\n"
        "Changed version\nThis replaces what the same person sent before.\n\n"
        "Possible spam. A hidden field that people do not see was filled in. "
        "It was sent 1 second after the page was opened.\n\n"
        "PLEASE NOTE\n- Not sure of the area\n- A dispute\n\n"
        "ANSWERS\n\nWhat should we call you?\nAnna\n\nWhere?\nNot answered\n\n"
        "ABOUT THIS FORM\nReference: 7K3M-X9QF\n"
        "Sent: 1 July 2026, 12:30 UK time\nPrivacy notice: version 1\n"
    )


def test_a_first_version_without_flags_has_no_words_about_either():
    text = body(PLAIN, 1)

    assert text.startswith("Form A\n\nBEFORE YOU CONTACT\n")
    assert [words for words in ("Changed version", "PLEASE NOTE", "spam") if words in text] == []


@pytest.mark.parametrize(
    ("sent", "words", "offset"),
    [
        (datetime(2026, 7, 1, 11, 30, tzinfo=UTC), "1 July 2026, 12:30 UK time", "+0100"),
        (datetime(2026, 1, 9, 11, 30, tzinfo=UTC), "9 January 2026, 11:30 UK time", "+0000"),
        (datetime(2026, 6, 30, 23, 30, tzinfo=UTC), "1 July 2026, 00:30 UK time", "+0100"),
        (datetime(2026, 10, 25, 0, 59, tzinfo=UTC), "25 October 2026, 01:59 UK time", "+0100"),
        (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "25 October 2026, 01:00 UK time", "+0000"),
    ],
)
def test_times_are_uk_time_in_summer_and_winter(sent, words, offset):
    message = read(changed(sent_at=sent))

    assert f"Sent: {words}\n" in text(message)
    assert str(message["Date"]).endswith(offset)


def test_headers_say_who_and_nothing_of_the_person():
    message = read(PLAIN)

    assert {name: message[name] for name in ("From", "To", "Auto-Submitted")} == {
        "From": SENDER,
        "To": TEAM,
        "Auto-Submitted": "auto-generated",
    }
    assert set(message.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"),
        *("MIME-Version", "Content-Type"),
    }


def test_a_mail_is_plain_text_and_one_copy_for_machines_and_no_html():
    text, copy = read(PLAIN).iter_parts()

    assert read(PLAIN).get_content_type() == "multipart/mixed"
    assert (text.get_content_type(), text.get_content_disposition()) == ("text/plain", None)
    assert (copy.get_content_type(), copy.get_content_disposition()) == ("application/json", "attachment")
    assert copy["Content-Transfer-Encoding"] == "base64"
    assert json.loads(copy.get_content().decode())["reference"] == "7K3M-X9QF"


def test_no_mail_is_answered_by_a_machine():
    assert read(PLAIN)["Auto-Submitted"] == "auto-generated"
    assert read(PLAIN)["X-Auto-Response-Suppress"] == "All"


def test_replies_go_to_the_person_only_where_the_form_says_so():
    assert read(PLAIN)["Reply-To"] is None
    assert "REPLY" not in text(read(PLAIN))
    assert read(changed(reply_to="robin@example.com"))["Reply-To"] == "robin@example.com"


LONG = "a" * 64 + "@" + ".".join(["b" * 60] * 3) + ".com"  # 251 characters


@pytest.mark.parametrize(
    ("address", "header"),
    [
        ("robin@example.com", "robin@example.com"),
        ("o'brien+work@example.com", "o'brien+work@example.com"),
        (LONG, LONG),
        ("robin@exämple.com", "robin@xn--exmple-cua.com"),  # the host name in ASCII names the same host
        ("röbin@example.com", None),
        ("ロビン@example.com", None),
        ("a" * 65 + "@example.com", None),
        (LONG.replace(".com", ".example.com"), None),
        ('"robin"@example.com', None),
        ("Robin<robin@example.com>", None),
        ("Friends:robin@example.com;", None),
        ("a@example.com,robin@example.com", None),
        ("robin..x@example.com", None),
        ("robin@[192.0.2.1]", None),
        ("robin", None),
    ],
)
def test_whoever_gave_an_address_can_be_answered_by_header_or_else_by_the_words(address, header):
    message = read(changed(reply_to=address))

    assert message["Reply-To"] == header
    assert message.defects == []
    assert f"HOW TO REPLY\nWrite to {address}\n" in text(message)
    assert ("Copy it into a new email." in text(message)) is (header is None)


@pytest.mark.parametrize(
    ("address", "secure"),
    [("robin@help.example.cjsm.net", True), ("robin@HELP.CJSM.NET", True), ("robin@cjsm.net.example", False)],
)
def test_only_a_secure_address_is_to_be_answered_from_the_secure_account(address, secure):
    assert ("\nReply from your CJSM account.\n" in body(changed(reply_to=address), 1)) is secure


@pytest.mark.parametrize(
    "reply_to",
    [
        "a@example.com\r\nBcc: evil@example.com",
        "a@example.com\nBcc: evil@example.com",
        "a@example.com\rBcc: evil@example.com",
        "a@example.com\u2028Bcc: evil@example.com",
        "a@example.com\x0bBcc: evil@example.com",
        "a@example.com\x85Bcc: evil@example.com",
    ],
)
def test_an_address_to_reply_to_adds_no_header(reply_to):
    message = read(changed(reply_to=reply_to))

    assert (message["Bcc"], message["Reply-To"]) == (None, None)
    assert "evil@example.com" not in text(message)
    assert "HOW TO REPLY\nLook for their address in the answers" in text(message)


@pytest.mark.parametrize(
    "words",
    ["x\nBcc: evil@example.com", "\n.\nRCPT TO:<evil@example.com>", "From me", "--b", "x\n--=_referral--\nx"],
)
def test_an_answer_adds_no_header_and_ends_no_mail(words):
    message = read(said(words))

    assert message["Bcc"] is None
    assert f"About?\n{words}\n" in text(message)
    assert len(list(message.iter_parts())) == 2
    assert copy_of(message)["answers"]["about"]["values"] == [words]


HARD = {
    "a word of 1,000 letters": "x" * 1000,
    "a line of 1,000 letters and spaces": "word " * 200,
    "emoji": "👩🏽‍🦱🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 60,
    "right to left": "آنا هنا. " * 100,
    "signs of quoted-printable": "=3D =\n= 20=",
    "spaces at the ends of lines": "a \nb\t\nc",
    "dots alone": "a\n.\n..\nb",
    "a thousand lines": "a\n" * 999 + "b",
}


@pytest.mark.parametrize("kind", HARD)
def test_every_word_arrives_whole_whatever_was_written(kind):
    message = read(said(HARD[kind]))

    assert f"About?\n{HARD[kind]}\n" in text(message)


@pytest.mark.parametrize("kind", HARD)
def test_no_line_is_too_long_for_any_server(kind):
    sent = compose(said(HARD[kind]), 1, "a" * 64 + "@" + "b" * 60 + ".example", f"website@{'c' * 60}.example")
    headers, _, lines = sent.partition(b"\r\n\r\n")

    assert max(map(len, lines.split(b"\r\n"))) <= 76
    assert max(map(len, headers.split(b"\r\n"))) <= 998
    assert b"\r\nMessage-ID: <" in headers  # some servers lose an id that begins on a second line
    assert max(sent) < 128
    assert b"\n" not in sent.replace(b"\r\n", b"")
    assert b"\r" not in sent.replace(b"\r\n", b"")


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=300).map(tidy).filter(bool))
def test_any_tidied_answer_arrives_as_it_was_kept(words):
    message = read(said(words))

    assert f"About?\n{words}\n" in text(message)
    assert copy_of(message)["answers"]["about"]["values"] == [words]


def test_every_copy_of_a_version_bears_one_message_id():
    other_time = changed(sent_at=datetime(2026, 7, 2, tzinfo=UTC))
    ids = {
        read(PLAIN)["Message-ID"],
        read(PLAIN, recipient="second@nowhere.example")["Message-ID"],
        read(other_time)["Message-ID"],
        message_id(PLAIN, 1, SENDER),
    }

    assert len(ids) == 1
    assert ids.pop().endswith("@nowhere.example>")


def test_other_answers_another_version_or_another_sending_bear_another_message_id():
    ids = [
        message_id(PLAIN, 1, SENDER),
        message_id(PLAIN, 2, SENDER),
        message_id(changed(submission="cd" * 32), 1, SENDER),
        message_id(said("other"), 1, SENDER),
    ]

    assert len(set(ids)) == 4


def test_a_copy_made_later_is_the_same_to_the_byte():
    assert compose(PLAIN, 1, TEAM, SENDER) == compose(PLAIN, 1, TEAM, SENDER)


def test_no_answer_shows_when_a_referral_is_printed():
    referral = changed(reply_to="robin@example.com", flags=("A dispute",))

    shown = repr(referral) + str(referral) + repr(referral.answers)

    assert [w for w in ("Anna", "Phone call", "robin", "dispute", "known to the page") if w in shown] == []


def test_a_program_is_told_what_staff_are_told_first():
    word = Answer("word", "Word", ("Heron",), caution="The word alone proves nothing.")
    referral = changed(headlines=("DO NOT CONTACT",), cautions=("Stop now.",), before=(word,))

    said = copy_of(read(referral))

    assert said["headlines"] == ["DO NOT CONTACT"]
    assert said["cautions"] == ["Stop now.", "The word alone proves nothing."]


def test_the_digest_tells_changed_answers_apart_and_needs_what_only_the_page_knows():
    again = changed(sent_at=datetime(2026, 8, 1, tzinfo=UTC), reference="XXXX-XXXX")

    assert again.digest == PLAIN.digest
    assert said("other").digest != PLAIN.digest
    assert changed(nonce="another").digest != PLAIN.digest
