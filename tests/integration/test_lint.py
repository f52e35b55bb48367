"""The check of the content: each mistake is one problem with file, line and what to write instead."""

from __future__ import annotations

import os
import re
import shutil
import time
from datetime import date
from itertools import product
from pathlib import Path

import pytest

from rjsite.content import lint
from rjsite.content.library import load
from rjsite.content.lint import readability
from rjsite.content.lint.github_report import add_to_summary
from rjsite.content.lint.rules import load_rules
from rjsite.content.problem import Problem, Severity, Unreadable
from support import commands
from support.forms import Page, words
from support.service import SERVICE

TODAY = date(2026, 3, 1)
STORY = "case-studies/the-shop-window.md"
HOME = "pages/index.md"


@pytest.fixture
def content(content: Path) -> Path:
    """Return the content of the invented service with our house rules and without a problem."""
    shutil.copy(SERVICE / "house-rules.toml", content)
    story = content / STORY
    story.write_text(story.read_text() + "\n## What changed {: .changed }\n\nThe window is whole.\n")
    return content


def findings(content: Path, today: date = TODAY) -> list[str]:
    return [str(found) for found in lint.check(load(content, drafts=True), content, today)]


def write(content: Path, name: str, words: str, right: str = "") -> None:
    """Replace a part of a file, or add to its end."""
    path = content / name
    before = path.read_text()
    assert right in before
    path.write_text(before.replace(right, words, 1) if right else f"{before}\n{words}\n")


def test_a_folder_without_mistakes_has_no_problem(content):
    assert findings(content) == []


def test_a_file_that_is_old_or_hard_to_read_is_named_and_never_stops_anything(content):
    write(content, HOME, LONG)

    found = lint.check(load(content, drafts=True), content, date(2028, 3, 1))

    assert len(found) > 1
    assert {problem.severity for problem in found} == {Severity.PLEASE_FIX}


@pytest.mark.parametrize(
    ("name", "right", "words", "severity"),
    [
        (HOME, "last_checked: 2026-02-01", "last_checked: 2026-13-01", Severity.MUST_NOT_BE_SHOWN),
        (HOME, "Words of Home.", "Words of {home}.", Severity.MUST_NOT_BE_SHOWN),
        (STORY, "harm:", "harmm:", Severity.MUST_NOT_BE_SHOWN),
        (HOME, "Words of Home.", "## Home {: .stairs }\n\nWords.", Severity.PLEASE_FIX),
        ("navigation.toml", '"/", "/case', '"/gone", "/", "/case', Severity.PLEASE_FIX),
    ],
)
def test_a_problem_says_whether_the_file_may_be_shown(content, name, right, words, severity):
    write(content, name, words, right)

    assert {problem.severity for problem in load(content, drafts=True).problems} == {severity}


def test_our_own_content_has_no_problem():
    folder = SERVICE
    found = load(folder, drafts=True)

    # The day on which the newest file was checked, because only `make check` reports old files.
    day = max(page.last_checked for page in found.every_page if page.last_checked)

    assert [str(problem) for problem in lint.check(found, folder, day)] == []


