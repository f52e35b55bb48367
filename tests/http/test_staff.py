"""The staff copy: stories are written, checked, seen and handed over, and nothing that is typed is kept."""

from __future__ import annotations

import logging
import re
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rjsite.content import clock
from rjsite.services import page_services_of
from rjsite.settings import Settings
from rjsite.web.live_content import CHECK_EVERY
from rjsite.web.story_form import CHECKLIST
from support.forms import Page, words
from support.markup import markup_errors
from support.staff import URL, make_public_app, make_staff_app, typed

PROJECT = "https://github.com/nowhere/website"
TODAY = clock.today()
TICKED = {
    f"sure_{group}_{number}": "y"
    for group, sentences in enumerate(CHECKLIST.values())
    for number in range(len(sentences))
}
GOOD: dict[str, Any] = {
    "title": "The broken fence",
    "summary": "A fence was broken. Two people met.",
    "harm": "theft",
    "way": ["meeting", "letter"],
    "began_by": "person harmed",
    "ended": "met",
    "told_by": "our team",
    "place": "not stated",
    "names_changed": "yes",
    "known": "full",
    "permission": "2026-01-31",
    "agreed_by": "both",
    "last_checked": f"{TODAY}",
    "published": f"{TODAY}",
    "draft": "false",
    "body": "A fence was broken.\r\n\r\n## What changed {: .changed }\r\n\r\nThe fence is whole.",
}


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    """Return the content with two stories and few pages, so that checking it is quick."""
    folder = tmp_path_factory.mktemp("few") / "content"
    shutil.copytree(Settings.folders()[0], folder)
    for path in [*folder.glob("pages/*.md"), *sorted(folder.glob("case-studies/*.md"))[2:]]:
        if path.stem not in ("index", "case-studies", "get-in-touch"):
            path.unlink()
    return folder


@pytest.fixture
def old(few) -> str:
    """Return the name of an existing story."""
    return min(path.stem for path in few.glob("case-studies/*.md"))


@pytest.fixture(scope="module")
def staff_app(few, tmp_path_factory) -> Flask:
    """Return the staff copy of that content."""
    return make_staff_app(tmp_path_factory.mktemp("staff"), content_dir=few, repository_url=PROJECT)


@pytest.fixture
def staff(staff_app) -> FlaskClient:
    """Return a client of the staff copy."""
    return staff_app.test_client()


def as_lists(sent: dict[str, str | list[str]]) -> dict[str, list[str]]:
    """Return what was sent as `typed` would return it."""
    return {
        name: value if isinstance(value, list) else [value.replace("\r", "")] for name, value in sent.items()
    }


# -- the public site has none of it ------------------------------------------------------------------------


def test_the_public_site_never_serves_the_staff_area(calm_app, tmp_path):
    public = make_public_app(tmp_path).test_client()
    for address in ("/staff/", "/staff", "/staff/story", "/staff/take-down/a-story"):
        assert public.get(address, base_url=URL).status_code == 404
        assert calm_app.test_client().get(address).status_code == 404


def test_the_staff_copy_has_no_form_and_says_so_where_the_public_site_has_one(staff_app, staff):
    forms = page_services_of(staff_app).content.now().forms
    for address in forms:
        page = staff.get(address)
        assert "This is the staff copy: it has no forms" in page.text
        assert not Page(page.text).all("form", "input", "textarea")
        assert staff.post(address, data={"name": "Ally"}).status_code == 405
    assert forms


def test_the_staff_copy_has_no_outbox_and_no_key(staff_app, staff, tmp_path):
    services = page_services_of(staff_app)

    assert {"outbox", "mail", "worker", "intake"}.isdisjoint(vars(services))
    staff.get("/staff/")
    assert list(services.settings.data_dir.glob("*.sqlite3")) == []
    assert not (services.settings.data_dir / "secret-key").exists()


# -- what is seen is what will be published ---------------------------------------------------------------


def test_a_new_story_is_seen_as_readers_will_see_it(staff):
    page = staff.post("/staff/story", data={**GOOD, "do": "page"}).text
    stories = staff.post("/staff/story", data={**GOOD, "do": "list"}).text

    assert "<h1>The broken fence</h1>" in page
    assert "The public does not see this story yet" not in page
    assert f'<link rel="canonical" href="{URL}/case-studies/the-broken-fence">' in page
    assert '<a href="/case-studies/the-broken-fence">The broken fence</a>' in stories


def test_a_story_that_cannot_be_shown_says_why(staff):
    answer = staff.post("/staff/story", data={**GOOD, "names_changed": "", "do": "page"})

    assert answer.status_code == 422
    assert "This story cannot be shown yet" in answer.text
    assert "names_changed: write one of" in Page(answer.text).text


# -- the check --------------------------------------------------------------------------------------------


