"""Hostile input gets a clear response, runs and leaks nothing, and does not affect the next visitor.

`HOSTILE=5000 pytest tests/http/test_hostile_input.py` fuzzes for longer.
"""

from __future__ import annotations

import os
import re
import time
from email import message_from_bytes, policy
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rjsite.forms.validators import tidy
from rjsite.outbox import operator
from rjsite.services import services_of
from support.forms import CONTACT, GOOD, A, Page, fresh, lost, send
from support.mail import text_of

EXAMPLES = int(os.environ.get("HOSTILE", "60"))
CLEAR = {200, 301, 303, 304, 308, 400, 403, 404, 405, 413, 415, 422, 429, 503}
LEAKS = re.compile(r"Traceback|File \"|sqlalchemy|sqlite|werkzeug|jinja|/rjsite/|SECRET", re.I)
FIELDS = sorted({*GOOD[A], "safe_notes", "needs_detail", "form_token", "email", "address"})
KIND = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _no_fault_of_ours(calm_app: Flask, caplog: pytest.LogCaptureFixture):
    """Check after each test that no error was logged and that the next visitor is served."""
    yield
    assert [r.getMessage() for r in caplog.records if r.name == "rjsite.errors"] == []
    assert send(calm_app.test_client(), A).status_code == 303


def sound(answer) -> None:
    """Check that a response has an expected status and reveals nothing internal."""
    assert answer.status_code in CLEAR, answer.status_code
    assert not LEAKS.search(answer.text)
    assert "content-security-policy" in {name.lower() for name in dict(answer.headers)}


def body_of_newest(app: Flask) -> str:
    """Check the form of the newest stored email, and return its text."""
    box = services_of(app).outbox
    newest = operator.rows(box)[-1]
    raw = box.open(operator.stored_mails(box, newest.reference)[-1])
    message = message_from_bytes(raw, policy=policy.default)
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(raw) < 128
    assert b"\0" not in raw
    assert set(message.keys()) <= {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Reply-To"),
        "X-Auto-Response-Suppress",
        *("MIME-Version", "Content-Type"),
    }
    assert re.fullmatch(r"Website form [\w-]{9}( \(possible spam\))?", str(message["Subject"]))
    return text_of(message)


# -- what could reach the mail -----------------------------------------------------------------------------

SMUGGLED = [
    "x\r\nBcc: evil@example.com",
    "x\nBcc: evil@example.com\n\nnew body",
    "x\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<evil@example.com>\r\nDATA\r\nhi\r\n.\r\n",
    "x\n.\nMAIL FROM:<evil@example.com>",
    "x\r.\rMAIL FROM:<evil@example.com>",
    "x\n.\r\nQUIT",
    "x\r\n.\nQUIT",
    ".\r\n..\r\n...",
    "a\0b\x01\x02\x07\x08\x1b[31mred\x7f",
    "\ufeffa\u202eb\u2066c\u2028d\u2029e\x85f\x0bg\x0ch",
    "--boundary\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>",
    "=?utf-8?q?=0D=0ABcc:_evil@example.com?=",
    "{{ 7*7 }} {% include '/etc/passwd' %} ${7*7} %(name)s {0.__class__} {area}",
]


@pytest.mark.parametrize("words", SMUGGLED, ids=range(len(SMUGGLED)))
def test_no_answer_becomes_a_header_a_command_or_a_second_mail(app, client, words):
    answer = send(client, A, {"about": words, "name": words[:100]})

    assert answer.status_code == 303
    text = body_of_newest(app)
    assert tidy(words) in text
    assert text.count("ABOUT THIS FORM") == 1


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com\r\nBcc: evil@example.com",
        "a@example.com, evil@example.com",
        '"a\r\n.\r\nQUIT"@example.com',
        "<a@example.com> evil@example.com",
        "a@exa\0mple.com",
        "a@example.com\u2028Bcc: evil@example.com",
        "=?utf-8?q?a=40example.com=0ABcc:x?=",
    ],
)
def test_no_address_to_reply_to_carries_more_than_an_address(app, client, address):
    answer = send(client, CONTACT, {"reply_by": "email", "email": address})

    sound(answer)
    if answer.status_code == 303:
        body_of_newest(app)
        raw = services_of(app).outbox
        reply = message_from_bytes(
            raw.open(operator.stored_mails(raw, operator.rows(raw)[-1].reference)[-1]), policy=policy.default
        )["Reply-To"]
        assert str(reply).count("@") == 1


