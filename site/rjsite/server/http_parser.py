"""Refuses what waitress accepts: ambiguous framing, unknown hosts, and clients that never finish a request.

Every refusal has the site's fixed headers and the phone number, and closes the connection. The rules are
those of RFC 9112, sections 3.2, 5.2, 6.1 and 6.3.
"""

from __future__ import annotations

import re
import resource
import time
from functools import lru_cache
from typing import Any, ClassVar

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, Task, WSGITask
from waitress.utilities import RequestEntityTooLarge
from werkzeug.sansio.utils import host_is_trusted

from rjsite.services import PageServices
from rjsite.web.security import NO_STORE, PROBES, TOO_LARGE, fixed_headers, log_line

MAX_CONNECTIONS = 4000  # a slow client occupies a connection, but no thread
TIMEOUT = 60  # seconds for a whole request, and for a client that has stopped reading a response
CLEANUP_INTERVAL = 10  # seconds between checks for connections that have timed out
OTHER_FILES = 200  # files that the site may have open besides its connections

_FRAMING = re.compile(rb"\r\n((?:content-length|transfer-encoding)(?:[^\r]|\r(?!\n))*)")
_WORDS = (  # true also of an exception while a form was handled, which waitress reports in the same way
    "This page cannot be shown. If you sent a form, we may not have it. "
    "Go back to try again, or call us free on {phone}.\n"
)
_is_ours = lru_cache(maxsize=256)(host_is_trusted)  # cached because every request needs it


def connection_limit() -> int:
    """Raise the limit on open files as far as possible, and return how many connections it allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return min(MAX_CONNECTIONS, most - OTHER_FILES)


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Parses requests, and refuses those that are ambiguous or for another host.

    Attributes:
        services: the settings with the host names that the site accepts, and the content.
    """

    services: ClassVar[PageServices]

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the request line and the headers.

        Raises:
            ParsingError: if the request is refused; the response is then 400.
        """
        if not header_plus.endswith(b"\r\n\r\n"):  # waitress's stand-in for headers that are too large
            super().parse_header(header_plus)
            return
        read = b"\r\n" + header_plus.lower()
        framing = _FRAMING.findall(read)
        if len(framing) > 1 or b"," in b"".join(framing):
            raise ParsingError("More than one length")
        if b"\r\n " in read or b"\r\n\t" in read:
            raise ParsingError("A header over more than one line")
        try:
            super().parse_header(header_plus)
        except ValueError:  # from `urlsplit`
            raise ParsingError("The URL is not valid") from None
        # waitress keeps this header only for HTTP/1.0, which does not define it, so the length is unknown
        if "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("More than one length")
        asked, ours = self.headers.get("HOST", ""), tuple(self.services.settings.hosts)
        hosts = () if self.path in PROBES else (asked, self.proxy_netloc or asked)
        if not all(_is_ours(host, ours) for host in hosts):
            raise ParsingError("Another host")


class _Refusal(ErrorTask):  # type: ignore[misc]
    """Logs an invalid request and responds to it in plain text."""

    def execute(self) -> None:
        error, services = self.request.error, Parser.services
        log_line("-", "-", error.code, time.perf_counter())
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [
            *fixed_headers(services.settings).items(),
            ("Cache-Control", NO_STORE),
            ("Content-Type", "text/plain; charset=utf-8"),
        ]
        self.set_close_on_finish()
        body = _WORDS.format(phone=services.content.now().facts["phone"].value).encode()
        self.content_length = len(body)
        self.write(body)


class _TooLarge(WSGITask):  # type: ignore[misc]
    """Responds with a page of the site when the body of a request is too large."""

    def get_environment(self) -> dict[str, Any]:
        return {**super().get_environment(), TOO_LARGE: True}

    def execute(self) -> None:
        self.set_close_on_finish()
        super().execute()


def _refusal(channel: HTTPChannel, read: HTTPRequestParser) -> Task:
    too_large = isinstance(read.error, RequestEntityTooLarge)
    return (_TooLarge if too_large else _Refusal)(channel, read)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that is closed if its client takes too long over one request."""

    parser_class = Parser
    error_task_class = staticmethod(_refusal)
    last_activity: float
    begun = 0.0

    def received(self, data: bytes) -> bool:
        """Receive bytes. Only the start or end of a request restarts the timeout; other bytes do not."""
        before = self.request
        took = bool(super().received(data))
        if self.request is not before:
            self.begun = self.last_activity
        elif before is not None:
            self.last_activity = self.begun
        return took
