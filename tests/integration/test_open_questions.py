"""What the service still has to say is read from the content and written down where people find it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from rjsite.content.fact_formats import FORMAT_HINTS, fits
from rjsite.content.library import load
from rjsite.content.open_questions import as_document, open_questions
from rjsite.settings import ROOT
from support import commands
from support.readers import make_reader
from support.service import CLIENT

SET = {
    "RJSITE_SECRET_KEY": "kT4vQ8zL1xW6mN3bR9yC2hF7jD5gS0pA",
    "RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode(),
    "RJSITE_PUBLIC_URL": "https://www.mending.example",
    "RJSITE_TEAM_EMAIL": "team@mending.example",
    "RJSITE_MAIL_SERVER": "mail.mending.example",
    "RJSITE_MAIL_DEFAULT_SENDER": "site@mending.example",
}


@pytest.fixture
def run(content, tmp_path, monkeypatch):
    """Return a function that runs `rjsite release-check` on the invented service, with all settings set."""
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(content))
    (tmp_path / "var").mkdir()
    for name, value in {**SET, "RJSITE_DATA_DIR": str(tmp_path / "var")}.items():
        monkeypatch.setenv(name, value)

    def run(*options: str) -> tuple[int, list[str]]:
        result = commands.run("release-check", *options)
        return result.exit_code, result.stdout.splitlines()

    return run


@pytest.fixture(autouse=True)
def _no_templates_of_ours(tmp_path, monkeypatch):
    """Give commands a root folder with a copy of the templates and nothing else."""
    shutil.copytree(ROOT / "templates", tmp_path / "root" / "templates")
    monkeypatch.setattr("rjsite.cli.content.ROOT", tmp_path / "root")


def add(path: Path, words: str) -> None:
    path.write_text(f"{path.read_text()}\n{words}\n")


def test_where_nothing_is_missing_it_says_so(run):
    assert run() == (0, ["0 to resolve before release"])


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
    assert lines[1:] == ["1 to resolve before release"]


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

    assert run()[1][0].endswith(f": line: Which?; give {FORMAT_HINTS[form]}, for “{shown}” (for /)")
    run("--write", str(tmp_path / "page.md"))
    page = (tmp_path / "page.md").read_text()
    assert f"| 1 | `line` | {FORMAT_HINTS[form]} | `/` |" in page
    with_blank = shown.replace("{line}", "___").replace("{phone}", "01632 960 001")
    completes = f"- It completes: “{with_blank}”\n" if with_blank != "___" else ""
    assert f"**1.** Which?\n\n{completes}- Answer: ____" in page


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
    assert run()[1][0].partition("the-shop-window.md:")[2] == (
        "13: write the date of permission, like 2026-03-09, and who agreed"
    )

    story.write_text(story.read_text().replace("known: full", "known: full\ndraft: true"))
    assert run()[0] == 0


def test_a_video_without_its_address_is_listed(content, run):
    story = content / "case-studies" / "the-shop-window.md"
    story.write_text(story.read_text().replace("Two people met.", "It is a video."))

    assert run()[1][0] == (
        "content/case-studies/the-shop-window.md:15: write the address of the video, and its words below"
    )


def test_a_setting_that_production_needs_is_listed(run, monkeypatch):
    monkeypatch.delenv("RJSITE_MAIL_SERVER")

    status, lines = run()

    assert status == 1
    assert lines[0].startswith("Set RJSITE_MAIL_SERVER")


@pytest.mark.parametrize(("days", "word"), [(20, "expires on"), (-1, "expired on")])
def test_a_certificate_that_ends_within_thirty_days_or_has_ended_is_listed(
    run, tmp_path, monkeypatch, days, word
):
    readers = [make_reader(tmp_path, "near", days=days), make_reader(tmp_path, "far", days=40)]
    files = ",".join(str(reader.certificate) for reader in readers)
    monkeypatch.setenv("RJSITE_TEAM_CERTIFICATES", files)

    status, lines = run()

    assert status == 1
    assert lines[0].startswith(f"certificate near.pem {word} ")
    assert lines[1:] == ["1 to resolve before release"]


@pytest.fixture
def document(content, run, tmp_path):
    """Return a function that adds facts to the content and returns the document of open questions."""

    def document(facts: str = "") -> str:
        add(content / "service.toml", facts)
        run("--write", str(tmp_path / "page.md"))
        return (tmp_path / "page.md").read_text()

    return document


def test_the_document_is_written_without_settings(document, monkeypatch):
    monkeypatch.delenv("RJSITE_MAIL_SERVER")

    page = document('[pets]\nask = "Cats | dogs?"')

    assert "**1.** Cats | dogs?\n\n- Answer: ____" in page
    assert "| 1 | `pets` |  | no page |" in page
    assert "RJSITE_" not in page


def test_the_most_urgent_question_comes_first_and_names_in_files_come_last(document):
    asked = [
        f'[{name}]\nask = "About {name}?"\nurgency = "{urgency}"'
        for name, urgency in [("ants", "when convenient"), ("bees", "soon"), ("cats", "before launch")]
    ]
    page = document("\n".join([*asked, '[dogs]\nask = "About dogs?"']))

    in_order = [
        "## Part 1: before launch",
        "**These block the release.**",
        "**1.** About cats?",
        "## Part 2: soon",
        "**2.** About bees?",
        "**3.** About dogs?",
        "## Part 3: when convenient",
        "**4.** About ants?",
        "## How to type an answer in",
        'value = "',
        "| 1 | `cats`",
        "| 4 | `ants`",
    ]
    places = [page.find(text) for text in in_order]
    assert -1 not in places
    assert places == sorted(places)


def test_a_part_without_questions_says_so(document):
    part = document('[pets]\nask = "Which?"').split("## ")[1]

    assert part.startswith("Part 1")
    assert part.endswith("No questions are left here.\n\n")


def test_a_question_shows_an_example_and_has_an_empty_place_for_the_answer_and_who_gave_it(document):
    page = document('[pets]\nask = "Which?"\nexample = "cats, on a lead"')

    assert "- For example: cats, on a lead\n- Answer: ____" in page
    assert "____\n- Who answered, and when: ____" in page


def test_a_question_about_what_the_site_says_shows_it_and_asks_if_it_is_right(content, document):
    add(content / "pages" / "index.md", "We feed {pets}.")

    page = document('[pets]\nvalue = "cats"\nask = "Still cats?"\nform = "phrase"')

    assert "- The website says now: “We feed cats.”\n- Right, or what to write instead: ____" in page


def test_another_fact_that_is_not_known_is_no_blank_to_fill_in(content, document):
    add(content / "pages" / "index.md", "We feed {pets} at {time}.")

    page = document('[pets]\nask = "Which?"\n[time]\nask = "When?"')

    assert "“We feed ___ at (…).”" in page
    assert "“We feed (…) at ___.”" in page


def test_a_story_asks_for_its_permission_before_launch_and_for_the_rest_later(content, document):
    story = content / "case-studies" / "the-shop-window.md"
    fields = story.read_text().replace("permission: 2026-01-31", "permission:\nask: How did it end?")
    story.write_text(fields.replace("Two people met.", "It is a video."))

    page = document()

    first, later = page.split("## Part 3", 1)
    assert "**1.** “The shop window”: Did the people in this story agree" in first
    assert "**2.** “The shop window”: What is the web address of the video" in later
    assert "**3.** “The shop window”: How did it end?" in later
    answer = "a date after `permission:`, and who after `agreed_by:`"
    assert f"| 1 | `content/case-studies/the-shop-window.md` | {answer} |" in later


@pytest.mark.client_content
def test_our_document_asks_what_our_content_asks_today():
    folder = CLIENT
    written = (ROOT / "docs" / "to-confirm.md").read_text(encoding="utf-8")

    assert written == as_document(open_questions(load(folder, drafts=True), folder, ROOT / "templates")), (
        "docs/to-confirm.md is old: run “rjsite release-check --write docs/to-confirm.md”"
    )


@pytest.mark.client_content
def test_each_of_our_examples_is_an_answer_of_the_form_that_is_asked_for():
    facts = load(CLIENT).facts.values()

    examples = [(fact.form, fact.example) for fact in facts if fact.example]
    assert examples
    assert [example for form, example in examples if not fits(form, example)] == []


def test_our_document_asks_first_for_the_line_for_people_who_were_raped():
    page = (ROOT / "docs" / "to-confirm.md").read_text(encoding="utf-8")

    assert "| 1 | `sexual_violence_helpline` |" in page


@pytest.mark.parametrize(
    "fact", ["hours", "reply_time", "controller", "retention", "confidentiality_limits", "figure_satisfied"]
)
def test_our_document_asks_for_what_the_service_must_supply(fact):
    assert f"| `{fact}` |" in (ROOT / "docs" / "to-confirm.md").read_text(encoding="utf-8")
