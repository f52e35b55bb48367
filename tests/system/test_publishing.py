"""Staff can change content while people use the site, and only readers of the changed pages notice."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from rjsite.web.live_content import CHECK_EVERY
from support.processes import LOOPBACK, free_port, listens, wait_until
from support.service import SERVICE
from support.site_process import Site, production_settings

STORY = "case-studies/a-broken-fence.md"
STORY_AT = "/case-studies/a-broken-fence"
WALKERS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that contains the content of both sites."""
    return tmp_path_factory.mktemp("publishing")


@pytest.fixture
def content(folder: Path) -> Path:
    """Return a new copy of the content for the test to change."""
    now = folder / "content"
    shutil.rmtree(now, ignore_errors=True)
    return Path(shutil.copytree(SERVICE, now))


@pytest.fixture(scope="module")
def running_production(folder: Path) -> Iterator[Site]:
    """Run one site in production for all tests in this module."""
    shutil.copytree(SERVICE, folder / "content", dirs_exist_ok=True)
    (folder / "production").mkdir()
    with Site(folder / "production", production_settings(folder / "content")) as site:
        yield site


@pytest.fixture(scope="module")
def running_development(folder: Path) -> Iterator[Site]:
    """Run one site in development, as staff see it while they write, for all tests in this module."""
    shutil.copytree(SERVICE, folder / "content", dirs_exist_ok=True)
    (folder / "development").mkdir()
    with Site(folder / "development", {"RJSITE_CONTENT_DIR": str(folder / "content")}) as site:
        yield site


@pytest.fixture
def production(running_production: Site, content: Path) -> Site:
    """Return the site in production, with the new copy of the content."""
    reload_content(running_production)
    running_production.forget_log()
    return running_production


@pytest.fixture
def development(running_development: Site, content: Path) -> Site:
    """Return the site in development, with the new copy of the content."""
    running_development.forget_log()
    time.sleep(CHECK_EVERY)  # the content has just been copied
    return running_development


