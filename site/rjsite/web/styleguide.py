"""The view of /styleguide, which shows every part of a page in every state, in development only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, make_response, render_template
from werkzeug.datastructures import MultiDict

from rjsite.content.markdown import opening_and_sections
from rjsite.forms.definition import Choice, FormDefinition, Kind, Question, Step
from rjsite.forms.form import QuestionForm, form_class
from rjsite.services import current_services
from rjsite.settings import ROOT, Settings
from rjsite.web.live_content import library

ADDRESS = "/styleguide"
TEXT = ROOT / "templates" / "styleguide.md"
CHOICES = (
    Choice(value="one", label="One answer", hint="What it means"),
    Choice(value="two", label="Another"),
)
ANSWERS: Mapping[str, str | list[str]] = {
    "line": "Ally",
    "area": "A window was broken.\nIt was my shop.",
    "phone": "01632 960 001",
    "email": "ally@example.com",
    "radio": "one",
    "boxes": ["one", "two"],
    "tick": "yes",
}


def _questions(state: str) -> tuple[Question, ...]:
    """Return a question of each kind. Each name contains the state, because ids must be unique on a page."""

    def question(name: str, kind: Kind, label: str, **fields: Any) -> Question:
        return Question(name=f"{state}-{name}", kind=kind, label=label, **fields)

    text: dict[str, Any] = {"hint": "What helps to answer", "noun": "This answer", "limit": 100}
    opened_by = {f"{state}-radio": ("one",)}
    return (
        question("line", "text", "A line of text", missing="Enter a line", **text),
        question("area", "long", "More text", missing="Enter more", **text),
        question("phone", "phone", "A number", missing="Enter it", malformed="No"),
        question("email", "email", "An email", missing="Enter it", malformed="No"),
        question("radio", "one", "One of", missing="Select one", choices=CHOICES),
        question("opens", "text", "What the first answer opens", when=opened_by, **text),
        question("boxes", "many", "Any of", missing="Select some", choices=CHOICES),
        question("tick", "tick", "I agree", missing="Select the box", after="What next"),
    )


def _form(state: str, keys: Sequence[str], answers: Mapping[str, str | list[str]]) -> QuestionForm:
    """Return a form with a question of each kind and these answers."""
    step = Step(title=state, question=_questions(state))
    definition = FormDefinition(key=state, name=state, address=f"/{state}", step=(step,))
    given = MultiDict({f"{state}-{name}": value for name, value in answers.items()})
    return form_class(definition, keys)(given)


def styleguide() -> Response:
    """Return the style guide."""
    keys = current_services().settings.secrets
    text = library().facts.fill_markdown(TEXT.read_text(encoding="utf-8"))
    opening, sections = opening_and_sections(text, "Style guide")
    forms = {
        "empty": _form("empty", keys, {}),
        "filled": _form("filled", keys, ANSWERS),
        "wrong": _form("wrong", keys, {}),
    }
    forms["wrong"].validate()
    page = SimpleNamespace(
        address=ADDRESS,
        title="Style guide",
        opening=opening,
        sections=sections,
        checked_on=date.today(),  # noqa: DTZ011 (shown, never compared)
        crumbs=[{"label": "Home", "page": "/"}],
        not_public="",
    )
    return make_response(render_template("styleguide.html", page=page, forms=forms, here=ADDRESS))


def init_app(app: Flask, settings: Settings) -> None:
    """Register the style guide, unless the site is in production."""
    if not settings.production:
        app.add_url_rule(ADDRESS, view_func=styleguide)
