"""`rjsite hide` removes a story from a running site immediately, and keeps it off whatever happens later."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from errno import EIO, ENOSPC, EPERM
from pathlib import Path

import pytest

from rjsite.content.list_file import HIDDEN_STORIES, PUBLISHED_FOLDERS, ListFile
from rjsite.web import live_content, publish
from rjsite.web.live_content import LiveLibrary
from support import commands

SLUG = "the-shop-window"


@pytest.fixture
def data(tmp_path: Path, content: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data folder of the settings."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, value in (("MODE", "development"), ("CONTENT_DIR", content), ("DATA_DIR", folder)):
        monkeypatch.setenv(f"RJSITE_{name}", str(value))
    return folder


@pytest.mark.parametrize("production", [True, False])
def test_a_running_site_shows_a_hidden_story_no_more_without_being_told(content, data, production):
    live = LiveLibrary(content, production=production, data=data)
    before = live.now()
    assert SLUG in before.by_slug

    assert commands.run("hide", SLUG).exit_code == 0

    now = live.now()
    assert (now.stories, now.story_index.stories) == ((), ())
    assert live.now() is now


def test_a_story_that_is_hidden_stays_hidden_until_that_is_undone(content, data):
    before = shutil.copytree(content, content.with_name("before") / "content")
    commands.run("hide", SLUG)
    live = LiveLibrary(content, production=True, data=data)
    (content / f"case-studies/{SLUG}.md").touch()
    live.reload()

    assert live.now().stories == ()
    assert LiveLibrary(before, production=True, data=data).now().stories == ()  # after a rollback

    assert commands.run("hide", "--undo", SLUG).exit_code == 0
    assert SLUG in live.now().by_slug


@pytest.mark.parametrize(
    "name",
    [
        f"/case-studies/{SLUG}",
        f"https://www.example.org/case-studies/{SLUG.title()}/?a=b#c",
        f"content/case-studies/{SLUG}.md",
        f" {SLUG} ",
    ],
)
def test_a_story_is_hidden_by_its_address_or_its_file(content, data, name):
    assert commands.run("hide", name).exit_code == 0

    assert commands.run("hide", "--list").stdout == f"{SLUG}\n"


def test_a_name_that_is_no_story_is_said_and_hidden_all_the_same(data):
    result = commands.run("hide", "the-shop-windoe")

    assert result.exit_code == 1
    assert "There is no story of that name at present. Did you mean the-shop-window?" in result.stderr
    assert ListFile(data, HIDDEN_STORIES).read() == {"the-shop-windoe"}


@pytest.mark.parametrize("arguments", [[], ["///"], ["two words"], ["--undo"]])
def test_without_a_story_nothing_is_hidden(data, arguments):
    result = commands.run("hide", *arguments)

    assert result.exit_code == 2
    assert "Name a story by its address" in result.stderr
    assert commands.run("hide", "--list").stdout == "No story is hidden.\n"


def test_what_is_not_hidden_cannot_be_undone(data):
    result = commands.run("hide", "--undo", SLUG)

    assert result.exit_code == 1
    assert "is not hidden" in result.stderr


@pytest.mark.parametrize("broken", ["service.toml", "forms/ask.toml", "house-rules.toml"])
def test_a_story_is_hidden_whatever_is_wrong_with_the_rest(content, data, broken):
    live = LiveLibrary(content, production=True, data=data)
    (content / broken).write_text("[[")

    assert commands.run("hide", SLUG).exit_code == 0

    assert live.now().stories == ()
    assert "/" in live.now().pages


def test_a_story_is_hidden_also_where_the_settings_cannot_be_used(content, data, monkeypatch):
    live = LiveLibrary(content, production=True, data=data)
    monkeypatch.setenv("RJSITE_MODE", "prod")

    assert commands.run("hide", SLUG).exit_code == 0

    assert live.now().stories == ()


def test_a_published_folder_that_cannot_be_changed_keeps_a_story_in_no_other(data, tmp_path):
    first, then = tmp_path / "first", tmp_path / "then"
    for folder in (first, then):
        assert commands.run("publish", str(folder)).exit_code == 0
    page = first / f"current/pages/case-studies/{SLUG}.html"
    page.unlink()
    page.mkdir()  # cannot be deleted like a file, whoever runs the command
    (first / "current").resolve().rename(first / "copied")
    (first / "current").unlink()
    (first / "copied").rename(first / "current")  # not a link any more, so that nothing can replace it

    result = commands.run("hide", SLUG)

    assert f"{SLUG} is hidden" in result.stdout
    assert (result.exit_code, str(first) in result.stderr) == (1, True)
    there = then / "current/pages/case-studies"
    assert [path.name for path in there.glob("*.html")] == [".html"]
    assert SLUG not in (there / ".html").read_text()


def test_pages_that_were_moved_away_are_named_because_they_still_have_the_story(data, tmp_path):
    pages = tmp_path / "pages"
    commands.run("publish", str(pages))
    assert "any more" not in commands.run("hide", "another-story").stderr
    pages.rename(tmp_path / "moved")

    hidden = commands.run("hide", SLUG)

    assert f"There are no pages in {pages} any more. If they were moved, they still contain" in hidden.stderr
    assert hidden.exit_code == 0


@pytest.mark.parametrize("name", ["current", "release-notes"])
def test_pages_are_published_over_nothing_that_somebody_else_put_there(data, tmp_path, name):
    folder = tmp_path / "srv"
    (folder / "versions").mkdir(parents=True)
    (folder / name).symlink_to("versions")  # as /srv/rjsite/current leads to the program

    result = commands.run("publish", str(folder))

    assert result.exit_code == 1
    assert f"{folder} has other files in it; name a folder for the pages alone" in result.stderr
    assert {path.name for path in folder.iterdir()} == {name, "versions"}
    assert ListFile(data, PUBLISHED_FOLDERS).read() == set()


def test_the_first_pages_are_published_to_an_empty_folder_only(data, content):
    result = commands.run("publish", str(content))

    assert result.exit_code == 1
    assert f"{content} has other files in it; name a folder for the pages alone" in result.stderr
    assert not (content / "current").exists()


@pytest.mark.parametrize("arguments", [[SLUG], ["--list"], ["--undo", SLUG]])
def test_a_damaged_list_is_named_with_what_to_do(data, arguments):
    (data / HIDDEN_STORIES).write_bytes(b"\xff\xfe")

    result = commands.run("hide", *arguments)

    assert result.exit_code == 1
    assert f"{data / HIDDEN_STORIES} is damaged; put a copy back, or move it away" in result.stderr


@pytest.mark.parametrize("text", [f"\ufeff{SLUG}\r\n", f"\n  {SLUG} \n\n", f"{SLUG}\t"])
def test_a_list_that_was_edited_by_hand_hides_what_it_names(content, data, text):
    (data / HIDDEN_STORIES).write_text(text, newline="")

    assert LiveLibrary(content, production=True, data=data).now().stories == ()


def test_a_published_folder_on_a_failed_disk_keeps_a_story_in_no_other(data, tmp_path, monkeypatch):
    first, then = tmp_path / "first", tmp_path / "then"
    for folder in (first, then):
        assert commands.run("publish", str(folder)).exit_code == 0
    real = os.stat

    def failing(path, **how):
        if Path(path).is_relative_to(first):
            raise OSError(EIO, "Input/output error", str(path))
        return real(path, **how)

    monkeypatch.setattr(os, "stat", failing)

    result = commands.run("hide", SLUG)

    assert (result.exit_code, f"{first} could not be changed" in result.stderr) == (1, True)
    assert SLUG not in (then / "current/pages/case-studies/.html").read_text()


def test_pages_are_published_nowhere_where_hide_would_not_find_them(data, tmp_path, monkeypatch):
    folder = tmp_path / "published"

    def full(_file: int) -> None:
        raise OSError(ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        result = commands.run("publish", str(folder))

    assert (result.exit_code, result.stderr) == (1, "That did not work: No space left on device.\n")
    assert not (folder / "current").exists()
    assert commands.run("publish", str(folder)).exit_code == 0
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert commands.run("publish", str(folder)).exit_code == 0  # the list names it already


@pytest.mark.parametrize("name", ["with\nline", "space ", "no-break\u00a0", "line\u2028", "byte\udcff"])
def test_pages_are_published_to_no_folder_whose_name_the_list_cannot_keep(data, tmp_path, name):
    result = commands.run("publish", str(tmp_path / name))

    assert result.exit_code == 1
    assert "use a folder whose name can be printed and does not end with a space" in result.stderr
    assert not (tmp_path / name).exists()
    assert ListFile(data, PUBLISHED_FOLDERS).read() == set()


@pytest.mark.parametrize("name", ["two words", " spaced", "é", "“quoted”"])
def test_pages_are_hidden_in_a_folder_with_an_unusual_name(data, tmp_path, name):
    assert commands.run("publish", str(tmp_path / name)).exit_code == 0

    assert commands.run("hide", SLUG).exit_code == 0

    there = tmp_path / name / "current/pages/case-studies"
    assert [path.name for path in there.glob("*.html")] == [".html"]


def test_pages_that_could_not_be_published_take_up_no_space(data, tmp_path, monkeypatch):
    folder = tmp_path / "published"
    assert commands.run("publish", str(folder)).exit_code == 0
    before = (folder / "current").readlink()

    def full(_path: Path, _target: str) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "symlink_to", full)

    assert commands.run("publish", str(folder)).exit_code == 1
    assert sorted(path.name for path in folder.iterdir()) == ["current", str(before)]


def test_pages_are_on_the_disk_before_nginx_serves_them(data, tmp_path, monkeypatch):
    folder = tmp_path / "published"
    assert commands.run("publish", str(folder)).exit_code == 0
    before = (folder / "current").readlink()
    synced: list[tuple[Path, int]] = []

    def sync() -> None:
        (new,) = {*folder.glob("release-*")} - {folder / before}
        synced.append(((folder / "current").readlink(), sum(path.is_file() for path in new.rglob("*.html"))))

    monkeypatch.setattr(os, "sync", sync)
    assert commands.run("publish", str(folder)).exit_code == 0

    assert (folder / "current").readlink() != before
    assert synced == [(before, len([*folder.glob("current/**/*.html")]))]


def test_a_story_that_is_hidden_while_pages_are_published_for_the_first_time_is_in_none(
    data, tmp_path, monkeypatch
):
    real = publish.publish

    def hidden_meanwhile(*arguments):
        result = real(*arguments)
        ListFile(data, HIDDEN_STORIES).add(SLUG)  # `rjsite hide` does not find these pages yet
        return result

    monkeypatch.setattr(publish, "publish", hidden_meanwhile)
    monkeypatch.setattr(live_content, "CHECK_EVERY", 0)

    assert commands.run("publish", str(tmp_path / "published")).exit_code == 0

    there = tmp_path / "published/current/pages/case-studies"
    assert [path.name for path in there.glob("*.html")] == [".html"]
    assert SLUG not in (there / ".html").read_text()


def make_files_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to link or delete files, as Linux does if they and their folder are another user's."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(Path, "unlink", refused)


def test_a_story_is_hidden_from_pages_that_another_user_published(data, tmp_path, monkeypatch):
    folder = tmp_path / "published"
    assert commands.run("publish", str(folder)).exit_code == 0

    make_files_somebody_elses(monkeypatch)

    commands.run("hide", SLUG)

    there = folder / "current/pages/case-studies"
    assert [path.name for path in there.glob("*.html")] == [".html"]
    assert SLUG not in (there / ".html").read_text()


def test_pages_that_root_published_once_keep_nobody_from_publishing(data, tmp_path, monkeypatch):
    folder = tmp_path / "published"
    assert commands.run("publish", str(folder)).exit_code == 0
    of_root = folder / (folder / "current").readlink()
    real = shutil.rmtree

    def refused(path: Path, ignore_errors: bool = False) -> None:
        if path != of_root:
            real(path, ignore_errors)
        elif not ignore_errors:
            raise PermissionError(EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr(shutil, "rmtree", refused)

    for _ in range(3):
        assert commands.run("publish", str(folder)).exit_code == 0

    assert set(folder.glob("release-*")) == {of_root, folder / (folder / "current").readlink()}


def test_a_withdrawn_story_leaves_pages_that_another_user_published(content, data, tmp_path, monkeypatch):
    folder = tmp_path / "published"
    assert commands.run("publish", str(folder)).exit_code == 0
    (content / f"case-studies/{SLUG}.md").unlink()

    make_files_somebody_elses(monkeypatch)

    commands.run("publish", str(folder))

    there = folder / "current/pages/case-studies"
    assert [path.name for path in there.glob("*.html")] == [".html"]
    assert SLUG not in (there / ".html").read_text()


def test_a_story_that_is_hidden_on_a_full_disk_is_named_on_no_published_page(data, tmp_path, monkeypatch):
    folder = tmp_path / "published"
    assert commands.run("publish", str(folder)).exit_code == 0
    pages = set(folder.glob("current/*/**/*.html"))

    def full(*_: object, **__: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)

    result = commands.run("hide", SLUG)

    assert (result.exit_code, f"{folder} could not be changed" in result.stderr) == (1, True)
    left = set(folder.glob("current/*/**/*.html"))
    assert [path for path in left if SLUG in path.read_text()] == []
    deleted = {path.relative_to(folder / "current").as_posix() for path in pages - left}
    assert {"pages/case-studies/.html", f"pages/case-studies/{SLUG}.html"} <= deleted
    assert not {"pages/.html", "pages/privacy.html", "unkept/site-away.html"} & deleted
    assert not (folder / "current/pages/case-studies/.html.gz").exists()


def test_a_story_is_hidden_from_a_terminal_that_has_no_curly_quotes(data, tmp_path):
    published = tmp_path / "published"
    commands.run("publish", str(published))
    terminal = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}

    command = [str(Path(sys.executable).with_name("rjsite")), "hide", SLUG]
    done = subprocess.run(command, env=terminal, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "?--undo? shows it again" in done.stdout
    assert SLUG not in (published / "current/pages/case-studies/.html").read_text()


def test_where_the_list_cannot_be_read_no_story_is_shown_and_that_is_said(content, data):
    live = LiveLibrary(content, production=True, data=data)
    (data / HIDDEN_STORIES).write_bytes(b"\xff\xfe")

    now = live.now()

    assert now.stories == ()
    assert [problem.path.name for problem in now.not_shown] == [HIDDEN_STORIES]
    assert "/" in now.pages


def test_many_who_hide_stories_at_once_lose_none(data):
    from concurrent.futures import ThreadPoolExecutor

    hidden = ListFile(data, HIDDEN_STORIES)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hidden.add, map(str, range(40))))

    assert hidden.read() == set(map(str, range(40)))
    assert [path.name for path in data.iterdir()] == [HIDDEN_STORIES]
