"""The library that a running site shows is always replaced as a whole, and never lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from rjsite.web import live_content
from rjsite.web.live_content import LiveLibrary

LONDON = ZoneInfo("Europe/London")
STORY = "case-studies/the-shop-window.md"


def at(day: int) -> datetime:
    return datetime(2026, 1, day, 12, tzinfo=LONDON)


def test_in_production_a_story_goes_out_on_its_day_by_itself(content: Path):
    story = content / STORY
    words = story.read_text().replace("permission: 2026-01-31", "permission: 2026-01-10")
    story.write_text(words.replace("published: 2026-02-01", "published: 2026-01-20"))
    with time_machine.travel(at(19)) as clock:
        live = LiveLibrary(content, production=True, data=content.parent)
        assert live.now().stories == ()

        clock.move_to(at(20))

        assert [story.slug for story in live.now().stories] == ["the-shop-window"]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_day_begins_at_midnight_in_the_uk_wherever_the_server_stands(content: Path, zone: str):
    story = content / STORY
    story.write_text(story.read_text().replace("published: 2026-02-01", "published: 2026-07-02"))
    midnight = datetime(2026, 7, 2, tzinfo=LONDON).astimezone(ZoneInfo(zone))
    with time_machine.travel(midnight - timedelta(seconds=1), tick=False) as clock:
        live = LiveLibrary(content, production=True, data=content.parent)
        assert live.now().stories == ()

        clock.shift(1)

        assert len(live.now().stories) == 1


def test_in_production_content_is_read_only_when_asked(content: Path):
    live = LiveLibrary(content, production=True, data=content.parent)
    before = live.now()
    (content / STORY).unlink()
    assert live.now() is before

    live.reload()

    assert live.now().stories == ()


def test_a_new_folder_of_content_with_the_inode_of_the_old_is_seen(content: Path, tmp_path, monkeypatch):
    monkeypatch.setattr(live_content, "CHECK_EVERY", 0)
    (tmp_path / "old").mkdir()
    moved = content.rename(tmp_path / "old/content")
    content.symlink_to(moved)
    live = LiveLibrary(content, production=True, data=content.parent)
    assert len(live.now().stories) == 1

    (moved / STORY).unlink()  # after three updates, ext4 gives a new folder the inode of the first
    (tmp_path / "old").rename(tmp_path / "new")
    content.unlink()
    content.symlink_to(tmp_path / "new/content")

    assert live.now().stories == ()


def test_files_are_checked_for_edits_at_intervals(content: Path, monkeypatch):
    monkeypatch.setattr(live_content, "CHECK_EVERY", 3600)
    live = LiveLibrary(content, production=False, data=content.parent)
    before = live.now()
    (content / STORY).unlink()
    assert live.now() is before

    monkeypatch.setattr(live_content, "CHECK_EVERY", 0)

    assert live.now().stories == ()


def test_pages_stay_while_the_folder_is_away_at_midnight_and_are_read_when_it_is_back(content, monkeypatch):
    monkeypatch.setattr(live_content, "CHECK_EVERY", 0)
    with time_machine.travel(at(19)) as clock:
        live = LiveLibrary(content, production=True, data=content.parent)
        before = live.now().pages
        away = content.rename(content.with_name("away"))
        clock.move_to(at(20))
        assert live.now().pages == before
        assert live.now().pages == before

        away.rename(content)
        (content / "pages/cookies.md").write_bytes((content / "pages/index.md").read_bytes())

        assert "/cookies" in live.now().pages


def test_a_link_to_nothing_such_as_the_lock_of_an_editor_stops_no_page(content: Path, monkeypatch):
    monkeypatch.setattr(live_content, "CHECK_EVERY", 0)
    live = LiveLibrary(content, production=False, data=content.parent)
    (content / "case-studies/.#the-shop-window.md").symlink_to("somebody@a-machine.1234")

    assert "/" in live.now().pages
    assert [story.slug for story in live.now().stories] == ["the-shop-window"]


@pytest.mark.parametrize("production", [True, False])
def test_whatever_goes_wrong_what_there_was_stays(content: Path, monkeypatch, caplog, production):
    live = LiveLibrary(content, production=production, data=content.parent)
    before = live.now()
    monkeypatch.setattr(live_content, "load", lambda *_, **__: 1 / 0)

    live.reload()

    assert live.now() is before
    assert "not loaded: ZeroDivisionError" in caplog.text


def test_a_story_that_cannot_be_opened_is_left_out(content: Path):
    (content / "case-studies" / "gone.md").symlink_to(content / "nowhere.md")

    live = LiveLibrary(content, production=True, data=content.parent)

    assert [str(problem) for problem in live.now().problems] == [
        "content/case-studies/gone.md:1: this file cannot be opened; put it back, or delete it"
    ]
    assert len(live.now().stories) == 1


def test_facts_and_forms_that_cannot_be_used_stay_as_they_were(content: Path):
    live = LiveLibrary(content, production=True, data=content.parent)
    before = live.now()
    (content / "service.toml").write_text("[name")
    (content / "forms" / "ask.toml").write_text("[[step")
    (content / "outcomes" / "outside.md").write_text("")
    (content / STORY).unlink()

    live.reload()

    after = live.now()
    assert after.facts == before.facts
    assert after.forms == before.forms
    assert after.outcomes == before.outcomes
    assert after.stories == ()
    assert {problem.path.name for problem in after.problems} == {"service.toml", "ask.toml", "outside.md"}


def test_a_form_that_moves_waits_for_a_restart(content: Path):
    live = LiveLibrary(content, production=True, data=content.parent)
    form = content / "forms" / "ask.toml"
    form.write_text(form.read_text().replace('address = "/ask"', 'address = "/question"'))

    live.reload()

    assert list(live.now().forms) == ["/ask"]
    assert [problem.message for problem in live.now().problems if "restart" in problem.message] == [
        "restart the site: a change to the address /ask takes effect only then",
        "restart the site: a change to the address /question takes effect only then",
    ]


def test_a_good_change_of_a_form_is_taken_up(content: Path):
    live = LiveLibrary(content, production=True, data=content.parent)
    form = content / "forms" / "ask.toml"
    form.write_text(form.read_text().replace("About you", "About yourself"))

    live.reload()

    assert live.now().forms["/ask"].steps[0].title == "About yourself"


# -- the last good version --------------------------------------------------------------------------------


def started(content: Path) -> LiveLibrary:
    """Return the library of a site that has started and handled its first request."""
    (content.parent / "data").mkdir(exist_ok=True)
    live = LiveLibrary(content, production=True, data=content.parent / "data")
    live.keep_last_good()
    return live


SLIPS = [
    ("pages/index.md", "last_checked: 2026-02-01", "last_checked: 2026-13-01"),
    ("pages/index.md", "title: Home", "titel: Home"),
    ("pages/index.md", "---\n", ""),
    ("pages/index.md", "Words of Home.", "Words of {home}."),
    ("pages/index.md", "Words of Home.", "[" * 20_000),
    ("pages/index.md", "Words of Home.", "Words of Home.\0"),
    ("forms/ask.md", "title: Ask us", "titel: Ask us"),
    ("forms/ask.toml", "[[step]]", "[[step"),
    ("outcomes/outside.md", "title:", "titel:"),
    ("errors/404.md", "title:", "titel:"),
    ("errors/413.md", "title:", "titel:"),
    ("service.toml", "[phone]", "[phone"),
    ("navigation.toml", "[[menu]]", "[[menu"),
    ("redirects.toml", '"/old" = "/"', '"/old" = /'),
]


@pytest.mark.parametrize(
    ("name", "right", "slip"), SLIPS, ids=[f"{name}: {slip[:20]}" for name, _, slip in SLIPS]
)
def test_a_page_form_or_fact_with_a_mistake_stays_as_it_was_also_after_a_restart(
    content: Path, name: str, right: str, slip: str
):
    live = started(content)
    before = live.now()
    path = content / name
    path.write_text(path.read_text().replace(right, slip, 1))

    live.reload()

    for now in (live.now(), started(content).now(), started(content).now()):
        assert {str(problem.path) for problem in now.not_shown} == {f"content/{name}"}
        assert now.pages["/"].title == "Home"
        assert now.pages["/"].document.body == before.pages["/"].document.body
        assert now.form_pages["/ask"].title == "Ask us"
        assert now.forms["/ask"] == before.forms["/ask"]
        assert now.facts == before.facts
        assert (now.navigation, now.redirects) == (before.navigation, before.redirects)
        assert now.errors.keys() == before.errors.keys()
        assert now.outcomes.keys() == before.outcomes.keys()

    path.write_text(path.read_text().replace(slip, right, 1) if slip else f"---\n{path.read_text()}")
    live.reload()
    assert live.now().problems == ()


def test_a_mended_file_is_the_last_good_version_from_then_on(content: Path):
    live, page = started(content), content / "pages" / "index.md"
    for title in ("Second", "Third"):
        page.write_text(page.read_text().replace("title: ", f"title: {title} "))
        live.reload()
    page.write_text("no fields")

    assert started(content).now().pages["/"].title == "Third Second Home"


def test_a_story_with_a_mistake_is_never_shown_in_an_older_version(content: Path):
    live, story = started(content), content / STORY
    story.write_text(story.read_text().replace("harm:", "harmm:"))

    live.reload()

    assert live.now().stories == started(content).now().stories == ()
    assert not list((content.parent / "data").rglob("*window*"))


@pytest.mark.parametrize(
    "how",
    [
        "gone",
        "draft: true",
        "Draft: yes",
        '"draft": "true"',
        "draft: “true”",
        "draft:\xa0true",
        "draft:\n  true",
        "crumb: Help\rdraft: true",
    ],
)
def test_what_was_withdrawn_is_never_brought_back(content: Path, how: str):
    page = content / "pages" / "help.md"
    words = "---\ntitle: Help\ndescription: Words.\nlast_checked: 2026-02-01\n---\n\nWords.\n"
    page.write_text(words)
    live = started(content)
    assert "/help" in live.now().pages
    if how == "gone":
        page.unlink()
    else:
        page.write_text(words.replace("title: Help", f"titel: Help\n{how}"))

    live.reload()

    assert "/help" not in live.now().pages
    page.write_text(words.replace("title: Help", "titel: Help"))
    live.reload()
    assert "/help" not in live.now().pages
    assert "/help" not in started(content).now().pages


def test_a_page_that_is_a_draft_is_not_public_and_is_no_mistake(content: Path):
    page = content / "pages" / "help.md"
    page.write_text(
        "---\ntitle: Help\ndescription: Words.\nlast_checked: 2026-02-01\ndraft: true\n---\n\nWords.\n"
    )
    navigation = content / "navigation.toml"
    navigation.write_text(navigation.read_text().replace('"/", ', '"/", "/help", '))

    public, ours = started(content).now(), LiveLibrary(content, production=False, data=content.parent).now()

    assert "/help" not in public.pages
    assert ours.pages["/help"].not_public == "Draft"
    assert public.problems == ours.problems == ()


def test_a_form_that_is_gone_is_not_brought_back_by_a_mistake_in_another(content: Path):
    form = content / "forms" / "ask.toml"
    (content / "forms" / "more.toml").write_text(form.read_text().replace("/ask", "/more"))
    started(content)
    (content / "forms" / "more.toml").unlink()
    form.write_text("[[step")

    assert list(started(content).now().forms) == ["/ask"]


@pytest.mark.parametrize(
    "name", ["service.toml", "outcomes/outside.md", "errors/503.md", "outcomes", "errors"]
)
def test_the_site_starts_also_without_a_file_or_folder_that_it_needs(content: Path, name: str):
    before = started(content).now()
    (content / name).rename(content.parent / "gone")

    now = started(content).now()

    assert now.forms == before.forms
    assert now.facts == before.facts


def test_a_story_taken_away_goes_first_whatever_is_wrong_with_the_rest(content: Path, monkeypatch):
    live = started(content)
    (content / STORY).unlink()
    monkeypatch.setattr(live_content, "load", lambda *_, **__: 1 / 0)

    live.reload()

    assert live.now().stories == ()
    assert "/" in live.now().pages
    assert not live.last_reload_succeeded


def test_a_full_disk_loses_no_page(content: Path, monkeypatch, caplog):
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))

    live = started(content)

    assert "/" in live.now().pages
    assert "cannot be saved: No space left" in caplog.text
