"""/styleguide, in development only: every part of a page in every state, from the real macros."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, make_response, render_template
from werkzeug.datastructures import MultiDict

from rjsite.content.markdown import opening_and_sections
from rjsite.forms.definition import Choice, Form, Question, Step
from rjsite.forms.form import QuestionForm, form_class
from rjsite.settings import ROOT, Settings
from rjsite.web.live_content import library
from rjsite.web.security import NO_STORE

ADDRESS = "/styleguide"
WORDS = ROOT / "templates" / "styleguide.md"
CHOICES = (
    Choice(value="one", label="One answer", hint="What it means"),
    Choice(value="two", label="Another"),
)
FILLED: Mapping[str, str | list[str]] = {
    "line": "Ally",
    "area": "A window was broken.\nIt was my shop.",
    "phone": "01632 960 001",
    "email": "ally@example.com",
    "radio": "one",
    "boxes": ["one", "two"],
    "tick": "yes",
}


def _form(state: str, keys: Sequence[str], answers: Mapping[str, str | list[str]]) -> QuestionForm:
    """One question of each kind; `state` goes into the names, since each id stands once in a page."""
    every: dict[str, Any] = {"hint": "What helps to answer", "noun": "This answer", "limit": 100}
    kinds = [
        Question(name=f"{state}-line", kind="text", label="A line of text", missing="Enter a line", **every),
        Question(name=f"{state}-area", kind="long", label="More text", missing="Enter more", **every),
        Question(name=f"{state}-phone", kind="phone", label="A number", missing="Enter it", malformed="No"),
        Question(name=f"{state}-email", kind="email", label="An email", missing="Enter it", malformed="No"),
        Question(name=f"{state}-radio", kind="one", label="One of", missing="Select one", choices=CHOICES),
        Question(
            name=f"{state}-opens",
            kind="text",
            label="What the first answer opens",
            when={f"{state}-radio": ("one",)},
            **every,
        ),
        Question(name=f"{state}-boxes", kind="many", label="Any of", missing="Select some", choices=CHOICES),
        Question(
            name=f"{state}-tick", kind="tick", label="I agree", missing="Select the box", after="What next"
        ),
    ]
    form = Form(key=state, name=state, address=ADDRESS, steps=(Step(title=state, questions=tuple(kinds)),))
    given = MultiDict({f"{state}-{name}": value for name, value in answers.items()})
    return form_class(form, keys)(formdata=given)


def init_app(app: Flask, settings: Settings) -> None:
    """Show the style guide, unless this is the public site."""
    if settings.production:
        return

    @app.get(ADDRESS)
    def styleguide() -> Response:
        words = library().facts.fill_markdown(WORDS.read_text(encoding="utf-8"))
        opening, sections = opening_and_sections(words, "Style guide")
        wrong = _form("wrong", settings.secrets, {})
        wrong.validate()
        page = SimpleNamespace(
            address=ADDRESS,
            title="Style guide",
            opening=opening,
            sections=sections,
            checked_on=date.today(),  # noqa: DTZ011 (shown, never compared)
            crumbs=[{"label": "Home", "page": "/"}],
            held="",
        )
        html = render_template(
            "styleguide.html",
            page=page,
            forms={
                "empty": _form("empty", settings.secrets, {}),
                "filled": _form("filled", settings.secrets, FILLED),
                "wrong": wrong,
            },
            here=ADDRESS,
        )
        return make_response(html, {"Cache-Control": NO_STORE})
