"""The forms over HTTP: ask, keep, thank. Every answer stays in the page until it is safely kept."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import (
    Blueprint,
    Flask,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded

from rjsite.content.library import bare_page
from rjsite.forms.form import QuestionForm, form_class
from rjsite.forms.token import Signer
from rjsite.intake import NotKept
from rjsite.services import current_services, services_of
from rjsite.settings import Settings
from rjsite.web import page_cache
from rjsite.web.live_content import library, unlinked
from rjsite.web.rate_limit import limited, seconds_to_wait
from rjsite.web.security import NO_STORE, forget_the_form

SENT_PAGE_LIVES = 600
# posted by an outcome, which carries the answers: a wrong tap loses nothing; no question is named so
BACK = "_back"

bp = Blueprint("refer", __name__)


def ask_or_take(take: Callable[[QuestionForm], Response]) -> ResponseReturnValue:
    """One form: shown on GET; on POST taken, or shown again with every answer kept.

    Args:
        take: takes a form, unless too many came from its network.
    """
    if request.method != "POST":
        return _opened()
    form = _form()
    if BACK in request.form:
        return _show(form)
    if outcome := form.stop():
        return _outcome(form, outcome)
    fits = form.validate()
    if form.waited_too_long:
        return _show(form, 422, notice="old-page")
    if not fits:
        return _show(form, 422)
    try:
        return take(form)
    except RateLimitExceeded:
        return _too_many(form)


def _opened() -> Response:
    """The empty form: kept ready, with a new token each time."""

    def make() -> page_cache.FormPage:
        form = _form()
        fresh = Signer(current_services().settings.secrets, form.definition.key).fresh
        return page_cache.FormPage(_show(form).data, fresh)

    return page_cache.answer(request.path + ("?fill=1" if request.args.get("fill") == "1" else ""), make)


def _take(form: QuestionForm) -> Response:
    """Keep the form and thank."""
    privacy = library().pages.get("/privacy")
    try:
        current_services().intake.take(form.to_referral(privacy_version=privacy.version if privacy else ""))
    except NotKept:
        return _show(form, 503, notice="503")
    sealed = _reference_cipher().encrypt(form.came_back.reference.encode()).decode()
    response = make_response(redirect(url_for("refer.sent", r=sealed), 303))
    forget_the_form(response)
    return response


def _too_many(form: QuestionForm) -> Response:
    """Too many forms came from one network: the answers stay in the page, which says when to try again."""
    response = _show(form, 429, notice="429")
    response.headers["Retry-After"] = str(seconds_to_wait(current_services().limiter))
    return response


def _form() -> QuestionForm:
    """The form of this address, with what was sent to it; its class is made anew for new content."""
    definition = library().forms[request.path]
    services = current_services()
    made = services.form_classes.get(request.path)
    if made is None or made.definition is not definition:
        made = form_class(definition, services.settings.secrets)
        services.form_classes[request.path] = made
    return made()


def _show(form: QuestionForm, status: int = 200, notice: str = "") -> Response:
    content = library()
    return _private(
        "form.html",
        status,
        page=content.form_pages[form.definition.address],
        form=form,
        notice=content.errors[notice] if notice else "",
        outcomes={name: content.outcomes[name] for name in form.definition.stops},
        failures={name: content.errors[name] for name in ("413", "503")},
        fill_tokens=request.args.get("fill") == "1",
        here=form.definition.address,
    )


def _outcome(form: QuestionForm, name: str) -> Response:
    definition = form.definition
    return _private(
        "outcome.html",
        200,
        page=library().outcomes[name],
        form_title=library().form_pages[definition.address].head,
        kept=[(BACK, "1"), *request.form.items(multi=True)],
        here=definition.address,
    )


def _private(template: str, status: int, **shown: object) -> Response:
    html = render_template(template, noindex=True, bare=True, **shown)
    response = make_response(unlinked(html), status)
    response.headers["Cache-Control"] = NO_STORE
    return response


@bp.get("/sent")
def sent() -> ResponseReturnValue:
    """Thanks, with the reference for ten minutes; it shows none of the answers."""
    try:
        reference = (
            _reference_cipher().decrypt(request.args.get("r", "").encode(), ttl=SENT_PAGE_LIVES).decode()
        )
    except InvalidToken:
        reference = ""
    content = library()
    return _private(
        "sent.html",
        200,
        page=content.pages.get("/sent") or bare_page("/sent", "We have your message", content.facts),
        reference=reference,
        here="/sent",
    )


def _reference_cipher() -> MultiFernet:
    """Return what encrypts the reference in the address of /sent, which the browser's history keeps."""
    secrets = current_services().settings.secrets
    keys = (hashlib.sha256(f"sent:{secret}".encode()).digest() for secret in secrets)
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])


@bp.get("/exit")
def leave() -> ResponseReturnValue:
    """Leave quickly, where script does not run."""
    response = redirect(library().facts["exit_url"].link, 303)
    forget_the_form(response)
    return response


def init_app(app: Flask, settings: Settings) -> None:
    """Register the forms. What is about to be kept counts against the limit; faults in the answers do not."""
    take = limited(services_of(app).limiter, settings, _take)

    def form() -> ResponseReturnValue:
        return ask_or_take(take)

    with app.app_context():
        for address, definition in library().forms.items():
            app.add_url_rule(address, f"form_{definition.key}", form, methods=["GET", "POST"])
    app.register_blueprint(bp)
