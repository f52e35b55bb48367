"""The views of the forms. Every answer stays in the page until it is stored."""

from __future__ import annotations

import hashlib
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded

from rjsite.content.library import bare_page
from rjsite.forms.form import QuestionForm, form_class
from rjsite.forms.token import MAX_AHEAD, Signer
from rjsite.intake import NotStored
from rjsite.services import current_services, services_of
from rjsite.settings import Settings
from rjsite.web import page_cache
from rjsite.web.live_content import library, without_dead_links
from rjsite.web.rate_limit import limited, seconds_to_wait
from rjsite.web.security import NO_STORE, evict_form_from_bfcache

SENT_PAGE_LIVES = 600  # seconds
BACK = "_back"  # sent by the Back button of an outcome, together with the answers; no question has this name

bp = Blueprint("refer", __name__)


def form_view(send: Callable[[QuestionForm], Response]) -> ResponseReturnValue:
    """Return the page of a form or outcome, or send the form. A form that is not sent keeps its answers.

    While the service accepts no forms, the text of the fact `forms_paused` replaces the questions. A form
    that was already open keeps its answers and says that nothing was sent.

    Args:
        send: sends a valid form, within the rate limit.
    """
    paused = library().facts.has("forms_paused")
    if request.method != "POST":
        return _paused_form() if paused else _empty_form()
    form = _form()
    back = BACK in request.form
    if not back and (outcome := form.stop()):
        return _outcome(form, outcome)
    if paused:
        return _show(form, 503, notice="503")
    if back:
        return _show(form)
    valid = form.validate()
    if form.token_expired:
        return _show(form, 422, notice="old-page")
    if not valid:
        return _show(form, 422)
    try:
        return send(form)
    except RateLimitExceeded:
        return _too_many(form)


def _empty_form() -> Response:
    """Return the page of an empty form from the page cache, with a new token."""

    def make() -> page_cache.CachedFormPage:
        form = _form()
        new_token = Signer(current_services().settings.secrets, form.definition.key).new_token
        return page_cache.CachedFormPage(_show(form).data, new_token)

    return page_cache.cached_response(
        request.path + ("?fill=1" if request.args.get("fill") == "1" else ""), make
    )


def _paused_form() -> Response:
    """Return the page of a form that accepts no answers now, from the page cache."""

    def make() -> page_cache.CachedPage:
        page = library().form_pages[request.path]
        html = _private("paused.html", 200, page=page, here=request.path).data
        return page_cache.CachedPage(html, cache=NO_STORE)

    return page_cache.cached_response(request.path, make)


def _send(form: QuestionForm) -> Response:
    """Store a referral, and redirect to the page that says thank you."""
    privacy = library().pages.get("/privacy")
    try:
        current_services().intake.accept(form.to_referral(privacy_version=privacy.version if privacy else ""))
    except NotStored:
        return _show(form, 503, notice="503")
    encrypted = _reference_cipher().encrypt(form.sent_token.reference.encode()).decode()
    return evict_form_from_bfcache(make_response(redirect(url_for("refer.sent", r=encrypted), 303)))


def _too_many(form: QuestionForm) -> Response:
    """Return the form with its answers, and a header that says when it can be sent again."""
    response = _show(form, 429, notice="429")
    response.headers["Retry-After"] = str(seconds_to_wait(current_services().limiter))
    return response


def _form() -> QuestionForm:
    """Return the form at this URL with the answers that were sent. New content gets a new form class."""
    content, name = library(), f"class of {request.path}"
    made: type[QuestionForm] | None = content.cache.get(name)
    if made is None:
        keys = current_services().settings.secrets
        made = content.cache[name] = form_class(content.forms[request.path], keys)
    return made(request.form if request.method == "POST" else None)


def _show(form: QuestionForm, status: int = 200, notice: str = "") -> Response:
    """Return the page of a form, with a notice above it if one is named."""
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
    """Return the page of an outcome, which contains the answers so that Back can restore them."""
    definition = form.definition
    return _private(
        "outcome.html",
        200,
        page=library().outcomes[name],
        form_title=library().form_pages[definition.address].head,
        kept=[(BACK, "1"), *request.form.items(multi=True)],
        here=definition.address,
    )


def _private(template: str, status: int, **context: object) -> Response:
    """Return a page that no search engine may index and no cache may store (see `rjsite.web.security`)."""
    html = render_template(template, noindex=True, bare=True, **context)
    return make_response(without_dead_links(html), status)


@bp.get("/sent")
def sent() -> ResponseReturnValue:
    """Return the page that says thank you and, for ten minutes, shows the reference, but no answers."""
    encrypted, now = request.args.get("r", "").encode(), int(time.time())
    lives, latest = SENT_PAGE_LIVES + MAX_AHEAD, now + MAX_AHEAD  # Fernet alone allows one minute
    try:
        reference = _reference_cipher().decrypt_at_time(encrypted, ttl=lives, current_time=latest).decode()
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
    """Return the cipher that hides the reference in the URL of /sent, because browsers keep that URL."""
    secrets = current_services().settings.secrets
    keys = (hashlib.sha256(f"sent:{secret}".encode()).digest() for secret in secrets)
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])


@bp.get("/exit")
def leave() -> ResponseReturnValue:
    """Redirect to the exit address, for browsers without JavaScript."""
    return evict_form_from_bfcache(make_response(redirect(library().facts["exit_url"].link, 303)))


def init_app(app: Flask, settings: Settings) -> None:
    """Register the views. Only a form that is about to be stored counts towards the rate limit."""
    send = limited(services_of(app).limiter, settings, _send)

    def form() -> ResponseReturnValue:
        return form_view(send)

    with app.app_context():
        for address, definition in library().forms.items():
            app.add_url_rule(address, f"form_{definition.key}", form, methods=["GET", "POST"])
    app.register_blueprint(bp)
