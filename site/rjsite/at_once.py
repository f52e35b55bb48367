"""Ready pages go out from the thread that reads requests.

Nothing is handed over, which takes longer than the answer; and the pages and the phone number are there
even while every other thread waits for a disk or a mail server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from waitress.task import ThreadedTaskDispatcher

from rjsite import connections


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Gives requests to threads, but for those that are answered at once. Made in the thread that reads.

    Args:
        at_once: whether a request, as waitress read it, can be answered without waiting for anything.
    """

    def __init__(self, at_once: Callable[[Any], bool], threads: int) -> None:
        super().__init__()
        self.at_once = at_once
        self.due: list[Channel] = []
        self.reader = threading.get_ident()
        self.set_thread_count(threads)

    def add_task(self, task: Channel) -> None:
        """Take a connection whose first request is read."""
        if threading.get_ident() == self.reader and self.at_once(task.requests[0]):
            self.due.append(task)  # its lock is held here
        else:
            super().add_task(task)


class Channel(connections.Channel):
    """A connection that answers at once where it can."""

    held: list[bytes] | None = None  # head and body of an answer, to go out in one piece

    def received(self, data: bytes) -> bool:
        """Take bytes in, and answer what they ask for."""
        took = super().received(data)
        due = self.server.task_dispatcher.due
        while due:  # one connection may send several requests at once
            channel = due.pop()
            channel.held = []
            channel.service()
            whole, channel.held = b"".join(channel.held), None
            if channel.connected:
                channel.write_soon(whole)
        return took

    def write_soon(self, data: bytes) -> int:
        """Send a part of an answer as soon as the client takes it."""
        if self.held is None:
            return int(super().write_soon(data))
        self.held.append(data)
        return len(data)
