"""Ends a connection after some time: a server that sends a byte now and then never meets a timeout."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


def shut_down_after(seconds: float, find_socket: Callable[[], socket.socket | None]) -> threading.Timer:
    """Return a started timer that shuts a socket down, so that whoever reads from it gets an error.

    Args:
        seconds: when; the caller cancels the timer before that if all went well.
        find_socket: returns the socket at that time.
    """

    def shut_down() -> None:
        if connected := find_socket():
            with contextlib.suppress(OSError):
                # of the plain socket, because that of TLS would first return to plain text
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut_down)
    timer.daemon = True
    timer.start()
    return timer
