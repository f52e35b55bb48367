"""The library: the content of the invented service loads without problems, and its parts fit together."""

from __future__ import annotations

from datetime import date

import pytest

from rjsite.content.library import NOTICES, load
from rjsite.content.problem import Unreadable
from support.service import SERVICE


@pytest.fixture(scope="module")
def ours():
    return load(SERVICE, drafts=True)


def test_our_content_has_no_problem(ours):
    assert [str(problem) for problem in ours.problems] == []


def test_every_file_of_ours_is_a_page(ours):
    made = {
        "pages": len(ours.pages),
        "case-studies": len(ours.stories),
        "outcomes": len(ours.outcomes),
        "errors": len(ours.errors),
        "forms": len(ours.form_pages),
    }

    assert made == {name: len(list((SERVICE / name).glob("*.md"))) for name in made}
    assert len(ours.stories) == 3


def test_every_page_of_ours_can_be_rendered(ours):
    pages = [*ours.pages.values(), *ours.stories, *ours.form_pages.values(), *ours.errors.values()]
    pages += ours.outcomes.values()

    assert [page.address for page in pages if not (page.opening or page.sections)] == []


def test_no_fact_is_left_standing_by_its_name(ours):
    pages = [*ours.pages.values(), *ours.stories, *ours.form_pages.values(), *ours.errors.values()]
    html = "".join(
        str(page.opening) + "".join(s.html + "".join(i.html for i in s.items) for s in page.sections)
        for page in pages
    )

    assert "{" not in html


def test_every_old_address_of_ours_leads_to_a_page(ours):
    known = {*ours.pages, *ours.forms, *(story.address for story in ours.stories)}

    assert {old: new for old, new in ours.redirects.items() if new not in known or old in known} == {}


def test_every_story_that_a_section_names_is_told(ours):
    named = [name for page in ours.pages.values() for s in page.sections for name in s.names]

    assert [name for name in named if name not in ours.by_slug] == []


def test_stories_stand_newest_first(ours):
    assert [s.published for s in ours.stories] == sorted((s.published for s in ours.stories), reverse=True)


def test_the_landscape_of_a_story_never_changes(content):
    first, again = load(content).stories[0], load(content).stories[0]

    assert first.landscape == again.landscape == 5


def test_every_landscape_is_used(ours):
    assert {story.landscape for story in ours.stories} <= set(range(1, 7))


def test_navigation_leads_only_to_what_exists(content):
    (content / "navigation.toml").write_text(
        '[[menu]]\nlabel = "Gone"\npage = "/gone"\n\n[[group]]\ntitle = "All"\npages = ["/"]\n'
    )

    library = load(content)

    assert library.navigation.menu == ()
    assert [str(problem) for problem in library.problems] == [
        "content/navigation.toml:1: add /case-studies/ to a group, so that the site map has it",
        "content/navigation.toml:3: there is no page /gone; write it or take it out",
    ]


@pytest.mark.parametrize("name", NOTICES)
@pytest.mark.parametrize("slip", [None, "no fields"])
def test_words_that_a_form_shows_are_missed_at_the_start_and_kept_by_a_running_site(content, name, slip):
    running, path = load(content), content / "errors" / f"{name}.md"
    path.write_text(slip) if slip else path.unlink()

    with pytest.raises(Unreadable) as raised:
        load(content)
    after = load(content, kept=running)

    assert f"content/errors/{name}.md" in {str(problem.path) for problem in raised.value.problems}
    assert after.errors[name].document is running.errors[name].document


def test_a_space_or_line_break_in_a_new_address_breaks_no_redirect(content):
    (content / "redirects.toml").write_text('"/old" = "/ "\n"/older" = "/case-studies/#a\\nb"\n')

    assert load(content).redirects == {"/old": "/", "/older": "/case-studies/#ab"}


@pytest.mark.parametrize("name", ["navigation.toml", "redirects.toml"])
@pytest.mark.parametrize(("words", "said"), [("[[", "not TOML"), (None, "this file is missing")])
def test_a_broken_table_is_a_problem_and_the_site_stays(content, name, words, said):
    if words is None:
        (content / name).unlink()
    else:
        (content / name).write_text(words)

    library = load(content)

    assert [p for p in library.problems if p.path.name == name and p.message.startswith(said)]
    assert "/" in library.pages
    assert "/ask" in library.forms


@pytest.mark.parametrize("lost", ["service.toml", "forms/ask.toml"])
def test_without_facts_or_forms_there_is_no_site(content, lost):
    (content / lost).unlink()

    with pytest.raises(Unreadable):
        load(content)


def test_an_answer_that_stops_a_form_needs_its_words(content):
    (content / "outcomes" / "outside.md").unlink()

    with pytest.raises(Unreadable) as raised:
        load(content)

    assert "outside.md" in str(raised.value.problems[0])


def test_a_story_of_the_fields_that_matter_alone_is_whole(content):
    path = content / "case-studies" / "short.md"
    path.write_text(
        "---\ntitle: Short\nsummary: They met.\nharm: [theft]\nway: [meeting]\ntold_by: our team\n"
        "place: not stated\ncontent_notes: []\nnames_changed: yes\npermission: 2026-01-31\n"
        "last_checked: 2026-02-01\n---\n\nThey met.\n"
    )

    library = load(content)

    assert [str(problem) for problem in library.problems] == []
    story = library.by_slug["short"]
    assert (story.published, story.known, story.video) == (story.last_checked, "not stated", "")


@pytest.mark.parametrize(
    ("rung", "words", "shown"),
    [
        ("", "Call {line}.", None),
        ("1 May 2026", "Call {line}.", date(2026, 2, 1)),
        ("", "Call {phone}.", date(2026, 2, 1)),
    ],
)
def test_a_page_with_a_number_that_nobody_has_rung_shows_no_day_of_a_check(content, rung, words, shown):
    with (content / "service.toml").open("a") as facts:
        facts.write(f'\n[line]\nvalue = "1"\nchecked = "rung"\n[rung]\nvalue = "{rung}"\n')
    (content / "pages/help.md").write_text(
        f"---\ntitle: Help\ndescription: Words.\nlast_checked: 2026-02-01\n---\n\n{words}\n"
    )

    assert load(content).pages["/help"].checked_on == shown