LONG = "We " + "walk and " * 10 + "stop."
IN_PAGES = [
    (LONG, 9, "has 22 words; make two sentences of 20 at most"),
    ("It is. It was. It may be. It ends.", 9, "this paragraph has 4 sentences; begin a new one after 3"),
    ("The victim sat. Another victim stood.", 9, "“victim” is used here again, and once on a page is enough"),
    ("The perpetrator left.", 9, "“perpetrator” is not our word; write “person responsible”"),
    ("This is Easy.", 9, "“Easy” is not our word; leave the word out"),
    ("You should call.", 9, "“should” is not our word; say what the reader can do"),
    ("All is well!", 9, "there is an exclamation mark here"),
    ("Ask the YJS.", 9, "say what YJS means: write the full words, then (YJS)"),
    ("See [our page](/nowhere).", 9, "there is no page /nowhere; take the link out, or write the page"),
    ("See [the stories](/case-studie/).", 9, "there is no page /case-studie/; write /case-studies/"),
    ("See [the old page](/old).", 9, "there is no page /old; write /"),
    ("See [the stories](/case-studies/#gone).", 9, "/case-studies/ has no part #gone"),
    ("See [below](#gone).", 9, "/ has no part #gone"),
    ("See [the site](www.example.org).", 9, "“www.example.org” leads nowhere; begin it with /"),
    ("Read about it [here](/case-studies/).", 9, "“here” does not say where the link goes"),
    ("[](/case-studies/)", 9, "“” does not say where the link goes"),
    ("!!!", 9, "there is an exclamation mark here"),
    ("![](/static/tree.png)", 9, "there is a picture without words here"),
    ("# Another title", 9, "the title is the first heading of the page; begin this one with ##"),
    ("### A heading", 9, "a level is missing before this heading; begin it with ##"),
    ("## A\n\n#### B", 11, "a level is missing before this heading; begin it with ###"),
    ("A\tB", 9, "there is a tab here; use spaces"),
    ("This is <b>bold</b>.", 9, "<b> is shown as it is written"),
    ("## Real {: .stories }\n\n- no-such-story", 11, "there is no page /case-studies/no-such-story"),
    ("One line.\nAnother line.\nThe journey ends.", 11, "“journey” is not our word"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "line", "said"), IN_PAGES, ids=[said for _, _, said in IN_PAGES])
def test_a_mistake_in_a_page_is_reported_on_its_line(content, words, line, said):
    write(content, HOME, words)

    (found,) = findings(content)

    assert found.startswith(f"content/{HOME}:{line}: ")
    assert said in found


GOOD = [
    "“The offender is a perpetrator!” he said.",
    "> “The perpetrator left! It was easy.”",
    "Justice is not easy-going.",
    "The Victims’ Code and Victim Support help a victim.",
    "The Youth Justice Service (YJS) helps. Ask the YJS.",
    "LGBT+ means lesbian, gay, bisexual and trans. Some are LGBT+.",
    "Turn on the BBC.",
    "She said sorry.",
    "He was between 10 and 15. He is older now.",
    "**Time.** There is no limit. It can be recent. It can be old.",
    "See [the stories](/case-studies/?harm=theft) or [leave](/exit).",
    "See [the story](/case-studies/the-shop-window#what-changed).",
    "See [the form](/ask).",
    "A term\n: What it means.",
    "- one\n- two",
]


@pytest.mark.parametrize("words", GOOD)
def test_what_is_allowed_is_not_named(content, words):
    write(content, HOME, words)

    assert findings(content) == []


def test_forms_have_shorter_sentences(content):
    words = "We ask you how to reach you, so that no one else reads what we write."
    write(content, HOME, words)
    assert findings(content) == []

    write(content, "forms/ask.md", words)

    (found,) = findings(content)
    assert found.startswith("content/forms/ask.md:9: ")
    assert "has 16 words; make two sentences of 15 at most" in found


HARD = "Considerable institutional accountability necessitates comprehensive organisational transformation. "


def test_a_page_that_reads_too_hard_is_named_with_its_hardest_sentence(content):
    write(content, HOME, "\n\n".join([HARD * 2] * 4 + ["We talk. You talk. " + "We met him. " * 1] * 8))

    found = findings(content)

    assert len(found) == 1
    assert found[0].startswith(f"content/{HOME}:6: the page reads at grade ")
    assert "and 6 is allowed" in found[0]
    assert "“Considerable institutional" in found[0]


def test_a_page_may_allow_a_higher_grade(content):
    write(content, HOME, "\n\n".join([HARD * 2] * 4 + ["We talk. You talk. We met him."] * 8))
    write(content, HOME, "grade: 12\nlast_checked", "last_checked")

    found = findings(content)

    assert all("and 12 is allowed" in line for line in found)


