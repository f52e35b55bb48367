"""Shuts a connection down after a set time.

A server that sends one byte at a time never triggers the timeout of the socket.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


def shut_down_after(seconds: float, find_socket: Callable[[], socket.socket | None]) -> threading.Timer:
    """Return a started timer that shuts a socket down, so that reading from it fails.

    Args:
        seconds: the delay. The caller cancels the timer if all goes well.
        find_socket: returns the socket; called when the time is up.
    """

    def shut_down() -> None:
        if connected := find_socket():
            with contextlib.suppress(OSError):
                # This is the plain socket's method, because the TLS socket's would first end the encryption.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut_down)
    timer.daemon = True
    timer.start()
    return timer
