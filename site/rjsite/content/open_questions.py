"""The questions that the service still has to answer, as lines and as a document to fill in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rjsite.content.fact_formats import FORMAT_HINTS
from rjsite.content.fact_uses import Use, fact_uses
from rjsite.content.facts import FACT_REFERENCE, Facts, Urgency
from rjsite.content.library import Library
from rjsite.content.model import Story
from rjsite.content.problem import Problem
from rjsite.content.toml import lines_in

_IN_TEMPLATE = re.compile(r"\bfacts\.(?:get\(\")?(?P<name>[a-z_]+)")
_SENTENCES = 3  # at most this many sentences are shown for one fact
_TEMPLATES = Environment(  # noqa: S701 (it writes Markdown, not HTML)
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(frozen=True, slots=True)
class Question:
    """One question for the service.

    Attributes:
        problem: the question as one line of `release-check`.
        completes: the sentences that the answer completes, with a blank for the answer. If the service only
            has to confirm a value, the sentences contain the value, as on the website now.
        goes_into: the name of the fact or of the story file into which to write the answer.
        give: the kind of answer expected.
        used_on: the pages that need the answer.
    """

    problem: Problem
    urgency: Urgency
    text: str
    goes_into: str
    completes: Sequence[str] = ()
    example: str = ""
    value: str = ""
    give: str = ""
    used_on: Sequence[str] = ()


def open_questions(library: Library, folder: Path, templates: Path) -> list[Question]:
    """Return all open questions about facts and stories.

    Args:
        library: the content, with drafts.
        folder: the content folder.
        templates: the folder of the templates, which use facts too.
    """
    return [*_facts(library, folder, templates), *_stories(library.stories)]


def as_document(questions: Sequence[Question]) -> str:
    """Return a document in Markdown that the service can fill in and send back."""
    in_order = sorted(questions, key=lambda question: get_args(Urgency).index(question.urgency))
    return _TEMPLATES.get_template("open_questions.md").render(questions=list(enumerate(in_order, 1)))


def _facts(library: Library, folder: Path, templates: Path) -> Iterator[Question]:
    path = folder / "service.toml"
    lines, uses = lines_in(path, path), [*_in_templates(templates), *fact_uses(library, folder)]
    for name, fact in library.facts.items():
        if not fact.ask:
            continue
        here = [use for use in uses if use.name == name]
        places = list(dict.fromkeys(use.place for use in here))
        sentences = list(dict.fromkeys(use.sentence for use in here if use.sentence))[:_SENTENCES]
        give = FORMAT_HINTS[fact.form] if fact.form else ""
        line = f"{name}: {fact.ask}" + (f"; give {give}" if give else "")
        line += f", for “{'” and “'.join(sentences)}”" if sentences else ""
        line += f" (for {', '.join(places)})" if places else ""
        line += f"; the site says now: {fact.value}" if fact.value else ""
        yield Question(
            Problem(Path(folder.name, path.name), lines.of((name,)), line),
            fact.urgency,
            fact.ask,
            goes_into=name,
            completes=[
                _with_blank(sentence, name, library.facts)
                for sentence in sentences
                if sentence != f"{{{name}}}"  # a sentence that consists only of the fact adds nothing
            ],
            example=fact.example,
            value=fact.value,
            give=give,
            used_on=[f"`{place}`" if "/" in place else place for place in places],
        )


def _with_blank(sentence: str, name: str, facts: Facts) -> str:
    """Return a sentence with known facts filled in. If `name` is unknown, a blank replaces it.

    “(…)” replaces every other unknown fact.
    """

    def put(use: re.Match[str]) -> str:
        unknown = "___" if use["name"] == name else "(…)"
        return facts[use["name"]].value or unknown if use["name"] in facts else use[0]

    return FACT_REFERENCE.sub(put, sentence)


def _stories(stories: Sequence[Story]) -> Iterator[Question]:
    def question(urgency: Urgency, field: str, text: str, line: str, give: str) -> Question:
        display_path = story.document.display_path
        problem = Problem(display_path, story.document.lines.get(field, 1), line)
        return Question(problem, urgency, f"“{story.title}”: {text}", goes_into=str(display_path), give=give)

    for story in stories:
        if not (story.permission or story.draft):
            ask = "Did the people in this story agree that the website may show it? Who of them, and when?"
            line = "write the date of permission, like 2026-03-09, and who agreed"
            yield question(
                "before launch",
                "permission",
                ask,
                line,
                "a date after `permission:`, and who after `agreed_by:`",
            )
    for story in stories:
        if not story.video and re.search(r"\bvideo\b", story.summary):
            ask = "What is the web address of the video, and what is said in it, word for word?"
            line = "write the address of the video, and its words below"
            yield question("when convenient", "video", ask, line, "an address after `video:`")
        if story.ask:
            yield question("when convenient", "ask", story.ask, story.ask, "the text of the story")


def _in_templates(templates: Path) -> Iterator[Use]:
    """Yield each use of a fact in the templates, which surround every page or form."""
    for path in sorted(templates.rglob("*.html")):
        for use in _IN_TEMPLATE.finditer(path.read_text(encoding="utf-8")):
            yield Use(use["name"], "all forms" if path.name == "form.html" else "all pages")
