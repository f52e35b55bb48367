"""What the service has still to say: read from the content, and written down where people find it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from rjsite.cli import main
from rjsite.content.fact_formats import GIVE
from rjsite.content.library import load
from rjsite.content.open_questions import release
from rjsite.settings import ROOT
from support.readers import make_reader

SET = {
    "RJSITE_SECRET_KEY": "kT4vQ8zL1xW6mN3bR9yC2hF7jD5gS0pA",
    "RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode(),
    "RJSITE_PUBLIC_URL": "https://www.mending.example",
    "RJSITE_TEAM_EMAIL": "team@mending.example",
    "RJSITE_MAIL_SERVER": "mail.mending.example",
    "RJSITE_MAIL_DEFAULT_SENDER": "site@mending.example",
}


@pytest.fixture
def run(content, tmp_path, monkeypatch, capsys):
    """`rjsite release-check` on the made-up service, with all settings in order."""
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(content))
    (tmp_path / "var").mkdir()
    for name, value in {**SET, "RJSITE_DATA_DIR": str(tmp_path / "var")}.items():
        monkeypatch.setenv(name, value)

    def run(*options: str) -> tuple[int, list[str]]:
        status = main(["release-check", *options])
        return status, capsys.readouterr().out.splitlines()

    return run


@pytest.fixture(autouse=True)
def _no_templates_of_ours(tmp_path, monkeypatch):
    """Look at the made-up service alone."""
    shutil.copytree(ROOT / "templates", tmp_path / "root" / "templates")
    monkeypatch.setattr("rjsite.cli.ROOT", tmp_path / "root")


def add(path: Path, words: str) -> None:
    path.write_text(f"{path.read_text()}\n{words}\n")


def test_where_nothing_is_missing_it_says_so(run):
    assert run() == (0, ["0 to settle before release"])


def test_an_unset_fact_is_asked_for_with_the_pages_that_wait(content, run):
    add(content / "service.toml", '[pets]\nask = "May people bring pets?"')
    add(content / "pages" / "index.md", "Bring {pets}.")
    form = content / "forms" / "ask.toml"
    form.write_text(form.read_text().replace("About you", "About {pets}"))

    status, lines = run()

    assert status == 1
    assert lines[0].startswith("content/service.toml:")
    assert lines[0].endswith(
        ": pets: May people bring pets?, for “About {pets}” and “Bring {pets}.” (for /ask, /)"
    )
    assert lines[1:] == ["1 to settle before release"]


def test_a_fact_to_be_confirmed_is_listed_with_what_it_says_now(content, run):
    add(content / "service.toml", '[pets]\nvalue = "cats"\nask = "Still cats?"')

    assert run()[1][0].endswith("pets: Still cats?; the site says now: cats")


@pytest.mark.parametrize(
    ("form", "written", "shown"),
    [
        ("phone", "Words. **Call** us on {line}, or go [home](/). More.", "Call us on {line}, or go home."),
        ("phone", "1. Text {line.text} or {phone}.", "Text {line} or {phone}."),
        ("phone", "| Way | Number |\n|---|---|\n| Phone | call {line} |", "call {line}"),
        ("sentence", "We have limits. {line}", "We have limits. {line}"),
        ("sentence", "## Limits {?line}\n\n{line}", "{line}"),
    ],
)
def test_who_answers_reads_what_form_the_answer_has_and_the_sentence_it_completes(
    content, run, tmp_path, form, written, shown
):
    add(content / "service.toml", f'[line]\nform = "{form}"\nask = "Which?"')
    add(content / "pages" / "index.md", written)

    assert run()[1][0].endswith(f": line: Which?; give {GIVE[form]}, for “{shown}” (for /)")
    run("--write", str(tmp_path / "page.md"))
    assert f"| line | Which? | {GIVE[form]} | {shown} | `/` |" in (tmp_path / "page.md").read_text()


@pytest.mark.parametrize("value", ["tbc", "to be confirmed"])
def test_a_fact_whose_value_is_no_answer_is_still_asked_for(content, run, value):
    add(content / "service.toml", f'[pets]\nvalue = "{value}"\nask = "May people bring pets?"')

    assert run()[1][0].endswith(": pets: May people bring pets?")


def test_a_fact_that_a_template_uses_is_for_all_pages(content, run):
    add(content / "service.toml", '[hours]\nask = "When?"')

    assert "hours: When? (for all pages)" in run()[1][0]


def test_a_story_without_permission_is_listed_unless_it_is_a_draft(content, run):
    story = content / "case-studies" / "the-shop-window.md"
    story.write_text(story.read_text().replace("permission: 2026-01-31", "permission:"))
    assert run()[1][0] == (
        "content/case-studies/the-shop-window.md:13: write the date of permission, like 2026-03-09"
    )

    story.write_text(story.read_text().replace("known: full", "known: full\ndraft: true"))
    assert run()[0] == 0


def test_a_video_without_its_address_is_listed(content, run):
    story = content / "case-studies" / "the-shop-window.md"
    story.write_text(story.read_text().replace("Two people met.", "It is a video."))

    assert run()[1][0] == (
        "content/case-studies/the-shop-window.md:14: write the address of the video, and its words below"
    )


def test_a_setting_that_production_needs_is_listed(run, monkeypatch):
    monkeypatch.delenv("RJSITE_MAIL_SERVER")

    status, lines = run()

    assert status == 1
    assert lines[0].startswith("Set RJSITE_MAIL_SERVER")


@pytest.mark.parametrize(("days", "word"), [(20, "ends on"), (-1, "ended on")])
def test_a_certificate_that_ends_within_thirty_days_or_has_ended_is_listed(
    run, tmp_path, monkeypatch, days, word
):
    readers = [make_reader(tmp_path, "near", days=days), make_reader(tmp_path, "far", days=40)]
    files = ",".join(str(reader.certificate) for reader in readers)
    monkeypatch.setenv("RJSITE_TEAM_CERTIFICATES", files)

    status, lines = run()

    assert status == 1
    assert lines[0].startswith(f"certificate near.pem {word} ")
    assert lines[1:] == ["1 to settle before release"]


def test_the_page_is_written_without_settings(content, run, tmp_path, monkeypatch):
    monkeypatch.delenv("RJSITE_MAIL_SERVER")
    add(content / "service.toml", '[pets]\nask = "Cats | dogs?"')

    status, _ = run("--write", str(tmp_path / "page.md"))

    page = (tmp_path / "page.md").read_text()
    assert status == 0
    assert "| pets | Cats \\| dogs? |  |  | none |" in page
    assert "RJSITE_" not in page


def test_our_page_says_what_our_content_lacks_today():
    folder = ROOT / "content"
    written = (ROOT / "docs" / "to-confirm.md").read_text(encoding="utf-8")

    assert written == release(load(folder, drafts=True), folder, ROOT / "templates").markdown(), (
        "docs/to-confirm.md is old: run “rjsite release-check --write docs/to-confirm.md”"
    )


@pytest.mark.parametrize(
    "fact", ["hours", "reply_time", "controller", "retention", "confidentiality_limits", "figure_satisfied"]
)
def test_our_page_asks_for_what_the_service_must_supply(fact):
    assert f"| {fact} |" in (ROOT / "docs" / "to-confirm.md").read_text(encoding="utf-8")
