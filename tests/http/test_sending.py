"""Sending a form: it is stored before the page says thank you, and each recipient gets one email."""

from __future__ import annotations

import re
import shutil
from base64 import urlsafe_b64decode

import pytest
import time_machine

from rjsite import create_app
from rjsite.outbox import operator
from rjsite.services import services_of
from rjsite.settings import Settings
from support.forms import CONTACT, GOOD, STORY, A, B, C, Page, fresh, lost, send, words
from support.mail import copy_of
from support.mail import text_of as text
from support.processes import free_port

FORMS = list(GOOD)
REFERENCE = re.compile(r"[2346789FHKMQRWXY]{4}-[2346789FHKMQRWXY]{4}")
CLEAR = {"clear=1", "Max-Age=1", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"}


def reference(client, answer) -> str:
    (shown,) = Page(client.get(answer.headers["Location"]).text).all("b", class_="reference")
    return words(shown)


# -- thanks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_good_form_is_kept_and_the_person_is_led_to_thanks(client, outbox, form):
    answer = send(client, form)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sent?r=")
    assert answer.headers["Cache-Control"] == "no-store"
    (row,) = operator.rows(outbox)
    assert row.reference == reference(client, answer)
    assert row.recipient == "team@localhost"


def test_a_sent_form_makes_the_browser_forget_its_page(client):
    (cookie,) = send(client, A).headers.getlist("Set-Cookie")

    assert set(cookie.split("; ")) == CLEAR


@pytest.mark.parametrize("form", FORMS)
def test_thanks_show_the_reference_and_none_of_the_answers(client, content, form):
    answer = send(client, form)

    page = Page(client.get(answer.headers["Location"]).text)
    assert [words(h) for h in page.all("h1")] == [content.pages["/sent"].title]
    assert REFERENCE.fullmatch(words(page.all("b", class_="reference")[0]))
    assert re.search(rf"{REFERENCE.pattern}\. ", page.text)  # a screen reader pauses after it
    typed = {q.name for q in content.forms[form].questions if not q.choices and q.kind != "tick"}
    told = [str(value) for name, value in GOOD[form].items() if name in typed]
    assert [value for value in told if value in page.text or value in answer.headers["Location"]] == []


def test_the_reference_cannot_be_read_off_the_address_later(client):
    with time_machine.travel("2026-11-21 12:00:00Z", tick=False):
        address = send(client, A).headers["Location"]
    with time_machine.travel("2026-11-21 12:09:00Z", tick=False):
        soon = client.get(address)
    with time_machine.travel("2026-11-21 12:11:00Z", tick=False):
        later = client.get(address)

    assert len(Page(soon.text).all("b", class_="reference")) == 1
    assert later.status_code == 200
    assert Page(later.text).all("b", class_="reference") == []


def test_thanks_show_the_reference_though_another_machine_took_the_form_and_its_clock_is_ahead(client):
    with time_machine.travel("2026-11-21 12:02:00Z", tick=False):
        address = send(client, A).headers["Location"]
    with time_machine.travel("2026-11-21 12:00:00Z", tick=False):
        answer = client.get(address)

    assert len(Page(answer.text).all("b", class_="reference")) == 1


def test_the_address_that_a_browser_remembers_tells_nobody_the_reference(client, outbox):
    sealed = send(client, A).headers["Location"].partition("=")[2]

    (row,) = operator.rows(outbox)
    assert row.reference.encode() not in urlsafe_b64decode(sealed.replace("%3D", "="))


@pytest.mark.parametrize(
    "address", ["/sent", "/sent?r=", "/sent?r=rubbish", "/sent?r=7K3M-X9QF", "/sent?r=%C5%81", "/sent?x=1"]
)
def test_the_page_of_thanks_works_without_a_reference(client, address):
    answer = client.get(address)

    assert answer.status_code == 200
    assert Page(answer.text).all("b", class_="reference") == []
    assert "no longer shows your reference" in Page(answer.text).text


# -- the mail ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_the_team_gets_one_mail_with_every_question_in_order(client, delivered, content, form):
    found = reference(client, send(client, form))

    (message,) = delivered()

    assert message["Subject"] == f"Website form {found}"
    body, at = text(message), 0
    answers = body.partition("\nANSWERS\n")[2]
    for question in content.forms[form].questions:
        if question.name in GOOD[form]:
            at = answers.index(f"\n{question.label}\n", at)
    for value in GOOD[form].values():
        for words_typed in [] if isinstance(value, list) else [value]:
            if " " in words_typed or "@" in words_typed:
                assert words_typed in answers
    assert STORY in answers
    assert content.forms[form].name not in answers
    assert f"Reference: {found}\n" in answers
    assert content.pages["/privacy"].version in answers


@pytest.mark.parametrize(
    ("form", "change", "block"),
    [
        (
            A,
            {},
            [
                "Contact by: Phone call",
                "Phone number: 01632 960 001",
                "Leave a message: No",
                "Say who we are: No, do not say who you are",
                "Notes: Only before 3pm",
                "Name: Zofia Ł",
                "18 or over: Yes",
                "Help needed: An interpreter; Large print",
                "What would help: Polish",
            ],
        ),
        (
            A,
            {"adult": "no", "contact_by": "email", "email": "a@example.com", "needs": [], "safe_notes": ""},
            [
                "Contact by: Email",
                "Email address: a@example.com",
                "Say who we are: No, do not say who you are",
                "Notes: Not answered",
                "Name: Zofia Ł",
                "18 or over: No, I am under 18",
                "Adult they trust: Not answered",
                "Help needed: Not answered",
            ],
        ),
        (
            C,
            {},
            [
                "Contact by: Through someone they trust",
                "Through: Uncle Jo",
                "Reach them at: jo@example.com",
                "Say who we are: Yes, you can say {name_short}",
                "Notes: Ask for Jo",
                "Referrer’s organisation: Help & Co",
                "Referrer’s role: Adviser",
                "Referred by: Robin Worker",
                "Referrer’s email address: robin@example.com",
                "Referrer’s phone number: 01632 960 002",
                "Name: Kim",
                "Where they are now: In prison",
                "18 or over: No",
                "Risk: A dog in the yard",
                "Help needed: British Sign Language",
                "What would help: Evenings",
            ],
        ),
        (CONTACT, {"reply_by": "none"}, ["Reply by: No reply needed", "Name: Anna"]),
    ],
)
def test_what_staff_follow_before_any_contact_comes_first(client, delivered, content, form, change, block):
    send(client, form, change)

    (message,) = delivered()

    name, block_sent, *_ = text(message).split("\n\n")
    first, *lines = block_sent.split("\n")
    assert name == content.forms[form].name
    assert first == "BEFORE YOU CONTACT"
    assert sorted(lines) == sorted(
        line.format(name_short=content.facts["name_short"].value) for line in block
    )
    assert lines[0] == block[0]
    assert lines.index(next(x for x in lines if x.startswith("Reply by") or x.startswith("Contact by"))) == 0


def test_what_staff_follow_stands_in_the_order_they_need_it(client, delivered):
    send(client, A)

    (message,) = delivered()

    body = text(message)
    order = ["Contact by", "Leave a message", "Say who we are", "Notes", "18 or over", "Help needed"]
    assert sorted(order, key=lambda name: body.index(f"\n{name}: ")) == order


FLAGS = [
    (A, {"link": ["not-sure"]}, "not sure"),
    (B, {"victim_led": "not-sure", "stage": "", "link": ["live"]}, "domestic abuse or sexual violence"),
    (A, {"other_under_18": "yes"}, "who harmed them is under 18"),
    (B, {"victim_led": "no", "stage": "court", "link": ["live"]}, "waiting for sentence"),
    (C, {"side": "dispute", "victim_led": "no"}, "mediation"),
    (C, {"victim_led": "not-sure"}, "not sure if it involves domestic abuse or sexual violence"),
    (C, {"victim_led": "yes"}, "- domestic abuse or sexual violence"),
]


@pytest.mark.parametrize(("form", "change", "flag"), FLAGS)
def test_what_to_look_out_for_is_flagged_before_the_answers(client, delivered, form, change, flag):
    send(client, form, change)

    (message,) = delivered()

    notes = text(message).partition("PLEASE NOTE\n")[2].partition("\nANSWERS\n")[0].strip()
    assert len(notes.splitlines()) == 1
    assert flag in notes.lower()


def test_nothing_is_flagged_where_nothing_is_unsure(client, delivered):
    send(client, A)

    (message,) = delivered()

    assert "PLEASE NOTE" not in text(message)


def test_questions_left_out_are_said_to_be(client, delivered):
    send(client, A, {"stage": "", "about": " ", "needs": []})

    (message,) = delivered()

    body = text(message)
    for question in ("What have the police or court done so far?", "In a few words, what is this about?"):
        assert f"\n{question}\nNot answered\n" in body
    assert "\nHelp needed: Not answered\n" in body


def test_answers_to_questions_that_were_not_asked_go_nowhere(client, delivered):
    hidden = {
        "contact_by": "email",
        "email": "seen@example.com",
        "phone": "01632 960 999",
        "leave_message": "yes",
        "address": "Hidden Lane",
        "trusted_name": "Hidden Name",
        "trusted_contact": "not an address at all",
    }

    answer = send(client, A, hidden)

    (message,) = delivered()
    body = text(message)
    assert answer.status_code == 303
    assert "seen@example.com" in body
    for gone in ("960 999", "Hidden", "not an address", "leave a message", "Name of the person you trust"):
        assert gone not in body


def test_only_yes_is_agreement(client, outbox):
    answers = [send(client, A, {"agree": value}).status_code for value in ("no", "0", "false", "on", "")]

    assert answers == [422] * 5
    assert operator.rows(outbox) == []


def test_fields_and_values_we_do_not_know_go_nowhere(client, delivered):
    send(client, A, {"evil": "unknown words", "stage": "unknown-value", "needs": ["bsl", "unknown-help"]})

    (message,) = delivered()

    body = text(message)
    assert "unknown" not in body
    assert "\nWhat have the police or court done so far?\nNot answered\n" in body
    assert "Help needed: British Sign Language\n" in body


@pytest.mark.parametrize(
    ("form", "change", "reply_to"),
    [
        (A, {"contact_by": "email", "email": "a@example.com"}, None),
        (B, {"contact_by": "email", "email": "a@example.com"}, None),
        (C, {}, "robin@example.com"),
        (CONTACT, {}, "anna@example.com"),
        (CONTACT, {"reply_by": "none"}, None),
        (CONTACT, {"reply_by": "phone", "phone": "01632 960 001", "leave_message": "no"}, None),
    ],
)
def test_the_team_can_reply_by_mail_only_where_that_is_safe(client, delivered, form, change, reply_to):
    send(client, form, change)

    (message,) = delivered()

    assert message["Reply-To"] == reply_to
    assert ("HOW TO REPLY" in text(message)) is (reply_to is not None)


@pytest.mark.parametrize(
    "address", ["a@example.com\r\nBcc: evil@example.com", "a@example.com, evil@example.com"]
)
def test_an_address_that_would_add_a_recipient_is_a_slip(client, outbox, address):
    answer = send(client, CONTACT, {"email": address})

    assert answer.status_code == 422
    assert operator.rows(outbox) == []


def test_a_mail_says_nothing_of_network_browser_or_history(client, delivered):
    headers = {"User-Agent": "Browser/7", "Referer": "http://before.example", "X-Forwarded-For": "192.0.2.9"}
    send(client, A, headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.1"})

    (message,) = delivered()

    whole = message.as_string()
    assert [sign for sign in ("192.0.2", "Browser/7", "before.example") if sign in whole] == []


def test_a_form_caught_in_the_trap_is_delivered_and_marked(client, delivered):
    answer = send(client, A, {"website": "https://spam.example"})

    (message,) = delivered()
    assert answer.status_code == 303
    assert message["Subject"] == f"Website form {reference(client, answer)} (possible spam)"
    assert STORY in text(message)


@pytest.mark.parametrize(
    "words_typed", ["👩🏽‍🦱 " * 200, "آنا هنا\nنعم", "王" * 1000, "x" * 1000, "=3D\n.\nFrom x"]
)
def test_any_script_arrives_as_it_was_typed(client, delivered, words_typed):
    send(client, A, {"about": words_typed})

    (message,) = delivered()

    assert words_typed.strip() in text(message)


def test_each_of_the_team_has_a_mail_of_their_own(tmp_path):
    site = create_app(
        Settings.load(
            mode="development", data_dir=tmp_path, team_email="one@nowhere.example,two@nowhere.example"
        )
    )

    send(site.test_client(), A)

    box = services_of(site).outbox
    assert [row.recipient for row in operator.rows(box)] == ["one@nowhere.example", "two@nowhere.example"]
    bodies = [box.open(row) for row in operator.stored_mails(box, operator.rows(box)[0].reference)]
    assert [b"two@" in bodies[0], b"one@" in bodies[1]] == [False, False]


# -- twice -------------------------------------------------------------------------------------------------


def test_the_same_page_sent_twice_is_one_case_and_one_mail(client, outbox, delivered):
    page = {**fresh(client, A), **GOOD[A]}

    first, second = client.post(A, data=page), client.post(A, data=page)

    assert (first.status_code, second.status_code) == (303, 303)
    assert reference(client, first) == reference(client, second)
    assert len(operator.rows(outbox)) == 1
    assert len(delivered()) == 1


def test_the_same_page_sent_again_after_its_mail_left_is_not_mailed_again(client, delivered):
    page = {**fresh(client, A), **GOOD[A]}
    client.post(A, data=page)
    delivered()

    assert client.post(A, data=page).status_code == 303
    assert len(delivered()) == 1


def test_a_changed_page_has_the_same_reference_and_its_mail_says_changed(client, delivered):
    page = {**fresh(client, A), **GOOD[A]}

    first = client.post(A, data=page)
    second = client.post(A, data={**page, "safe_notes": "Never call"})

    assert reference(client, first) == reference(client, second)
    one, two = sorted(delivered(), key=lambda message: "Changed version" in text(message))
    assert one["Subject"] == two["Subject"]
    assert one["Message-ID"] != two["Message-ID"]
    assert ["Changed version" in text(message) for message in (one, two)] == [False, True]
    assert "Never call" in text(two)


def test_a_page_sent_again_after_a_change_of_keys_is_one_case_and_one_mail(tmp_path):
    old, new = "old-and-long-enough-to-sign-anything", "new-and-long-enough-to-sign-anything"

    def site(*keys):
        settings = Settings.load(mode="development", data_dir=tmp_path, secret_key=",".join(keys))
        return create_app(settings)

    before = site(old)
    page = {**fresh(before.test_client(), A), **GOOD[A]}
    before.test_client().post(A, data=page)

    after = site(new, old)
    after.test_client().post(A, data=page)

    assert [row.version for row in operator.rows(services_of(after).outbox)] == [1]


def test_two_people_have_two_references(client, outbox):
    found = {reference(client, send(client, A)) for _ in range(3)}

    assert len(found) == 3
    assert len(operator.rows(outbox)) == 3


# -- too often ---------------------------------------------------------------------------------------------

MIDDLE = 1_795_262_400 // 600 * 600 + 300  # the middle of a window of ten minutes


@pytest.fixture
def frozen():
    with time_machine.travel(MIDDLE, tick=False) as clock:
        yield clock


def test_thirty_forms_in_ten_minutes_pass_and_the_next_keeps_its_answers(client, outbox, content, frozen):
    for change in ({"name": ""}, {"link": ["none"]}):  # errors and stops do not count
        assert send(client, A, change).status_code != 303
    statuses = [send(client, A).status_code for _ in range(30)]

    answer = send(client, B)

    page = Page(answer.text)
    assert statuses == [303] * 30
    assert answer.status_code == 429
    assert lost(GOOD[B], page) == {}
    assert "We could not send this yet. Your answers are still on this page." in page.text
    assert content.facts["phone"].value in page.text
    assert 1 <= int(answer.headers["Retry-After"]) <= 600
    assert len(operator.rows(outbox)) == 30


@pytest.fixture
def strict(tmp_path, frozen):
    """Return a function that uses up the rate limit of a site at a given second, and returns a client."""
    settings = Settings.load(mode="development", data_dir=tmp_path, ratelimit_forms="2 per 10 minutes")
    client = create_app(settings).test_client()

    def at(seconds: int):
        frozen.move_to(MIDDLE + seconds)
        assert [send(client, A).status_code for _ in range(3)] == [303, 303, 429]
        return client

    return at


@pytest.mark.parametrize("begin", [0, 10, 150, 299, 301, 590])
def test_who_waits_as_long_as_told_can_send_the_same_page(strict, frozen, begin):
    client = strict(begin)
    refused = send(client, A)

    frozen.shift(int(refused.headers["Retry-After"]) + 1)

    assert client.post(A, data=Page(refused.text).answers).status_code == 303


@pytest.mark.parametrize("begin", [0, 10, 150, 299, 301, 590])
def test_who_waits_ten_minutes_can_send_the_same_page(strict, frozen, begin):
    client = strict(begin)
    refused = send(client, A)

    frozen.shift(601)

    assert client.post(A, data=Page(refused.text).answers).status_code == 303


def test_other_networks_are_not_held_up(strict):
    assert send(strict(0), A, environ_base={"REMOTE_ADDR": "192.0.2.77"}).status_code == 303


@pytest.mark.parametrize(
    ("first", "again", "other"),
    [
        ("198.51.100.1:50001", "198.51.100.1:50002", "198.51.100.2:50001"),
        ("[2001:db8::1]:50001", "[2001:db8::1]:50002", "[2001:db8:0:1::1]:50001"),
        ("192.0.2.66, 198.51.100.1", "192.0.2.67, 198.51.100.1", "192.0.2.66, 198.51.100.2"),
        (["192.0.2.66", "198.51.100.1"], ["192.0.2.67", "198.51.100.1"], ["192.0.2.66", "198.51.100.2"]),
    ],
)
def test_behind_a_proxy_different_people_are_counted_apart_and_one_together(
    tmp_path, frozen, first, again, other
):
    site = create_app(
        Settings.load(
            mode="development", data_dir=tmp_path, ratelimit_forms="2 per 10 minutes", trusted_proxies=1
        )
    )
    client = site.test_client()

    def status(hops: str | list[str]) -> int:
        lines = [hops] if isinstance(hops, str) else hops
        return send(client, A, headers=[("X-Forwarded-For", line) for line in lines]).status_code

    assert [status(first), status(again), status(first)] == [303, 303, 429]
    assert status(other) == 303


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "unknown"}, {}], ids=["unknown", "none"])
def test_people_of_whom_the_proxy_says_nothing_do_not_hold_each_other_up(tmp_path, headers):
    site = create_app(
        Settings.load(
            mode="development", data_dir=tmp_path, ratelimit_forms="2 per 10 minutes", trusted_proxies=1
        )
    )
    client = site.test_client()

    assert [send(client, A, headers=headers).status_code for _ in range(6)] == [303] * 6


