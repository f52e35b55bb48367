"""Pages are served while every thread for forms is waiting; responses are complete and in order."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support.many_stories import write_stories
from support.processes import LOOPBACK
from support.service import PHONE, SERVICE
from support.site_process import Site
from support.visitor import FORM_A, TOKEN

THREADS = 8
STORY = "/case-studies/a-broken-fence"


def get(site: Site, path: str) -> str:
    """Return the text of one page."""
    connection = HTTPConnection(LOOPBACK, site.port, timeout=30)
    connection.request("GET", path)
    words = connection.getresponse().read().decode()
    connection.close()
    return words


def talk(site: Site, said: bytes) -> bytes:
    """Send these bytes in one go, and return what arrives until the site closes the connection."""
    with socket.create_connection((LOOPBACK, site.port), timeout=30) as connection:
        connection.sendall(said)
        heard = b""
        while more := connection.recv(1 << 16):
            heard += more
    return heard


def request(site: Site, path: str, method: str = "GET", *headers: str) -> bytes:
    """Return the bytes of a request."""
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", f"Host: {LOOPBACK}:{site.port}", *headers, "", ""]
    ).encode()


def test_pages_and_empty_forms_are_there_while_every_thread_waits(start_site: Callable[..., Site]):
    site = start_site(RJSITE_RATELIMIT_FORMS="off")
    tokens = [TOKEN.findall(get(site, "/refer/a"))[0] for _ in range(2 * THREADS)]
    get(site, "/")
    answered: list[float] = []

    def send(token: str) -> None:
        connection = HTTPConnection(LOOPBACK, site.port, timeout=60)
        body = urlencode({**FORM_A, "form_token": token}, doseq=True)
        connection.request("POST", "/refer/a", body, {"Content-Type": "application/x-www-form-urlencoded"})
        connection.getresponse().read()
        answered.append(time.monotonic())
        connection.close()

    database = sqlite3.connect(site.data_dir / "outbox.sqlite3", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    senders = [threading.Thread(target=send, args=(token,)) for token in tokens]
    for sender in senders:
        sender.start()
    time.sleep(0.5)
    words = [get(site, path) for path in ("/", "/refer/a", "/")]
    done = time.monotonic()
    database.execute("ROLLBACK")
    database.close()
    for sender in senders:
        sender.join()

    assert PHONE in words[0]
    assert 'name="form_token"' in words[1]
    assert min(answered) > done


@pytest.mark.parametrize("last", ["/", "/no-such-page"])
def test_several_requests_in_one_go_are_answered_in_their_order(live_site: Site, last: str):
    asked = ["/privacy", "/healthz", STORY, "/refer/a", "/no-such-page", "/privacy", last]
    for path in asked:
        get(live_site, path)

    said = [request(live_site, path) for path in asked[:-1]]
    heard = talk(live_site, b"".join(said) + request(live_site, last, "GET", "Connection: close"))

    answers = [part for part in heard.split(b"HTTP/1.1 ") if part]
    assert [int(answer[:3]) for answer in answers] == [404 if "no-such" in path else 200 for path in asked]
    wholes = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
    assert wholes[0] == wholes[5] == get(live_site, "/privacy").encode()
    assert wholes[1] == b"ok\n"
    assert b"<title>A broken fence" in wholes[2]
    assert b"form_token" in wholes[3]


def test_a_client_that_asks_much_and_reads_nothing_holds_nobody_up(
    start_site: Callable[..., Site], tmp_path: Path
):
    """Its responses exceed the server's buffer, and the thread that reads must not wait for this client."""
    content = shutil.copytree(SERVICE, tmp_path / "content")
    write_stories(content, 2_000)
    site = start_site(RJSITE_CONTENT_DIR=str(content))
    large = get(site, "/sitemap.xml")
    asked = request(site, "/sitemap.xml")
    many = 8192 // len(asked)
    assert len(large) * many > 17_000_000  # waitress waits above 16 MB

    with socket.create_connection((LOOPBACK, site.port)) as silent:
        silent.sendall(asked * many)
        time.sleep(1)

        assert PHONE in get(site, "/")


def test_head_and_304_carry_no_body(live_site: Site):
    get(live_site, "/privacy")
    head = talk(live_site, request(live_site, "/privacy", "HEAD", "Connection: close"))
    tag = next(line for line in head.decode().split("\r\n") if line.startswith("Etag: "))[6:]

    same = talk(
        live_site, request(live_site, "/privacy", "GET", f"If-None-Match: {tag}", "Connection: close")
    )

    assert (head[:12], same[:12]) == (b"HTTP/1.1 200", b"HTTP/1.1 304")
    assert head.endswith(b"\r\n\r\n")
    assert same.endswith(b"\r\n\r\n")


def test_another_host_is_refused_also_where_a_page_is_ready(live_site: Site):
    get(live_site, "/privacy")

    heard = talk(live_site, b"GET /privacy HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")

    assert heard.startswith(b"HTTP/1.1 400")
