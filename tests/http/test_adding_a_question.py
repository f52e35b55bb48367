"""Adding a question is one edit in one place: the one that docs/forms.md shows."""

from __future__ import annotations

import re
import shutil
from email import message_from_bytes, policy

import pytest

from rjsite import create_app
from rjsite.outbox import operator
from rjsite.services import services_of
from rjsite.settings import ROOT, Settings
from support import commands
from support.forms import A, Page, send, words
from support.mail import copy_of, text_of
from support.service import SERVICE


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return a site with the question of docs/forms.md added to form A, and nothing else changed."""
    folder = tmp_path_factory.mktemp("one-edit")
    shutil.copytree(SERVICE, folder / "content")
    (question,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "forms.md").read_text(), re.S)
    file = folder / "content" / "forms" / "a.toml"
    file.write_text(file.read_text() + "\n" + question)
    return create_app(
        Settings.load(mode="development", data_dir=folder / "var", content_dir=folder / "content")
    )


QUESTION, HINT = "When is a good time to call?", "For example, in the morning"


def test_the_page_asks_it(site):
    page = Page(site.test_client().get(A).text)

    (label,) = [label for label in page.all("label") if words(label) == f"{QUESTION} (optional)"]
    assert label.get("for") == "best_time"
    assert words(page.by_id["best_time-hint"]) == HINT


def test_a_slip_is_named_and_the_answer_kept(site):
    page = Page(send(site.test_client(), A, {"best_time": "x" * 101}).text)

    assert words(page.by_id["best_time-error"]) == "Error: Best time must be 100 characters or less"
    assert page.answers["best_time"] == ["x" * 101]


def test_the_mail_and_its_copy_say_it(site):
    assert send(site.test_client(), A, {"best_time": "After 6pm"}).status_code == 303

    box = services_of(site).outbox
    message = message_from_bytes(
        box.open(operator.stored_mails(box, operator.rows(box)[-1].reference)[-1]), policy=policy.default
    )
    first, _, answers = text_of(message).partition("\n\nANSWERS\n")
    assert "\nBest time: After 6pm" in first
    assert f"\n{QUESTION}\nAfter 6pm\n" in answers
    assert copy_of(message)["answers"]["best_time"] == {
        "question": QUESTION,
        "values": ["After 6pm"],
        "labels": [],
    }
    assert "best_time" in copy_of(message)["before_you_contact"]


def test_the_check_finds_nothing_to_fix_in_it(site, monkeypatch):
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(services_of(site).settings.content_dir))

    assert "forms/a.toml" not in commands.run("check").stdout