def test_long_sentences_all_over_a_page_are_named(content):
    words = "We go to see the man at his own house and we sit down with him to talk. "
    write(content, HOME, "\n\n".join([words * 2] * 4))

    (found,) = findings(content)

    assert "words on average, and 12 is the most" in found


@pytest.mark.parametrize(
    ("checked", "today", "said"),
    [
        ("2026-02-01", date(2027, 1, 31), ""),
        ("2026-02-01", date(2027, 2, 3), "nobody has checked this for 12 months"),
        ("2026-05-01", TODAY, "this day is still to come"),
    ],
)
def test_when_a_page_was_last_checked_is_watched(content, checked, today, said):
    write(content, HOME, f"last_checked: {checked}", "last_checked: 2026-02-01")

    found = [line for line in findings(content, today) if HOME in line]

    assert [line.split(": ", 1)[1].startswith(said) for line in found] == [True] * bool(said)
    assert all(line.startswith(f"content/{HOME}:4: ") for line in found)


def test_a_number_of_months_that_no_calendar_has_is_named(content):
    write(content, "house-rules.toml", "last_checked_months = 99999", "last_checked_months = 12")

    (found,) = findings(content)

    assert found.endswith("last_checked_months: write a number that is 1200 or less")


@pytest.mark.parametrize(
    ("old", "right"),
    [
        ("/Our-News", "/our-news"),
        ("our-news", "/our-news"),
        ("/index.php?page=7", "/index.php"),
        ("https://www.example.org/News/A%20day/", "/news/a day"),
        ("/our-news/", ""),
        ("/", ""),
    ],
)
def test_an_old_address_that_nobody_would_find_is_named(content, old, right):
    write(content, "redirects.toml", f'"{old}" = "/case-studies/"')

    said = f"nobody can reach this old address; write “{right}”, with a / first, in small letters"
    assert findings(content) == ([f"content/redirects.toml:3: {said}"] if right else [])


def test_a_page_at_an_address_of_the_site_itself_is_named(content):
    for name in ("exit", "healthz", "sent"):
        text = (content / HOME).read_text().replace("title: Home", f"title: Page {name}\nlisted: no")
        (content / f"pages/{name}.md").write_text(text)

    assert findings(content) == [
        f"content/pages/{name}.md:1: the site itself uses /{name}; give this file another name"
        for name in ("exit", "healthz")
    ]


def test_two_pages_with_one_title_are_named(content):
    write(content, HOME, "title: stories", "title: Home")

    (found,) = findings(content)

    assert found == (
        "content/pages/index.md:2: content/pages/case-studies.md has the same title; "
        "give this file a title of its own"
    )


def test_a_story_needs_the_note_that_its_words_call_for(content):
    write(content, STORY, "One of them had died.\n\n##", "A window was broken.\n\n##")

    (found,) = findings(content)

    assert found == f"content/{STORY}:10: add “death” to content_notes, because the story says “died”"


def test_a_word_calls_for_the_first_of_the_notes_that_list_it():
    rules = load_rules(SERVICE / "house-rules.toml", Path("house-rules.toml"))

    needed = rules.notes_needed(
        "She was sexually abused as a child; later he was stabbed and killed with a knife."
    )

    assert dict(needed) == {"child abuse": "abused as a child", "violence": "stabbed", "death": "killed"}


@pytest.mark.parametrize(
    ("right", "slip", "said"),
    [
        ('"death" = [', '"death" = ["", ', "content_notes.death: there is no word between two"),
        ('"death" = [', '"deaths" = [', "content_notes.deaths: write one of: 'sexual harm', 'child abuse', "),
        ("find = 'Write here'", "find = ''", "find: this pattern matches every line; write one for"),
    ],
)
def test_a_rule_that_would_keep_every_story_off_is_named_where_it_stands(content, right, slip, said):
    write(content, "house-rules.toml", slip, right)
    rules = (content / "house-rules.toml").read_text().splitlines()

    (found,) = findings(content)

    line = next(number for number, line in enumerate(rules, 1) if slip in line)
    assert found.startswith(f"content/house-rules.toml:{line}: {said}")


