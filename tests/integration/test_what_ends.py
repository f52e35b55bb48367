"""Facts and stories that end on a day disappear from every page, list, feed and file as that day begins."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from rjsite import create_app
from rjsite.content.clock import UK
from rjsite.content.library import load
from rjsite.content.problem import Unreadable
from rjsite.services import services_of
from rjsite.settings import ROOT, Settings
from rjsite.web import papers, publish, static
from support.site_process import production_settings

STORY = "case-studies/the-shop-window.md"
EVERYWHERE = (
    "/case-studies/the-shop-window",
    "/case-studies/",
    "/case-studies/?harm=theft",
    "/",
    "/site-map",
    "/feed.xml",
    "/sitemap.xml",
)
MIDNIGHT = datetime(2026, 5, 9, tzinfo=UK)
Site = tuple[Flask, Settings]


def add(content: Path, name: str, words: str) -> None:
    """Add words to the end of a file."""
    with (content / name).open("a") as file:
        file.write(words)


def change(content: Path, name: str, right: str, words: str) -> None:
    """Replace words in a file."""
    path = content / name
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, words, 1))


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Return a clock that is stopped a second before midnight."""
    with time_machine.travel(MIDNIGHT - timedelta(seconds=1), tick=False) as clock:
        yield clock


@pytest.fixture
def content(content: Path) -> Path:
    """Return content in which the home page and the site map name the story."""
    above = "title: Map\ndescription: Words.\nlast_checked: 2026-02-01\n"
    (content / "pages" / "site-map.md").write_text(
        f"---\n{above}---\n\nAll.\n\n## All {{: .site-map }}\n\nAll.\n"
    )
    change(content, "navigation.toml", '"/case-studies/"', '"/case-studies/", "/site-map"')
    add(content, "pages/index.md", "\n## A story {: .stories }\n\n- the-shop-window\n")
    return content


@pytest.fixture
def start(content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Site]:
    """Return a function that makes the site in production, after a test has changed the content."""
    for name, value in production_settings(content).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "data").mkdir()

    def make() -> Site:
        settings = Settings.load(data_dir=tmp_path / "data", deliver_in_server=False)
        return create_app(settings), settings

    return make


def get(visitor: FlaskClient, path: str) -> str:
    """Return the text at an address, or "" if the status is not 200."""
    answer = visitor.get(path, base_url="https://127.0.0.1", follow_redirects=False)
    return answer.text if answer.status_code == 200 else ""


def status(visitor: FlaskClient, path: str) -> int:
    """Return the status of an address."""
    with visitor.get(path, base_url="https://127.0.0.1") as answer:
        return answer.status_code


def published(site: Site, folder: Path) -> str:
    """Publish the site, and return every page that a web server would serve."""
    publish.publish(*site, folder)
    pages = (folder / "current").rglob("*.html")
    return "\n".join(f"{path.relative_to(folder / 'current')}\n{path.read_text()}" for path in pages)


def test_a_story_is_nowhere_from_the_midnight_on_which_its_permission_ends(content, clock, start, tmp_path):
    change(content, STORY, "agreed_by: both", "agreed_by: both\nask_again: 2026-05-09")
    site = start()
    visitor = site[0].test_client()
    assert [path for path in EVERYWHERE if "shop-window" not in get(visitor, path)] == []
    assert "shop-window" in published(site, tmp_path / "published")

    clock.shift(1)

    assert [path for path in EVERYWHERE if "shop-window" in get(visitor, path)] == []
    assert "shop-window" not in published(site, tmp_path / "published")
    assert get(visitor, "/readyz").splitlines()[0] == "ok"


def test_an_ended_story_is_gone_whatever_is_wrong_with_the_rest(content, clock, start, monkeypatch):
    change(content, STORY, "agreed_by: both", "agreed_by: both\nask_again: 2026-05-09")
    live = services_of(start()[0]).content
    assert len(live.now().stories) == 1
    monkeypatch.setattr("rjsite.web.live_content.load", lambda *_, **__: 1 / 0)

    clock.shift(1)

    assert live.now().stories == ()


