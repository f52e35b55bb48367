"""A fact is written in one place: if it changes in service.toml, it changes wherever it is shown or used."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from flask import Flask

from rjsite import create_app
from rjsite.content.facts import Facts, load_facts
from rjsite.settings import Settings
from rjsite.web.live_content import library
from rjsite.web.papers import documents
from rjsite.web.publish import publish
from support.service import SERVICE

OURS = load_facts(SERVICE / "service.toml", Path("service.toml"))
LINK = re.compile(r'<a\b[^>]*href="(?:tel|mailto):([^"]+)"[^>]*>(.*?)</a>')
NEW = {
    name: {
        "phone": f"01632 960 {100 + count}",
        "text": f"07700 900 {100 + count}",
        "email": f"new-{count}@mending.example",
        "website": f"https://new-{count}.mending.example/",
    }[fact.form]
    for count, (name, fact) in enumerate(OURS.items())
    if fact.value and fact.form in ("phone", "text", "email", "website") and name != "secure_email"
}


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Flask, Settings]:
    """Return a site with a new number or address for each fact and no other change, and its settings."""
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(SERVICE, folder / "content")
    path = folder / "content" / "service.toml"
    words = path.read_text()
    for name, value in NEW.items():
        words = re.sub(
            rf'(?s)(^\[{name}\]\n.*?^value = )"[^"\n]*"', rf'\1"{value}"', words, count=1, flags=re.M
        )
    path.write_text(words)
    settings = Settings.load(mode="development", data_dir=folder, content_dir=folder / "content")
    return create_app(settings), settings


@pytest.fixture(scope="module")
def said(changed, tmp_path_factory) -> dict[str, str]:
    """Return everything that is shown: published pages, forms, outcomes, errors and printable documents."""
    app, settings = changed
    folder = tmp_path_factory.mktemp("published")
    publish(app, settings, folder)
    found = {path.name: path.read_text() for path in (folder / "current").rglob("*.html")}
    visitor = app.test_client()
    with app.test_request_context():
        content = library()
        for page in [*content.outcomes.values(), *content.errors.values()]:
            found[page.document.display_path.as_posix()] = page.opening + "".join(
                section.html + "".join(item.html for item in section.items) for section in page.sections
            )
    for address in [*content.forms, "/sent", "/.well-known/security.txt", "/no-such-page", "/styleguide"]:
        found[address] = visitor.get(address).text
    return {**found, **documents(content)}


def facts_of(changed: tuple[Flask, Settings]) -> Facts:
    path = changed[1].content_dir / "service.toml"
    return load_facts(path, path)


def test_no_page_form_or_paper_keeps_an_old_number_or_address(said):
    old = {
        form
        for name in NEW
        if len(value := OURS[name].value) > 3
        for form in (value, OURS[name].link)
        if form
    }
    old |= {OURS["relay"].value, OURS["secure_email"].value, OURS["secure_email"].link}

    assert {(place, form) for place, words in said.items() for form in old if form in words} == set()


def test_each_number_and_address_leads_to_what_it_shows(said):
    links = {(place, *found) for place, words in said.items() for found in LINK.findall(words)}

    assert len({place for place, *_ in links}) > 20
    for place, to, shown in links:
        plain = re.sub(r"<[^>]*>", "", shown)
        reached = plain if "@" in plain else f"+44{plain.replace(' ', '')[1:]}"
        assert to == reached, place


def test_relay_uk_and_secure_email_go_with_the_phone_and_the_email(changed, said):
    facts = facts_of(changed)

    assert facts["relay"].value == f"18001 {NEW['phone']}"
    assert facts["secure_email"].value == f"{NEW['email']}.secure.example"
    for place in (".html", "get-in-touch.html", "/refer/a", "form-a.pdf", "form-c.pdf"):
        assert facts["relay"].value in said[place], place
    assert facts["secure_email"].value in said["form-c.pdf"].replace("<wbr>", "")


def test_every_page_shows_the_new_emergency_number_in_its_danger_line(said):
    shown = {place for place, words in said.items() if 'class="danger"' in words}

    assert len(shown) > 20
    assert {place for place in shown if NEW["emergency"] not in said[place]} == set()


def test_the_exit_leads_to_the_new_address_and_weaknesses_are_told_to_the_new_email(changed, said):
    assert changed[0].test_client().get("/exit").headers["Location"] == NEW["exit_url"]
    assert (
        f"mailto:{NEW['email']}\nContact: {facts_of(changed)['phone'].link}\n"
        in said["/.well-known/security.txt"]
    )
