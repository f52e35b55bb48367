"""Requests that no browser sends get one clear response from the real server, which then disconnects.

If a request can be read in two ways, what follows it must never get a response: a proxy may have taken it for
the body of the first request.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from support.processes import LOOPBACK
from support.service import PHONE
from support.site_process import Site
from support.visitor import FORM_A, Visitor

HIDDEN = b"GET /hidden-in-the-first HTTP/1.1\r\nHost: localhost\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
INSIDE = re.compile(r"Traceback|root:x:|secret-key|site/rjsite|\[phone\]|SQLite", re.I)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run one site for all tests in this module."""
    with Site(tmp_path_factory.mktemp("raw"), {"RJSITE_RATELIMIT_FORMS": "off"}) as running:
        yield running
        assert Visitor(running.base_url).send(FORM_A).status == 303


@pytest.fixture(autouse=True)
def _next_visitor_unharmed(site: Site) -> Iterator[None]:
    """Check after each test that no traceback or hidden request is logged, and that pages are served."""
    yield
    assert "Traceback" not in site.log
    assert "hidden-in-the-first" not in site.log
    assert Visitor(site.base_url).get("/").status == 200


def told(site: Site, sent: bytes) -> str:
    """Send bytes, and return everything received until the server closes the connection; fail if it does not.

    If a server closes before it has read everything, TCP resets the connection, and part of the response may
    be lost.
    """
    heard = b""
    with socket.create_connection((LOOPBACK, site.port), timeout=5) as line, suppress(ConnectionError):
        line.sendall(sent)
        while part := line.recv(65536):
            heard += part
    return heard.decode("latin-1")


def statuses(heard: str) -> list[int]:
    return [int(code) for code in re.findall(r"HTTP/1\.[01] (\d{3}) [A-Z]", heard)]


@pytest.fixture(scope="module")
def fixed(site: Site) -> set[str]:
    """Return the fixed headers of every response, as lines of a response."""
    answer = Visitor(site.base_url).get("/no-such-page")
    own = {"Content-Type", "Content-Length", "Vary", "Date"}
    return {f"{name}: {value}" for name, value in answer.headers.items() if name not in own}


def post(*headers: bytes, version: bytes = b"1.1", body: bytes = b"") -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"POST /refer/a HTTP/" + version + b"\r\nHost: localhost\r\n" + FORM + lines + b"\r\n" + body


