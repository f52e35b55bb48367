"""The forms: each error appears at its question, no answer is lost, and nothing is sent too early."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import time_machine

from rjsite.outbox import operator
from rjsite.services import services_of
from support.forms import (
    CONTACT,
    GOOD,
    INVALID_ANSWERS,
    STOPS,
    A,
    B,
    C,
    InvalidAnswer,
    Page,
    fresh,
    lost,
    send,
    words,
)

DAY = 24 * 3600
FORMS = list(GOOD)


def field_of(page: Page, name: str):
    """Return the controls of a question, the elements that can be marked as invalid, and what describes them.

    A text field or a single checkbox has `aria-invalid` itself. Radio buttons cannot have it (WAI-ARIA), so
    their group does. A group of checkboxes cannot either, and no single one is wrong, so it only has a
    message.
    """
    parents, controls = page.parents, page.fields(name)
    group = parents[controls[0]]
    while group.tag not in ("fieldset", "form"):
        group = parents[group]
    kind = controls[0].get("type")
    told = [group] if kind in ("radio", "checkbox") and group.tag == "fieldset" else controls
    about = {word for element in told for word in element.get("aria-describedby", "").split()}
    marked = [group] if kind == "radio" else [] if group in told else controls
    return controls, marked, about


@dataclass(frozen=True)
class Refused:
    """A form that was sent with one error, and the page that it led to."""

    invalid: InvalidAnswer
    status: int
    page: Page
    kept: int


@pytest.fixture(scope="module", params=INVALID_ANSWERS, ids=str)
def refused(request, calm_app) -> Refused:
    invalid, outbox = request.param, services_of(calm_app).outbox
    before = len(operator.rows(outbox))
    answer = send(calm_app.test_client(), invalid.form, invalid.change)
    return Refused(invalid, answer.status_code, Page(answer.text), len(operator.rows(outbox)) - before)


def test_each_invalid_answer_is_named_in_the_summary_and_at_its_field(refused, content):
    page, name = refused.page, refused.invalid.field
    message = refused.invalid.message.format(area=content.facts["area"].value)

    controls, marked, about = field_of(page, name)
    (link,) = [a for a in page.by_id["problem"].iter("a") if words(a) == message]

    assert page.by_id[link.attrib["href"].removeprefix("#")] in controls
    assert words(page.by_id[f"{name}-error"]) == f"Error: {message}"
    assert f"{name}-error" in about
    assert [element.get("aria-invalid") for element in marked] == ["true"] * len(marked)
    assert [e.get("role") for e in marked if e.tag == "fieldset"] in ([], ["radiogroup"])


def test_a_group_of_ticks_says_once_what_is_wrong_and_no_tick_of_it_is_called_wrong(calm):
    page = Page(send(calm, A, {"link": []}).text)

    ticks, _, about = field_of(page, "link")

    assert "link-error" in about
    assert [tick.get("aria-invalid") for tick in ticks] == [None] * len(ticks)


def test_a_page_with_a_slip_says_so_first_and_nothing_is_kept(refused):
    headings = [words(h) for h in refused.page.all("h1", "h2")]

    assert refused.status == 422
    assert refused.page.title.startswith("Error: ")
    assert headings[0] == "There is a problem"
    assert refused.kept == 0


def test_no_answer_is_lost_by_a_slip(refused):
    assert lost({**GOOD[refused.invalid.form], **refused.invalid.change}, refused.page) == {}


def test_a_slip_brings_no_message_at_other_fields(refused):
    page = refused.page

    assert [name for name in page.by_id if name.endswith("-error")] == [f"{refused.invalid.field}-error"]
    assert len(list(page.by_id["problem"].iter("a"))) == 1


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_form_names_every_needed_answer_in_the_order_of_the_page(calm, form):
    page = Page(calm.post(form, data=fresh(calm, form)).text)

    links = [a.attrib["href"].removeprefix("#") for a in page.by_id["problem"].iter("a")]
    order = [name for name in page.by_id if name in links]
    assert links == order
    assert len(links) >= 2


@pytest.mark.parametrize("form", FORMS)
def test_a_form_without_slips_has_no_trace_of_an_error(calm, form):
    page = Page(calm.get(form).text)

    assert "problem" not in page.by_id
    assert [e for e in page.all() if "aria-invalid" in e.attrib] == []
    assert page.title == Page(calm.get(form).text).title  # the browser's history shows titles


@pytest.mark.parametrize("form", FORMS)
def test_a_form_asks_the_browser_for_no_rule_and_no_memory(calm, form):
    page = Page(calm.get(form).text)

    assert page.form.get("autocomplete") == "off"
    assert all(area.get("autocomplete") == "off" for area in page.all("textarea"))
    assert "novalidate" in page.form.attrib
    assert "action" not in page.form.attrib
    controls = list(page.controls())
    for attribute in ("required", "placeholder", "maxlength", "pattern", "autofocus", "checked", "onpaste"):
        assert [control.get("name") for control in controls if attribute in control.attrib] == []
    assert [
        c.get("name") for c in controls if c.get("value") and c.get("type") in ("text", "tel", "email")
    ] == []


@pytest.mark.parametrize("form", FORMS)
def test_a_question_that_may_be_left_out_says_so(calm, content, form):
    page = Page(calm.get(form).text)
    optional = {label.get("for", ""): words(label).endswith("(optional)") for label in page.all("label")}
    legends = {words(legend).endswith("(optional)"): 1 for legend in page.all("legend")}

    for question in content.forms[form].questions:
        if question.kind in ("one", "many"):
            suffix = "" if question.required else " (optional)"
            assert f"{question.label}{suffix}" in [words(legend) for legend in page.all("legend")]
        else:
            assert optional[question.name] is not question.required
    assert legends


@pytest.mark.parametrize("form", FORMS)
def test_every_control_has_a_label_of_its_own(calm, form):
    page = Page(calm.get(form).text)

    labelled = [label.get("for") for label in page.all("label")]
    shown = [control for control in page.controls() if control.get("type") != "hidden"]
    assert [c.get("name") for c in shown if labelled.count(c.get("id")) != 1] == []


@pytest.mark.parametrize("form", FORMS)
def test_the_trap_is_out_of_reach_of_keyboard_and_readers(calm, form):
    page = Page(calm.get(form).text)
    (trap,) = page.fields("website")
    parents = page.parents

    assert trap.get("tabindex") == "-1"
    assert parents[trap].get("aria-hidden") == "true"


# -- stops -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "change", "stop"), STOPS)
@pytest.mark.parametrize("others", ["good", "empty", "no token"])
def test_a_stop_shows_its_outcome_before_any_other_check_and_keeps_nothing(
    calm, calm_outbox, content, form, change, stop, others
):
    before = len(operator.rows(calm_outbox))
    opens = {"side": "caused", "victim_led": "yes"} if form == C and "consent" not in change else {}

    if others == "good":
        answer = send(calm, form, change)
    elif others == "empty":
        answer = calm.post(form, data={**fresh(calm, form), **opens, **change})
    else:
        answer = calm.post(form, data={**opens, **change})

    page = Page(answer.text)
    assert answer.status_code == 200
    assert [words(h) for h in page.all("h1")] == [content.outcomes[stop].title]
    assert page.title == Page(calm.get(form).text).title  # the browser's history shows titles
    assert "There is a problem" not in page.text
    assert {control.get("type") for control in page.controls()} == {
        "hidden"
    }  # these carry the answers back to the form
    assert "Set-Cookie" not in answer.headers
    assert len(operator.rows(calm_outbox)) == before


@pytest.mark.parametrize(("form", "change", "stop"), STOPS)
def test_from_an_outcome_one_goes_back_to_the_form_with_every_answer(calm, calm_outbox, form, change, stop):
    before = len(operator.rows(calm_outbox))
    stopped = Page(send(calm, form, change).text)

    answer = calm.post(form, data=stopped.answers)

    page = Page(answer.text)
    assert answer.status_code == 200
    assert "There is a problem" not in page.text
    assert lost({**GOOD[form], **change}, page) == {}
    assert "fill" not in page.by_id  # its link would open an empty form
    assert len(operator.rows(calm_outbox)) == before


GOES_ON = [
    (A, {"adult": "no"}),
    (A, {"link": ["not-sure"]}),
    (A, {"stage": "court", "other_under_18": "yes"}),
    (B, {"victim_led": "not-sure"}),
    (B, {"stage": "court"}),
    (B, {"link": ["live", "not-sure"]}),
    (C, {"side": "harmed", "victim_led": "yes", "harmed_asked": "no"}),  # not asked of the person harmed
    (C, {"victim_led": "no", "harmed_asked": "no"}),
    (C, {"side": "dispute", "harmed_asked": "no"}),
    (C, {"their_adult": "no"}),
    (C, {"knows": "family", "ref_org": "", "their_adult": "yes"}),
    (C, {"knows": "family", "side": "harmed"}),
    (C, {"their_adult": "yes", "yjs_reason": ""}),
    (C, {"side": "harmed", "yjs_reason": ""}),
    (C, {"their_contact_by": "referrer", "their_trusted_name": "", "their_trusted_contact": ""}),
    (C, {"ref_by": ["email"], "ref_phone": ""}),
    (C, {"ref_by": ["phone"], "ref_email": ""}),
    (C, {"ref_role": ""}),
    (CONTACT, {"reply_by": "none", "email": "", "say_who": ""}),
    (CONTACT, {"reply_by": "phone", "phone": "01632 960 001", "leave_message": "no", "email": "x"}),
    (CONTACT, {"topic": "", "name": ""}),
]


@pytest.mark.parametrize(("form", "change"), GOES_ON)
def test_every_other_answer_goes_on(calm, form, change):
    assert send(calm, form, change).status_code == 303


@pytest.mark.parametrize("by", ["email", "post", "person"])
@pytest.mark.parametrize(("form", "p"), [(A, ""), (B, ""), (C, "their_")])
def test_each_way_to_be_reached_needs_only_its_own_answers(calm, form, p, by):
    clear = {f"{p}{n}": "" for n in ("phone", "email", "address", "trusted_name", "leave_message")}
    own = {
        "email": {f"{p}email": "anna@example.com"},
        "post": {f"{p}address": "1 Long Lane"},
        "person": {f"{p}trusted_name": "Jo", f"{p}trusted_contact": "01632 960 003"},
    }[by]

    assert send(calm, form, {**clear, f"{p}contact_by": by, **own}).status_code == 303


AT_THE_LIMIT = [
    (A, {"name": "ä" * 100}),
    (A, {"about": "\r\n".join(["a" * 9] * 100)}),  # 999 characters if each line ending counts as one
    (A, {"about": "  " + "x" * 1000 + "\r\n\r\n"}),
    (A, {"about": "😀" * 1000}),
    (A, {"safe_notes": "x" * 300}),
    (CONTACT, {"message": "م" * 2000}),
    (A, {"phone": "+44 (0)1632-960.001"}),
    (A, {"phone": "18001 01632 960 001"}),
]


@pytest.mark.parametrize(("form", "change"), AT_THE_LIMIT)
def test_what_just_fits_is_taken(calm, form, change):
    assert send(calm, form, change).status_code == 303


@pytest.mark.parametrize("value", ["maybe", "YES", "0", "yes'--"])
def test_an_unknown_value_counts_as_not_chosen(calm, value):
    page = Page(send(calm, A, {"adult": value}).text)

    assert "adult-error" in page.by_id
    assert page.answers.get("adult") is None


# -- tokens ------------------------------------------------------------------------------------------------


def bad_token(kind: str, client) -> dict[str, list[str]]:
    return {
        "none": {},
        "empty": {"form_token": [""]},
        "rubbish": {"form_token": ["rubbish.of.mine"]},
        "of another form": {"form_token": fresh(client, B)["form_token"]},
    }[kind]


LONG = "This page was open for a long time"
AGAIN = "Your answers are still here. Select Send again."


@pytest.mark.parametrize("kind", ["none", "empty", "rubbish", "of another form"])
def test_without_a_good_token_every_answer_comes_back_and_sending_again_works(calm, calm_outbox, kind):
    before = len(operator.rows(calm_outbox))

    answer = calm.post(A, data={**GOOD[A], **bad_token(kind, calm)})

    page = Page(answer.text)
    assert answer.status_code == 422
    assert LONG in page.text
    assert AGAIN in page.text
    assert lost(GOOD[A], page) == {}
    assert len(operator.rows(calm_outbox)) == before
    assert calm.post(A, data=page.answers).status_code == 303
    assert len(operator.rows(calm_outbox)) == before + 1


def reference(client, answer) -> str:
    shown = Page(client.get(answer.headers["Location"]).text)
    (found,) = shown.all("b", class_="reference")
    return words(found)


@pytest.mark.parametrize("form", FORMS)
def test_a_page_that_was_open_for_25_hours_loses_nothing_and_keeps_its_reference(app, client, form):
    with time_machine.travel("2026-11-21 12:00:00Z", tick=False):
        token = fresh(client, form)
        early = reference(client, client.post(form, data={**token, **GOOD[form]}))

    with time_machine.travel("2026-11-22 13:00:00Z", tick=False):
        changed = {**GOOD[form], "name": "Other", "ref_name": "Other"}
        old = client.post(form, data={**token, **changed})
        again = client.post(form, data=Page(old.text).answers)

        assert old.status_code == 422
        assert AGAIN in Page(old.text).text
        assert again.status_code == 303
        assert reference(client, again) == early


@pytest.mark.parametrize(
    ("seconds", "status"), [(23 * 3600, 303), (DAY, 303), (DAY + 3600, 422), (-240, 303), (-360, 422)]
)
def test_a_page_is_good_for_a_day_and_from_a_clock_five_minutes_ahead(calm, seconds, status):
    noon = 1_795_262_400
    with time_machine.travel(noon, tick=False):
        token = fresh(calm, A)

    with time_machine.travel(noon + seconds, tick=False):
        assert calm.post(A, data={**token, **GOOD[A]}).status_code == status


def test_an_old_page_with_slips_names_them_too_and_keeps_every_answer(calm):
    change = {**GOOD[A], "name": "", "phone": "no idea"}

    page = Page(calm.post(A, data=change).text)

    assert AGAIN in page.text
    assert {"name-error", "phone-error"} <= set(page.by_id)
    assert lost(change, page) == {}


# -- autofill ----------------------------------------------------------------------------------------------

TOKENS = {
    A: {"name": "name", "phone": "tel", "email": "email", "address": "street-address"},
    B: {"name": "name", "phone": "tel", "email": "email", "address": "street-address"},
    C: {
        **{"ref_name": "name", "ref_phone": "tel", "ref_email": "email"},
        **{"ref_org": "organization", "ref_role": "organization-title"},
    },
    CONTACT: {"name": "name", "phone": "tel", "email": "email"},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_device_fills_in_only_what_the_person_lets_it(calm, form):
    on, off = Page(calm.get(f"{form}?fill=1").text), Page(calm.get(form).text)

    def tokens(page):
        return {
            c.get("name"): token for c in page.controls() if (token := c.get("autocomplete", "off")) != "off"
        }

    assert tokens(on) == TOKENS[form]
    assert tokens(off) == {}
    assert on.form.get("autocomplete") == off.form.get("autocomplete") == "off"


def test_letting_the_device_fill_in_outlasts_a_slip(calm):
    answer = calm.post(f"{A}?fill=1", data={**fresh(calm, A), **GOOD[A], "name": ""})

    assert {c.get("autocomplete") for c in Page(answer.text).fields("email")} == {"email"}


# -- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_a_post_that_another_site_began_is_refused(calm, calm_outbox, site):
    before = len(operator.rows(calm_outbox))

    answer = send(calm, A, headers={"Sec-Fetch-Site": site})

    assert answer.status_code == 403
    assert len(operator.rows(calm_outbox)) == before


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
@pytest.mark.parametrize("origin", [{}, {"Origin": "null"}])
def test_a_post_of_our_own_is_taken_from_any_browser(calm, headers, origin):
    assert send(calm, A, headers={**headers, **origin}).status_code == 303


@pytest.mark.parametrize("size", [65 * 1024, 300 * 1024])
def test_too_much_is_refused_with_words_that_say_what_to_do(calm, calm_outbox, content, size):
    before = len(operator.rows(calm_outbox))

    answer = send(calm, A, {"about": "x" * size})

    assert answer.status_code == 413
    assert content.errors["413"].title in answer.text
    assert content.facts["phone"].value in answer.text
    assert len(operator.rows(calm_outbox)) == before


def test_the_longest_honest_answers_are_never_too_large(calm):
    change = {
        "about": "😀" * 1000,
        "address": "😀" * 500,
        "safe_notes": "😀" * 300,
        "needs_detail": "😀" * 300,
    }

    assert send(calm, A, change).status_code == 303


NASTY = [
    '"><script>alert(1)</script>',
    "</textarea><script>alert(1)</script>",
    *("{{ 7*7 }}", "' onfocus='x", "\n\nx"),
]


@pytest.mark.parametrize("typed", NASTY)
def test_what_was_typed_comes_back_as_words_and_nothing_else(calm, typed):
    page = Page(send(calm, A, {"safe_notes": typed, "about": typed, "name": ""}).text)

    assert page.answers["safe_notes"] == [typed.strip()]
    assert page.answers["about"] == [typed.strip()]
    assert {script.get("src", "")[:8] for script in page.all("script")} == {"/static/"}


def test_a_form_sent_as_an_upload_is_read_too(calm):
    answer = calm.post(A, data={**fresh(calm, A), **GOOD[A]}, content_type="multipart/form-data")

    assert answer.status_code == 303


@pytest.mark.parametrize(
    "body", [b"\xff\xfe=\x00&name=%ff%00", b"=&&&=", b"a" * 1000, b"%", b"form_token=%ED%A0%80"]
)
def test_bytes_that_are_no_form_are_a_slip_and_no_crash(calm, body):
    answer = calm.post(A, data=body, content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 422


def test_many_fields_are_no_crash(calm):
    assert calm.post(A, data={f"f{number}": "x" for number in range(2000)}).status_code in (413, 422)


# -- the help beside a form --------------------------------------------------------------------------------

PROMISES = {
    A: "You choose: we contact you in a safe way, or you call us.",
    B: "You choose: we contact you in a safe way, or you call us.",
    C: "They choose: we contact them in a safe way, or they call us.",
    CONTACT: "We reply in the way you choose.",
}


@pytest.mark.parametrize("form", FORMS)
def test_what_happens_next_is_said_to_the_one_who_sends_it(calm, form):
    (panel,) = Page(calm.get(form).text).all("aside")
    lines = [words(item) for item in panel.iter("li")]

    assert PROMISES[form] in lines
    assert [line for line in lines if line in PROMISES.values()] == [PROMISES[form]]