# -- what could reach the page -----------------------------------------------------------------------------

SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'\" onfocus=alert(1) autofocus x='",
    "</textarea><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "]]><!--<!DOCTYPE",
    "&lt;script&gt;",
]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("form", list(GOOD))
def test_script_in_every_field_comes_back_as_words(calm, form, script):
    answers = dict.fromkeys(GOOD[form], script)

    answer = calm.post(form, data={**fresh(calm, form), **answers})

    assert answer.status_code == 422
    page = Page(answer.text)
    for element in page.all():
        names = [name for name in element.attrib if name.startswith("on")]
        assert names == []
        assert not element.get("href", "").startswith("javascript:")
    assert all("alert" not in (script.text or "") for script in page.all("script"))
    assert [e for e in page.all("svg", "img") if e.get("onload") or e.get("src") == "x"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/<script>alert(1)</script>",
        "/refer/a?x=<script>",
        "/sent?r=<script>alert(1)</script>",
        "/%0d%0aSet-Cookie:x=1",
        "/%00",
        "/%ff%fe",
        "//evil.example/x",
        "/\\evil.example",
        "/refer/a/../../etc/passwd",
        "/static/../../pyproject.toml",
        "/static/%2e%2e/%2e%2e/pyproject.toml",
        "/static/..%2f..%2fpyproject.toml",
        "/static//etc/passwd",
        "/static/" + "a" * 5000,
        "/case-studies/../../service.toml",
        "/case-studies/%2e%2e%2fservice.toml",
        "/case-studies/..%5c..%5cservice",
        "/case-studies/a%00.md",
        "/.git/config",
        "/.env",
        "/" + "a/" * 2000,
        "/%F0%9F%98%80",
    ],
)
def test_no_path_leads_out_of_what_is_published(calm, path):
    answer = calm.get(path)

    sound(answer)
    assert answer.status_code in (200, 301, 303, 308, 400, 404)
    if answer.status_code in (301, 308):
        assert re.match(r"(http://localhost)?/(?![/\\])", answer.headers["Location"])
    assert "[project]" not in answer.text
    assert "<script>alert" not in answer.text
    assert "x=1" not in str(answer.headers.get("Set-Cookie", ""))


# -- how it is sent ----------------------------------------------------------------------------------------


def test_a_field_sent_five_thousand_times_is_answered_quickly(calm):
    began = time.monotonic()

    answer = calm.post(A, data="&".join(["link=live"] * 5000), content_type=KIND)

    sound(answer)
    assert time.monotonic() - began < 2


def test_five_thousand_fields_are_answered_quickly(calm):
    began = time.monotonic()

    answer = calm.post(A, data="&".join(f"f{n}=x" for n in range(5000)), content_type=KIND)

    sound(answer)
    assert time.monotonic() - began < 2


def test_a_name_of_one_field_twice_keeps_one_answer(calm):
    good = urlencode({**fresh(calm, A), **GOOD[A]}, doseq=True)

    answer = calm.post(A, data=good + "&name=Second&name=Third", content_type=KIND)

    assert answer.status_code == 303


