"""What a person can choose in order to stay safe, from the page to the team's mail server."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage

import pytest
from flask.testing import FlaskClient

from rjsite import create_app
from rjsite.services import services_of
from rjsite.settings import Settings
from support.forms import CONTACT, A, B, C, Page, fresh, send
from support.mail import PLAIN, MailServer, copy_of, text_of

# All that a person who chooses to call has to say.
WHO_WILL_CALL = {
    A: {"name": "Ally", "adult": "yes", "contact_by": "call", "link": "live", "agree": "yes"},
    B: {
        **{"name": "Sam", "adult": "yes", "victim_led": "no", "living": "prison"},
        **{"contact_by": "call", "link": "live", "agree": "yes"},
    },
    C: {
        **{"consent": "yes", "knows": "work", "ref_org": "Help & Co", "ref_name": "Robin"},
        **{
            "ref_by": "email",
            "ref_email": "robin@help.example.cjsm.net",
            "side": "harmed",
            "their_adult": "yes",
        },
        **{"victim_led": "no", "link": "live", "their_name": "Kim", "their_contact_by": "call"},
    },
}
HEADLINES = {
    A: "DO NOT CONTACT. THEY WILL CALL.",
    B: "DO NOT CONTACT. THEY WILL CALL.",
    C: "DO NOT CONTACT Kim. THEY WILL CALL.",
}
CAUTION = "The word alone does not prove who is calling: do not repeat what the form says."


@pytest.fixture(scope="module")
def server(authority):
    """Return a mail server that accepts the team's mail in all tests of this file."""
    with MailServer(authority, encryption=PLAIN) as server:
        yield server


@pytest.fixture(scope="module")
def site(server, tmp_path_factory):
    """Return a site that sends its mail to `server`."""
    return create_app(
        Settings.load(
            mode="development",
            data_dir=tmp_path_factory.mktemp("safe") / "var",
            ratelimit_forms="off",
            mail_server="localhost",
            mail_port=server.port,
            mail_use_tls=False,
            deliver_per_minute=6000,
        )
    )


@pytest.fixture
def client(site) -> FlaskClient:
    return site.test_client()


@pytest.fixture
def mailed(site, server, client) -> Callable[..., EmailMessage]:
    """Return a function that sends a form and returns the one email that the team's server received."""

    def send(form: str, answers: dict[str, str]) -> EmailMessage:
        services_of(site).worker.drain()  # sends what is left from other tests
        before = len(server.received)
        assert client.post(form, data={**fresh(client, form), **answers}).status_code == 303
        services_of(site).worker.drain()
        (received,) = server.received[before:]
        return received.message

    return send


# -- "I will call you" -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", WHO_WILL_CALL)
def test_who_will_call_leaves_nothing_by_which_to_be_reached(mailed, form):
    message = mailed(form, WHO_WILL_CALL[form])

    answers = copy_of(message)["answers"]
    asked = {name.removeprefix("their_") for name in answers if not name.startswith("ref_")}
    assert asked.isdisjoint({"phone", "email", "address", "trusted_name", "leave_message", "say_who"})
    assert copy_of(message)["headlines"] == [HEADLINES[form]]


@pytest.mark.parametrize("form", WHO_WILL_CALL)
def test_the_mail_says_in_its_second_line_not_to_contact_who_will_call(mailed, content, form):
    lines = text_of(mailed(form, WHO_WILL_CALL[form])).split("\n")

    assert lines[:2] == [content.forms[form].name, HEADLINES[form]]
    after = "You may reply to the person who referred them." if form == C else ""
    assert lines[2] == after
    assert lines.index("BEFORE YOU CONTACT") < lines.index("ANSWERS")


@pytest.mark.parametrize(("form", "name"), [(A, "word"), (B, "word"), (C, "their_word")])
def test_the_word_stands_first_with_what_it_does_not_prove(mailed, form, name):
    message = mailed(form, {**WHO_WILL_CALL[form], name: "Heron"})

    assert f"\nWord: Heron\n{CAUTION}\n" in text_of(message).partition("\nANSWERS\n")[0]
    assert copy_of(message)["cautions"][-1] == CAUTION


def test_the_team_may_still_reply_to_who_refers_a_person_who_will_call(mailed):
    message = mailed(C, WHO_WILL_CALL[C])

    assert message["Reply-To"] == "robin@help.example.cjsm.net"
    assert "\nReply from your CJSM account.\n" in text_of(message)


# -- "To stop or change something I sent" ------------------------------------------------------------------

CHANGE = {"topic": "change", "reply_by": "none"}
STOP_NOW = (
    "This may be another person. Stop contact now. Do not use new contact details, close the case or say "
    "anything about the first form until you have checked in the way first agreed."
)


def test_a_message_to_stop_needs_no_more_than_its_topic_and_cautions_the_team(mailed):
    message = mailed(CONTACT, CHANGE)

    assert text_of(message).startswith(f"Contact form\nWANTS TO STOP OR CHANGE\n{STOP_NOW}\n\n")
    assert copy_of(message)["headlines"] == ["WANTS TO STOP OR CHANGE"]
    assert copy_of(message)["cautions"] == [STOP_NOW]


def test_one_click_does_not_reply_to_who_may_be_another_person(mailed):
    answers = {"topic": "change", "reply_by": "email", "email": "other@example.com", "say_who": "no"}

    message = mailed(CONTACT, answers)

    assert message["Reply-To"] is None
    assert "HOW TO REPLY" not in text_of(message)
    assert "\nEmail address: other@example.com\n" in text_of(message)


@pytest.mark.parametrize("topic", ["", "question", "dispute", "website"])
def test_a_message_on_anything_else_still_needs_its_words(client, topic):
    page = Page(
        client.post(CONTACT, data={**fresh(client, CONTACT), "topic": topic, "reply_by": "none"}).text
    )

    assert "message-error" in page.by_id


def test_a_message_about_a_dispute_is_for_mediation(mailed):
    message = mailed(CONTACT, {"topic": "dispute", "message": "The fence", "reply_by": "none"})

    assert copy_of(message)["flags"] == ["A dispute: pass on as mediation"]
    assert copy_of(message)["headlines"] == []


def after_it(client: FlaskClient, page: dict[str, list[str]], reference: str) -> list[object]:
    """Return what a reference leads to: the page with an error, the headers after sending, and the thanks."""
    wrong = client.post(CONTACT, data={**page, "topic": "change", "reference": reference})
    sent = client.post(CONTACT, data={**page, **CHANGE, "reference": reference})
    assert (wrong.status_code, sent.status_code) == (422, 303)
    thanks = client.get(sent.headers["Location"])
    return [wrong.data.replace(reference.encode(), b""), sorted(sent.headers.keys()), thanks.data]


def test_a_true_and_an_invented_reference_give_the_same_page_to_the_byte(client):
    sent = send(client, A)
    true = Page(client.get(sent.headers["Location"]).text).all("b", class_="reference")[0].text or ""
    page = fresh(client, CONTACT)  # one page for both, because each page has its own reference

    assert true
    assert after_it(client, page, true) == after_it(client, page, "2222-2222")
