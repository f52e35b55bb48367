"""What ends on a day is gone from that midnight on: from every page, list, feed and file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from rjsite import create_app
from rjsite.content.clock import UK
from rjsite.services import services_of
from rjsite.settings import Settings
from rjsite.web import publish
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
    """Put other words into a file."""
    path = content / name
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, words, 1))


@pytest.fixture
def clock() -> Iterator[time_machine.Coordinates]:
    """A clock that stands a second before midnight."""
    with time_machine.travel(MIDNIGHT - timedelta(seconds=1), tick=False) as clock:
        yield clock


@pytest.fixture
def content(content: Path) -> Path:
    """Let the story be named on the home page and in the site map."""
    above = "title: Map\ndescription: Words.\nlast_checked: 2026-02-01\n"
    (content / "pages" / "site-map.md").write_text(
        f"---\n{above}---\n\nAll.\n\n## All {{: .site-map }}\n\nAll.\n"
    )
    change(content, "navigation.toml", '"/case-studies/"', '"/case-studies/", "/site-map"')
    add(content, "pages/index.md", "\n## A story {: .stories }\n\n- the-shop-window\n")
    return content


@pytest.fixture
def start(content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Site]:
    """Make the site as the public meets it, when a test has changed the content."""
    for name, value in production_settings(content).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "data").mkdir()

    def make() -> Site:
        settings = Settings.load(data_dir=tmp_path / "data")
        return create_app(settings), settings

    return make


def get(visitor: FlaskClient, path: str) -> str:
    """Return the words at an address; none if nothing is there."""
    answer = visitor.get(path, base_url="https://127.0.0.1", follow_redirects=False)
    return answer.text if answer.status_code == 200 else ""


def published(site: Site, folder: Path) -> str:
    """Publish, and return all that a web server would show of it."""
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


def test_the_daily_count_says_what_has_ended(content, clock, start):
    change(content, STORY, "agreed_by: both", "agreed_by: both\nask_again: 2026-05-09")
    daily = services_of(start()[0]).worker.daily

    clock.shift(1)

    assert [line.partition(";")[0] for line in daily.warnings()] == [
        "the permission for “The shop window” ended on 9 May 2026"
    ]
