"""Which thread answers a request: pages have threads that no form can occupy."""

from __future__ import annotations

from typing import Any

from waitress.task import ThreadedTaskDispatcher

PAGE_THREADS, FORM_THREADS = 4, 8


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Gives POST requests to threads of their own.

    A form may wait for a disk, a database or a mail server. The pages and the phone number are there
    meanwhile, even if every thread for forms waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_thread_count(PAGE_THREADS)
        self.forms = ThreadedTaskDispatcher()
        self.forms.set_thread_count(FORM_THREADS)

    def add_task(self, task: Any) -> None:
        """Take a connection, with the requests that were read from it."""
        if any(getattr(request, "command", "") == "POST" for request in task.requests):
            self.forms.add_task(task)
        else:
            super().add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Stop all threads; return whether anything was still to do."""
        left = self.forms.shutdown(cancel_pending, timeout)
        return bool(super().shutdown(cancel_pending, timeout)) or bool(left)