def test_an_ended_story_is_gone_from_the_files_of_a_web_server_even_if_nothing_can_be_published(
    content, clock, start, tmp_path
):
    change(content, STORY, "agreed_by: both", "agreed_by: both\nask_again: 2026-05-09")
    site, folder = start(), tmp_path / "published"
    published(site, folder)
    (content / "service.toml").unlink()
    file = folder / "current" / "pages" / STORY.replace(".md", ".html")
    with pytest.raises(Unreadable):
        publish.publish_content(site[1], folder)
    assert file.exists()

    clock.shift(1)
    with pytest.raises(Unreadable):
        publish.publish_content(site[1], folder)

    assert not file.exists()


def test_the_daily_count_says_what_has_ended(content, clock, start):
    change(content, STORY, "agreed_by: both", "agreed_by: both\nask_again: 2026-05-09")
    daily = services_of(start()[0]).worker.daily
    assert daily

    clock.shift(1)

    assert [line.partition(";")[0] for line in daily.warnings()] == [
        "the permission for “The shop window” ended on 9 May 2026"
    ]


# -- facts -------------------------------------------------------------------------------------------------


HOURS = '[hours]\nform = "phrase"\nvalue = "9am to 5pm"\nuntil = 2026-05-09\n'
ASKS = 'label = "How do we reach you in {area}?"'


@pytest.fixture
def with_hours(content: Path) -> Path:
    """Return content in which a page, a form, an error page and the printed form give hours up to 9 May."""
    add(content, "service.toml", HOURS)
    add(content, "pages/index.md", "\nWe answer {hours}.\n")
    add(content, "errors/404.md", "\nWe answer {hours}.\n")
    change(content, "forms/ask.toml", ASKS, ASKS[:-1] + ' We answer {hours}."')
    add(content, "forms/ask.md", "\n## On paper {: .paper }\n\nWe answer {hours}.\n")
    return content


def test_a_fact_that_has_ended_is_on_no_page_form_or_file_from_that_midnight_on(
    with_hours, clock, start, tmp_path
):
    site = start()
    visitor = site[0].test_client()
    pages = ("/", "/ask")
    assert [path for path in pages if "9am to 5pm" not in get(visitor, path)] == []
    assert "9am" in visitor.get("/nowhere", base_url="https://127.0.0.1").text
    assert "9am to 5pm" in published(site, tmp_path / "published")

    clock.shift(1)

    assert [path for path in pages if "9am to 5pm" in get(visitor, path)] == []
    assert "How do we reach you in Nowhere?" in get(visitor, "/ask")
    assert "9am" not in visitor.get("/nowhere", base_url="https://127.0.0.1").text
    assert "9am to 5pm" not in published(site, tmp_path / "published")


def test_the_mail_of_a_form_that_was_opened_before_midnight_leaves_out_what_has_ended(
    with_hours, clock, start
):
    app, _ = start()
    visitor = app.test_client()
    token = re.findall(r'name="form_token" value="([^"]+)"', get(visitor, "/ask"))[0]
    answers = {"form_token": token, "website": "", "way": "phone", "number": "01632 960 123"}

    clock.shift(1)
    answer = visitor.post("/ask", data=answers, base_url="https://127.0.0.1")

    outbox = services_of(app).outbox
    claimed = outbox.claim()
    assert claimed
    body = message_from_bytes(outbox.open(claimed), policy=policy.default).get_body()
    assert body
    text = body.get_content().replace("\r\n", "\n")
    assert answer.status_code == 303
    assert "How do we reach you in Nowhere?\nPhone" in text
    assert "9am" not in text


def test_help_never_disappears_by_a_date(content, clock, start):
    change(content, "service.toml", "[phone]\n", "[phone]\nuntil = 2026-05-09\n")
    change(content, "service.toml", "[emergency]\n", "[emergency]\nuntil = 2026-05-09\n")
    add(content, "pages/index.md", "\nCall {phone}. In danger, call {emergency}.\n")
    visitor = start()[0].test_client()
    before = get(visitor, "/")

    clock.shift(1)

    assert "In danger, call <a" in before
    assert get(visitor, "/") == before


