"""Every kind of question works from the page to the team's mail, and so must a new one."""

from __future__ import annotations

import shutil
from email import message_from_bytes, policy
from typing import NamedTuple, get_args

import pytest

from rjsite import create_app
from rjsite.forms.definition import Kind
from rjsite.outbox import operator
from rjsite.services import services_of
from rjsite.settings import Settings
from rjsite.web import papers
from rjsite.web.live_content import library
from support import commands
from support.forms import Page, fresh
from support.mail import copy_of, text_of
from support.service import SERVICE


class Sample(NamedTuple):
    """A kind of question: lines of its definition, its control, and a right and a wrong answer."""

    lines: str
    control: tuple[str, str | None]
    answer: list[str]
    kept: list[str]
    wrong: list[str]


CHOICES = 'choices = [{ value = "a", label = "Apple" }, { value = "b", label = "Pear" }]'
LIMIT = 'noun = "This"\nlimit = 20'
MALFORMED = 'malformed = "It is not right"'
KINDS = {
    "text": Sample(LIMIT, ("input", "text"), ["One\tline"], ["One line"], ["x" * 21]),
    "long": Sample(LIMIT, ("textarea", None), ["Two\r\nlines"], ["Two\nlines"], ["x" * 21]),
    "phone": Sample(MALFORMED, ("input", "tel"), ["01632\u200e 960001"], ["01632 960001"], ["none"]),
    "email": Sample(MALFORMED, ("input", "email"), ["ally@example.com"], ["ally@example.com"], ["ally"]),
    "one": Sample(CHOICES, ("input", "radio"), ["b"], ["b"], ["c"]),
    "many": Sample(f'{CHOICES}\nalone = "a"\n{MALFORMED}', ("input", "checkbox"), ["b"], ["b"], ["a", "b"]),
    "tick": Sample("", ("input", "checkbox"), ["yes"], ["yes"], ["no"]),
}


def test_there_is_a_sample_of_every_kind():
    assert set(KINDS) == set(get_args(Kind))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return a site with a form that has a question of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    shutil.copytree(SERVICE, folder / "content")
    questions = [
        f'[[step.question]]\nname = "the_{kind}"\nkind = "{kind}"\nlabel = "The {kind}?"\n'
        f'missing = "Enter it"\n{KINDS[kind].lines if kind in KINDS else ""}\n'
        for kind in get_args(Kind)
    ]
    (folder / "content" / "forms" / "kinds.toml").write_text(
        'name = "Kinds"\naddress = "/kinds"\n[[step]]\ntitle = "Kinds"\n' + "".join(questions)
    )
    (folder / "content" / "forms" / "kinds.md").write_text(
        "---\ntitle: Kinds\ndescription: All.\nlast_checked: 2026-03-01\n---\n\nAll kinds.\n"
    )
    return create_app(
        Settings.load(mode="development", data_dir=folder / "var", content_dir=folder / "content")
    )


def answers(**changed: list[str]) -> dict[str, list[str]]:
    """Return an answer to each kind of question: the one that is given, or otherwise a valid one."""
    return {f"the_{kind}": changed.get(kind, sample.answer) for kind, sample in KINDS.items()}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_page_shows_its_control(site, kind):
    page = Page(site.test_client().get("/kinds").text)

    controls = [e for e in page.all("input", "textarea") if e.get("name") == f"the_{kind}"]

    assert {(e.tag, e.get("type")) for e in controls} == {KINDS[kind].control}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_wrong_answer_is_named_with_a_link_to_its_control_and_a_right_one_is_not(site, kind):
    client = site.test_client()

    answer = client.post("/kinds", data=fresh(client, "/kinds") | answers(**{kind: KINDS[kind].wrong}))

    assert answer.status_code == 422
    page = Page(answer.text)
    assert [name for name in page.by_id if name.endswith("-error")] == [f"the_{kind}-error"]
    (link,) = page.by_id["problem"].iter("a")
    assert page.by_id[link.attrib["href"].removeprefix("#")].get("name") == f"the_{kind}"


def test_the_team_reads_each_answer(site):
    client = site.test_client()

    assert client.post("/kinds", data=fresh(client, "/kinds") | answers()).status_code == 303

    box = services_of(site).outbox
    message = message_from_bytes(
        box.open(operator.stored_mails(box, operator.rows(box)[-1].reference)[-1]), policy=policy.default
    )
    copy, text = copy_of(message)["answers"], text_of(message)
    assert {name: answer["values"] for name, answer in copy.items()} == {
        f"the_{kind}": sample.kept for kind, sample in KINDS.items()
    }
    assert [kind for kind in KINDS if f"The {kind}?" not in text] == []


def test_the_paper_form_asks_it_and_says_how_many_choices_to_tick(site, monkeypatch):
    monkeypatch.setattr(papers, "ON_PAPER", ("kinds",))
    with site.test_request_context():
        paper = papers.documents(library())["form-kinds.pdf"]

    assert [kind for kind in get_args(Kind) if f"The {kind}?" not in paper] == []
    assert paper.count("(tick ") == len([kind for kind in KINDS.values() if "choices" in kind.lines])


def test_the_check_accepts_it(site, monkeypatch):
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(services_of(site).settings.content_dir))

    assert "kinds.toml" not in commands.run("check").stdout
