"""Delivers mail in the background of each process that handles requests."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from rjsite.mail.worker import Worker

log = logging.getLogger("rjsite.background")


class Background:
    """Delivers mail in one thread of each process that handles requests, under any WSGI server.

    Many servers load the app and then fork, and a thread does not survive a fork. The thread therefore
    starts at the latest with the first request that a process handles, and the request does not wait for it.

    Args:
        worker: delivers the mail.
        deliver: whether this process delivers mail. If not, `rjsite deliver` does.
    """

    def __init__(self, worker: Worker, *, deliver: bool) -> None:
        self._worker = worker
        self._deliver = deliver
        self._process = 0  # the id of the process that started the thread
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start the thread, if this process delivers mail and has not started it yet."""
        if self._process == os.getpid() or not self._starting.acquire(blocking=False):
            return
        try:
            if self._process != os.getpid():
                self._start_thread()
                self._process = os.getpid()
        except RuntimeError:  # no more threads are available; the next request tries again
            log.error("the thread that sends mail could not be started")
        finally:
            self._starting.release()

    def _start_thread(self) -> None:
        self._worker.certificates.log_summary()
        if self._deliver:
            self._worker.start()
            atexit.register(self._worker.stop)  # the worker then finishes the current email

    def delivery_ok(self) -> bool:
        """Return True if this process is delivering mail, or leaves the delivery to `rjsite deliver`."""
        return not self._deliver or self._worker.is_running()

    def start_with(self, app: WSGIApplication) -> WSGIApplication:
        """Return a WSGI app that passes requests to `app` and starts the thread with the first one."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            self.start()
            return app(environ, start_response)

        return answer
