"""The library that a running site shows: swapped whole, and never lost."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from rjsite import site_content
from rjsite.site_content import LiveLibrary

LONDON = ZoneInfo("Europe/London")
STORY = "case-studies/the-shop-window.md"


def at(day: int) -> datetime:
    return datetime(2026, 1, day, 12, tzinfo=LONDON)


def test_in_production_a_story_goes_out_on_its_day_by_itself(content: Path):
    story = content / STORY
    words = story.read_text().replace("permission: 2026-01-31", "permission: 2026-01-10")
    story.write_text(words.replace("published: 2026-02-01", "published: 2026-01-20"))
    with time_machine.travel(at(19)) as clock:
        live = LiveLibrary(content, production=True)
        assert live.now().stories == ()

        clock.move_to(at(20))

        assert [story.slug for story in live.now().stories] == ["the-shop-window"]


def test_in_production_content_is_read_only_when_asked(content: Path):
    live = LiveLibrary(content, production=True)
    before = live.now()
    (content / STORY).unlink()
    assert live.now() is before

    live.take_up()

    assert live.now().stories == ()


@pytest.mark.parametrize("production", [True, False])
def test_whatever_goes_wrong_what_there_was_stays(content: Path, monkeypatch, caplog, production):
    live = LiveLibrary(content, production=production)
    before = live.now()
    monkeypatch.setattr(site_content, "load", lambda *_, **__: 1 / 0)

    live.take_up()

    assert live.now() is before
    assert "not taken up: ZeroDivisionError" in caplog.text


def test_a_story_that_cannot_be_opened_is_left_out(content: Path):
    (content / "case-studies" / "gone.md").symlink_to(content / "nowhere.md")

    live = LiveLibrary(content, production=True)

    assert [str(problem) for problem in live.now().problems] == [
        "content/case-studies/gone.md:1: this file cannot be opened; put it back, or delete it"
    ]
    assert len(live.now().stories) == 1


def test_facts_and_forms_that_cannot_be_used_stay_as_they_were(content: Path):
    live = LiveLibrary(content, production=True)
    before = live.now()
    (content / "service.toml").write_text("[name")
    (content / "forms" / "ask.toml").write_text("[[step")
    (content / "outcomes" / "outside.md").write_text("")
    (content / STORY).unlink()

    live.take_up()

    after = live.now()
    assert after.facts == before.facts
    assert after.forms == before.forms
    assert after.outcomes == before.outcomes
    assert after.stories == ()
    assert {problem.path.name for problem in after.problems} == {"service.toml", "ask.toml", "outside.md"}


def test_a_form_that_moves_waits_for_a_restart(content: Path):
    live = LiveLibrary(content, production=True)
    form = content / "forms" / "ask.toml"
    form.write_text(form.read_text().replace('address = "/ask"', 'address = "/question"'))

    live.take_up()

    assert list(live.now().forms) == ["/ask"]
    assert [problem.words for problem in live.now().problems if "restart" in problem.words] == [
        "restart the site: it takes up a change of the address /ask only when it starts",
        "restart the site: it takes up a change of the address /question only when it starts",
    ]


def test_a_good_change_of_a_form_is_taken_up(content: Path):
    live = LiveLibrary(content, production=True)
    form = content / "forms" / "ask.toml"
    form.write_text(form.read_text().replace("About you", "About yourself"))

    live.take_up()

    assert live.now().forms["/ask"].steps[0].title == "About yourself"