CHUNKED, FIVE = b"Transfer-Encoding: chunked", b"Content-Length: 5"
NONE = b"0\r\n\r\n"  # an empty body in chunks: five bytes
TWO_WAYS = {
    "two lengths": post(FIVE, b"Content-Length: 0", body=NONE),
    "one length twice": post(FIVE, FIVE, body=NONE),
    "two lengths in a line": post(b"Content-Length: 5, 5", body=NONE),
    "length, then chunks": post(FIVE, CHUNKED, body=NONE),
    "chunks, then length": post(CHUNKED, b"Content-Length: 60", body=NONE),
    "chunks twice": post(CHUNKED, CHUNKED, body=NONE),
    "chunks of chunks": post(b"Transfer-Encoding: chunked, chunked", body=NONE),
    "packed chunks": post(b"Transfer-Encoding: gzip, chunked", body=NONE),
    "no chunks at all": post(b"Transfer-Encoding: identity", FIVE, body=NONE),
    "another word for chunks": post(b"Transfer-Encoding: \x0bchunked", body=NONE),
    "chunks before a space": post(b"Transfer-Encoding : chunked", body=NONE),
    "chunks over two lines": post(b"Transfer-Encoding:\r\n chunked", body=NONE),
    "chunks in HTTP/1.0": post(CHUNKED, version=b"1.0", body=NONE),
    "a length with a sign": post(b"Content-Length: +5", body=NONE),
    "less than nothing": post(b"Content-Length: -1", body=NONE),
    "a length in base 16": post(b"Content-Length: 0x5", body=NONE),
    "a length in other figures": post("Content-Length: ٥".encode(), body=NONE),
    "a length without end": post(b"Content-Length: " + b"9" * 5000, body=NONE),
    "a length over the limit": post(b"Content-Length: 99999999999", body=NONE),
    "a chunk of a bad size": post(CHUNKED, body=b"xyz\r\nabc\r\n" + NONE),
    "a chunk of a size with a sign": post(CHUNKED, body=b"-1\r\nabc\r\n" + NONE),
    "a chunk of a size in base 16": post(CHUNKED, body=b"0x3\r\nabc\r\n" + NONE),
    "a chunk that is longer than it says": post(CHUNKED, body=b"3\r\nabcdef\r\n" + NONE),
    "a chunk with a bad extension": post(CHUNKED, body=b"3;\0\r\nabc\r\n" + NONE),
    "a bare line feed": post(b"X-One: 1\nTransfer-Encoding: chunked", body=NONE),
    "a bare return": post(b"X-One: 1\rTransfer-Encoding: chunked", body=NONE),
    "a bare line feed in the first line": b"GET / HTTP/1.1\nHost: localhost\r\n\r\n",
    "a NUL in a header": post(b"X-One: a\0b", FIVE, body=NONE),
    "a header over two lines": post(b"X-One: 1\r\n Content-Length: 5", body=NONE),
    "a line that is no header": post(b"what is this", FIVE, body=NONE),
    "a header without a name": post(b": 1", FIVE, body=NONE),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "another host": b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "another host, with ours as its user": b"GET / HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n",
    "another host for the look": b"GET /static/site.css HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "another host in the address": b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another host beside our address": b"GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "an address that is none": b"GET http://[/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method that is none": b"G{}T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a space in the address": b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS where there is none": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/2 where there is none": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}  # fmt: skip
TOO_MUCH = {
    "chunks over the limit": post(CHUNKED, body=b"50000\r\n" + b"x" * 0x50000 + b"\r\n" + NONE),
    "a huge header": post(b"X-One: " + b"x" * 20_000),
    "ten thousand headers": post(*[b"X-%d: 1" % number for number in range(10_000)]),
    "a huge address": b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("sent", TWO_WAYS.values(), ids=TWO_WAYS)
def test_what_can_be_read_in_two_ways_is_refused_once_and_the_line_is_cut(
    site: Site, fixed: set[str], sent: bytes
) -> None:
    heard = told(site, sent + HIDDEN)

    (status,) = statuses(heard)
    assert status in (400, 413, 501)
    assert not INSIDE.search(heard)
    assert "Set-Cookie" not in heard
    assert PHONE in heard
    assert fixed - set(heard.splitlines()) == set()


@pytest.mark.parametrize("sent", TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_too_much_is_refused_before_it_is_all_read(site: Site, sent: bytes) -> None:
    heard = told(site, sent + HIDDEN)

    assert statuses(heard) in ([413], [431], [])
    assert not INSIDE.search(heard)


def test_an_address_that_is_too_long_is_told_so_with_the_phone_number(site: Site, fixed: set[str]) -> None:
    start = b"GET /"
    heard = told(site, start + b"x" * (16_384 - len(start)))  # exactly what waitress reads before it refuses

    assert statuses(heard) == [431]
    assert PHONE in heard
    assert fixed - set(heard.splitlines()) == set()


@pytest.mark.parametrize("size", [70_000, 300_000])
def test_a_form_that_is_too_long_is_told_so_with_the_phone_number_and_the_way_out(
    site: Site, size: int
) -> None:
    answer = Visitor(site.base_url).send({**FORM_A, "about": "x" * size})

    assert answer.status == 413
    assert answer.headers["Cache-Control"] == "no-store"
    assert [w for w in ("too long to send", PHONE, 'class="exit') if w not in answer.text] == []


def test_every_request_has_its_line_in_the_log_and_none_says_who_asked(site: Site) -> None:
    style = re.findall(r'href="(/static/[^"]+css)"', Visitor(site.base_url).get("/").text)[0]
    Visitor(site.base_url).get(style)
    told(site, b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")

    assert re.search(rf"INFO rjsite.requests GET {style} 200 \d+$", site.log, re.MULTILINE)
    assert re.search(r"INFO rjsite.requests - - 400 \d+$", site.log, re.MULTILINE)
    assert "elsewhere.example" not in site.log


@pytest.mark.parametrize("probe", ["/healthz", "/readyz"])
@pytest.mark.parametrize("host", ["Host: 10.0.0.7", "Host: evil.example:80", "Host: a b", "Accept: */*"])
def test_a_probe_is_answered_whatever_host_it_asks_for_and_by_whatever_form_of_address(
    site: Site, probe: str, host: str
) -> None:
    for address in (probe, f"http://10.0.0.7{probe}"):
        assert statuses(
            told(site, f"GET {address} HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n".encode())
        ) == [200]


METHODS = ["CONNECT", "DELETE", "OPTIONS", "PATCH", "PRI", "PROPFIND", "PUT", "TRACE", "POST-GET"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/", "/refer/a", "/static/site.css", "*"])
def test_an_odd_method_does_nothing(site: Site, method: str, path: str) -> None:
    asked = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: GET\r\n"

    heard = told(site, f"{asked}X-Own: secret-of-mine\r\nConnection: close\r\n\r\n".encode())

    (status,) = statuses(heard)
    assert status in (200, 400, 404, 405)
    assert status != 200 or method == "OPTIONS"
    assert "secret-of-mine" not in heard  # a response to TRACE would contain it


PATHS = [
    "/static/../../content/service.toml",
    "/static/..%2f..%2fcontent%2fservice.toml",
    "/static/%2e%2e/%2e%2e/secret-key",
    "/static/..%5c..%5csecret-key",
    "/static/%252e%252e/secret-key",
    "/static//etc/passwd",
    "/static/%00",
    "/static/site.css%00.html",
    "/static/%c0%ae%c0%ae%c0%afsecret-key",
    "/static/\xc0\xae\xc0\xae/secret-key",
    "/static/" + "../" * 50 + "etc/passwd",
    "/case-studies/..%2f..%2fservice.toml",
    "/case-studies/%00",
    "/case-studies/%c0%af",
    "/case-studies/%ed%a0%80",
    "/case-studies/" + "a/" * 5000,
    "/../README.md",
    "/%2e%2e%2fREADME.md",
    "/..;/README.md",
    "//evil.example/",
    "//evil.example/%2e%2e/",
    "///evil.example",
    "/%2f%2fevil.example/",
    "/%5cevil.example/",
    "/\\evil.example/",
    "/refer//a",
    "/REFER/A//",
    "/privacy%0d%0aSet-Cookie:%20a=b/",
    "/PRIVACY%0D%0ALocation:%20//evil.example/",
    "/privacy/%2f%2fevil.example/..",
    "http://localhost//evil.example/",
    "*",
    "evil",
]


@pytest.mark.parametrize("path", PATHS)
def test_an_odd_path_leads_nowhere_but_to_our_own_pages(site: Site, fixed: set[str], path: str) -> None:
    heard = told(
        site, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("latin-1")
    )

    (status,) = statuses(heard)
    head = heard.partition("\r\n\r\n")[0]
    assert status in (301, 308, 400, 404)
    assert not INSIDE.search(heard)
    assert "Set-Cookie" not in head
    assert status in (301, 308) or PHONE in heard
    assert {line for line in fixed if "no-store" not in line} - set(head.splitlines()) == set()
    for target in re.findall(r"^Location: (.*)$", head, re.M):
        assert re.match(r"/(?![/\\])", target), target


def test_chunks_alone_are_read_as_they_are_meant(site: Site) -> None:
    body = b"form_token=x&name=Ally"
    sent = post(CHUNKED, b"Connection: close", body=b"%x\r\n%b\r\n" % (len(body), body) + NONE)

    heard = told(site, sent)

    assert statuses(heard) == [422]
    assert 'value="Ally"' in heard


def test_one_request_after_another_is_answered_in_turn(site: Site) -> None:
    page = b"GET http://localhost:%d/privacy HTTP/1.1\r\nHost: localhost\r\n" % site.port

    heard = told(site, page + b"\r\n" + page + b"Connection: close\r\n\r\n")

    assert statuses(heard) == [200, 200]
