"""The style guide exists in development only."""

from __future__ import annotations

from typing import get_args

from cryptography.fernet import Fernet

from rjsite import create_app
from rjsite.forms.definition import Kind
from rjsite.settings import Settings
from rjsite.web import styleguide
from support.forms import Page


def test_the_style_guide_is_not_there_in_production(tmp_path):
    site = create_app(
        Settings.load(
            mode="production",
            data_dir=tmp_path,
            secret_key="q7Gm2vXr9TfLw4ZsKb1NcYh8JdPe6UaRtW3o",
            outbox_keys=Fernet.generate_key().decode(),
            public_url="https://nowhere.example",
            team_email="team@nowhere.example",
            mail_server="mail.nowhere.example",
            mail_default_sender="website@nowhere.example",
        )
    )

    assert site.test_client().get("/styleguide", base_url="https://nowhere.example").status_code == 404


def test_the_style_guide_has_a_question_of_each_kind():
    assert {question.kind for question in styleguide._questions("any")} == set(get_args(Kind))


def test_the_style_guide_shows_each_question_empty_answered_and_wrong(client):
    page = Page(client.get("/styleguide").text)

    needed = sum(bool(question.missing) for question in styleguide._questions("any"))

    for state, errors in (("empty", 0), ("filled", 0), ("wrong", needed)):
        kinds = [page.by_id[f"{state}-{name}"].tag for name in ("line", "area", "radio-0", "boxes-0", "tick")]
        assert kinds == ["input", "textarea", "input", "input", "input"]
        wrong = [name for name in page.by_id if name.startswith(state) and name.endswith("-error")]
        assert len(wrong) == errors


def test_no_list_of_pages_names_the_style_guide(client):
    for address in ("/site-map", "/sitemap.xml", "/"):
        assert "styleguide" not in client.get(address).text