def test_pages_are_never_held_up(strict):
    client = strict(0)

    assert [client.get(address).status_code for address in (A, "/", "/sent")] == [200] * 3


def test_no_answer_is_lost_where_a_page_has_slips_and_nothing_more_can_be_sent(strict):
    answer = send(strict(0), A, {"name": ""})

    assert answer.status_code in (422, 429)
    assert lost({**GOOD[A], "name": ""}, Page(answer.text)) == {}


def test_a_stop_is_shown_even_where_nothing_more_can_be_sent(strict, content):
    answer = send(strict(0), A, {"link": ["none"]})

    assert answer.status_code == 200
    assert content.outcomes["outside"].title in answer.text


def test_a_dead_store_of_counts_stops_no_form(tmp_path):
    folder = tmp_path / "var"
    (folder / "limits.sqlite3").mkdir(parents=True)
    site = create_app(Settings.load(mode="development", data_dir=folder))

    assert send(site.test_client(), A).status_code == 303


# -- what breaks -------------------------------------------------------------------------------------------


def break_the_database(app, settings) -> None:
    """Replace the database file with a folder, so that it fails as it would on a broken disk."""
    services_of(app).outbox.engine.dispose()
    for path in settings.data_dir.glob("outbox.sqlite3*"):
        path.unlink()
    (settings.data_dir / "outbox.sqlite3").mkdir()


