"""`rjsite update-content` shows what was merged to main, file by file, and never the program."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from errno import EPERM
from pathlib import Path

import pytest
import time_machine

from rjsite import create_app
from rjsite.content import git_update
from rjsite.content.git_update import Update
from rjsite.content.library import load
from rjsite.settings import Settings, SettingsError
from rjsite.web import live_content, page_cache
from rjsite.web.live_content import LiveLibrary
from support import commands
from support.site_process import production_settings

STORY = "case-studies/the-shop-window.md"
SLUG = "the-shop-window"


class Project:
    """A git repository with the content of the invented service on its branch main."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.content = folder / "content"

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@mending.example", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(self.folder), *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def merge(self) -> None:
        """Commit everything as it is now."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=a change")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def change(self, name: str, right: str, wrong: str) -> None:
        path = self.folder / name
        assert right in path.read_text()
        path.write_text(path.read_text().replace(right, wrong))


@pytest.fixture(scope="session")
def committed(make_content: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project, which each test copies."""
    folder = tmp_path_factory.mktemp("project")
    make_content(folder)
    project = Project(folder)
    project.git("init", "--quiet", "--initial-branch=main", "--template=")
    project.merge()
    return folder


@pytest.fixture
def project(committed: Path, tmp_path: Path) -> Project:
    return Project(shutil.copytree(committed, tmp_path / "project"))