def get(site: Site, path: str) -> tuple[int, str]:
    """Return the status and text of one page."""
    connection = HTTPConnection(LOOPBACK, site.port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def change(path: Path, right: str, other: str) -> None:
    """Replace words in a file atomically, as a deployment does."""
    words = path.read_text()
    assert right in words
    new = path.with_suffix(".new")
    new.write_text(words.replace(right, other, 1))
    new.replace(path)
    time.sleep(CHECK_EVERY)  # a person who saves a file and loads its page again takes longer


def reload_content(site: Site) -> None:
    """Make the site read the changed content, and wait until it has done so."""
    done = site.log.count("content loaded")
    os.kill(site.process_id, signal.SIGHUP)
    wait_until(lambda: site.log.count("content loaded") > done, "the content to be loaded")


@contextmanager
def visitors(site: Site, *paths: str) -> Iterator[list[tuple[str, int]]]:
    """Send requests from several threads until the end of the block, and yield the paths and statuses."""
    answers: list[tuple[str, int]] = []
    end = threading.Event()

    def walk() -> None:
        while not end.is_set():
            for path in paths:
                try:
                    answers.append((path, get(site, path)[0]))
                except OSError as error:
                    answers.append((f"{path}: {type(error).__name__}", 0))

    threads = [threading.Thread(target=walk) for _ in range(WALKERS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        end.set()
        for thread in threads:
            thread.join()


# -- production ------------------------------------------------------------------------------------------


def test_changed_content_is_taken_up_under_load_without_a_failed_request(production, content):
    with visitors(production, "/", "/case-studies/", "/refer/a", "/case-studies/a-night-out") as answers:
        for number in range(4):
            change(
                content / STORY,
                "title: " + ("A broken fence" if number == 0 else f"Story {number - 1}"),
                f"title: Story {number}",
            )
            reload_content(production)
            assert f"<h1>Story {number}" in get(production, STORY_AT)[1]

    assert len(answers) > 30
    assert {answer for answer in answers if answer[1] != 200} == set()


def test_until_it_is_asked_production_stays_as_it_is(production, content):
    (content / STORY).unlink()

    assert get(production, STORY_AT)[0] == 200


def test_the_worker_goes_on_with_its_mail_when_every_part_of_the_site_is_told(production):
    worker = production.begin("deliver")
    try:
        wait_until(lambda: told(worker.process.pid, "SigCgt", signal.SIGTERM), "the worker to be at work")

        assert told(worker.process.pid, "SigIgn", signal.SIGHUP)
    finally:
        assert worker.stop() == 0


def test_a_site_that_is_told_while_it_starts_goes_on_and_reads_the_content_again(production):
    port = free_port()
    other = production.begin("serve", "--port", str(port))
    try:
        wait_until(lambda: told(other.process.pid, "SigBlk", signal.SIGHUP), "the site to begin")
        assert not listens(port)
        os.kill(other.process.pid, signal.SIGHUP)

        wait_until(lambda: "content loaded" in other.log.read_text(), "the content to be loaded")
        wait_until(lambda: listens(port), "the site to answer")
    finally:
        assert other.stop() == 0


def told(process: int, kind: str, number: signal.Signals) -> bool:
    """Return whether a process catches (SigCgt), ignores (SigIgn) or blocks (SigBlk) a signal: proc(5)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (mask,) = (line.split()[1] for line in lines if line.startswith(f"{kind}:"))
    return bool(int(mask, 16) & 1 << number - 1)


def test_a_broken_file_is_logged_and_left_out_and_the_rest_is_published(production, content):
    change(content / STORY, "harm:", "harmm:")
    change(content / "pages" / "questions.md", "Is it free?", "Is it free of charge?")

    reload_content(production)

    assert get(production, STORY_AT)[0] == 404
    assert "Is it free of charge?" in get(production, "/questions")[1]
    assert f"to fix: content/{STORY}:4: “harmm” is not a field" in production.log


def test_a_story_taken_down_is_gone_at_once(production, content):
    assert STORY_AT in get(production, "/case-studies/")[1]
    (content / STORY).unlink()

    reload_content(production)

    assert get(production, STORY_AT)[0] == 404
    assert STORY_AT not in get(production, "/case-studies/")[1]


@pytest.mark.parametrize(
    ("name", "right", "slip"),
    [
        ("forms/a.toml", "[[step]]", "[[step"),
        ("forms/a.toml", 'address = "/refer/a"', 'address = "/refer/aa"'),
        ("forms/shared/contact-block.toml", "[[question]]", "[[questio]]"),
        ("forms/a.md", "title:", "titel:"),
        ("outcomes/under-18.md", "title:", "titel:"),
        ("service.toml", "[name]", "[name"),
        ("pages/sent.md", "title:", "titel:"),
    ],
)
def test_whatever_breaks_the_forms_stay_and_the_rest_is_published(production, content, name, right, slip):
    forms = ("/refer/a", "/refer/b", "/refer/c", "/contact")
    change(content / name, right, slip)
    change(content / "pages" / "questions.md", "Is it free?", "Is it free of charge?")

    reload_content(production)

    asked = [get(production, path) for path in (*forms, "/sent")]
    assert [status for status, _ in asked] == [200] * 5
    assert all('name="form_token"' in words for _, words in asked[:4])
    assert "Is it free of charge?" in get(production, "/questions")[1]
    assert f"content/{name}:" in production.log


# -- development -----------------------------------------------------------------------------------------


def test_closing_the_terminal_ends_the_site(start_site):
    site = start_site()

    os.kill(site.process_id, signal.SIGHUP)

    wait_until(lambda: site.ended, "the site to end")
    assert not listens(site.port)


def test_an_edit_is_shown_on_the_next_load(development, content):
    assert "Is it free?" in get(development, "/questions")[1]

    change(content / "pages" / "questions.md", "Is it free?", "Is it free of charge?")

    assert "Is it free of charge?" in get(development, "/questions")[1]


@pytest.mark.parametrize(
    ("name", "path", "right", "slip", "said"),
    [
        (STORY, STORY_AT, "harm:", "harmm:", "4: “harmm” is not a field; use one of: title"),
        ("pages/questions.md", "/questions", "title:", "titel:", "2: “titel” is not a field"),
        ("pages/index.md", "/", "{: .steps #steps }", "{: .stairs }", "there is no part “stairs”"),
        ("forms/a.md", "/refer/a", "title:", "titel:", "2: “titel” is not a field"),
        ("forms/b.toml", "/refer/b", "[[step]]", "[[step", "not TOML"),
        ("service.toml", "/", "[name]", "[name", "not TOML"),
        ("navigation.toml", "/", "[[menu]]", "[[menu", "not TOML"),
    ],
)
def test_a_broken_file_is_a_plain_page_at_its_own_address(
    development, content, name, path, right, slip, said
):
    change(content / name, right, slip)

    status, words = get(development, path)

    assert status == 500
    assert f"<li>content/{name}:" in words
    assert said in words
    others = {"/", "/questions", "/case-studies/", "/refer/a", "/refer/c", "/site-map"} - {path}
    assert {other: get(development, other)[0] for other in others} == dict.fromkeys(others, 200)

    change(content / name, slip, right)

    assert get(development, path)[0] == 200


@pytest.mark.parametrize(
    ("line", "said"),
    [("draft: true", "Draft"), ("draft: false\npublished: 2999-03-02", "Not published until 2 March 2999")],
)
def test_a_story_that_is_not_yet_public_is_marked(development, content, line, said):
    published = next(ln for ln in (content / STORY).read_text().splitlines() if ln.startswith("published:"))
    change(content / STORY, published, line if "published" in line else f"{published}\n{line}")

    assert f"<b>{said}" in get(development, STORY_AT)[1]
    (listed,) = [p for p in ("/case-studies/", "/case-studies/?page=2") if STORY_AT in get(development, p)[1]]
    assert f"<b>{said}" in get(development, listed)[1]
