"""The views of `/staff/` in the staff copy, where staff write, check, preview and hand over a story.

Nothing that is typed here is stored: it is only in the page, and no URL, log or cache contains any of it.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

from flask import Blueprint, Flask, Response, abort, current_app, g, make_response, render_template, request

from rjsite.content import clock, front_matter, lint
from rjsite.content.library import HOME, STORIES, Library
from rjsite.content.lint.public_stories import RULES
from rjsite.content.lint.rules import Length, load_rules
from rjsite.content.model import Link
from rjsite.content.open_questions import open_questions
from rjsite.content.overview import overview
from rjsite.content.problem import Problem, Unreadable
from rjsite.content.stories import PAGE_SIZE
from rjsite.content.story_check import CheckedStory, check_story, published_with, read_story
from rjsite.content.story_file import FIRST_BODY, first_values, story_name, values_of
from rjsite.services import page_services_of
from rjsite.settings import ROOT, Settings
from rjsite.web import forms, health, pages
from rjsite.web.live_content import library
from rjsite.web.story_form import BaseStoryForm, sent_form, story_form

ADDRESS = "/staff/"
BRANCH = "main"  # the branch on GitHub into which changes are merged
HAND_OVER, FILE, CHANGE = "hand-over", "file", "change"  # what the buttons of the form send as `do`

bp = Blueprint("staff", __name__, url_prefix="/staff")


@bp.get("/")
def home() -> Response:
    """Return the page that lists all stories and pages with their problems, and the open questions."""
    content, folder = library(), _folder()
    return _show(
        "home",
        "Stories and problems",
        overview=overview(content, folder, _known(content)),
        questions=open_questions(content, folder, ROOT / "templates"),
    )


@bp.route("/story", defaults={"name": ""}, methods=["GET", "POST"])
@bp.route("/story/<name>", methods=["GET", "POST"])
def story(name: str) -> Response:
    """Show the form for a new or existing story or, if it was sent, do what the pressed button says.

    The buttons check, preview, change or download the story, or explain how to hand it over.
    """
    if name:
        _path(name)
    if request.method == "GET":
        return _begin(name)
    form, do = sent_form(request.form), request.form.get("do")
    if do == CHANGE:
        return _ask(form, name)
    read = _read(form, name)
    if do in ("page", "list"):
        return _preview(read, in_list=do == "list")
    content = library()
    checked = check_story(read, content, _folder(), clock.today(), _known(content))
    others = form.show_problems(checked)
    if do in (HAND_OVER, FILE):
        form.show_unticked()
    if others or form.errors_in_order:
        return _ask(form, name, 422, others=others)
    if do == FILE:
        return _file(checked)
    if do == HAND_OVER:
        return _hand_over(checked, name)
    return _ask(form, name, good=True)


def _begin(name: str) -> Response:
    """Return the form of a new or an existing story."""
    if not name:
        return _ask(story_form(first_values(clock.today()), FIRST_BODY.strip()), name)
    try:
        document = front_matter.read(_path(name), _shown(name))
    except Unreadable as unreadable:
        return _problems("This story cannot be opened here", unreadable.problems, name)
    return _ask(story_form(values_of(document), document.body.strip("\n")), name)


def _ask(form: BaseStoryForm, name: str, status: int = 200, **context: object) -> Response:
    title = "Change a story" if name else "Write a story"
    given = {"others": (), "good": False, "length": _length(), **context}
    return _show("story", title, status, form=form, **given)


def _read(form: BaseStoryForm, name: str) -> CheckedStory:
    """Return the story that was sent, with its problems."""
    problem, title = "", form["title"].data or ""
    try:
        file = name or story_name(title)
    except ValueError as error:
        file, problem = "a-story", str(error) if title.strip() else ""
    if not name and (_folder() / "case-studies" / f"{file}.md").exists():
        problem = "there is a story of that name already; choose another title"
    read = read_story(form.text, file, library(), _folder(), clock.today())
    return read.with_problem("title", problem) if problem else read


def _preview(checked: CheckedStory, *, in_list: bool) -> Response:
    """Return the page of the story, or the list with its card, as readers will see them."""
    if not checked.story:
        return _problems("This story cannot be shown yet", checked.problems)
    try:
        g.library = content = published_with(checked.story, _folder(), clock.today())
    except Unreadable as unreadable:
        return _problems("This story cannot be shown yet", unreadable.problems)
    story = content.by_slug[checked.story.slug]
    if not in_list:
        return make_response(pages.render(story))
    every = content.pages.get(STORIES) or abort(404)
    number = content.stories.index(story) // PAGE_SIZE + 1
    asked = content.story_index.listing(every.title, STORIES, {"page": str(number)}) or abort(404)
    return make_response(pages.render_list(every, asked))


def _file(checked: CheckedStory) -> Response:
    """Return the story as a file for the browser to save."""
    kind = {"Content-Type": "text/markdown; charset=utf-8"}
    name = f'attachment; filename="{checked.display_path.name}"'
    return make_response(checked.text, {**kind, "Content-Disposition": name})


def _hand_over(checked: CheckedStory, name: str) -> Response:
    """Return the page with the text of the file, and instructions for handing it over."""
    kept = [(key, value) for key, value in request.form.items(multi=True) if key != "do"]
    place = _on_github("edit", checked.display_path) if name else _on_github("new", checked.display_path)
    return _show("hand_over", "Hand over the story", checked=checked, kept=kept, github=place, name=name)


@bp.get("/take-down/<name>")
def take_down(name: str) -> Response:
    """Return the page that explains how to take a story off the site."""
    _path(name)
    story = library().by_slug.get(name)
    return _show(
        "take_down",
        "Take a story down",
        story_title=story.title if story else name,
        address=f"{STORIES}{name}",
        github=_on_github("delete", _shown(name)),
    )


def no_form() -> Response:
    """Return the page that replaces a form, because only the public site has forms."""
    page = library().form_pages[request.path]
    return _show("no_form", page.title, here=request.path)


def _show(template: str, title: str, status: int = 200, **context: object) -> Response:
    """Return a page of the staff copy, which no cache stores (see `rjsite.web.security`)."""
    crumbs = (Link(label="Home", page=HOME), Link(label="Staff", page=ADDRESS))
    page = SimpleNamespace(
        title=title, sections=(), checked_on=None, crumbs=crumbs if template != "home" else crumbs[:1]
    )
    html = render_template(f"staff/{template}.html", page=page, **{"here": request.path, **context})
    return make_response(html, status)


def _problems(title: str, problems: object, name: str = "") -> Response:
    github = _on_github("edit", _shown(name)) if name else ""
    return _show("problems", title, 422, problems=problems, name=name, github=github)


def _on_github(do: str, display_path: Path) -> str:
    """Return the URL on GitHub to create, edit or delete a file, or "" if no project is set."""
    project = page_services_of(current_app).settings.repository_url
    if not project:
        return ""
    path = quote(display_path.as_posix())
    return f"{project}/{do}/{BRANCH}{'?filename=' if do == 'new' else '/'}{path}"


def _length() -> Length | None:
    """Return the limits for sentences and paragraphs, or None if the house rules cannot be used."""
    try:
        return load_rules(_folder() / RULES, Path(_folder().name, RULES)).length
    except Unreadable:
        return None


def _known(content: Library) -> list[Problem]:
    """Return the problems in all files. A check takes a second or two, so it runs once for each library."""
    known: list[Problem] | None = content.cache.get("problems")
    if known is None:
        known = content.cache["problems"] = lint.check(content, _folder(), clock.today())
    return known


def _folder() -> Path:
    return page_services_of(current_app).content.folder


def _shown(name: str) -> Path:
    return Path(_folder().name, "case-studies", f"{name}.md")


def _path(name: str) -> Path:
    """Return the path of the file of an existing story, or abort with 404."""
    files = {path.stem: path for path in (_folder() / "case-studies").glob("*.md")}
    return files.get(name) or abort(404)


def init_app(app: Flask, _settings: Settings) -> None:
    """Register the views, and a view that replaces each form."""
    app.jinja_env.globals["staff_copy"] = True
    with app.app_context():
        for address, form in library().forms.items():
            app.add_url_rule(address, f"no_form_{form.key}", no_form)
    app.add_url_rule("/exit", "refer.leave", forms.leave)  # templates refer to this endpoint
    app.add_url_rule(health.ALIVE, "alive", health.alive)
    app.register_blueprint(bp)
