"""A story that must not be shown appears nowhere on the public site, and everything else is still shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from rjsite import create_app
from rjsite.settings import Settings
from support.service import SERVICE
from support.site_process import production_settings

SLUG = "a-broken-fence"
STORY = f"case-studies/{SLUG}.md"
EVERYWHERE = (
    "/",
    "/case-studies/",
    "/case-studies/?page=2",
    "/case-studies/?harm=neighbours",
    "/feed.xml",
    "/sitemap.xml",
    "/site-map",
    "/questions",
)
LINK = f"See [what two neighbours did](/case-studies/{SLUG}) and [the form](/refer/a)."


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """Return a copy of the content with a story that has every permission, and pages that name it."""
    folder = Path(shutil.copytree(SERVICE, tmp_path / "content"))
    rules = folder / "house-rules.toml"
    rules.write_text(rules.read_text().replace(f'"{SLUG}"', ""))
    change(folder, "permission:", "permission: 2026-01-31\nagreed_by: both\nask_again: 2999-01-31")
    for name in ("pages/questions.md", "pages/index.md"):
        with (folder / name).open("a") as page:
            page.write(f"\n## A story {{: .stories }}\n\n- {SLUG}\n\n{LINK}\n")
    return folder


@pytest.fixture
def visit(content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], FlaskClient]:
    """Return a function that starts the site in production and returns a client."""
    for name, value in production_settings(content).items():
        monkeypatch.setenv(name, value)
    return lambda: create_app(Settings.load(data_dir=tmp_path)).test_client()


def change(folder: Path, right: str, words: str) -> None:
    """Replace each line of the story that begins with `right`."""
    lines = (folder / STORY).read_text().splitlines()
    assert any(line.startswith(right) for line in lines)
    (folder / STORY).write_text("\n".join(words if ln.startswith(right) else ln for ln in lines) + "\n")


def get(visitor: FlaskClient, path: str) -> str:
    """Return the text at an address, whatever the status."""
    return visitor.get(path, base_url="https://127.0.0.1").text


def test_a_story_with_every_permission_is_shown(visit: Callable[[], FlaskClient]) -> None:
    visitor = visit()

    assert [path for path in EVERYWHERE if SLUG not in get(visitor, path)] in (
        [EVERYWHERE[1]],
        [EVERYWHERE[2]],
    )
    assert get(visitor, "/readyz").splitlines()[0] == "ok"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("permission:", "permission:"),
        ("permission:", "permission: 2999-01-31"),
        ("summary:", "summary: He was raped. They met."),
        ("title:", "title: Raped at home"),
        ("## Getting ready", "They told of sexual\nabuse.\n\n## What changed"),
        ("## Getting ready", "They told of *sexual* abuse.\n\n## What changed"),
        ("## Getting ready", "Write here who asked first, and how.\n\n## What changed"),
        ("harm:", "harm: [domestic abuse]"),
        ("harm:", "harmm: [theft]"),
        ("## Getting ready", "Call {phon}.\n\n## What changed"),
        ("## Getting ready", "[" * 1000),
    ],
    ids=lambda words: words[:30],
)
def test_a_story_that_must_not_be_shown_is_nowhere(
    visit: Callable[[], FlaskClient], content: Path, line: str, words: str
) -> None:
    change(content, line, words)
    visitor = visit()

    assert visitor.get(f"/case-studies/{SLUG}", base_url="https://127.0.0.1").status_code == 404
    assert [path for path in EVERYWHERE if SLUG in get(visitor, path)] == []
    assert get(visitor, "/readyz").splitlines()[0] == "content"
    assert "/case-studies/a-night-out" in get(visitor, "/sitemap.xml")


def test_no_story_is_shown_while_the_rules_cannot_be_read(
    visit: Callable[[], FlaskClient], content: Path
) -> None:
    (content / "house-rules.toml").write_text("[[")

    assert "/case-studies/" + SLUG not in get(visit(), "/sitemap.xml")


@pytest.mark.parametrize(
    "link",
    [
        f"/case-studies/{SLUG}",
        f"/case-studies/{SLUG}#what-happened",
        f"/case-studies/{SLUG.upper()}",
        f"/case-studies/{SLUG}/",
        f"/case-studies/{SLUG}?from=questions",
        "/case-studies/never-written",
        "/old-story",
    ],
)
@pytest.mark.parametrize("name", ["pages/questions.md", "forms/a.md", "errors/404.md", STORY])
def test_a_link_to_a_story_that_is_not_there_is_plain_text(
    visit: Callable[[], FlaskClient], content: Path, link: str, name: str
) -> None:
    (content / "case-studies/a-night-out.md").write_bytes((content / STORY).read_bytes())
    if name != STORY:
        (content / STORY).unlink()
    with (content / "redirects.toml").open("a") as redirects:
        redirects.write(f'"/old-story" = "/case-studies/{SLUG}"\n')
    there = {STORY: "case-studies/a-night-out.md"}.get(name, name)
    with (content / there).open("a") as page:
        page.write(f"\nSee [what *two* did]({link}) and [all](/case-studies/?harm=theft).\n")
    (content / STORY).unlink(missing_ok=True)
    paths = {"forms/a.md": "/refer/a", "pages/questions.md": "/questions", "errors/404.md": "/nowhere"}

    shown = get(visit(), paths.get(name, "/case-studies/a-night-out"))

    assert "See what <em>two</em> did and" in shown
    assert '<a href="/case-studies/?harm=theft">all</a>' in shown


def test_what_is_only_to_fix_stops_nothing(visit: Callable[[], FlaskClient], content: Path) -> None:
    change(content, "last_checked:", "last_checked: 2001-01-31")
    words = "The perpetrator left! " + "He walked and " * 20
    change(content, "## Getting ready", f"{words}\n\n## What changed")
    visitor = visit()

    assert "perpetrator" in get(visitor, f"/case-studies/{SLUG}")
    assert get(visitor, "/readyz").splitlines()[0] == "ok"
