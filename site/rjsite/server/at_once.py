"""Ready pages go out from the thread that reads requests.

Nothing is handed over, which takes longer than the answer; and the pages and the phone number are there
even while every other thread waits for a disk or a mail server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from waitress.task import ThreadedTaskDispatcher

from rjsite.server import http_parser


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Gives requests to threads, but for those that are answered at once. Made in the thread that reads.

    Args:
        at_once: whether a request, as waitress read it, can be answered without waiting for anything.
    """

    def __init__(self, at_once: Callable[[Any], bool], threads: int) -> None:
        super().__init__()
        self.at_once = at_once
        self.reader = threading.get_ident()
        self.set_thread_count(threads)

    def add_task(self, task: Channel) -> None:
        """Take a connection whose first request is read."""
        if threading.get_ident() == self.reader and self.at_once(task.requests[0]):
            task.due = True  # its lock is held here
        else:
            self.to_a_thread(task)

    def to_a_thread(self, task: Channel) -> None:
        """Have a thread answer all that a connection asked for, in its order."""
        super().add_task(task)


class Channel(http_parser.Channel):
    """A connection that answers at once where it can."""

    due = False  # what was asked for is ready
    held: list[bytes] | None = None  # head and body of an answer, to go out in one piece

    def received(self, data: bytes) -> bool:
        """Take bytes in, and answer what they ask for."""
        took = super().received(data)
        if self.due:
            self.due = False
            if len(self.requests) > 1 or self.total_outbufs_len:
                # a thread may wait for a client that asks much and does not read; nobody else would serve
                self.server.task_dispatcher.to_a_thread(self)
            else:
                self._answer()
        return took

    def _answer(self) -> None:
        self.held = []
        self.service()
        whole, self.held = b"".join(self.held), None
        if self.connected:
            self.write_soon(whole)

    def write_soon(self, data: bytes) -> int:
        """Send a part of an answer as soon as the client takes it."""
        if self.held is None:
            return int(super().write_soon(data))
        self.held.append(data)
        return len(data)
