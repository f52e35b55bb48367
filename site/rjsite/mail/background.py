"""What a process does besides answering requests: it prepares the outbox, and sends the mail that waits."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from typing import TYPE_CHECKING

from rjsite.mail.worker import Worker
from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.outbox.store import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("rjsite.background")


class Background:
    """Runs that work in a thread: one in each process that handles requests, under whatever server.

    Many servers load the app and fork afterwards, and a thread does not survive a fork. So the thread starts
    with the first request of a process, which does not wait for it.

    Args:
        deliver: whether this process sends mail; else `rjsite deliver` does, and the outbox is prepared only.
    """

    def __init__(self, outbox: Outbox, worker: Worker, *, deliver: bool) -> None:
        self._outbox = outbox
        self._worker = worker
        self._deliver = deliver
        self._process = 0  # that has started its thread
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start the thread of this process, unless that is done."""
        if self._process == os.getpid() or not self._starting.acquire(blocking=False):
            return
        try:
            if self._process != os.getpid():
                self._start_thread()
                self._process = os.getpid()
        except RuntimeError:  # the system gives no more threads; the next request tries again
            log.error("the thread that sends mail could not be started")
        finally:
            self._starting.release()

    def _start_thread(self) -> None:
        self._worker.certificates.log_summary()
        if self._deliver:
            self._worker.start()
            atexit.register(self._worker.stop)  # after the mail in hand
        else:
            threading.Thread(target=self._prepare, name="prepare", daemon=True).start()

    def _prepare(self) -> None:
        try:
            self._outbox.prepare()
        except DATABASE_ERRORS as error:
            log.error("the outbox cannot be used (%s)", type(error).__name__)

    def sends(self) -> bool:
        """Return whether mail is sent: by this process, or by another where that is set."""
        return not self._deliver or self._worker.runs()

    def start_with(self, app: WSGIApplication) -> WSGIApplication:
        """Return an app that starts the thread with its first request, and answers as `app` does."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            self.start()
            return app(environ, start_response)

        return answer
