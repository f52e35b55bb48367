"""If a thousand clients stall, in every way there is, all others are served, and the thousand are dropped."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from rjsite.server import http_parser
from support import site_process
from support.processes import LOOPBACK, wait_until
from support.site_process import Site
from support.visitor import Visitor

TIMEOUT, CLEANUP_INTERVAL = 15, 1  # seconds, instead of the real values
HEAD = b"POST /refer/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
STALLS = [
    b"",  # sends nothing
    b"GET / HTTP/1.1\r\nX-Slow: ",  # headers
    HEAD + b"Content-Length: 60000\r\n\r\nname=",  # a body
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nna",  # a body in chunks
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2,  # requests a lot and reads nothing
]
CLIENTS = 1000


@pytest.fixture
def site(start_site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Start a site with a shorter timeout than the real one."""
    changed = site_process.with_constants(
        "rjsite.server.http_parser", TIMEOUT=TIMEOUT, CLEANUP_INTERVAL=CLEANUP_INTERVAL
    )
    monkeypatch.setattr(site_process, "RJSITE", changed)
    return start_site(RJSITE_RATELIMIT_FORMS="off")


@pytest.fixture
def stalled(site: Site) -> Iterator[list[socket.socket]]:
    """Connect all clients, of each kind. Each has begun a request, or sent nothing, and goes no further."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as all_of_them:
        lines = []
        for number in range(CLIENTS):
            line = all_of_them.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            line.connect((LOOPBACK, site.port))
            line.sendall(STALLS[number % len(STALLS)])
            lines.append(line)
        yield lines


def trickle(lines: list[socket.socket]) -> None:
    """Send one more byte of each unfinished request, so that no connection is ever silent for long."""
    for number, line in enumerate(lines):
        if number % len(STALLS) in (1, 2, 3):
            with suppress(OSError):
                line.send(b"x")


def open_lines(site: Site) -> int:
    """Return how many sockets the server has open."""
    found = 0
    for file in Path(f"/proc/{site.process_id}/fd").iterdir():
        with suppress(FileNotFoundError):
            found += file.readlink().name.startswith("socket:")
    return found


def test_a_thousand_stalled_clients_hold_nobody_up_and_are_dropped(
    site: Site, stalled: list[socket.socket]
) -> None:
    visitor = Visitor(site.base_url)
    began = time.monotonic()
    wait_until(lambda: open_lines(site) > 0.98 * CLIENTS, "them to be connected", TIMEOUT)

    asked = time.monotonic()
    page = visitor.get("/").status
    answered = time.monotonic()
    form = visitor.send().status
    sent = time.monotonic()

    def dropped() -> bool:
        trickle(stalled)
        time.sleep(0.5)
        return visitor.get("/").status == 200 and open_lines(site) < 20

    wait_until(dropped, "all who stalled to be dropped", TIMEOUT + 5 * CLEANUP_INTERVAL)

    gone = time.monotonic() - began
    print(f"page {answered - asked:.2f} s, form {sent - answered:.2f} s, dropped after {gone:.0f} s")
    assert (page, form) == (200, 303)
    assert answered - asked < 2
    assert sent - answered < 5
    assert "Traceback" not in site.log


def test_the_real_timeout_drops_them_within_ninety_seconds() -> None:
    assert http_parser.TIMEOUT + 2 * http_parser.CLEANUP_INTERVAL < 90
    assert http_parser.MAX_CONNECTIONS >= 2 * CLIENTS