@pytest.mark.parametrize("broken", ["service.toml", "forms/ask.toml", "errors/404.md"])
@pytest.mark.parametrize("words", [b"[[", b"\xff"])
def test_a_fact_ends_also_while_a_file_with_a_mistake_is_shown_as_it_was(
    with_hours, clock, start, broken, words
):
    app, _ = start()
    services_of(app).content.keep_last_good()
    visitor = app.test_client()
    (with_hours / broken).write_bytes(words)
    services_of(app).content.reload()
    assert "9am" in get(visitor, "/ask")
    assert "9am" in visitor.get("/nowhere", base_url="https://127.0.0.1").text

    clock.shift(1)

    assert "9am" not in get(visitor, "/ask")
    assert "9am" not in visitor.get("/nowhere", base_url="https://127.0.0.1").text


# -- PDFs --------------------------------------------------------------------------------------------------


@pytest.fixture
def pdf(with_hours: Path, clock: time_machine.Traveller, tmp_path: Path, monkeypatch) -> Path:
    """Return a PDF of the form that was made before a fact in it ended. A page links to the PDF."""
    root = tmp_path / "root"
    monkeypatch.setattr(papers, "ROOT", root)
    monkeypatch.setattr(papers, "ON_PAPER", ("ask",))
    monkeypatch.setattr(static, "SOURCE", root / "static")
    shutil.copytree(ROOT / "static", root / "static")
    shutil.copytree(ROOT / "templates", root / "templates")
    add(with_hours, "pages/index.md", "\n[The form to print](/papers/form-ask.pdf)\n")
    path = root / papers.FOLDER / "form-ask.pdf"
    make_pdf(path, with_hours)
    return path


def make_pdf(path: Path, content: Path) -> None:
    """Write a file with the identifier that `make papers` would give the PDF."""
    path.write_bytes(b"/ID [(" + papers.digest(papers.documents(load(content))[path.name]) + b")")


def test_a_pdf_that_holds_an_ended_fact_is_gone_until_it_is_made_again(
    with_hours, pdf, clock, start, tmp_path
):
    app, settings = start()
    visitor = app.test_client()
    link = '<a href="/papers/form-ask.pdf">'
    hashed = visitor.get("/papers/form-ask.pdf", base_url="https://127.0.0.1").location
    files = tmp_path / "published"
    assert link in get(visitor, "/")
    assert status(visitor, hashed) == 200
    published((app, settings), files)
    assert list(files.glob("current/files/static/papers/form-ask.*"))

    clock.shift(1)

    paths = ("/papers/form-ask.pdf", hashed, "/papers/form-a.pdf")
    assert [status(visitor, path) for path in paths] == [404, 404, 302]
    assert link not in get(visitor, "/")
    assert "The form to print" in get(visitor, "/")
    assert link not in published((app, settings), files)
    assert not list(files.glob("current/files/static/papers/form-ask.*"))

    make_pdf(pdf, with_hours)
    services_of(app).content.reload()
    assert link in get(visitor, "/")


def test_a_pdf_of_a_page_that_holds_an_ended_fact_is_gone_too(with_hours, pdf, clock, start):
    above = "title: Easy Read\ndescription: Words.\nlast_checked: 2026-02-01\n"
    (with_hours / "pages/easy-read.md").write_text(f"---\n{above}---\n\n## Calls\n\nWe answer {{hours}}.\n")
    make_pdf(pdf.with_name("easy-read-large-print.pdf"), with_hours)
    visitor = start()[0].test_client()
    assert status(visitor, "/papers/easy-read-large-print.pdf") == 302

    clock.shift(1)

    assert status(visitor, "/papers/easy-read-large-print.pdf") == 404


def test_a_pdf_without_an_ended_fact_stays(with_hours, pdf, clock, start):
    change(with_hours, "forms/ask.md", "\n## On paper {: .paper }\n\nWe answer {hours}.\n", "")
    change(with_hours, "forms/ask.toml", " We answer {hours}.", "")
    make_pdf(pdf, with_hours)
    visitor = start()[0].test_client()

    clock.shift(1)

    assert '<a href="/papers/form-ask.pdf">' in get(visitor, "/")
