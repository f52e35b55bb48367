"""What the service says for a limited time: a notice on every page, and forms that accept nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from rjsite import create_app
from rjsite.content.clock import UK
from rjsite.outbox import operator
from rjsite.services import services_of
from rjsite.settings import Settings
from rjsite.web.publish import publish
from support.markup import markup_errors
from support.site_process import production_settings

HOST = "https://127.0.0.1"
MIDNIGHT = datetime(2026, 5, 9, tzinfo=UK)
NOTICE = "We are closed on 8 May & <b>busy</b>."
SHOWN = "We are closed on 8 May &amp; &lt;b&gt;busy&lt;/b&gt;."
PAUSED = "We take no forms until 9 May."
ANSWERS = {"website": "", "way": "phone", "number": "01632 960 123"}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Return a clock that is stopped a second before midnight."""
    with time_machine.travel(MIDNIGHT - timedelta(seconds=1), tick=False) as clock:
        yield clock


@pytest.fixture
def start(content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Flask]:
    """Return a function that makes the site with one of the facts set until 9 May."""
    for name, value in production_settings(content).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "data").mkdir()

    def make(name: str, value: str) -> Flask:
        write(content, name, value)
        return create_app(Settings.load(data_dir=tmp_path / "data", deliver_in_server=False))

    return make


def write(content: Path, name: str, value: str) -> None:
    """Add one of the facts to the content."""
    with (content / "service.toml").open("a") as facts:
        facts.write(f'\n[{name}]\nform = "sentence"\nvalue = "{value}"\nuntil = 2026-05-09\n')


def pages(visitor: FlaskClient) -> dict[str, str]:
    """Return a page of each kind by its address."""
    kinds = ("/", "/case-studies/", "/case-studies/the-shop-window", "/ask", "/sent", "/nowhere")
    return {path: visitor.get(path, base_url=HOST).text for path in kinds}


def token(page: str) -> str:
    """Return the token of a form."""
    return re.findall(r'name="form_token" value="([^"]+)"', page)[0]


def waiting(app: Flask) -> int:
    """Return how many emails are waiting."""
    return operator.queue_status(services_of(app).outbox).mails


def test_the_notice_is_at_the_top_of_every_page_and_form_until_its_day(clock, start, tmp_path):
    app = start("notice", NOTICE)
    visitor, folder = app.test_client(), tmp_path / "published"
    settings = services_of(app).settings
    assert markup_errors(visitor.get("/", base_url=HOST).text) == []
    region = f'<section class="announcement" aria-label="Notice">\n<p class="wrap">{SHOWN}</p>'
    for page in pages(visitor).values():
        assert page.count(region) == 1
        assert page.index(region) < page.index("<main")
    publish(app, settings, folder)
    assert all(region in path.read_text() for path in folder.glob("current/pages/**/*.html"))

    clock.shift(1)

    publish(app, settings, folder)
    shown = [*pages(visitor).values(), *(path.read_text() for path in folder.glob("current/pages/**/*.html"))]
    assert [page for page in shown if "announcement" in page] == []


def test_a_paused_form_shows_why_and_the_phone_number_and_asks_nothing(clock, start):
    visitor = start("forms_paused", PAUSED).test_client()
    page = visitor.get("/ask", base_url=HOST)
    main = page.text[page.text.index("<main") : page.text.index("</main>")]

    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
    assert PAUSED in main
    assert 'href="tel:+441632960001"' in main
    assert markup_errors(page.text) == []
    assert not re.search(r"<(?:form|input|textarea|button)", page.text)
    assert visitor.get("/ask?fill=1", base_url=HOST).text == page.text

    clock.shift(1)

    assert "<form" in visitor.get("/ask", base_url=HOST).text


def test_a_form_that_was_open_before_the_pause_keeps_its_answers_and_is_sent_after_it(
    content, clock, start, tmp_path
):
    app = start("more", "Words.")
    visitor = app.test_client()
    given = {**ANSWERS, "form_token": token(visitor.get("/ask", base_url=HOST).text)}
    write(content, "forms_paused", PAUSED)
    services_of(app).content.reload()

    answer = visitor.post("/ask", data=given, base_url=HOST)

    assert answer.status_code == 503
    assert answer.headers["Cache-Control"] == "no-store"
    notice = answer.text[answer.text.index('id="notice"') : answer.text.index("<h1>")]
    assert "Notice 503" in notice
    assert PAUSED in notice
    assert 'value="01632 960 123"' in answer.text
    assert re.search(r'value="phone"[^>]* checked', answer.text)
    assert waiting(app) == 0

    clock.shift(1)
    again = visitor.post("/ask", data={**given, "form_token": token(answer.text)}, base_url=HOST)

    assert again.status_code == 303
    assert waiting(app) == 1


def test_answers_that_are_not_complete_are_kept_too_while_forms_are_paused(clock, start):
    app = start("forms_paused", PAUSED)

    answer = app.test_client().post("/ask", data={"number": "nonsense", "form_token": "old"}, base_url=HOST)

    assert answer.status_code == 503
    assert PAUSED in answer.text
    assert 'value="nonsense"' in answer.text
    assert 'id="problem"' not in answer.text.partition("<template")[0]


def test_an_outcome_and_the_way_back_from_it_work_while_forms_are_paused(clock, start):
    visitor = start("forms_paused", PAUSED).test_client()

    outcome = visitor.post("/ask", data={"way": "away"}, base_url=HOST)
    back = visitor.post("/ask", data={"way": "away", "_back": "1"}, base_url=HOST)

    assert (outcome.status_code, back.status_code) == (200, 503)
    assert "Words of Outside." in outcome.text
    assert PAUSED in back.text
    assert re.search(r'value="away"[^>]* checked', back.text)