def empty_the_database(app, _settings) -> None:
    with services_of(app).outbox.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE outbox")


BROKEN = pytest.mark.parametrize("broken", [break_the_database, empty_the_database], ids=lambda f: f.__name__)


@pytest.fixture
def without_mail(tmp_path):
    """Return a site whose mail server does not respond, and its settings."""
    settings = Settings.load(
        mode="development",
        data_dir=tmp_path / "away",
        mail_server="127.0.0.1",
        mail_port=free_port(),
        mail_use_tls=False,
        mail_timeout=2,
    )
    return create_app(settings), settings


@BROKEN
@pytest.mark.parametrize("form", FORMS)
def test_where_nothing_can_keep_a_form_every_answer_stays_and_the_phone_is_named(
    without_mail, content, broken, form
):
    site, settings = without_mail
    client = site.test_client()
    broken(site, settings)

    answer = send(client, form)

    page = Page(answer.text)
    assert answer.status_code == 503
    assert lost(GOOD[form], page) == {}
    assert "We could not send this. Your answers are still on this page." in page.text
    assert content.facts["phone"].value in page.text
    assert "Set-Cookie" not in answer.headers


def test_trying_again_once_the_disk_is_back_keeps_the_reference(without_mail):
    site, settings = without_mail
    client = site.test_client()
    services_of(site).outbox.prepare()
    shutil.copytree(settings.data_dir, settings.data_dir.with_name("saved"))
    page = {**fresh(client, A), **GOOD[A]}
    break_the_database(site, settings)
    refused = client.post(A, data=page)
    (settings.data_dir / "outbox.sqlite3").rmdir()
    for path in settings.data_dir.with_name("saved").glob("outbox.sqlite3*"):
        shutil.copy(path, settings.data_dir)

    answer = client.post(A, data=Page(refused.text).answers)

    assert Page(refused.text).answers["form_token"] == page["form_token"]
    assert answer.status_code == 303


