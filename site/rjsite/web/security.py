"""Sets the headers of every response, and refuses bad requests before they reach a view."""

from __future__ import annotations

import logging
import time
from urllib.parse import quote

from flask import Flask, Response, abort, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from rjsite.settings import Settings

MAX_BODY = 64 * 1024
TOO_LARGE = "rjsite.too-large"  # in the WSGI environment of a request whose body was too large to be read
NO_STORE = "no-store"
PROBES = ("/healthz", "/readyz")  # load balancers request these with any Host header

# deploy/nginx-published.conf and deploy/Caddyfile copy these headers. Two tests compare them:
# tests/system/test_published_pages.py and tests/system/test_deploy.py.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_NO_FEATURES = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "geolocation",
        "gyroscope", "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get",
        "screen-wake-lock", "usb",
    )
)  # fmt: skip

log = logging.getLogger("rjsite.requests")


def fixed_headers(settings: Settings) -> dict[str, str]:
    """Return the headers that every response has, including the responses with static files."""
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": _NO_FEATURES,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if settings.https:
        headers["Strict-Transport-Security"] = "max-age=63072000"
    return headers


def evict_form_from_bfcache(response: Response) -> Response:
    """Return a response with a cookie that removes the form page from the browser's back/forward cache.

    The cookie lasts one second and contains nothing about anyone.
    """
    # `set_cookie` would also add Expires, and a stored copy would show when the form was left
    response.headers.add("Set-Cookie", "clear=1; Max-Age=1; Secure; HttpOnly; SameSite=Strict; Path=/")
    return response


def init_app(app: Flask, settings: Settings) -> None:
    """Set the size limit, the trusted hosts and the headers, and register the checks."""
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY, TRUSTED_HOSTS=settings.hosts)
    headers = fixed_headers(settings)
    if settings.trusted_proxies:
        # x_for is 0: only rjsite.web.client_address reads the visitor's address, to count forms
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=settings.trusted_proxies, x_host=0)  # type: ignore[method-assign]

    @app.before_request
    def _start_clock() -> None:
        g.started = time.perf_counter()

    app.before_request(_reject_large_body)
    app.before_request(_reject_cross_site)

    @app.after_request
    def _finish(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", NO_STORE)
        log_line(request.method, request.path, response.status_code, g.get("started", time.perf_counter()))
        return response


def _reject_large_body() -> None:
    if TOO_LARGE in request.environ:
        abort(413)


def _reject_cross_site() -> None:
    """Abort with 403 if another site started this POST request.

    Because of the Referrer-Policy, browsers send even the site's own forms with `Origin: null`. So only
    `Sec-Fetch-Site` can identify other sites. If a browser does not send that header, the form token decides.
    """
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "none") not in (
        "same-origin",
        "none",
    ):
        abort(403)


def log_line(method: str, path: str, status: int, started: float) -> None:
    """Log the method, path without query, status and milliseconds of a request, but not the visitor."""
    log.info("%s %s %d %.0f", method, quote(path), status, (time.perf_counter() - started) * 1000)