def test_an_empty_list_of_words_in_the_rules_finds_nothing(tmp_path):
    path = tmp_path / "house-rules.toml"
    text = (SERVICE / path.name).read_text()
    path.write_text(re.sub(r'(?m)^("hate" = |names = )\[[^]]*\]', r"\1[]", text))

    rules = load_rules(path, Path(path.name))

    assert list(rules.notes_needed("Nothing. At all.")) == []
    assert rules.allowed.names.search("Nothing. At all.") is None


def test_a_story_ends_with_what_changed(content):
    write(content, STORY, "## After that", "## What changed {: .changed }")

    (found,) = findings(content)

    assert found.startswith(f"content/{STORY}:24: end with “## What changed {{: .changed }}”")


def test_a_story_whose_end_is_not_known_does_not_have_to_say_what_changed(content):
    write(content, STORY, "## After that", "## What changed {: .changed }")
    write(content, STORY, "ended: not known", "ended: met")

    assert findings(content) == []


@pytest.mark.parametrize(
    ("permission", "says"),
    [
        ("", "write the day on which the people in it agreed, like 2026-03-01; or keep it as a draft"),
        (" 2026-03-02", "this day is still to come; write the day on which they agreed, like 2026-03-01"),
    ],
)
def test_a_story_goes_out_only_with_the_day_on_which_its_people_agreed(content, permission, says):
    write(content, STORY, f"permission:{permission}", "permission: 2026-01-31")

    (found,) = findings(content)

    assert found.startswith(f"content/{STORY}:")
    assert found.endswith(says)


def test_a_story_goes_out_only_if_it_says_who_agreed(content):
    write(content, STORY, "agreed_by:", "agreed_by: both")

    (found,) = lint.check(load(content, drafts=True), content, TODAY)

    assert str(found).startswith(f"content/{STORY}:14: agreed_by: write who agreed, one of: ")
    assert found.severity is Severity.MUST_NOT_BE_SHOWN


def test_who_agreed_is_never_a_name(content):
    write(content, STORY, "agreed_by: Alex Smith", "agreed_by: both")

    (problem,) = load(content, drafts=True).problems

    assert (
        "agreed_by: write one of: 'person harmed', 'person responsible', 'both' or 'nobody" in problem.message
    )
    assert "Smith" not in problem.message


def test_a_draft_and_a_story_that_is_excepted_need_no_permission_yet(content):
    write(content, STORY, "permission:", "permission: 2026-01-31")
    write(content, "house-rules.toml", 'no_permission_yet = ["the-shop-window",', "no_permission_yet = [")
    assert findings(content) == []

    write(content, "house-rules.toml", "no_permission_yet = [", 'no_permission_yet = ["the-shop-window",')
    write(content, STORY, "known: full\ndraft: true", "known: full")
    assert findings(content) == []

    write(content, STORY, "permission: 2026-01-31\nagreed_by:", "permission:\nagreed_by: both")
    assert findings(content) == []


def test_a_form_that_nobody_may_reply_to_has_no_address_to_reply_to(content):
    write(content, "forms/ask.toml", 'address = "/ask"\nreply_to = "number"', 'address = "/ask"')
    assert findings(content) == []

    write(content, "house-rules.toml", 'no_reply = ["/ask",', "no_reply = [")
    (found,) = findings(content)
    assert found.startswith("content/forms/ask.toml:3: take this line out")


def test_a_link_to_a_story_that_is_not_published_is_named(content):
    write(content, STORY, "known: full\ndraft: true", "known: full")
    write(content, HOME, "See [the story](/case-studies/the-shop-window).")

    (found,) = findings(content)

    assert "/case-studies/the-shop-window is not shown to the public" in found


