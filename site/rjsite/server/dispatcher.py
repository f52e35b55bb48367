"""Chooses the thread for a request, so that forms cannot occupy the threads that serve pages."""

from __future__ import annotations

from typing import Any

from waitress.task import ThreadedTaskDispatcher

PAGE_THREADS, FORM_THREADS = 4, 8


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Runs POST requests in separate threads.

    A form may wait for a disk, a database or a mail server. Even while every thread for forms is waiting,
    pages with the phone number are still served.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_thread_count(PAGE_THREADS)
        self.forms = ThreadedTaskDispatcher()
        self.forms.set_thread_count(FORM_THREADS)

    def add_task(self, task: Any) -> None:
        """Queue a connection, together with the requests that were read from it."""
        if any(getattr(request, "command", "") == "POST" for request in task.requests):
            self.forms.add_task(task)
        else:
            super().add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Stop all threads, and return whether waiting requests were cancelled."""
        left = self.forms.shutdown(cancel_pending, timeout)
        return bool(super().shutdown(cancel_pending, timeout)) or bool(left)
