"""Each email has a referral.json, as documented, from which a case system can import the form."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy

import fastjsonschema
import pytest
import time_machine

from rjsite import create_app
from rjsite.outbox import operator
from rjsite.services import services_of
from rjsite.settings import ROOT
from rjsite.settings.development_keys import keep_keys
from support import commands
from support.forms import CONTACT, GOOD, A, B, Page, fresh, send
from support.mail import copy_of, text_of

DOCS = ROOT / "docs"
SCHEMA = json.loads((DOCS / "referral.schema.json").read_text())
FITS = fastjsonschema.compile(SCHEMA)
NOON = datetime(2026, 7, 1, 12, 30, 5, 900_000, tzinfo=UTC)


@pytest.mark.parametrize("form", GOOD)
def test_the_copy_of_every_form_is_what_its_schema_says(client, delivered, form):
    send(client, form)

    (message,) = delivered()

    said = FITS(copy_of(message))
    assert list(said) == list(SCHEMA["properties"])
    for answer in said["answers"].values():
        assert list(answer) == ["question", "values", "labels"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"schema_version": 1}, "schema_version"),
        ({"reference": "AAAA-0000"}, "reference"),
        ({"received_at": "2026-07-01 12:30"}, "received_at"),
        ({"answers": {"name": {"question": "?", "values": "Anna", "labels": []}}}, "answers"),
    ],
)
def test_the_schema_refuses_what_is_something_else(client, delivered, change, path):
    send(client, A)
    (message,) = delivered()

    with pytest.raises(fastjsonschema.JsonSchemaValueException, match=path):
        FITS(copy_of(message) | change)


def test_the_page_of_documentation_shows_a_copy_that_fits_and_names_every_part():
    page = (DOCS / "referral-json.md").read_text()
    (example,) = re.findall(r"```json\n(.*?)```", page, re.S)

    assert list(FITS(json.loads(example))) == list(SCHEMA["properties"])
    table = page.partition("| name | meaning |")[2]
    assert [name for name in SCHEMA["properties"] if f"`{name}`" not in table] == []
    assert [sign for sign in ("trap", "links", "fast") if f"| `{sign}` |" not in page] == []


def test_the_copy_says_who_what_and_when(client, delivered, content):
    with time_machine.travel(NOON, tick=False):
        send(client, B, {"contact_by": "email", "email": "sam@example.com", "address": "Hidden Lane"})

    (message,) = delivered()

    said = copy_of(message)
    assert said["form"] == "b"
    assert said["form_name"] == content.forms[B].name
    assert str(message["Subject"]) == f"Website form {said['reference']}"
    assert (said["number"], said["version"]) == (1, 1)
    assert said["received_at"] == "2026-07-01T12:30:05Z"
    assert said["privacy_notice_version"] == content.pages["/privacy"].version
    assert said["flags"] == [
        "Not sure if it was domestic abuse or sexual violence",
        "Not sure what connects this with the area",
        "Going through court, or waiting for sentence",
    ]
    assert said["before_you_contact"] == [
        *("contact_by", "email", "say_who", "safe_notes"),
        *("adult", "name", "living", "needs", "needs_detail"),
    ]
    answers = said["answers"]
    assert list(answers) == [q.name for q in content.forms[B].questions if q.name in answers]
    assert answers["email"] == {"question": "Email address", "values": ["sam@example.com"], "labels": []}
    assert answers["needs"]["values"] == ["someone"]
    assert answers["needs"]["labels"] == ["Someone with me"]
    assert answers["agree"]["values"] == ["yes"]
    assert answers["agree"]["labels"] == ["Yes"]
    assert "address" not in answers


def test_a_question_left_out_has_no_values_and_one_not_asked_is_not_there(client, delivered):
    send(client, A, {"stage": "", "about": " \r\n", "needs": [], "trusted_name": "Hidden"})

    (message,) = delivered()

    answers = copy_of(message)["answers"]
    assert [answers[name]["values"] for name in ("stage", "about", "needs")] == [[], [], []]
    assert [answers[name]["labels"] for name in ("stage", "about", "needs")] == [[], [], []]
    assert "trusted_name" not in answers


@pytest.mark.parametrize("form", GOOD)
def test_changed_answers_are_a_second_version_of_the_same_reference(client, delivered, form):
    page = {**fresh(client, form), **GOOD[form]}
    long = "about" if "about" in page else "message"

    for words in ("first", "second", "second"):
        client.post(form, data={**page, long: words})

    mails = sorted(delivered(), key=lambda mail: copy_of(mail)["version"])
    copies = [copy_of(mail) for mail in mails]
    assert [(said["version"], said["answers"][long]["values"]) for said in copies] == [
        (1, ["first"]),
        (2, ["second"]),
    ]
    assert ["Changed version" in text_of(mail) for mail in mails] == [False, True]
    assert len({said["reference"] for said in copies}) == 1


def test_an_exported_mail_brings_its_copy_along(settings, tmp_path, monkeypatch):
    site = create_app(keep_keys(settings))
    send(site.test_client(), A)
    (row,) = operator.rows(services_of(site).outbox)
    monkeypatch.setenv("RJSITE_MODE", "development")
    monkeypatch.setenv("RJSITE_DATA_DIR", str(settings.data_dir))

    assert commands.run("outbox", "export", row.reference, str(tmp_path / "mail.eml")).exit_code == 0

    mail = message_from_bytes((tmp_path / "mail.eml").read_bytes(), policy=policy.default)
    assert FITS(copy_of(mail))["reference"] == row.reference


def test_a_mail_handed_over_directly_has_a_copy_without_a_number(app, client, delivered):
    with services_of(app).outbox.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE outbox")

    send(client, CONTACT)

    (path,) = (services_of(app).settings.data_dir / "mail").glob("*.eml")
    said = copy_of(message_from_bytes(path.read_bytes(), policy=policy.default))
    assert FITS(said)["number"] is None


# -- what looks like spam ----------------------------------------------------------------------------------


def sent_after(client, seconds: float, form: str = A, change=None):
    """Open a form, and send it after this many seconds."""
    with time_machine.travel(NOON, tick=False) as clock:
        page = fresh(client, form)
        clock.shift(seconds)
        assert client.post(form, data={**page, **GOOD[form], **(change or {})}).status_code == 303


@pytest.mark.parametrize("form", GOOD)
def test_a_form_sent_too_fast_is_delivered_and_marked_but_not_in_its_subject(client, delivered, form):
    sent_after(client, 1, form)

    (message,) = delivered()

    words = "It was sent 1 second after the page was opened."
    assert f"\n\nPossible spam. {words}\n\n" in text_of(message)
    assert copy_of(message)["possible_spam"] is True
    assert copy_of(message)["spam_reasons"] == {"fast": words}
    assert "spam" not in str(message["Subject"])


@pytest.mark.parametrize("seconds", [3.2, 600, 23 * 3600, -1, -240])
def test_a_form_sent_by_a_person_is_not_marked(client, delivered, seconds):
    sent_after(client, seconds)

    (message,) = delivered()

    assert "spam" not in text_of(message)
    assert copy_of(message)["possible_spam"] is False
    assert copy_of(message)["spam_reasons"] == {}


def test_a_page_that_was_open_too_long_may_be_sent_again_at_once(client, delivered):
    with time_machine.travel(NOON, tick=False) as clock:
        page = fresh(client, A)
        clock.shift(25 * 3600)
        old = client.post(A, data={**page, **GOOD[A]})
        assert client.post(A, data=Page(old.text).answers).status_code == 303

    (message,) = delivered()
    assert copy_of(message)["spam_reasons"] == {}


LINK = "https://pills.example/x "


@pytest.mark.parametrize(
    ("change", "marked"),
    [
        ({"about": LINK * 2, "safe_notes": "www.pills.example"}, True),
        ({"about": LINK * 2, "trusted_name": LINK, "email": LINK}, False),  # two were not asked for
        ({"website": "x"}, True),
    ],
)
def test_what_looks_like_spam_is_delivered_whole_and_its_subject_marked(client, delivered, change, marked):
    sent_after(client, 600, A, change)

    (message,) = delivered()

    assert str(message["Subject"]).endswith(" (possible spam)") is marked
    assert ("Possible spam. " in text_of(message)) is marked
    assert copy_of(message)["possible_spam"] is marked
    assert "Zofia Ł" in text_of(message)