def test_sentences_that_an_unset_fact_hides_are_not_read(content):
    write(content, "service.toml", '[hours]\nform = "phrase"\nask = "When?"')
    write(content, HOME, "It is easy from {hours}.\n\n## A victim and a victim {?hours}\n\nPlease.")
    assert findings(content) == []

    write(content, "service.toml", 'value = "9am"\nask = "When?"', 'ask = "When?"')
    assert len(findings(content)) == 3


FORM_MISTAKES = [
    ('label = "How do we reach you in {area}?"', 'label = "Please write"', 10, "“Please” is not our word"),
    ('label = "Phone"', 'label = "Phone!"', 13, "there is an exclamation mark"),
    ('missing = "Enter your number"', f'missing = "{LONG}"', 22, "“We walk and walk and walk…” has 22 words"),
    ('label = "I live elsewhere"', 'label = "I am with the NHS"', 15, "say what NHS means"),
]


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"), FORM_MISTAKES, ids=[s for *_, s in FORM_MISTAKES]
)
def test_a_mistake_in_a_question_is_reported_on_its_line(content, right, wrong, line, said):
    write(content, "forms/ask.toml", wrong, right)

    (found,) = findings(content)

    assert found.startswith(f"content/forms/ask.toml:{line}: {said}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('[hours]\nform = "phrase"\nvalue = "on simple days"', "“simple” is not our word"),
        ('[hours]\nform = "phrase"', "add to [hours] a value"),
        ('[figure_x]\nform = "number"\nvalue = "8%"', "add to [figure_x] a source"),
    ],
)
def test_a_mistake_in_a_fact_is_reported(content, words, said):
    write(content, "service.toml", words)

    (found,) = findings(content)

    assert found.startswith("content/service.toml:")
    assert said in found


def test_an_old_address_that_leads_nowhere_is_named(content):
    write(content, "redirects.toml", '"/older" = "/gone"')

    assert findings(content) == [
        "content/redirects.toml:3: there is no page /gone; write the address of one there is, or “gone”"
    ]


@pytest.mark.parametrize("old", ["/case-studies/", "/ask", "/case-studies/the-shop-window"])
def test_an_old_address_at_which_there_is_a_page_is_named(content, old):
    write(content, "redirects.toml", f'"{old}" = "gone"')

    (found,) = (said for said in findings(content) if "/redirects.toml:" in said)

    assert found.endswith(f":3: there is a page at {old}; take this line out, or delete the page")


@pytest.mark.parametrize("name", ["pages/sent.md", "errors/404.md", "errors/500.md"])
def test_a_missing_page_that_no_link_leads_to_is_named(content, name):
    (content / name).unlink()

    (found,) = findings(content)

    assert found.startswith(f"content/{name}:1: put this file back; the page ")


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ('[[menu]]\nlabel = "Start"\npage = "/"\n', "the menu"),
        ('[[footer]]\nlabel = "Start"\npage = "/"\n' * 2, "the footer"),
        ('[[group]]\ntitle = "More"\npages = ["/"]\n', "the site map"),
    ],
)
def test_a_page_that_the_navigation_names_twice_is_named(content, words, place):
    write(content, "navigation.toml", words)

    (found,) = load(content).problems

    assert found.message == f"/ is in {place} twice; keep one of them"


def test_a_page_that_was_pasted_into_a_file_twice_is_named(content):
    write(content, "pages/index.md", (content / "pages" / "index.md").read_text())

    (found, *_) = map(str, load(content).problems)

    assert found == (
        "content/pages/index.md:9: a second page begins here; keep one page in a file, and delete the rest"
    )


def test_a_control_character_in_a_list_of_facts_is_named_as_one(content):
    write(content, "service.toml", '[hours]\nvalue = "from 9am\x07"\n')

    with pytest.raises(Unreadable, match="there is an invisible control character here"):
        load(content)


@pytest.mark.parametrize("name", ["case-studies/new.txt", "case-studies/2026/new.md", "new.md"])
def test_a_file_that_nothing_uses_is_named(content, name):
    (content / name).parent.mkdir(exist_ok=True)
    (content / name).write_text("Words.")

    (found,) = findings(content)

    assert found.startswith(f"content/{name}:1: nothing uses this file; name it NAME.md in ")


