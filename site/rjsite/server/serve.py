"""Serves the site with waitress, which reads a whole request before a thread handles it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from typing import Any

from flask import Flask
from waitress.server import create_server

from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.server import http_parser, metrics
from rjsite.server.dispatcher import Dispatcher
from rjsite.services import page_services_of, services_of
from rjsite.settings import Settings

log = logging.getLogger("rjsite.server")


def set_up_logs() -> None:
    """Write what the site logs, and the warnings and errors of most libraries, to standard error."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("rjsite").setLevel(logging.INFO)
    # the log records of waitress contain exception messages, which could contain answers
    logging.getLogger("waitress").setLevel(logging.CRITICAL)


def keep_private(settings: Settings) -> None:
    """Make the data folder and everything this process writes accessible only to the owner."""
    os.umask(0o077)
    with contextlib.suppress(OSError):  # missing, read-only, or owned by another user
        settings.data_dir.chmod(0o700)


def serve(app: Flask, host: str, port: int) -> None:
    """Serve until a signal stops the server, then finish the requests and the email in progress."""
    services = services_of(app)
    settings = services.settings
    if settings.production:  # in development, SIGHUP means that the terminal was closed, and stops the site
        services.content.reload_on_sighup()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # `rjsite serve` has held it back
    try:
        services.outbox.prepare()
    except DATABASE_ERRORS as error:  # pages are still served, and forms are delivered directly
        log.error("the outbox cannot be used (%s)", type(error).__name__)
    server = _listen(app, host, port)
    if settings.metrics_port:
        metrics.serve(services, settings.metrics_port)
    services.background.start()
    folder = settings.folder_for_mail
    mail = f"written to {folder}" if folder else f"sent to {settings.mail_server}"
    try:
        _run(server, f"The site is at http://{host}:{_port(server, port)} and its mail is {mail}.")
    finally:
        services.worker.stop()


def serve_staff(app: Flask, port: int) -> None:
    """Serve the staff copy to this machine alone, until a signal stops the server."""
    server = _listen(app, "127.0.0.1", port)
    _run(server, f"The staff copy is at http://127.0.0.1:{_port(server, port)}/staff/.")


def _run(server: Any, where: str) -> None:
    """Print the address of the server, and serve requests until a signal stops it."""
    signal.signal(signal.SIGTERM, _stop)
    print(f"{where} Stop it with Ctrl+C.", flush=True)
    try:
        server.run()
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        server.close()


def _port(server: Any, given: int) -> int:
    """Return the port that a server listens on. If the given port is 0, the system chooses one."""
    port: int = getattr(server, "effective_port", given)
    return port


def _listen(app: Flask, host: str, port: int) -> Any:
    """Return a waitress server that listens on the port and uses the parser of this package."""
    http_parser.Parser.services = page_services_of(app)
    sockets: dict[int, Any] = {}
    try:
        server = create_server(
            app.wsgi_app,
            host=host,
            port=port,
            map=sockets,
            _dispatcher=Dispatcher(),
            connection_limit=http_parser.connection_limit(),
            channel_timeout=http_parser.TIMEOUT,
            cleanup_interval=http_parser.CLEANUP_INTERVAL,
            asyncore_use_poll=True,
            max_request_header_size=16 * 1024,
            max_request_body_size=256 * 1024,
            ident=None,
            clear_untrusted_proxy_headers=False,  # rjsite.web.client_address decides which headers to trust
        )
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"{host} (HOST), port {port} (PORT)") from None
    for listening in sockets.values():
        listening.channel_class = http_parser.Channel
    return server


def _stop(*_: Any) -> None:
    raise SystemExit(0)