def test_a_good_story_has_no_problem(staff):
    answer = staff.post("/staff/story", data={**GOOD, "do": "check"})

    assert answer.status_code == 200
    assert "The check finds no problems" in answer.text


def test_every_problem_stands_at_its_question_and_every_answer_stays(staff):
    sent = {**GOOD, "permission": "", "body": f"The perpetrator came.\r\n\r\n{GOOD['body']}"}

    answer = staff.post("/staff/story", data={**sent, "do": "check"})

    page = Page(answer.text)
    assert answer.status_code == 422
    assert "Write the day on which the people in it agreed" in words(page.by_id["permission-error"])
    assert words(page.by_id["body-error"]).startswith(
        "Error: Line 1, “The perpetrator came.”: “perpetrator” is"
    )
    assert [a.attrib["href"] for a in page.by_id["problem"].iter("a")] == ["#permission", "#body"]
    assert as_lists(sent).items() <= typed(answer.text).items()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"agreed_by": ""}, "Who agreed? Write who agreed, one of: person harmed, "),
        ({"title": "A" * 301}, "What is the title of the story? Use 300 characters at most; these are 301"),
    ],
)
def test_a_problem_is_said_in_the_words_of_the_form(staff, answer, said):
    page = staff.post("/staff/story", data={**GOOD, **answer, "do": "check"})

    assert f">{said}" in page.text


def test_without_a_good_title_or_with_one_that_is_taken_the_page_says_so(staff, old):
    for title, said in (
        ("???", "Write a title with letters in it"),
        (old.replace("-", " "), "of that name already"),
    ):
        page = Page(staff.post("/staff/story", data={**GOOD, "title": title, "do": "check"}).text)

        assert said in words(page.by_id["title-error"])


# -- hand over --------------------------------------------------------------------------------------------


def test_a_story_is_handed_over_with_its_file_and_the_address_of_a_new_one(staff):
    answer = staff.post("/staff/story", data={**GOOD, **TICKED, "do": "hand-over"})

    page = Page(answer.text)
    (link,) = [a for a in page.all("a") if a.get("href", "").startswith(PROJECT)]
    address = urlsplit(link.attrib["href"])
    assert answer.status_code == 200
    assert address.path == "/nowhere/website/new/main"
    assert parse_qs(address.query) == {"filename": ["content/case-studies/the-broken-fence.md"]}
    assert "".join(page.by_id["file"].itertext()).startswith("---\ntitle: The broken fence\n")
    assert (link.attrib["target"], "(opens a new tab)" in words(link)) == ("_blank", True)


def test_a_changed_story_leads_to_its_own_file_and_keeps_its_name(staff, old):
    sent = typed(staff.get(f"/staff/story/{old}").text)

    answer = staff.post(
        f"/staff/story/{old}", data={**sent, **TICKED, "title": "Two gardens", "do": "hand-over"}
    )

    assert f"{PROJECT}/edit/main/content/case-studies/{old}.md" in answer.text


def test_a_story_is_not_handed_over_while_a_sentence_is_not_ticked_or_a_problem_is_left(staff):
    one_less = dict(list(TICKED.items())[1:])
    for change in (one_less, {**TICKED, "permission": ""}):
        answer = staff.post("/staff/story", data={**GOOD, **change, "do": "hand-over"})

        assert (answer.status_code, PROJECT in answer.text) == (422, False)
        assert len(Page(answer.text).all("p", class_="wrong")) == 1


def test_going_back_from_the_hand_over_brings_every_answer_along(staff):
    sent = {**GOOD, **TICKED}
    handed = staff.post("/staff/story", data={**sent, "do": "hand-over"})

    back = typed(staff.post("/staff/story", data={**typed(handed.text), "do": "change"}).text)

    assert as_lists(sent).items() <= back.items()


def test_without_a_project_the_story_is_saved_as_a_file(few, tmp_path):
    staff = make_staff_app(tmp_path, content_dir=few).test_client()
    handed = staff.post("/staff/story", data={**GOOD, **TICKED, "do": "hand-over"})
    assert "https://github.com" not in handed.text
    assert "content/case-studies" in Page(handed.text).text

    file = staff.post("/staff/story", data={**GOOD, **TICKED, "do": "file"})

    assert file.headers["Content-Disposition"] == 'attachment; filename="the-broken-fence.md"'
    assert file.headers["Cache-Control"] == "no-store"
    assert file.text == "".join(Page(handed.text).by_id["file"].itertext())


def test_a_story_is_taken_down_on_github_and_by_a_command(staff, old):
    page = staff.get(f"/staff/take-down/{old}").text

    assert f"{PROJECT}/delete/main/content/case-studies/{old}.md" in page
    assert f"rjsite hide /case-studies/{old}" in page