@pytest.mark.parametrize("name", ["the-shop-window.md~", "the-shop-window.md.bak", "The shop window.MD"])
def test_a_copy_that_an_editor_left_is_named_as_one(content, name):
    (content / "case-studies" / name).write_text("Words.")

    assert findings(content) == [
        f"content/case-studies/{name}:1: nothing uses this copy of the-shop-window.md; delete it"
    ]


def test_rules_that_cannot_be_read_are_named(content):
    write(content, "house-rules.toml", "sentense = 20", "sentence = 20")

    found = findings(content)

    rules = (SERVICE / "house-rules.toml").read_text().splitlines()
    assert [line.partition("; ")[0] for line in found] == [
        f"content/house-rules.toml:{rules.index('[length]') + 1}: length.sentence: add a line sentence = ...",
        f"content/house-rules.toml:{rules.index('[length]') + 2}: length.sentense: “sentense” is not a field",
    ]


# -- measures --------------------------------------------------------------------------------------------


def test_the_grade_is_the_automated_readability_index():
    # 13 letters, 4 words, 2 sentences: 4.71 * 13 / 4 + 0.5 * 4 / 2 - 21.43
    assert readability.grade(["The cat.", "It slept."]) == pytest.approx(4.71 * 13 / 4 + 1 - 21.43)


def test_a_phone_number_is_one_word():
    assert len(readability.words("Call us free on 0800 043 8785.")) == 5


def test_every_rule_of_ours_can_be_read():
    rules = load_rules(SERVICE / "house-rules.toml", Path("house-rules.toml"))

    assert {word for word, _, _ in rules.banned_words("An abuser, a journey, the Victims' Code")} == {
        "abuser",
        "journey",
    }


# -- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def check(content: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs `rjsite check` on the invented service and returns status and lines."""
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(content))
    monkeypatch.setattr("rjsite.cli.content.ROOT", content.parent)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    def run(*options: str) -> tuple[int, list[str]]:
        result = commands.run("check", *options)
        return result.exit_code, result.stdout.splitlines()

    return run


def test_the_command_says_each_finding_and_fails(content, check):
    today = f"last_checked: {date.today()}"  # noqa: DTZ011
    for path in content.rglob("*.md"):
        path.write_text(path.read_text().replace("last_checked: 2026-02-01", today))
    assert check() == (0, ["3 pages, 1 stories, 0 to fix"])

    write(content, HOME, "An easy page.")

    status, lines = check()
    assert status == 1
    assert lines[0].startswith(f"content/{HOME}:9: “easy” is not our word; ")
    assert lines[1:] == ["3 pages, 1 stories, 1 to fix"]


def test_a_broken_page_is_one_line_though_the_menu_names_it(content, check):
    write(content, "pages/case-studies.md", "titel:", "title:")

    _, lines = check()

    assert [line for line in lines if "case-studies.md" in line or "navigation" in line] == [
        "content/pages/case-studies.md:1: add a line “title: ...” between the two lines of dashes",
        lines[1],
    ]
    assert lines[1].startswith("content/pages/case-studies.md:2: “titel” is not a field")


def test_github_shows_a_finding_on_its_line_and_the_log_shows_them_all(content, check):
    write(content, HOME, "A 100% easy page.")

    _, lines = check("--github")

    assert [line for line in lines if line.startswith(f"content/{HOME}:9: “easy” is not our word; ")]
    assert f"::error file=content/{HOME},line=9::“easy” is not our word" in "\n".join(lines)
    assert len([line for line in lines if line.startswith("content/")]) == len(
        [line for line in lines if line.startswith("::error ")]
    )


