"""Tells monitoring probes whether the process is alive and whether it can do its work."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Blueprint, Flask, Response, request

from rjsite import full_version
from rjsite.content.git_update import read_result
from rjsite.mail.worker import NEEDS_OPERATOR
from rjsite.outbox import operator
from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.outbox.operator import QueueStatus
from rjsite.outbox.recovery import corrupt_files
from rjsite.services import Services, current_services, warnings
from rjsite.settings import Settings
from rjsite.web.live_content import library
from rjsite.web.security import PROBES

MAIL_LATE = 15 * 60
REMEMBERED = 10 * 60  # seconds for which a form that could not be stored counts as an error

bp = Blueprint("health", __name__)
ALIVE, READY = PROBES

_FROM_PROXY = re.compile(r"HTTP_(?:FORWARDED|X_FORWARDED|VIA|(?:.*_)?IP$)")  # headers that proxies add


@bp.get(ALIVE)
def alive() -> Response:
    """Return 200 while the process is alive."""
    return _plain(["ok"], 200)


@bp.get(READY)
def ready() -> Response:
    """Return 200, or 503 with one word for what is wrong; requests from this machine also get details.

    `database`: the database cannot be written to, or the last form could not be stored. `outbox`: too many
    forms are waiting, an email cannot leave until somebody acts (no key decrypts it, every certificate has
    expired, its recipient is not in the team, or our code has an error), or a corrupt file was moved aside.
    `mail`: the oldest email has waited for more than a quarter of an hour, or the worker of this process is
    not running. `content`: there is no page to show. With status 200, `content` means that the content
    could not be read again, or that a problem keeps a file from being shown as it is now.
    """
    services = current_services()
    queue = _queue_status(services)
    error = _error(services, queue)
    details = _details(services, queue) if is_local_request(request.environ) else ()
    word = error or (
        "ok" if services.content.last_reload_succeeded and not library().not_shown else "content"
    )
    return _plain([word, *details], 503 if error else 200)


def _queue_status(services: Services) -> QueueStatus | None:
    """Return figures about waiting mail, or None if the outbox cannot be written to."""
    try:
        services.outbox.check()
        return operator.queue_status(services.outbox)
    except DATABASE_ERRORS:
        return None


def _error(services: Services, queue: QueueStatus | None) -> str:
    outbox, intake = services.outbox, services.intake
    if queue is None or (intake.failed_at and time.monotonic() - intake.failed_at < REMEMBERED):
        return "database"
    needs_operator = not queue.failures.isdisjoint(NEEDS_OPERATOR)
    if needs_operator or queue.forms >= outbox.max_waiting or corrupt_files(outbox.url):
        return "outbox"
    if queue.oldest > MAIL_LATE or not services.background.delivery_ok():
        return "mail"
    return "" if library().pages else "content"


def _details(services: Services, queue: QueueStatus | None) -> Iterator[str]:
    """Yield lines that help to find the cause. They contain nothing from any form."""
    yield f"version: {full_version()}"
    if not services.settings.deliver_in_server:
        yield "worker: in a separate process, rjsite deliver"
    else:
        yield f"worker: {'running' if services.background.delivery_ok() else 'not running'} in this process"
    if queue and queue.mails:
        why = f" ({', '.join(sorted(queue.failures))})" if queue.failures else ""
        yield f"waiting: {queue.mails}, the oldest for {queue.oldest / 60:.0f} minutes{why}"
    if services.settings.content_repository and (update := read_result(services.settings.data_dir)):
        yield f"content: {update.summary()}"
    if not services.content.last_reload_succeeded:
        yield "content: the changed content could not be read; the log says why"
    for problem in library().not_shown:
        yield f"content: {problem}"
    if count := len(library().problems) - len(library().not_shown):
        yield f"content: {count} more to fix; the log and rjsite check name them"
    for line in [*warnings(services.settings, services.intake.certificates), *library().expiry_messages]:
        yield f"warning: {line}"


def is_local_request(environ: WSGIEnvironment) -> bool:
    """Return whether a request came from this machine and not through a proxy on it."""
    try:
        address = ip_address(environ.get("REMOTE_ADDR", "").removeprefix("::ffff:"))  # IPv4 within IPv6
    except ValueError:  # a Unix socket, which only proxies use
        return False
    return address.is_loopback and not any(map(_FROM_PROXY.match, environ))


def _plain(lines: Iterable[str], status: int) -> Response:
    return Response("".join(f"{line}\n" for line in lines), status, content_type="text/plain; charset=utf-8")


def for_any_host(app: WSGIApplication, host: str) -> WSGIApplication:
    """Return an app that handles probes as if they were for `host`, whatever host a load balancer sends."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in PROBES:
            environ["HTTP_HOST"] = host
        return app(environ, start_response)

    return answer


def init_app(app: Flask, settings: Settings) -> None:
    """Register both URLs, which work with any Host header."""
    app.register_blueprint(bp)
    app.wsgi_app = for_any_host(app.wsgi_app, settings.hosts[0])  # type: ignore[assignment, method-assign]