@pytest.mark.parametrize(
    "address", ["/staff/story/no-such-story", "/staff/take-down/..", "/staff/story/..%2fx"]
)
def test_a_story_that_is_not_there_is_not_found(staff, address):
    assert staff.get(address).status_code == 404


# -- nothing is kept --------------------------------------------------------------------------------------


@pytest.mark.parametrize("do", ["check", "page", "list", "hand-over", "file", "change"])
def test_nothing_that_was_typed_is_cached_logged_or_written(staff_app, staff, caplog, do):
    folder = page_services_of(staff_app).settings.data_dir
    secret = {**GOOD, **TICKED, "title": "Xylophone", "body": f"A xylophone hummed.\n\n{GOOD['body']}"}
    with caplog.at_level(logging.DEBUG):
        answer = staff.post("/staff/story", data={**secret, "do": do})

    assert "xylophone" in answer.text.lower()
    assert answer.headers["Cache-Control"] == "no-store"
    assert "xylophone" not in caplog.text.lower()
    assert [path for path in folder.rglob("*") if path.is_file() and b"ylophone" in path.read_bytes()] == []
    assert "ylophone" not in staff.get("/case-studies/").text + staff.get("/staff/").text
    for link in Page(answer.text).all("a", "form"):
        address = link.get("href", "") + link.get("action", "")
        assert "hummed" not in address


# -- the list ---------------------------------------------------------------------------------------------


def test_the_list_leads_to_each_story_and_shows_open_questions(staff, few):
    page = Page(staff.get("/staff/").text)

    for name in [path.stem for path in few.glob("case-studies/*.md")]:
        assert page.all("a", href=f"/staff/story/{name}")
        assert page.all("a", href=f"/staff/take-down/{name}")
    assert re.search(r"\d+ open question", page.text)
    assert "content/navigation.toml:" in page.text  # it names pages that this content does not have


@pytest.mark.parametrize(
    ("name", "right", "slip", "said"),
    [
        ("service.toml", "[phone]", "[phon]", "add [phone] with a value"),
        ("service.toml", "[phone]", "<<<<<<< HEAD\n[phone]", "Git has left two versions here"),
        ("house-rules.toml", "[length]", "[lengths]", "content/house-rules.toml:"),
    ],
)
def test_broken_facts_or_rules_are_named_and_stop_no_page_for_staff(few, tmp_path, name, right, slip, said):
    folder = shutil.copytree(few, tmp_path / "content")
    staff = make_staff_app(tmp_path, content_dir=folder).test_client()
    staff.get("/staff/")
    file = folder / name
    file.write_text(file.read_text().replace(right, slip, 1))
    time.sleep(2 * CHECK_EVERY)

    overview, form = staff.get("/staff/"), staff.get("/staff/story")
    checked, shown = (staff.post("/staff/story", data={**GOOD, "do": do}) for do in ("check", "page"))

    assert (overview.status_code, form.status_code, checked.status_code) == (200, 200, 422)
    assert said in overview.text
    assert said in checked.text
    assert shown.status_code in (200, 422)


# -- the rules of every page ------------------------------------------------------------------------------


@pytest.fixture
def staff_pages(staff, staff_app, old) -> dict[str, str]:
    """Return every kind of page of the staff area."""

    def post(**change: object) -> str:
        return staff.post("/staff/story", data={**GOOD, **TICKED, **change}).text

    return {
        "list": staff.get("/staff/").text,
        "new story": staff.get("/staff/story").text,
        "problems": post(harm="hate", body="perpetrator", sure_0_0="", do="hand-over"),
        "no problems": post(do="check"),
        "not shown yet": post(known="", do="page"),
        "hand over": post(do="hand-over"),
        "take down": staff.get(f"/staff/take-down/{old}").text,
        "no form": staff.get(min(page_services_of(staff_app).content.now().forms)).text,
    }


def test_staff_pages_keep_the_rules_of_public_pages(staff_pages):
    for name, html in staff_pages.items():
        page = Page(html)
        ids = [element.attrib["id"] for element in page.all() if "id" in element.attrib]
        assert markup_errors(html) == [], name
        assert [element for element in ids if ids.count(element) > 1] == [], name
        for element in page.all():
            named = [
                n for a in ("for", "aria-describedby", "aria-labelledby") for n in element.get(a, "").split()
            ]
            assert set(named) <= set(ids), name
            assert not [attribute for attribute in element.attrib if attribute.startswith("on")], name
        assert len(page.all("h1")) == 1, name
        assert page.all("meta", name="robots", content="noindex"), name
        assert page.all("aside", class_="staff-copy"), name


def test_pages_of_the_staff_area_have_titles_of_their_own(staff_pages):
    titles = [Page(html).title for html in staff_pages.values()]

    assert len(set(titles) - {""}) == len(titles) - 1  # a new story has the same title after a check