@BROKEN
def test_where_only_the_database_is_broken_the_mail_goes_at_once(app, client, settings, delivered, broken):
    broken(app, settings)

    answer = send(client, A)

    assert answer.status_code == 303
    (path,) = (settings.data_dir / "mail").glob("*.eml")
    assert path.stem == reference(client, answer)


@pytest.mark.parametrize("kept_before", [False, True])
def test_answers_changed_back_while_the_database_broke_and_came_back_reach_the_team(
    app, client, settings, delivered, kept_before
):
    aside = settings.data_dir.with_name("aside")
    page = {**fresh(client, A), **GOOD[A]}

    def post(name: str) -> None:
        assert client.post(A, data={**page, "name": name}).status_code == 303

    if kept_before:
        post("Robin")
    services_of(app).outbox.engine.dispose()
    shutil.copytree(settings.data_dir, aside)
    break_the_database(app, settings)
    post("Anna" if kept_before else "Robin")
    (settings.data_dir / "outbox.sqlite3").rmdir()
    for path in aside.glob("outbox.sqlite3*"):
        shutil.copy(path, settings.data_dir)
    if not kept_before:
        post("Anna")
    post("Robin")

    names = [copy_of(message)["answers"]["name"]["values"] for message in delivered()]
    versions = [copy_of(message)["version"] for message in delivered()]
    assert [name for version, name in zip(versions, names, strict=True) if version == max(versions)] == [
        ["Robin"]
    ]


def test_where_only_the_mail_server_is_away_the_form_is_kept(without_mail):
    site, _ = without_mail

    answer = send(site.test_client(), A)

    services_of(site).worker.drain()
    (row,) = operator.rows(services_of(site).outbox)
    assert answer.status_code == 303
    assert (row.accepted_at, row.failure) == (None, "unreachable")


def test_where_too_much_waits_a_form_keeps_its_answers(tmp_path):
    site = create_app(Settings.load(mode="development", data_dir=tmp_path, outbox_max_waiting=1))
    client = site.test_client()
    send(client, A)

    answer = send(client, A)

    assert answer.status_code == 503
    assert lost(GOOD[A], Page(answer.text)) == {}


def test_a_fault_of_our_own_in_a_form_shows_no_answer_in_the_log(app, client, monkeypatch, caplog):
    def fail(*_, **__):
        raise ValueError(STORY)

    monkeypatch.setattr(services_of(app).intake.outbox, "insert", fail)

    answer = send(client, A)

    assert answer.status_code == 500
    assert "ValueError" in caplog.text
    assert STORY not in caplog.text
    assert "It was my shop" not in answer.text