@pytest.fixture
def data(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data folder of a production site that follows the project."""
    folder = tmp_path / "data"
    folder.mkdir()
    values = production_settings(tmp_path) | {
        "RJSITE_DATA_DIR": str(folder),
        "RJSITE_CONTENT_REPOSITORY": str(project.folder),
        "RJSITE_DELIVER_IN_SERVER": "false",  # no thread outlives its test
    }
    del values["RJSITE_CONTENT_DIR"]
    monkeypatch.delenv("RJSITE_CONTENT_DIR", raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture(scope="session")
def first_update(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that keeps the result of the first update, so that it is made only once."""
    return tmp_path_factory.mktemp("first-update")


@pytest.fixture
def updated(data: Path, first_update: Path) -> None:
    """Bring the data folder to its state after the first update."""
    if any(first_update.iterdir()):
        shutil.copytree(first_update, data, symlinks=True, dirs_exist_ok=True)
    else:
        update()
        shutil.copytree(data, first_update, symlinks=True, dirs_exist_ok=True)


@pytest.fixture
def published(updated: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of published pages without compressed copies, which take long to make."""
    folder = tmp_path / "published"
    monkeypatch.setattr(page_cache, "codings", lambda _kind: ())
    assert commands.run("publish", str(folder)).exit_code == 0
    return folder / "current" / "pages"


def started() -> LiveLibrary:
    """Return the library of a site that has started and handled its first request."""
    settings = Settings.load()
    live = LiveLibrary(settings.content_dir, production=True, data=settings.data_dir)
    live.keep_last_good()
    return live


def update(expected: int = 0) -> str:
    result = commands.run("update-content")
    assert result.exit_code == expected, result.output
    return result.output


def test_a_merged_change_is_on_the_running_site_and_in_the_published_pages(project, published):
    live = started()
    project.change("content/pages/index.md", "title: Home", "title: A new home")
    project.merge()

    said = update()

    assert live.now().pages["/"].title == "A new home"  # without a signal
    assert "A new home" in (published / ".html").read_text()
    assert project.git("rev-parse", "HEAD")[:10] in said


def test_what_is_shown_is_replaced_only_when_main_has_changed(project, data, updated):
    link = (data / "content").readlink()
    live = started()
    before = live.now()

    assert update() == ""

    assert (data / "content").readlink() == link
    assert live.now() is before


def test_only_the_content_comes_and_the_changed_program_is_named(project, data, updated):
    project.write("site/rjsite/__init__.py", "raise SystemExit")
    project.write("templates/page.html", "")
    project.change("content/pages/index.md", "title: Home", "title: A new home")
    project.merge()

    update()

    clone = (data / "content").resolve().parent
    assert sorted(path.name for path in clone.iterdir()) == [".git", "content"]
    assert started().now().pages["/"].title == "A new home"
    (line,) = git_update.warnings(data, "set")
    assert line.startswith("main has changes to the program that have not been released: ")
    assert "site/rjsite/__init__.py and 1 more; run release.sh" in line


def test_a_program_that_was_released_is_named_no_more(project, data, updated, tmp_path):
    root = tmp_path / "version"
    project.write("site/app.py", "new")
    (project.folder / "deploy").symlink_to("site")
    project.merge()
    update()
    root.mkdir()
    assert git_update.program_on_main(data, root) == ("deploy", "site/app.py")
    root.rmdir()

    shutil.copytree(project.folder, root, symlinks=True)

    assert git_update.program_on_main(data, root) == ()


def test_a_removed_story_goes_in_one_run_although_everything_else_is_wrong(project, published):
    live = started()
    assert (published / f"case-studies/{SLUG}.html").exists()
    (project.folder / "content" / STORY).unlink()
    for name in ("service.toml", "house-rules.toml", "forms/ask.toml", "navigation.toml"):
        project.write(f"content/{name}", "[[")
    project.change("content/pages/index.md", "title: Home", "titel: Home")
    project.merge()

    said = update(expected=1)

    assert {line.split(":")[0] for line in said.splitlines() if line.startswith("content/")} == {
        "content/service.toml", "content/house-rules.toml", "content/forms/ask.toml",
        "content/navigation.toml", "content/pages/index.md",
    }  # fmt: skip
    for library in (live.now(), started().now()):
        assert library.stories == ()
        assert library.pages["/"].title == "Home"
        assert list(library.forms) == ["/ask"]
    assert not list((published / "case-studies").glob(f"{SLUG}*"))
    assert (published / ".html").exists()


def test_a_removed_story_goes_also_while_the_settings_cannot_be_used(project, published, monkeypatch):
    (project.folder / "content" / STORY).unlink()
    project.merge()
    monkeypatch.setenv("RJSITE_PUBLIC_URL", "no address")

    update(expected=2)

    assert not list((published / "case-studies").glob(f"{SLUG}*"))


def test_a_removed_story_stays_removed_when_an_older_version_of_the_program_is_put_back(project, updated):
    (project.folder / "content" / STORY).unlink()
    project.merge()
    update()

    # An older version of the program has its own content folder with the story. No version reads that folder.
    with pytest.raises(SettingsError, match="RJSITE_CONTENT_DIR: take it out"):
        Settings.load(content_dir=project.content)
    assert (
        create_app().test_client().get(f"/case-studies/{SLUG}", base_url="https://127.0.0.1").status_code
        == 404
    )


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        (STORY, "permission: 2026-01-31", "permission:"),
        (STORY, "harm:", "harmm:"),
        (STORY, "title:", "draft: true\ntitle:"),
    ],
)
def test_a_story_that_must_not_be_shown_is_not_shown_in_its_older_version(
    project, published, name, right, wrong
):
    live = started()
    project.change(f"content/{name}", right, wrong)
    project.merge()

    commands.run("update-content")

    assert live.now().stories == started().now().stories == ()
    assert not (published / f"{name.removesuffix('.md')}.html").exists()


def test_a_story_that_was_too_early_is_shown_when_its_day_has_come(project, published):
    project.change(f"content/{STORY}", "permission: 2026-01-31", "permission: 2026-03-10")
    project.merge()
    with time_machine.travel(datetime(2026, 3, 9, 12, tzinfo=UTC)) as clock:
        assert f"content/{STORY}" in update(expected=1)

        clock.move_to(datetime(2026, 3, 10, 12, tzinfo=UTC))
        update()

        assert (published / f"case-studies/{SLUG}.html").exists()
        assert update() == ""


@pytest.mark.parametrize("make", ["symlink", "submodule", "huge"])
def test_what_is_no_plain_small_file_changes_no_page_and_shows_no_story(
    project, data, updated, make, tmp_path
):
    (tmp_path / "secret.md").write_text((project.folder / "content" / STORY).read_text())
    commit = project.git("rev-parse", "HEAD")
    for name in ("pages/index.md", "case-studies/other.md"):
        path = project.content / name
        path.unlink(missing_ok=True)
        if make == "symlink":
            path.symlink_to(tmp_path / "secret.md")
        elif make == "huge":
            path.write_text("a" * 2_000_000)
    project.merge()
    if make == "submodule":
        for name in ("pages/index.md", "case-studies/other.md"):
            project.git("update-index", "--add", "--cacheinfo", f"160000,{commit},content/{name}")
        project.git("commit", "--quiet", "--amend", "--message=a change")

    commands.run("update-content")

    now = started().now()
    assert now.pages["/"].title == "Home"
    assert [story.slug for story in now.stories] == [SLUG]
    assert {str(problem.path) for problem in now.not_shown} == {
        "content/pages/index.md", "content/case-studies/other.md",
    }  # fmt: skip
    assert not any(path.is_symlink() for path in (data / "content").rglob("*"))


@pytest.mark.parametrize("gone", ["content", "content/pages"])
def test_without_any_page_on_main_the_site_stays_as_it_is(project, data, updated, gone):
    shutil.rmtree(project.folder / gone)
    project.write("README.md", "words")
    project.merge()

    update(expected=1)

    assert not list((data / "content-versions").glob("part-*"))  # what was fetched would fill the disk
    assert started().now().pages["/"].title == "Home"
    (line,) = git_update.warnings(data, "set")
    assert line.startswith("the latest change to the content could not be put on the site: ")


def test_without_a_network_the_site_stays_as_it_is_and_this_is_said(project, data, updated):
    project.folder.rename(project.folder.with_name("away"))

    assert "does not appear to be a git repository" in update(expected=1)

    assert "/" in started().now().pages
    assert "could not be put on the site" in git_update.warnings(data, "set")[0]
    project.folder.with_name("away").rename(project.folder)
    assert update() == ""
    assert git_update.warnings(data, "set") == []


def test_a_main_that_was_pushed_by_force_is_taken_up(project, updated):
    project.change("content/pages/index.md", "title: Home", "title: Not meant")
    project.merge()
    update()
    project.git("reset", "--quiet", "--hard", "HEAD~1")
    project.change("content/pages/index.md", "title: Home", "title: Meant")
    project.merge()

    update()

    assert started().now().pages["/"].title == "Meant"
    project.git("reset", "--quiet", "--hard", "HEAD~1")
    update()
    assert started().now().pages["/"].title == "Home"


@pytest.mark.parametrize("step", ["_git", "_switch_link", "program_on_main"])
def test_a_run_that_was_killed_is_finished_by_the_next_one(project, data, published, monkeypatch, step):
    """MemoryError stands for the end of the process, which nothing catches and which deletes nothing."""
    project.change("content/pages/index.md", "title: Home", "title: A new home")
    project.merge()
    real = getattr(git_update, step)

    def killed(*arguments: str) -> str:
        if step != "_git":
            raise MemoryError
        done: str = real(*arguments)
        if "clone" in arguments:
            raise MemoryError
        return done

    with monkeypatch.context() as patched:
        patched.setattr(git_update, step, killed)
        patched.setattr(git_update, "_delete", lambda _: None)
        with pytest.raises(MemoryError):
            commands.run("update-content")
    assert "/" in started().now().pages

    update()

    assert "A new home" in (published / ".html").read_text()
    assert not list((data / "content-versions").glob("part-*"))


def test_a_request_reads_one_version_although_another_replaces_it_meanwhile(
    project, data, updated, monkeypatch
):
    live = started()
    project.change("content/service.toml", "01632 960 001", "01632 960 002")
    project.change("content/pages/index.md", "title: Home", "title: A new home")
    project.merge()
    replaced: list[object] = []

    def replaced_meanwhile(folder, **how):
        if not replaced:
            replaced.append(git_update.fetch_content(str(project.folder), data))
        return load(folder, **how)

    monkeypatch.setattr(live_content, "load", replaced_meanwhile)
    live.reload()

    assert replaced
    assert (live._library.facts["phone"].value, live._library.pages["/"].title) == ("01632 960 001", "Home")
    assert (live.now().facts["phone"].value, live.now().pages["/"].title) == ("01632 960 002", "A new home")


def test_the_version_before_is_kept_until_the_next_run(project, data, updated):
    for title in ("Second", "Third", "Fourth"):
        project.change("content/pages/index.md", "title: ", f"title: {title} ")
        project.merge()
        update()

    newest, before = project.git("log", "-2", "--format=%H").split()
    assert {path.name for path in (data / "content-versions").iterdir()} == {newest, before}
    update()
    assert [path.name for path in (data / "content-versions").iterdir()] == [newest]


def test_a_stray_file_beside_the_versions_stops_nothing_and_goes(project, data, updated):
    versions = data / "content-versions"
    (versions / "notes.txt").write_text("Words.")
    (versions / "part-of-a-note").write_text("Words.")
    (versions / "elsewhere").symlink_to(project.folder)

    update()

    (newest,) = project.git("log", "-1", "--format=%H").split()
    assert [path.name for path in versions.iterdir()] == [newest]
    assert project.folder.is_dir()


@pytest.mark.parametrize("left", ["0" * 40, "part-0"])
def test_a_version_that_cannot_be_deleted_keeps_no_removed_story_on_the_site(
    project, data, updated, monkeypatch, left
):
    (data / git_update.VERSIONS / left).mkdir()  # root ran the command, and the files are root's
    (project.content / STORY).unlink()
    project.merge()

    def refused(path: Path) -> None:
        raise PermissionError(EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr(shutil, "rmtree", refused)

    update()

    assert not (data / git_update.LINK / STORY).exists()


def test_without_a_repository_the_command_says_what_to_set(data, monkeypatch):
    monkeypatch.delenv("RJSITE_CONTENT_REPOSITORY")

    assert "Set RJSITE_CONTENT_REPOSITORY" in update(expected=2)


def test_the_site_does_not_start_before_content_was_fetched(data):
    with pytest.raises(SettingsError, match="nothing has been fetched yet; run “rjsite update-content”"):
        Settings.load()


@pytest.mark.parametrize(
    "address",
    [
        "https://token@git.example.org/a.git",
        "ssh://git:token@git.example.org/a.git",
        "ssh://-oProxyCommand=x/a",
        "--upload-pack=x",
        "ext::sh -c x",
        "http://a/b",
        "a b",
    ],
)
def test_an_address_with_a_password_or_a_command_is_no_repository(data, monkeypatch, address):
    monkeypatch.setenv("RJSITE_CONTENT_REPOSITORY", address)

    with pytest.raises(SettingsError, match="RJSITE_CONTENT_REPOSITORY: write the address") as error:
        Settings.load()
    assert "token" not in str(error.value)


@pytest.mark.parametrize(
    "address", ["https://git.example.org/a.git", "git@git.example.org:a/b.git", "ssh://git@git.example.org/a"]
)
def test_an_address_without_a_password_is_a_repository(data, monkeypatch, address):
    monkeypatch.setenv("RJSITE_CONTENT_REPOSITORY", address)
    (data / "content").mkdir()

    assert Settings.load().content_repository == address


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({}, ""),
        ({"ended": -3 * 3600}, "content has not been fetched from main for 3 hours"),
        (
            {"failure": "no network"},
            "the latest change to the content could not be put on the site: no network",
        ),
        ({"not_shown": ("a:1: b", "c")}, "keeps merged content from being shown: a:1: b and 1 more"),
        ({"program": ("site/a.py",)}, "changes to the program that have not been released: site/a.py; run"),
        (None, "no content has been fetched from main yet"),
    ],
)
def test_what_somebody_has_to_do_is_in_the_warnings(tmp_path, result, expected):
    if result is not None:
        ended = time.time() + result.get("ended", 0)
        git_update.write_result(tmp_path, replace(Update(ended), **{**result, "ended": ended}))

    lines = git_update.warnings(tmp_path, "a repository")

    assert len(lines) == bool(expected)
    assert expected in "".join(lines)
    assert git_update.warnings(tmp_path, "") == []


def test_readyz_says_on_this_machine_what_is_taken_up(project, updated):
    client = create_app().test_client()

    details = client.get("/readyz", base_url="https://127.0.0.1").text

    assert f"content: the site shows {project.git('rev-parse', 'HEAD')[:10]} of main, as of 20" in details


def test_a_missing_git_is_named(project, data, monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert "git is not installed" in update(expected=1)


def test_pages_of_a_change_that_failed_go_when_main_is_set_back(project, published, monkeypatch):
    before = project.git("rev-parse", "HEAD")
    project.change("content/pages/index.md", "title: Home", "title: A mistake")
    project.merge()

    def fail(*_: object) -> None:
        raise git_update.CannotFetch("git failed")

    with monkeypatch.context() as patch:
        patch.setattr(git_update, "program_on_main", fail)
        update(expected=1)
    assert "A mistake" in (published / ".html").read_text()
    project.git("reset", "--hard", "--quiet", before)

    update()

    assert "A mistake" not in (published / ".html").read_text()


def test_pages_of_a_run_that_was_killed_go_when_main_is_set_back(project, published, monkeypatch):
    before = project.git("rev-parse", "HEAD")
    project.change("content/pages/index.md", "title: Home", "title: A mistake")
    project.merge()

    def killed(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(git_update, "program_on_main", killed)
        with pytest.raises(MemoryError):
            commands.run("update-content")
    assert "A mistake" in (published / ".html").read_text()
    project.git("reset", "--hard", "--quiet", before)

    update()

    assert "A mistake" not in (published / ".html").read_text()