@pytest.mark.parametrize("size", [64 * 1024 + 1, 1024 * 1024])
@pytest.mark.parametrize("form", [A, CONTACT])
def test_too_much_is_refused_before_it_is_read(calm, form, size):
    answer = calm.post(form, data="about=" + "x" * size, content_type=KIND)

    sound(answer)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("application/json", b'{"name": "x"}'),
        ("application/json", b'{"name": 5, "form_token": [1]}'),
        ("application/json", b"[1, 2]"),
        ("text/xml", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'),
        ("application/x-www-form-urlencoded; charset=utf-7", b"name=%2BADw-script%2BAD4-"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"name=x"),
        ("application/x-www-form-urlencoded", b"name=\xff\xfe\x80&%ff%fe=%80&%=%zz&=&&;;"),
        ("application/x-www-form-urlencoded", b"name=%ed%a0%80&about=%c0%80%00"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="../../x.py"\r\n\r\nx\r\n--x--',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"; filename="x.py"\r\n\r\nx\r\n--x--',
        ),
        ("multipart/form-data; boundary=" + "x" * 300, b"--"),
        ("", b"name=x"),
        ("\0", b"\0"),
    ],
)
def test_a_body_of_any_kind_has_a_clear_answer(calm, tmp_path, kind, data):
    answer = calm.post(A, data=data, headers={"Content-Type": kind} if "\0" not in kind else {})

    sound(answer)


def test_a_form_sent_as_multipart_is_taken_as_well(calm):
    answer = calm.post(A, data={**fresh(calm, A), **GOOD[A]}, content_type="multipart/form-data")

    assert answer.status_code == 303


@pytest.mark.parametrize("site", ["cross-site", "same-site", "CROSS-SITE", "nonsense"])
def test_a_post_that_another_site_began_is_refused(calm, site):
    answer = calm.post(A, data={**fresh(calm, A), **GOOD[A]}, headers={"Sec-Fetch-Site": site})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost@evil.example", "a b", ""]
)
def test_a_foreign_host_is_refused_and_never_repeated(calm, host):
    answer = calm.get("/refer/a", headers={"Host": host})

    assert answer.status_code in (200, 400) if not host else answer.status_code == 400
    assert "evil" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "FOO", "post"])
@pytest.mark.parametrize("path", [A, "/", "/sent", "/exit"])
def test_an_odd_method_is_refused(calm, path, method):
    answer = calm.open(path, method=method, headers={"X-HTTP-Method-Override": "POST"})

    sound(answer)
    assert answer.status_code in (403, 404, 405, 422)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\0", "é" * 500, ".".join("e" * 3000 for _ in range(3))])
def test_a_token_that_is_none_keeps_the_answers(calm, token):
    answer = calm.post(A, data={**GOOD[A], "form_token": token})

    assert answer.status_code == 422
    assert lost(GOOD[A], Page(answer.text)) == {}


# -- at random ---------------------------------------------------------------------------------------------

HARD = st.sampled_from([*SMUGGLED, *SCRIPTS, "x" * 3000, "%00", "../../etc/passwd", "", " "])
WORDS = st.one_of(st.text(max_size=200), HARD)
RANDOM = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # no shrinking, so that the time is bounded
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@RANDOM
@given(
    answers=st.dictionaries(st.sampled_from(FIELDS), WORDS, max_size=12), form=st.sampled_from(sorted(GOOD))
)
def test_any_answers_are_taken_or_all_come_back(calm: FlaskClient, answers, form):
    sent = {**GOOD[form], **answers}
    data = {**fresh(calm, form), **{k: v for k, v in sent.items() if k != "form_token"}}

    answer = calm.post(form, data=urlencode(data, doseq=True, errors="surrogatepass"), content_type=KIND)

    sound(answer)
    assert answer.status_code in (200, 303, 422)
    if answer.status_code == 422:
        back = Page(answer.text)
        known = {name: value for name, value in sent.items() if back.fields(name)}
        typed = {n: tidy(v) for n, v in known.items() if isinstance(v, str) and n in ("about", "message")}
        page = back.answers
        assert {n: tidy(page.get(n, [""])[0]) for n in typed} == typed


@RANDOM
@given(data=st.binary(max_size=2000), kind=st.sampled_from([KIND, "multipart/form-data; boundary=x", "a/b"]))
def test_any_bytes_have_a_clear_answer(calm: FlaskClient, data, kind):
    sound(calm.post(A, data=data, content_type=kind))


@RANDOM
@given(path=st.text(max_size=80), query=st.text(max_size=40))
def test_any_address_has_a_clear_answer(calm: FlaskClient, path, query):
    sound(calm.get("/" + quote(path, errors="replace"), query_string={"r": query.encode(errors="replace")}))