def test_a_run_on_github_has_a_table_of_all_findings(content, check, tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("Before.\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    write(content, HOME, "\n\n".join(["An easy page."] * 20 + ["It is <b>bold</b> | **bold."]))

    _, lines = check()

    table = Page(summary.read_text())
    rows = [[words(cell) for cell in row if cell.tag == "td"] for row in table.all("tr")]
    assert [f"{file}:{line}: {said}" for file, line, said in rows[1:]] == [
        " ".join(line.split()) for line in lines[:-1]
    ]
    assert summary.read_text().startswith("Before.\n")


def test_a_run_without_a_finding_adds_no_table(content, check, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    today = f"last_checked: {date.today()}"  # noqa: DTZ011
    for path in content.rglob("*.md"):
        path.write_text(path.read_text().replace("last_checked: 2026-02-01", today))

    assert check()[0] == 0
    assert not (tmp_path / "summary.md").exists()


def test_a_summary_stays_smaller_than_github_takes(tmp_path):
    problems = [Problem(Path(f"content/pages/page-{n}.md"), n, "write " * 30) for n in range(20_000)]

    add_to_summary(tmp_path / "summary.md", problems)

    assert (tmp_path / "summary.md").stat().st_size < 2**20
    assert "19,000 more are in the log." in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize("name", [b"caf\xe9.md", b"caf\xe9.txt", b"two\nlines.md"])
def test_a_file_name_that_cannot_be_printed_is_named_on_one_line(content, check, name):
    os.close(os.open(os.fsencode(content / "case-studies") + b"/" + name, os.O_CREAT | os.O_WRONLY))

    status, lines = check("--github")

    named = [line for line in lines if "caf" in line or "two" in line]
    assert status == 1
    assert [line.partition("content/case-studies/")[0] for line in named] == ["", "::error file="]
    assert all(line.isprintable() for line in lines)


def test_the_command_says_when_the_site_cannot_start(content, check):
    write(content, "forms/ask.toml", "nam =", "name =")

    status, lines = check()

    assert status == 1
    assert lines[0].startswith("content/forms/ask.toml:")
    assert lines[-1] == "Until this is fixed, the site can start only with its last good version."


@pytest.mark.parametrize("table", ["step.questoin", "stepp"])
def test_a_mistake_in_the_name_of_a_table_is_reported(content, check, table):
    write(content, "forms/ask.toml", f"[[{table}]]", "[[step.question]]" if "." in table else "[[step]]")

    assert check()[0] == 1


INITIALS = ["".join(letters) for letters in product("ABCDEFG", repeat=4)]


@pytest.mark.parametrize(
    "words",
    [
        "\n\n".join(" ".join(INITIALS[n : n + 400]) for n in range(0, len(INITIALS), 400)),
        "\n\n".join(" ".join(f"[words](/case-studie/{n}-{m})" for m in range(20)) for n in range(60)),
        "\n\n".join(["<b " * 400] * 15),
    ],
    ids=["initials", "links that lead nowhere", "tags"],
)
def test_a_story_full_of_mistakes_is_checked_in_seconds(content, words):
    write(content, STORY, words)
    began = time.thread_time()

    assert len(findings(content)) > 10
    assert time.thread_time() - began < 10


TEMPORARY_FACT = '[notice]\nform = "{form}"\nvalue = "{value}"\nuntil = "{until}"\n'


@pytest.mark.parametrize(
    ("value", "until", "form", "said"),
    [
        ("", "", "sentence", []),
        ("We are closed today.", "1 March 2026", "sentence", []),
        ("We are closed today.", "2 May 2026", "sentence", []),
        (
            "We are closed today.",
            "",
            "sentence",
            ['add to [notice] an until = "...", the day on which it ends'],
        ),
        ("closed", "2 May 2026", "phrase", ['write form = "sentence" in [notice]']),
    ],
)
def test_words_for_a_time_may_be_empty_and_need_an_end(content, value, until, form, said):
    write(content, "service.toml", TEMPORARY_FACT.format(value=value, until=until, form=form))

    found = findings(content)

    assert [line.partition(": ")[2][: len(words)] for line, words in zip(found, said, strict=True)] == said
